"""The trial that an objective is called with: Optuna's own, whose reports are also seen while it runs.

What could go wrong: a step that no column of Optuna's holds (left out, and said once where the attempt's output is).
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import optuna

from corebound_trial.objectives.protocol import LARGEST_STEP, is_beyond, within

if TYPE_CHECKING:
    from collections.abc import Callable


class ReportingTrial(optuna.Trial):
    """An Optuna trial that also shows its reports while it runs."""

    on_report: Callable[[int, float], None] | None = None
    _has_left_out: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """Without the wire: a copy in another process reports to the database alone."""
        return {name: value for name, value in vars(self).items() if name != "on_report"}

    def report(self, value: float, step: int) -> None:
        """As Optuna's; several objectives cannot report, which Optuna itself says.

        A step that no column of Optuna's holds is left out: what a trial has worked for is worth more than one report.
        """
        if is_beyond(step) and len(self.study.directions) == 1:
            self._say_left_out(step)
        else:
            super().report(value, step)
        # As Optuna does: numpy's and torch's numbers are welcome, and the wire to the worker does not know them.
        if self.on_report is not None:
            self.on_report(within(step), float(value))

    def _say_left_out(self, step: int) -> None:
        """Once; where the attempt's output is."""
        if not self._has_left_out:
            self._has_left_out = True
            with contextlib.suppress(Exception):  # the stream may be an object of the user's
                sys.stderr.write(
                    f"reports from step {int(step)} on are left out, and no pruner sees them: a step is at most "
                    f"{LARGEST_STEP}; count in thousands or millions\n"
                )
