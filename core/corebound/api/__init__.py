"""The campaign: its specification, and what crosses the seams between rooms. Pure."""
