"""Neuro-evolution in batched torch; no I/O."""
