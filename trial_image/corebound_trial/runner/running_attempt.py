"""One attempt as the worker's parent sees it: how far it is, and whether its time or memory is used up.

Pure; its caller hands the time over. Flows in: what the child says and what was sampled. Flows out: the progress of a
heartbeat, and the reason to end the attempt. What could go wrong: a trial that computes without a word looks silent, so CPU
use and output count as signs of life.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from corebound.api.records import SlotProgress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from corebound.api.records import SlotClaim
    from corebound.api.trial import TrialSpec

MEBIBYTE: Final = 2**20
SHOW_SECONDS: Final = 1.0
STOP_SECONDS: Final = 10.0
"""How long an attempt, a callback or a database that is away has, once the worker is asked to stop."""
STORING_SECONDS: Final = 600.0
"""How long keeping a trial's files may show no progress; its own limits count no more by then."""


@dataclass(kw_only=True)
class RunningAttempt:
    """Times are seconds of one monotonic clock, CPU seconds those of the whole worker."""

    claim: SlotClaim
    started: float
    active: float
    cpu_before: float
    step: int | None = None
    steps: int | None = None
    value: float | None = None
    reported: float | None = None
    report_shown: bool = False
    stopping_since: float | None = None
    storing: float | None = None
    """When the files of the trial, which is told by then, were last seen to be on their way."""
    told_error: str | None = None
    error: str | None = None
    """With which it has ended, for the ledger and the log."""

    def hear(self, message: Mapping[str, Any], *, now: float) -> None:
        """The child has shown progress, or says that the trial is told and its files are being kept."""
        if message["type"] == "storing":
            self.storing, self.told_error = now, message["error"]
        elif message["type"] == "progress":
            self.active = self.reported = now
            self.step = message.get("step", self.step)
            self.steps = message.get("steps", self.steps)
            self.value = message.get("value", self.value)

    def show_every(self, *, now: float) -> float:
        """Seconds between two heartbeats, so that displays have something from the first seconds on.

        A young attempt is shown after about 1, 2, 4, 8 ... seconds, and soon after its first report.
        """
        if self.reported is not None and not self.report_shown:
            return SHOW_SECONDS
        return max(SHOW_SECONDS, (now - self.started) / 2)

    def told_without_files(self, reason: str) -> str:
        """The error of a slot whose attempt ended while its files were being kept."""
        return "\n".join(part for part in (f"the files of the trial were not kept: {reason}", self.told_error) if part)

    def progress(self, *, cpu_seconds: float, now: float) -> SlotProgress:
        """For the heartbeat."""
        self.report_shown = self.reported is not None
        return SlotProgress(
            step=self.step,
            steps=self.steps,
            last_value=self.value,
            cpu_seconds=cpu_seconds - self.cpu_before,
            reported_ago=None if self.reported is None else now - self.reported,
        )

    def overdue(self, trial: TrialSpec, *, now: float) -> str | None:
        """Why the attempt took too long; None while it may go on."""
        if self.storing is not None:
            slow = now - self.storing > STORING_SECONDS
            return f"copying them made no progress for {STORING_SECONDS:g} s" if slow else None
        if trial.timeout is not None and now - self.started > trial.timeout:
            return f"took longer than timeout {trial.timeout:g} s"
        if trial.stall_timeout is not None and now - self.active > trial.stall_timeout:
            return f"no report, output or CPU use for stallTimeout {trial.stall_timeout:g} s"
        return None


def too_large(trial: TrialSpec, *, used_bytes: int) -> str | None:
    """Why the attempt is ended for its memory; None while it fits."""
    if used_bytes <= trial.memory:
        return None
    return (
        f"used {used_bytes // MEBIBYTE} MiB of memory, trial.memory is {trial.memory // MEBIBYTE} MiB; raise it, or make "
        "the trial smaller"
    )


def killed_for_memory(trial: TrialSpec) -> str:
    """Why the kernel killed a process of the attempt, where memory grew faster than the worker looks."""
    return f"it used more memory than trial.memory, {trial.memory // MEBIBYTE} MiB; raise it, or make the trial smaller"
