"""What an objective is given, and how an attempt can end other than by a value."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from corebound_trial.objectives.state_codec import decode_state, encode_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import optuna


class Stopped(Exception):  # noqa: N818 - an outcome, not an error
    """The attempt ended at a checkpoint because it was asked to; its slot is released."""


class CommandLost(Exception):  # noqa: N818 - an outcome, not an error
    """The program died by a signal: the attempt is lost, not failed."""


@dataclass(kw_only=True)
class AttemptContext:
    """What one attempt knows of itself; a user's objective gets it as its parameter named ``context``."""

    threads: int
    seed: int
    slot: int
    attempt: int
    campaign: str
    trial_number: int
    checkpoint_every: float
    """Seconds between checkpoints."""
    stop_requested: Callable[[], bool]
    save_bytes: Callable[[bytes, int | None], None]
    load_bytes: Callable[[], bytes | None]
    report_progress: Callable[[int, int | None], None]
    _saved_at: float = field(default_factory=time.monotonic)

    def should_stop(self) -> bool:
        """Whether to save and end now (raise :class:`Stopped`, or return anything)."""
        return self.stop_requested()

    def checkpoint_due(self) -> bool:
        """Whether ``checkpoint.every`` has passed since the last save."""
        return time.monotonic() - self._saved_at >= self.checkpoint_every

    def save(self, state: Mapping[str, Any], step: int | None = None) -> None:
        """Keep arrays, tensors and JSON values; another worker can go on from them."""
        self.save_bytes(encode_state(state), step)
        self._saved_at = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """What the last attempt saved; None on a first attempt."""
        payload = self.load_bytes()
        return None if payload is None else decode_state(payload)

    def progress(self, step: int, steps: int | None = None) -> None:
        """Show how far the attempt is."""
        self.report_progress(step, steps)


class Objective(Protocol):
    """One kind of trial."""

    def run(self, trial: optuna.Trial, context: AttemptContext) -> object:
        """The value, or a sequence of values. May raise ``optuna.TrialPruned``, :class:`Stopped`, anything."""
