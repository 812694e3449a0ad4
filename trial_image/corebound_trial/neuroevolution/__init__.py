"""Neuro-evolution of a whole population at once: genomes and networks are batched torch, tasks are NumPy; no I/O.

``networks`` and its two kinds (``layered``, ``graph``) turn genomes into outputs; ``tasks`` turn networks into fitness;
``pure`` and ``neat`` breed; ``evolution`` runs generations of all seeds of a trial and keeps what happened (``history``);
``genome`` takes the best network out as plain JSON, ``replay`` runs it again.

Shapes: a *lane* is one network in a batch and always the last axis of what networks compute with; genomes are rows.
Batches are multiples of 32 lanes, so that no network's bits depend on its neighbours (``networks.LANES``).
"""
