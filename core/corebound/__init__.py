"""Corebound: searches on CPU nodes with exactly as many threads as cores."""

__version__ = "0.1.0"
