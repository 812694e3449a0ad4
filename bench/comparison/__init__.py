"""What ``bench/compare.py`` is made of: the counted process tree, the log of trials, figures and tables."""
