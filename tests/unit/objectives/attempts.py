"""An attempt as the child makes it, with lists in place of the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from corebound_trial.objectives.protocol import AttemptContext

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Ledger:
    """What an attempt has stored and shown."""

    saved: list[bytes] = field(default_factory=list)
    progress: list[tuple[int, int | None]] = field(default_factory=list)


def attempt_context(
    ledger: Ledger | None = None,
    *,
    every: float = 3600.0,
    stop: Callable[[], bool] = lambda: False,
    artifacts: Path = Path("no-artifacts-here"),
) -> AttemptContext:
    """Attempt 1 at slot 3."""
    kept = ledger if ledger is not None else Ledger()
    return AttemptContext(
        threads=1,
        seed=11,
        slot=3,
        attempt=1,
        campaign="mine",
        trial_number=0,
        artifacts=artifacts,
        checkpoint_every=every,
        stop_requested=stop,
        save_bytes=lambda payload, step: kept.saved.append(payload),
        load_bytes=lambda: kept.saved[-1] if kept.saved else None,
        report_progress=lambda step, steps: kept.progress.append((step, steps)),
    )
