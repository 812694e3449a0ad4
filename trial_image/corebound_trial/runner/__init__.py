"""The life of a worker: a small parent that claims, watches and closes, and one child that runs the objective."""
