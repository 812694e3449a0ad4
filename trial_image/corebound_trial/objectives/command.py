"""Any program as a trial: parameters in its arguments and a JSON file, results from a JSON file or its output.

No shell. The program finds its place in the environment (``COREBOUND_*``), but never the database's address. What could go
wrong: a program that is missing, fails, dies by a signal (lost, not failed) or gives no result; each is said in one sentence
after the end of its output.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import optuna

from corebound.api.errors import ObjectiveError
from corebound.planning.headline import COMMAND_OUTPUT
from corebound_trial.objectives.checkpoint_folder import CheckpointFolder
from corebound_trial.objectives.command_result import read_result
from corebound_trial.objectives.program import Program, signal_name
from corebound_trial.objectives.protocol import AttemptContext, CommandLost, Stopped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from corebound_trial.objectives.program_output import Reading

LOOK_SECONDS: Final = 0.1
STOP_SECONDS: Final = 7.0
"""How long a program may take to leave. The worker ends us 10 s after it asked: the rest is for storing the checkpoint."""
SECRETS: Final = ("COREBOUND_DATABASE_URL",)
_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")


class CommandObjective:
    """Runs the program once per attempt; ``scratch`` is where its files are, None for the system's temporary folder.

    Who may be killed in the middle of an attempt names a folder that somebody else removes.
    """

    def __init__(
        self, command: Sequence[str], *, metrics: Sequence[str], folder: Path, scratch: Path | None = None
    ) -> None:
        self._command = list(command)
        self._metrics = list(metrics)
        self._folder = folder
        self._scratch = scratch

    def run(self, trial: optuna.Trial, context: AttemptContext) -> object:
        """The values in the order of the objectives' metrics."""
        with tempfile.TemporaryDirectory(prefix="corebound-", dir=self._scratch, ignore_cleanup_errors=True) as scratch:
            run = _Run(self._metrics, trial, context, Path(scratch))
            run.prepare()
            command = [filled(part, trial.params) for part in self._command]
            with Program(command, folder=self._folder, environment=run.environment(), metrics=self._metrics) as program:
                run.follow(program)
                return run.outcome(program)


class _Run:
    """One attempt of a program."""

    def __init__(self, metrics: Sequence[str], trial: optuna.Trial, context: AttemptContext, scratch: Path) -> None:
        self._metrics, self._trial, self._context, self._scratch = metrics, trial, context, scratch
        self._checkpoint = CheckpointFolder(scratch / "checkpoint", context)
        self._values: dict[str, float] = {}
        self._reports = 0

    def prepare(self) -> None:
        """Lay out what the program reads."""
        self._checkpoint.restore()
        parameters = {name: _plain(value) for name, value in self._trial.params.items()}
        (self._scratch / "parameters.json").write_text(json.dumps(parameters), encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """Ours without secrets, and the program's place."""
        context = self._context
        inherited = {name: value for name, value in os.environ.items() if name not in SECRETS}
        return inherited | {
            "COREBOUND_CAMPAIGN": context.campaign,
            "COREBOUND_SLOT": str(context.slot),
            "COREBOUND_ATTEMPT": str(context.attempt),
            "COREBOUND_TRIAL": str(context.trial_number),
            "COREBOUND_SEED": str(context.seed),
            "COREBOUND_THREADS": str(context.threads),
            "COREBOUND_PARAMETERS": str(self._scratch / "parameters.json"),
            "COREBOUND_RESULT": str(self._scratch / "result.json"),
            "COREBOUND_CHECKPOINT_DIR": str(self._scratch / "checkpoint"),
            "COREBOUND_ARTIFACTS": str(context.artifacts),
        }

    def follow(self, program: Program) -> None:
        """Until the program has ended. Raises ``TrialPruned`` or :class:`Stopped` when it was made to."""
        while not program.has_ended:
            if self._take(program.read(LOOK_SECONDS)) and len(self._metrics) == 1 and self._trial.should_prune():
                self._take(program.end(grace=STOP_SECONDS))
                raise optuna.TrialPruned
            if self._context.should_stop() and not program.has_ended:
                # Its reports first: the checkpoint remembers what had been reported when it was stored.
                self._take(program.end(grace=STOP_SECONDS))
                self._checkpoint.store()
                raise Stopped
            if self._context.checkpoint_due():
                self._checkpoint.store()
        self._take(program.finish())

    def outcome(self, program: Program) -> list[float]:
        """The values of a program that has ended by itself."""
        said = f"{COMMAND_OUTPUT}\n{program.tail}\n"
        if program.status < 0:
            raise CommandLost(f"{said}the command was killed by {signal_name(program.status)}")
        if program.status > 0:
            raise ObjectiveError(f"{said}the command ended with status {program.status}, expected 0")
        result = read_result(self._scratch / "result.json", metrics=self._metrics)
        for name, value in result.user_attrs.items():
            self._trial.set_user_attr(name, value)
        for name, value in result.constraints.items():
            self._trial.set_constraint(name, value)
        values = self._values | result.values
        if missing := [metric for metric in self._metrics if metric not in values]:
            reports = f" (its {self._reports} lines with step=K are reports)" if self._reports else ""
            raise ObjectiveError(
                f"{said}the command printed no result for {', '.join(missing)}{reports}, expected a line {missing[0]}=VALUE "
                "or the JSON file named by COREBOUND_RESULT"
            )
        return [values[metric] for metric in self._metrics]

    def _take(self, readings: Iterable[Reading]) -> bool:
        """Values are kept, the last wins; reports of the first metric are passed on. Whether there was a report."""
        reported = False
        for reading in readings:
            if reading.step is None:
                self._values[reading.metric] = reading.value
            elif reading.metric == self._metrics[0]:
                reported = True
                self._reports += 1
                if len(self._metrics) == 1:
                    self._trial.report(reading.value, reading.step)
                self._context.progress(reading.step)
        return reported


def filled(part: str, params: Mapping[str, Any]) -> str:
    """``{name}`` of a declared parameter replaced, other braces as they are; floats with all their digits."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in params:
            return match[0]
        found = _plain(params[match[1]])
        return str(found).lower() if isinstance(found, bool) else str(found)

    return _PLACEHOLDER.sub(value, part)


def _plain(value: Any) -> Any:
    """A sampler of the user may propose numpy's numbers, which JSON does not know."""
    return value.item() if hasattr(value, "item") else value
