"""Waves: how often workers have to go round until every trial has run, and what a sampler learns in between. Pure."""

from __future__ import annotations

import math


def waves(*, trials: int, workers: int) -> int:
    """How many trials the busiest worker runs when all trials take equally long."""
    return math.ceil(trials / workers)


def makespan_seconds(*, trials: int, workers: int, trial_seconds: float) -> float:
    """From the first claim to the last close when all trials take equally long."""
    return waves(trials=trials, workers=workers) * trial_seconds


def adaptive_rounds(*, trials: int, workers: int) -> float:
    """How many times over a model-based sampler has seen a full set of results when the campaign ends.

    With as many workers as trials it is 1: every sample is drawn before any result exists.
    """
    return trials / workers


def workers_for_rounds(*, trials: int, rounds: int) -> int:
    """The most workers that still leave ``rounds`` adaptive rounds, at least one."""
    return max(1, trials // rounds)
