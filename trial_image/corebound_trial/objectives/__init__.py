"""The three kinds of trial behind one protocol."""
