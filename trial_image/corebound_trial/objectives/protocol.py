"""What an objective is given, and how an attempt can end other than by a value.

The child provides the callables behind the context; nothing here knows the database. What could go wrong: a checkpoint too
large for a row, which is refused before it is sent.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from corebound.api.errors import ObjectiveError
from corebound_trial.objectives.state_codec import decode_state, encode_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import optuna


MOST_CHECKPOINT_BYTES: Final = 256 * 2**20
"""A checkpoint is one row of the database, held in memory on its way there; PostgreSQL itself ends at 1 GiB."""

LARGEST_STEP: Final = 2**31 - 1
"""What the ledger's columns and Optuna's hold; a step beyond it is shown as this one, and no report."""

KEEPING_SHARE: Final = 1 / 400
"""Of an attempt's time, what having its state at hand may cost."""


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
    artifacts: Path
    """A folder; the files that are left there are kept below ``trial.artifacts``."""
    checkpoint_every: float
    """Seconds between checkpoints."""
    stop_requested: Callable[[], bool]
    save_bytes: Callable[[bytes, int | None], None]
    load_bytes: Callable[[], bytes | None]
    report_progress: Callable[[int, int | None], None]
    _saved_at: float = field(default_factory=time.monotonic)
    _kept: tuple[bytes, int | None] | None = None
    _keep_again_at: float | None = None
    _storing: threading.Lock = field(default_factory=threading.Lock)

    def should_stop(self) -> bool:
        """Whether to save and end now, by raising :class:`Stopped`. Independent of :meth:`checkpoint_due`."""
        return self.stop_requested()

    def checkpoint_due(self) -> bool:
        """Whether ``checkpoint.every`` has passed since the last save."""
        return time.monotonic() - self._saved_at >= self.checkpoint_every

    def save(self, state: Mapping[str, Any], step: int | None = None) -> None:
        """Keep arrays, tensors and JSON values; another worker can go on from them.

        Raises :class:`ObjectiveError` that names what cannot be kept, or says that it is too large.
        """
        self.save_payload(encode_state(state), step)

    def save_payload(self, payload: bytes, step: int | None = None) -> None:
        """Keep bytes of the objective's own form; :attr:`load_bytes` returns them."""
        _check_size(payload)
        with self._storing:
            self._kept = None
            self.save_bytes(payload, _storable(step))
        self.put_off_checkpoint()

    def keep(self, state: Callable[[], Mapping[str, Any]], step: int | None = None) -> None:
        """Have what ``state()`` returns at hand, in memory; it is stored at the moment the attempt is asked to stop.

        For the beginning of every step: a stop in the middle of a long one then loses that step alone, whoever does not wait
        for its end. ``state`` is called at once or, where steps are so short that it would cost more than
        :data:`KEEPING_SHARE` of the time, not at all: a short step's end is waited for.
        """
        if self._keep_again_at is not None and time.monotonic() < self._keep_again_at:
            return
        began = time.thread_time()
        payload = encode_state(state())
        _check_size(payload)
        with self._storing:
            self._kept = payload, _storable(step)
        # The first one is dearer than those to come: it also pays for what a process does once.
        cost = 0.0 if self._keep_again_at is None else time.thread_time() - began
        self._keep_again_at = time.monotonic() + cost / KEEPING_SHARE
        if self.stop_requested():
            self.store_kept()

    def store_kept(self) -> None:
        """Store what was kept at hand last, unless something newer was saved; safe to call from any thread."""
        with self._storing:
            kept, self._kept = self._kept, None
            if kept is not None:
                self.save_bytes(*kept)

    def put_off_checkpoint(self) -> None:
        """The next one is due ``checkpoint_every`` seconds from now; for an objective that has nothing new to keep."""
        self._saved_at = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """What the last attempt saved; None on a first attempt."""
        payload = self.load_bytes()
        return None if payload is None else decode_state(payload)

    def progress(self, step: int, steps: int | None = None) -> None:
        """Show how far the attempt is; numbers beyond :data:`LARGEST_STEP` are shown as that."""
        self.report_progress(within(step), _storable(steps))


class Objective(Protocol):
    """One kind of trial."""

    def run(self, trial: optuna.Trial, context: AttemptContext) -> object:
        """The value, or a sequence of values. May raise ``optuna.TrialPruned``, :class:`Stopped`, anything."""


def _storable(step: int | None) -> int | None:
    return None if step is None else within(step)


def is_beyond(step: int) -> bool:
    """Whether it is a number, of whatever library, that no column of a step holds."""
    try:
        return int(step) > LARGEST_STEP
    except (TypeError, ValueError, OverflowError):
        return False  # Optuna says what is wrong with it


def within(step: int) -> int:
    """A plain integer, whatever library it is of, that the ledger can hold."""
    return max(-LARGEST_STEP, min(int(step), LARGEST_STEP))


def _check_size(payload: bytes) -> None:
    if len(payload) > MOST_CHECKPOINT_BYTES:
        raise ObjectiveError(
            f"the checkpoint has {len(payload) / 2**20:.1f} MiB, expected at most "
            f"{MOST_CHECKPOINT_BYTES // 2**20} MiB; keep only what is needed to go on"
        )
