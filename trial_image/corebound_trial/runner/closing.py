"""How the end of an attempt becomes the state of its slot; every way waits patiently for the database.

What could go wrong: an attempt that ends while the files of its trial are being kept. Its trial is told by then, so the slot
is closed with the trial's value and the reason why the files are missing. Whatever error the ledger gets, the attempt gets.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from corebound.api.errors import FencedError, StorageError
from corebound_trial.runner.running_attempt import killed_for_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.api.records import SlotState
    from corebound.api.trial import TrialSpec
    from corebound.ledger.patience import Patiently
    from corebound.ledger.slots import Slots
    from corebound_trial.binding.kernel_kills import KernelKills
    from corebound_trial.runner.running_attempt import RunningAttempt


@dataclass(frozen=True, kw_only=True)
class Closing:
    """Ends attempts. The slot's state is returned, None where it was given back or skipped."""

    slots: Slots
    patiently: Patiently
    cpu_seconds: Callable[[], float]
    """CPU seconds of the whole worker until now."""
    trial: TrialSpec
    kernel_kills: KernelKills

    def close(self, attempt: RunningAttempt, *, error: str | None, artifacts: str | None = None) -> SlotState:
        """As its trial's state says."""
        attempt.error = error
        cpu = self._cpu_seconds_of(attempt)
        return self.patiently(
            lambda: self.slots.close(attempt.claim, cpu_seconds=cpu, error=error, artifacts=artifacts)
        )

    def lose(self, attempt: RunningAttempt, reason: str) -> SlotState:
        """Lost by no fault of the objective's own; a process that the kernel killed for memory could not say so itself."""
        if self.kernel_kills.happened():
            reason = f"{reason}: {killed_for_memory(self.trial)}"
        if attempt.storing is not None:
            return self.close(attempt, error=attempt.told_without_files(reason))
        attempt.error = reason
        cpu = self._cpu_seconds_of(attempt)
        return self.patiently(lambda: self.slots.lose(attempt.claim, error=reason, cpu_seconds=cpu))

    def retry(self, attempt: RunningAttempt, error: str) -> SlotState:
        """Raised, under ``retryExceptions``."""
        attempt.error = error
        cpu = self._cpu_seconds_of(attempt)
        return self.patiently(lambda: self.slots.retry(attempt.claim, error=error, cpu_seconds=cpu))

    def abandon(self, attempt: RunningAttempt) -> None:
        """Its child found no database: opened again, not counted as lost, if we find one; else its lease runs out."""
        cpu = self.cpu_seconds() - attempt.cpu_before
        with contextlib.suppress(StorageError, FencedError):
            self.slots.release(attempt.claim, cpu_seconds=cpu)

    def give_back(self, attempt: RunningAttempt, *, campaign_ended: str | None) -> SlotState | None:
        """Stopped: skipped when the campaign has ended, else open again."""
        if attempt.storing is not None:
            return self.close(attempt, error=attempt.told_without_files("the worker was stopped"))
        attempt.error = campaign_ended
        cpu = self._cpu_seconds_of(attempt)
        if campaign_ended is not None:
            self.patiently(lambda: self.slots.skip(attempt.claim, reason=campaign_ended, cpu_seconds=cpu))
        else:
            self.patiently(lambda: self.slots.release(attempt.claim, cpu_seconds=cpu))
        return None

    def _cpu_seconds_of(self, attempt: RunningAttempt) -> float:
        return self.cpu_seconds() - attempt.cpu_before
