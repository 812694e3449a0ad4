"""What a worker's processes may use, do use, and leave behind: the thread contract checked and measured.

``selfcheck`` before the first slot; ``telemetry``, ``watch`` and ``breach`` while trials run; ``process`` and
``stacks`` for the end of those that do not end by themselves. Nothing here knows of slots, trials or the ledger.
"""
