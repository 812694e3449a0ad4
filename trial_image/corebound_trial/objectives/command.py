"""Any program as a trial: parameters in its arguments and a JSON file, results from a JSON file or its output.

No shell. What could go wrong: a program that is missing, fails, dies by a signal (lost, not failed), prints without end
(memory stays constant) or no result; each is said in one sentence with the end of its output.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import optuna

from corebound.api.errors import ObjectiveError
from corebound_trial.binding.process import leash
from corebound_trial.objectives.protocol import AttemptContext, CommandLost, Stopped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST_LINE: Final = 4096
STOP_SECONDS: Final = 10.0
_REPORT: Final = re.compile(r"\s*([^=\s]+)\s*=\s*(\S+)(?:\s+step\s*=\s*(\d+))?\s*")


class CommandObjective:
    """Runs the program once per attempt."""

    def __init__(self, command: Sequence[str], *, metrics: Sequence[str], folder: Path) -> None:
        self._command = list(command)
        self._metrics = list(metrics)
        self._folder = folder

    def run(self, trial: optuna.Trial, context: AttemptContext) -> object:
        """The values in the order of the objectives' metrics."""
        with tempfile.TemporaryDirectory(prefix="corebound-") as scratch:
            return _Run(self._command, self._metrics, self._folder, trial, context, Path(scratch)).run()


class _Run:
    """One attempt of a program."""

    def __init__(
        self,
        command: list[str],
        metrics: list[str],
        folder: Path,
        trial: optuna.Trial,
        context: AttemptContext,
        scratch: Path,
    ) -> None:
        self._command, self._metrics, self._folder = command, metrics, folder
        self._trial, self._context = trial, context
        self._result, self._parameters = scratch / "result.json", scratch / "parameters.json"
        self._checkpoint = scratch / "checkpoint"
        self._values: dict[str, float] = {}
        self._reports: list[tuple[int, float]] = []
        self._reporting = threading.Lock()
        self._last_lines: list[str] = []

    def run(self) -> object:
        self._checkpoint.mkdir()
        restored = self._context.load_bytes()
        if restored is not None:
            with tarfile.open(fileobj=io.BytesIO(restored)) as archive:
                archive.extractall(self._checkpoint, filter="data")
        self._parameters.write_text(json.dumps(self._trial.params), encoding="utf-8")
        command = [filled(part, self._trial.params) for part in self._command]
        program = shutil.which(command[0], path=os.environ.get("PATH")) if "/" not in command[0] else command[0]
        try:
            process = subprocess.Popen(
                [program or command[0], *command[1:]],
                cwd=self._folder,
                env={**os.environ, **self._environment()},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                start_new_session=True,
                preexec_fn=leash(),
            )
        except OSError as error:
            raise ObjectiveError(
                f"the command {command[0]!r} cannot be started: {error.strerror}; expected a program on PATH or a path "
                f"from {self._folder}"
            ) from error
        reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            self._watch(process)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            reader.join(timeout=5)
        self._tell_reports()
        return self._outcome(process.returncode)

    def _environment(self) -> dict[str, str]:
        context = self._context
        return {
            "COREBOUND_CAMPAIGN": context.campaign,
            "COREBOUND_SLOT": str(context.slot),
            "COREBOUND_ATTEMPT": str(context.attempt),
            "COREBOUND_TRIAL": str(context.trial_number),
            "COREBOUND_SEED": str(context.seed),
            "COREBOUND_THREADS": str(context.threads),
            "COREBOUND_PARAMETERS": str(self._parameters),
            "COREBOUND_RESULT": str(self._result),
            "COREBOUND_CHECKPOINT_DIR": str(self._checkpoint),
        }

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
                return
            if self._tell_reports() and len(self._metrics) == 1 and self._trial.should_prune():
                _end(process)
                raise optuna.TrialPruned
            if self._context.should_stop():
                _end(process)
                self._save()
                raise Stopped
            if self._context.checkpoint_due():
                self._save()

    def _read(self, stream: Any) -> None:
        """Forward the program's output and look for metrics; a line without end is cut, memory stays constant."""
        while line := stream.readline(LONGEST_LINE):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            text = line.decode(errors="replace").rstrip("\n")
            self._last_lines = [*self._last_lines[-4:], text[:300]]
            match = _REPORT.fullmatch(text)
            if match is None or match[1] not in self._metrics:
                continue
            with contextlib.suppress(ValueError):
                value = float(match[2])
                if match[3] is None:
                    self._values[match[1]] = value
                elif match[1] == self._metrics[0]:
                    with self._reporting:
                        self._reports.append((int(match[3]), value))

    def _tell_reports(self) -> bool:
        with self._reporting:
            reports, self._reports = self._reports, []
        for step, value in reports:
            if len(self._metrics) == 1:
                self._trial.report(value, step)
            self._context.progress(step)
        return bool(reports)

    def _save(self) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.add(
                self._checkpoint, arcname=".", filter=lambda entry: entry if entry.isreg() or entry.isdir() else None
            )
        self._context.save_bytes(buffer.getvalue(), None)
        self._context._saved_at = time.monotonic()

    def _outcome(self, status: int) -> object:
        said = "\n".join(self._last_lines)
        if status < 0:
            raise CommandLost(f"the command was killed by {signal.Signals(-status).name}; its last output:\n{said}")
        if status:
            raise ObjectiveError(f"the command ended with status {status}, expected 0; its last output:\n{said}")
        values = dict(self._values)
        if self._result.exists():
            values |= self._read_result()
        missing = [metric for metric in self._metrics if metric not in values]
        if missing:
            raise ObjectiveError(
                f"the command printed no result for {', '.join(missing)}: expected a line {missing[0]}=VALUE or the "
                f"JSON file named by COREBOUND_RESULT; its last output:\n{said}"
            )
        return [values[metric] for metric in self._metrics]

    def _read_result(self) -> dict[str, float]:
        try:
            result = json.loads(self._result.read_text(encoding="utf-8"))
            for key, value in result.get("user_attrs", {}).items():
                self._trial.set_user_attr(key, value)
            for key, value in result.get("constraints", {}).items():
                self._trial.set_constraint(key, float(value))
            return {key: float(value) for key, value in result["values"].items()}
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise ObjectiveError(
                f"the file named by COREBOUND_RESULT cannot be used ({type(error).__name__}: {error}), expected "
                '{"values": {"metric": number}, "user_attrs": {}, "constraints": {}}'
            ) from error


def filled(part: str, params: Mapping[str, Any]) -> str:
    """``{name}`` of a declared parameter replaced, other braces as they are."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in params:
            return match[0]
        found = params[match[1]]
        return str(found).lower() if isinstance(found, bool) else str(found)

    return re.sub(r"\{([^{}]+)\}", value, part)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
