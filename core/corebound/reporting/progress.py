"""A campaign as it runs: a live panel on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from corebound.api.records import SlotState
from corebound.planning.wording import duration_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from corebound.api.records import LedgerSummary, SlotRow

PLAIN_SECONDS: Final = 10.0
SLOTS_SHOWN: Final = 16


def status_line(summary: LedgerSummary) -> str:
    """One line: what is done, what runs, what is best, what it used."""
    counts = summary.counts
    parts = [f"{summary.done}/{summary.campaign.trials} done", f"{counts.get(SlotState.RUNNING, 0)} running"]
    for state in (SlotState.PRUNED, SlotState.FAILED, SlotState.SKIPPED):
        if counts.get(state):
            parts.append(f"{counts[state]} {state}")
    if summary.best is not None:
        parts.append(f"best {summary.best.value:.6g} (slot {summary.best.slot})")
    if summary.front_size is not None:
        parts.append(f"{summary.front_size} on front")
    if summary.efficiency is not None:
        parts.append(f"{summary.efficiency:.0%} of the cores used")
    if summary.mean_trial_seconds and summary.campaign.workers and summary.done < summary.campaign.trials:
        left = summary.campaign.trials - summary.done
        parts.append(f"about {duration_text(left * summary.mean_trial_seconds / summary.campaign.workers)} left")
    return f"{summary.campaign.name}: {', '.join(parts)}"


def slot_lines(rows: Sequence[SlotRow], now: Any) -> list[str]:
    """The running slots: their step, CPU time and last report."""
    lines = []
    for row in rows:
        if row.state is not SlotState.RUNNING:
            continue
        step = "starting" if row.step is None else f"step {row.step}" + (f"/{row.steps}" if row.steps else "")
        ago = "" if row.last_report_at is None else f", {max(0, (now - row.last_report_at).total_seconds()):.0f} s ago"
        value = "" if row.last_value is None else f", {row.last_value:.6g}"
        lines.append(f"  slot {row.slot:>4}  {step}{ago}{value}, {row.cpu_seconds:.0f} s CPU  {row.worker or ''}")
    hidden = len(lines) - SLOTS_SHOWN
    return [*lines[:SLOTS_SHOWN], f"  ... and {hidden} more"] if hidden > 0 else lines


class Progress:
    """Shows summaries as they come; a context manager, so that the terminal is left as it was."""

    def __init__(self, *, quiet: bool, rows: Callable[[], Sequence[SlotRow]]) -> None:
        self._quiet = quiet
        self._rows = rows
        self._live: Any = None
        self._shown_at = 0.0
        self._shown = ""
        self._done = -1

    def __enter__(self) -> Progress:
        if not self._quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, summary: LedgerSummary) -> None:
        """The newest summary."""
        if self._quiet:
            return
        line = status_line(summary)
        if self._live is not None:
            from rich.text import Text

            self._live.update(Text("\n".join([line, *slot_lines(self._rows(), summary.now)])))
            return
        due = time.monotonic() - self._shown_at >= PLAIN_SECONDS
        if line != self._shown and (due or summary.done != self._done):
            self._shown_at, self._shown, self._done = time.monotonic(), line, summary.done
            lines = [line, *(slot_lines(self._rows(), summary.now) if due else [])]
            print("\n".join(lines), file=sys.stderr)  # noqa: T201 - the command line's own output

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False)
        elif not self._quiet:
            print(text, file=sys.stderr)  # noqa: T201 - the command line's own output
