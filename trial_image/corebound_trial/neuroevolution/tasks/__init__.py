"""What networks learn. Tasks are NumPy: with few lanes its calls cost a third of torch's (docs/neuroevolution.md).

``protocol`` says what a task is, the built-in ones and a user's own alike; ``rollouts`` runs control tasks with early exit;
``builtin`` knows the built-in ones by name, and ``objectives.task`` finds a user's own, too.
"""
