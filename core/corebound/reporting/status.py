"""Campaigns as they run, as plain lines that fit a given width and height. Pure.

Summaries and running slots flow in, lines flow out; who prints them (a terminal that is redrawn in place, a log) is
another module's matter. What could go wrong: 130 running slots on a screen of 24 lines, which stand in several columns
and then as a count; names wider than the screen, which wrap.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from corebound.api.records import Phase, SlotState
from corebound.planning.wording import duration_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from corebound.api.records import LedgerSummary, SlotRow

HEADINGS: Final = ("slot", "step", "CPU", "last value", "reported", "running", "attempt", "worker")
"""What matters most stands left: a narrow terminal cuts lines at their right end."""
GAP: Final = "  "
BETWEEN: Final = "   |   "
FEWEST_LINES: Final = 3
"""A block of slots needs a heading, one slot and the count of the others."""


class Shown(Protocol):
    """What a display needs of a campaign at one moment, wherever it was read: in a ledger, or in a cluster's status."""

    @property
    def line(self) -> str:
        """The campaign in one line."""

    @property
    def is_over(self) -> bool:
        """Whether nothing will change by itself any more."""

    @property
    def running(self) -> Sequence[SlotRow]:
        """Its running slots, as far as they are known."""

    @property
    def now(self) -> datetime:
        """The moment."""

    @property
    def age_rank(self) -> float:
        """Rises from older campaigns to newer ones."""


@dataclass(frozen=True, kw_only=True)
class CampaignView:
    """One campaign at one moment, as the ledger has it."""

    summary: LedgerSummary
    running: Sequence[SlotRow]
    attended: bool = True
    """Whether anybody runs it now."""

    @property
    def is_over(self) -> bool:
        """Whether nothing will change by itself any more."""
        phase = self.summary.campaign.phase
        return phase.is_final or phase is Phase.SUSPENDED or not self.attended

    @property
    def line(self) -> str:
        """The campaign in one line."""
        return _line_of(self)

    @property
    def now(self) -> datetime:
        """The moment, by the database's clock."""
        return self.summary.now

    @property
    def age_rank(self) -> float:
        """Rises from older campaigns to newer ones."""
        return self.summary.campaign.campaign_id


def status_line(view: Shown) -> str:
    """One line: what is done, what runs, what is best, what it used."""
    return view.line


def _line_of(view: CampaignView) -> str:
    summary, campaign = view.summary, view.summary.campaign
    parts = []
    if campaign.phase is not Phase.RUNNING:
        parts.append(campaign.phase.value)
    if not campaign.phase.is_final and campaign.phase is not Phase.SUSPENDED and not view.attended:
        parts.append("nobody runs it now (corebound run goes on with it)")
    parts.append(f"{summary.done}/{campaign.trials} done")
    if not view.is_over:
        parts.append(f"{summary.counts.get(SlotState.RUNNING, 0)} running")
    for state in (SlotState.PRUNED, SlotState.FAILED, SlotState.SKIPPED):
        if summary.counts.get(state):
            parts.append(f"{summary.counts[state]} {state}")
    if summary.best is not None:
        parts.append(f"best {summary.best.value:.6g} (slot {summary.best.slot})")
    if summary.front_size is not None:
        parts.append(f"{summary.front_size} on front")
    if summary.efficiency is not None:
        parts.append(f"{summary.efficiency:.0%} of the cores used")
    left = campaign.trials - summary.done
    if summary.mean_trial_seconds and campaign.workers and left and not view.is_over:
        parts.append(f"about {duration_text(left * summary.mean_trial_seconds / campaign.workers)} left")
    if view.is_over and campaign.message:
        parts.append(campaign.message)
    return f"{campaign.name}: {', '.join(parts)}"


def slot_lines(rows: Sequence[SlotRow], now: datetime, *, most: int | None = None) -> list[str]:
    """A heading and one line per running slot; beyond ``most`` slots, how many more there are."""
    if not rows:
        return []
    shown = rows if most is None else rows[:most]
    lines = _table([HEADINGS, *(_cells(row, now) for row in shown)])
    hidden = len(rows) - len(shown)
    return [*lines, f"  ... and {hidden} more running"] if hidden else lines


def screen_lines(views: Sequence[Shown], *, width: int, height: int) -> list[str]:
    """All campaigns on a screen, the newest first: those at work with their slots, then those that are over.

    What does not fit is counted.
    """
    newest_first = sorted(views, key=lambda view: -view.age_rank)
    at_work = [view for view in newest_first if not view.is_over]
    over = [view for view in newest_first if view.is_over]
    room = height - bool(over)
    statuses = _fitting([_wrapped(view, width) for view in at_work], room)
    room -= sum(map(len, statuses))
    lines: list[str] = []
    for place, status in enumerate(statuses):
        lines += status
        if place < len(at_work) and at_work[place].running:
            view, share = at_work[place], room // (len(statuses) - place)
            block = _slot_block(view.running, view.now, width=width, height=share)
            room -= len(block)
            lines += block
    for status in _fitting([_wrapped(view, width) for view in over], height - len(lines)):
        lines += status
    return [line[:width] for line in lines[:height]]


def _wrapped(view: Shown, width: int) -> list[str]:
    return textwrap.wrap(status_line(view), width, subsequent_indent="    "[: width - 1], break_on_hyphens=False)


def _fitting(blocks: Sequence[list[str]], height: int) -> list[list[str]]:
    """The blocks that fit; in the place of those that do not, how many they are."""
    if sum(map(len, blocks)) <= height:
        return list(blocks)
    fitting: list[list[str]] = []
    for block in blocks:
        if sum(map(len, fitting)) + len(block) > height - 1:
            break
        fitting.append(block)
    return [*fitting, [f"... and {len(blocks) - len(fitting)} more campaigns"]]


def _slot_block(rows: Sequence[SlotRow], now: datetime, *, width: int, height: int) -> list[str]:
    """The running slots in as many columns as the width holds and the height makes necessary."""
    if height < FEWEST_LINES:
        return []
    heading, *lines = _table([HEADINGS, *(_cells(row, now) for row in rows)])
    block = max(len(heading), *map(len, lines))
    most_columns = max(1, (width + len(BETWEEN)) // (block + len(BETWEEN)))
    columns = min(most_columns, -(-len(lines) // (height - 1)))
    depth = height - 1 if len(lines) <= columns * (height - 1) else height - 2
    depth = min(depth, -(-len(lines) // columns))
    shown = lines[: columns * depth]
    grid = (
        [heading.ljust(block)] * columns,
        *([line.ljust(block) for line in shown[place::depth]] for place in range(depth)),
    )
    hidden = len(lines) - len(shown)
    more = [f"  ... and {hidden} more running"] if hidden else []
    return [*(BETWEEN.join(parts).rstrip() for parts in grid), *more]


def _cells(row: SlotRow, now: datetime) -> tuple[str, ...]:
    """What is not known yet is ``-``: a command may never name a step, its CPU and running time still move."""
    step = "-" if row.step is None else f"{row.step}/{row.steps}" if row.steps else str(row.step)
    return (
        str(row.slot),
        step,
        duration_text(row.cpu_seconds),
        "-" if row.last_value is None else f"{row.last_value:.6g}",
        "-" if row.last_report_at is None else f"{_since(row.last_report_at, now)} ago",
        "-" if row.claimed_at is None else _since(row.claimed_at, now),
        str(row.attempt),
        row.worker or "-",
    )


def _since(moment: datetime, now: datetime) -> str:
    return duration_text(max(0, round((now - moment).total_seconds())))


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Cells to the right under their heading, the last to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return [GAP + GAP.join([*map(str.rjust, row[:-1], widths), row[-1].ljust(widths[-1])]).rstrip() for row in rows]
