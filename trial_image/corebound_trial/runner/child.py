"""The child: a fresh process that runs the objective, attempt after attempt, as its parent says.

Started as ``python -m corebound_trial.runner.child FD``. A thread reads what the parent says, so that a stop arrives while
an objective runs; the main thread runs attempts. What could go wrong: the parent dies (so does this process), the objective
hangs (the parent sees it and asks for stacks).
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import os
import queue
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corebound.api.errors import CoreboundError
from corebound_trial.binding.pools import limit_pools, read_pools
from corebound_trial.binding.process import die_with_parent
from corebound_trial.binding.stacks import install
from corebound_trial.binding.watch import PoolWatch
from corebound_trial.runner.seeds import seed_torch
from corebound_trial.runner.surroundings import Surroundings
from corebound_trial.runner.wire import Message, Wire

if TYPE_CHECKING:
    from corebound.ledger.storage import CampaignStorage
    from corebound_trial.binding.breach import Breach
    from corebound_trial.objectives.protocol import Objective
    from corebound_trial.runner.attempt import AttemptRunner
    from corebound_trial.runner.callbacks import Callback

PROGRESS_SECONDS = 0.2


class Child:
    """Everything this process does."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._orders: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._told_at = 0.0
        self._stored_at = 0.0
        self._progress: dict[str, Any] = {}
        self._runner: AttemptRunner | None = None
        self.runs_users_code = False

    def main(self) -> None:
        """Set up once, then one attempt after another until the parent is gone or says exit.

        The process is to end as any Python program then: files that the user's code holds are written, ``atexit`` runs.
        """
        setup = self._wire.receive(timeout=None)
        if setup is None:
            return
        die_with_parent(setup["parent"])
        install(Path(setup["stacks"]))
        limit_pools(setup["threads"], on_torch=seed_torch)
        threading.Thread(target=self._listen, daemon=True).start()
        runner, callbacks = self._prepare(setup)
        self._runner = runner
        watch = PoolWatch(threads=setup["threads"], on_breach=self._on_breach)
        watch.start()
        pools = [[report.library, report.threads] for report in read_pools()]
        self._wire.send({"type": "ready", "pools": pools})
        while (order := self._orders.get()) is not None:
            match order["type"]:
                case "connect":
                    self._connect(runner.storage)
                case "let go":
                    runner.storage.engine.dispose()
                case "closed":
                    self._call_back(runner, order["trial_id"], callbacks)
                case _:
                    self._attempt(runner, order)

    def _listen(self) -> None:
        with contextlib.suppress(EOFError):
            while True:
                message = self._wire.receive(timeout=None)
                if message is None or message["type"] == "exit":
                    break
                if message["type"] == "stop":
                    self._stop.set()
                    self._store_kept()
                else:
                    self._orders.put(message)
        self._orders.put(None)

    def _store_kept(self) -> None:
        """A step may take long, and who asks to stop may not wait for its end: store where it began."""
        if self._runner is not None:
            with contextlib.suppress(CoreboundError):  # the attempt itself meets it as well, and says so
                self._runner.store_kept()

    def _prepare(self, setup: Message) -> tuple[AttemptRunner, list[Callback]]:
        import optuna

        from corebound.api.errors import ObjectiveError
        from corebound.api.loading import campaign_from_mapping
        from corebound.ledger.checkpoints import Checkpoints
        from corebound.ledger.storage import CampaignStorage
        from corebound.local.entrypoints import named_functions
        from corebound_trial.objectives.entrypoint import script_of
        from corebound_trial.objectives.loading import load_objective
        from corebound_trial.runner.artifacts import Artifacts
        from corebound_trial.runner.attempt import AttemptRunner
        from corebound_trial.runner.callbacks import load_callbacks

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        spec = campaign_from_mapping(setup["specification"]).spec
        folder = Path(setup["folder"])
        os.chdir(folder)
        storage = CampaignStorage(os.environ["COREBOUND_DATABASE_URL"], grace=setup["grace"])
        # The first to be registered is the last to run.
        atexit.register(_write_files)
        self.runs_users_code = any(":" in function for _, function in named_functions(spec))
        if spec.trial.entrypoint is not None:
            # Code that reads its command line at import finds none, as in ``python train.py``.
            sys.argv[:] = [script_of(spec.trial.entrypoint, folder=folder)]
        objective: Objective | ObjectiveError
        callbacks: list[Callback] = []
        try:
            objective = load_objective(
                spec.trial,
                folder=folder,
                metrics=[objective.metric for objective in spec.objectives],
                scratch=Path(setup["scratch"]),
            )
            callbacks = load_callbacks(spec.trial.callbacks, folder=folder)
        except ObjectiveError as error:
            objective = error
        runner = AttemptRunner(
            spec=spec,
            campaign=setup["campaign"],
            study_name=setup["study_name"],
            study_id=setup["study_id"],
            threads=setup["threads"],
            workers=setup["workers"],
            folder=folder,
            storage=storage,
            checkpoints=Checkpoints(storage.engine),
            objective=objective,
            artifacts=Artifacts(Path(setup["scratch"]) / "artifacts", keep_in=setup["artifacts"]),
            on_storing=self._on_storing,
            stop_requested=self._stop.is_set,
            on_progress=self._on_progress,
        )
        return runner, callbacks

    def _attempt(self, runner: AttemptRunner, order: Message) -> None:
        from corebound.api.records import SlotClaim
        from corebound_trial.runner.attempt import ending_message

        self._progress = {}
        self._stored_at = 0.0
        runner.artifacts.begin()  # its variable is ours, not a change that the trial makes
        surroundings = Surroundings.now()
        ending = runner.run(SlotClaim(**order["claim"]))
        restored = surroundings.restore(imported=runner.has_imported)
        if restored.lost is None:
            _write_out(restored.line or "")
        self._told_at = 0.0
        if self._progress:
            self._wire.send({"type": "progress", **self._progress})
        pools = [[report.library, report.threads] for report in read_pools()]
        self._wire.send({**ending_message(ending), "pools": pools, "lost": restored.lost})

    def _connect(self, storage: CampaignStorage) -> None:
        error = None
        try:
            storage.connect()
        except CoreboundError as found:
            error = str(found)
        self._wire.send({"type": "connected", "error": error})

    def _call_back(self, runner: AttemptRunner, trial_id: int, callbacks: list[Callback]) -> None:
        from corebound_trial.runner.callbacks import call_back

        stopped = call_back(callbacks, storage=runner.storage, study_name=runner.study_name, trial_id=trial_id)
        _write_out()
        self._wire.send({"type": "called back", "study_stopped": stopped})

    def _on_breach(self, breach: Breach) -> None:
        self._wire.send({"type": "breach", "message": breach.message})

    def _on_storing(self, error: str | None) -> None:
        now = time.monotonic()
        if now - self._stored_at >= PROGRESS_SECONDS:
            self._stored_at = now
            self._wire.send({"type": "storing", "error": error})

    def _on_progress(self, step: int | None, steps: int | None, value: float | None) -> None:
        changes = {"step": step, "steps": steps, "value": value}
        self._progress.update({name: change for name, change in changes.items() if change is not None})
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_SECONDS:
            self._told_at = now
            self._wire.send({"type": "progress", **self._progress})


def _write_out(line: str = "") -> None:
    """The streams may be objects of the user's, which can less than files, or raise."""
    for stream, text in ((sys.stdout, line), (sys.stderr, "")):
        with contextlib.suppress(Exception):
            stream.write(text)
            stream.flush()


def _write_files() -> None:
    """What open files hold back. The interpreter closes those of modules that nothing else refers to, and only those."""
    for found in gc.get_objects():
        if issubclass(type(found), io.IOBase):
            with contextlib.suppress(Exception):
                found.flush()


def main() -> None:
    """Take over the file descriptor that the parent has passed."""
    with socket.socket(fileno=int(sys.argv[1])) as end:
        Child(Wire(end)).main()


if __name__ == "__main__":
    main()
