"""Sessions cut at every single statement of a worker's life: nothing is lost, nothing is done twice.

The worker, its attempts, the ledger and Optuna's storage are the real ones, and so is the server. Only the objective's
process is a thread here: several hundred lives would take an hour with processes.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import optuna
import psycopg
import pytest

from corebound.api.contract import ExitCode
from corebound.api.errors import StorageUnreachableError
from corebound.api.loading import campaign_from_mapping
from corebound.api.records import SlotClaim, SlotState
from corebound.ledger.checkpoints import Checkpoints
from corebound.ledger.ledger import Ledger, open_ledger
from corebound.ledger.schema import prepare_database
from corebound.ledger.storage import CampaignStorage
from corebound.local.postgres import EmbeddedPostgres
from corebound_trial.objectives.protocol import AttemptContext, CommandLost, Stopped
from corebound_trial.runner.artifacts import Artifacts
from corebound_trial.runner.attempt import AttemptRunner, ending_message
from corebound_trial.runner.options import WorkerOptions
from corebound_trial.runner.worker import Worker

from .postgres_proxy import Cut, PostgresProxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from corebound.api.records import CampaignRecord
    from corebound.api.spec import SearchCampaign

STEPS = 3
NEVER = 10_000
"""More statements than any part of a life has."""
GRACE = 60.0
CAMPAIGN: dict[str, Any] = {
    "apiVersion": "corebound.dev/v1alpha1",
    "kind": "SearchCampaign",
    "metadata": {"name": "replaced-below"},
    "spec": {
        "trials": 4,
        "objectives": [{"metric": "value", "direction": "maximize"}],
        "search": {
            "sampler": {"name": "random", "seed": 5},
            "pruner": {"name": "median", "options": {"n_startup_trials": 1, "n_warmup_steps": 1}},
            "parameters": [{"name": "x", "type": "float", "low": 0, "high": 1}],
        },
        "trial": {"entrypoint": "unused.py:unused"},
        "failurePolicy": {"retries": 3},
    },
}


class Everything:
    """What an objective can ask of the database, and every way in which an attempt ends.

    Slot 0 is lost once after a checkpoint and carried on, slot 1 is stopped after one and carried on, slot 2 is pruned,
    slot 3 raises.
    """

    def __init__(self) -> None:
        self.ended_early: set[int] = set()

    def run(self, trial: optuna.Trial, context: AttemptContext) -> object:
        state = context.load() or {"step": 0, "value": 0.0}
        value = float(state["value"]) or trial.params["x"] + trial.suggest_categorical("kind", [1, 2])
        for step in range(state["step"], STEPS):
            value += 1
            trial.report(100.0 * context.slot + step if context.slot != 2 else -1.0, step)
            trial.set_user_attr("last", step)
            if step == 1:
                context.save({"step": step + 1, "value": value}, step)
            if trial.should_prune():
                raise optuna.TrialPruned
            if step == 2 and context.slot not in self.ended_early:
                self.ended_early.add(context.slot)
                if context.slot == 0:
                    raise CommandLost("killed, as a test wants it")
                if context.slot == 1:
                    raise Stopped
        if context.slot == 3:
            raise ValueError("no value")
        return value


@dataclass
class _Wire:
    """The worker's end: what it sends is done by the thread, which answers."""

    orders: queue.SimpleQueue[dict[str, Any] | None]
    answers: queue.SimpleQueue[dict[str, Any]]

    def send(self, message: dict[str, Any]) -> bool:
        self.orders.put(message)
        return True


class ChildThread:
    """The objective's side of a worker, as ``runner/child.py`` does it, without a process."""

    pid = -1
    output_at = 0.0

    def __init__(self, runner: AttemptRunner) -> None:
        self.wire = _Wire(queue.SimpleQueue(), queue.SimpleQueue())
        self._runner = runner
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        while (order := self.wire.orders.get()) is not None:
            if order["type"] == "run":
                ending = self._runner.run(SlotClaim(**order["claim"]))
                self.wire.answers.put({**ending_message(ending), "pools": [], "lost": None})
            elif order["type"] == "connect":
                self.wire.answers.put({"type": "connected", "error": self._connected()})

    def _connected(self) -> str | None:
        try:
            self._runner.storage.connect()
        except StorageUnreachableError as error:
            return str(error)
        return None

    def connect(self) -> str | None:
        self.wire.send({"type": "connect"})
        error: str | None = self.wire.answers.get()["error"]
        return error

    def let_go(self) -> None:
        self._runner.storage.engine.dispose()

    def receive(self, *, timeout: float) -> dict[str, Any] | None:
        with contextlib.suppress(queue.Empty):
            return self.wire.answers.get(timeout=timeout)
        return None

    def begin_output(self, *, slot: int, attempt: int) -> None:
        pass

    def drain_output(self) -> None:
        pass

    def end_output(self, error: str | None) -> None:
        pass

    def exit_status(self) -> None:
        return None

    def note(self, line: str) -> None:
        pass

    def stacks(self) -> str:
        return ""

    def leave(self) -> None:
        self.end(grace=1.0)

    def end(self, *, grace: float) -> None:
        self.wire.orders.put(None)
        self._thread.join()
        self._runner.storage.close()


class ThreadedWorker(Worker):
    """The worker as it is, but that its child is a thread of this process, whose threads are no contract's."""

    def __init__(
        self, ledger: Ledger, campaign: CampaignRecord, url: str, objective: Everything, folder: Path,
        on_attempt: Callable[[], None],
    ) -> None:  # fmt: skip
        options = WorkerOptions(
            name="worker-0", threads=1, core_ids=None, folder=folder, output_folder=None, enforce_memory=False,
            own_quota=False, grace=GRACE,
        )  # fmt: skip
        super().__init__(ledger, campaign, options)
        self._url, self._objective, self._folder = url, objective, folder
        self._on_attempt = on_attempt

    def _run_attempt(self, claim: SlotClaim) -> None:
        self._on_attempt()
        super()._run_attempt(claim)

    def _replace_child(self, attempt: object = None) -> Any:
        self._end_child()
        storage = CampaignStorage(self._url, grace=GRACE)
        runner = AttemptRunner(
            spec=self._spec,
            campaign=self._campaign.name,
            study_name=self._campaign.study_name,
            study_id=self._campaign.study_id,
            threads=1,
            workers=1,
            folder=self._folder,
            storage=storage,
            checkpoints=Checkpoints(storage.engine),
            objective=self._objective,
            artifacts=Artifacts(self._folder / "artifacts", keep_in=None),
            on_storing=lambda error: None,
            stop_requested=lambda: False,
            on_progress=lambda *_: None,
        )
        self._child = ChildThread(runner)
        return self._child


@pytest.fixture(scope="module")
def database(home: Path) -> Iterator[tuple[EmbeddedPostgres, str]]:
    """One of its own, so that its many campaigns are in nobody's way."""
    server = EmbeddedPostgres(home / "postgres-18")
    name = f"cut_{uuid4().hex[:12]}"
    host = str(server.socket_folder)
    with psycopg.connect(host=host, user="corebound", dbname="postgres", autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        # The server itself does not crash here, and waiting for the disk would be most of the time.
        connection.execute(
            psycopg.sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(psycopg.sql.Identifier(name))
        )
    yield server, name
    with psycopg.connect(host=host, user="corebound", dbname="postgres", autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))


@pytest.fixture(scope="module")
def direct(database: tuple[EmbeddedPostgres, str]) -> Iterator[Ledger]:
    """The same ledger by a way that nobody cuts."""
    server, name = database
    url = server.url.replace("/postgres?", f"/{name}?")
    prepare_database(url)
    with open_ledger(url, application="tests") as opened:
        yield opened


@pytest.fixture(scope="module")
def optunas(direct: Ledger) -> Iterator[optuna.storages.RDBStorage]:
    """One for all looks: making it costs more than a look."""
    storage = optuna.storages.RDBStorage(direct.optuna_url)
    yield storage
    storage.remove_session()
    storage.engine.dispose()


@pytest.fixture
def proxy(database: tuple[EmbeddedPostgres, str]) -> Iterator[PostgresProxy]:
    server, name = database
    with PostgresProxy(server.socket_folder, database=name) as opened:
        yield opened


def created(ledger: Ledger, name: str) -> tuple[SearchCampaign, CampaignRecord]:
    campaign = campaign_from_mapping({**CAMPAIGN, "metadata": {"name": name}})
    record = ledger.campaigns.create(
        name=name,
        specification=campaign.model_dump(mode="json", by_alias=True, exclude_none=True),
        trials=campaign.spec.trials,
        directions=["maximize"],
        metric_names=["value"],
        retries=campaign.spec.failure_policy.retries,
        retry_exceptions=False,
    )
    ledger.campaigns.begin(record.campaign_id, threads=1, workers=1)
    return campaign, record


class Cuts:
    """The same statement cut in each part of a life: before the first attempt, and from one attempt to the next."""

    def __init__(self, proxy: PostgresProxy, statement: int, how: Cut) -> None:
        self._proxy, self._statement, self._how = proxy, statement, how
        self.made = 0
        self.longest = 0
        """Statements of the longest part."""
        proxy.cut(statement, how)

    def next_part(self) -> None:
        self.made += self._proxy.was_cut
        self.longest = max(self.longest, self._proxy.statements)
        self._proxy.cut(self._statement, self._how)


@pytest.fixture(autouse=True)
def without_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads are those of the tests."""
    monkeypatch.setattr("corebound_trial.runner.worker.require", lambda expectation: None)


def lived(url: str, name: str, folder: Path, cuts: Cuts) -> int:
    """Workers live, one after the other, until nothing is left; how many there were.

    A worker that cannot even open the ledger ends with status 75 and is replaced; nothing else may go wrong.
    """
    objective = Everything()
    for lives in range(1, 6):
        try:
            with open_ledger(url, application="cut") as ledger:
                worker = ThreadedWorker(ledger, ledger.campaigns.get(name), url, objective, folder, cuts.next_part)
                code = worker.run()
        except StorageUnreachableError:
            continue
        if code == ExitCode.NOTHING_LEFT:
            cuts.next_part()
            return lives
        assert code == ExitCode.STOPPED, worker.message
    raise AssertionError("workers came and went, and slots were left")


def outcome(ledger: Ledger, study: optuna.storages.RDBStorage, record: CampaignRecord) -> dict[str, Any]:
    """What is left of the campaign, without times and what ids happen to be."""
    rows = ledger.slots.rows(record.campaign_id)
    trials = study.get_all_trials(record.study_id)
    with psycopg.connect(ledger.optuna_url.replace("+psycopg", "")) as connection:
        left = {
            table: connection.execute(
                psycopg.sql.SQL("SELECT count(*) FROM {} WHERE campaign_id = %s").format(psycopg.sql.Identifier(table)),
                (record.campaign_id,),
            ).fetchall()
            for table in ("corebound_leases", "corebound_checkpoints")
        }
    return {
        "slots": [(row.slot, row.state, row.number, row.values, row.error and row.error[-40:]) for row in rows],
        "lost": [row.lost_attempts for row in rows],
        "trials": [
            (
                trial.number,
                trial.state.name,
                trial.params,
                trial.values,
                trial.intermediate_values,
                trial.user_attrs,
                trial.system_attrs,
            )
            for trial in trials
        ],
        "left behind": left,
        "workers not ended": [row.name for row in ledger.workers.rows(record.campaign_id) if row.ended_at is None],
    }


@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", list(Cut))
def test_a_cut_at_any_statement_changes_nothing(
    how: Cut, direct: Ledger, optunas: optuna.storages.RDBStorage, proxy: PostgresProxy, tmp_path: Path
) -> None:
    """Every life has a cut in each of its parts: a life for each single statement would take four times as long."""
    _, record = created(direct, f"undisturbed-{how.name.lower()}")
    undisturbed = Cuts(proxy, NEVER, how)
    lived(proxy.url, record.name, tmp_path, undisturbed)
    expected = outcome(direct, optunas, record)
    assert [state for _, state, *_ in expected["slots"]] == [
        SlotState.SUCCEEDED,
        SlotState.SUCCEEDED,
        SlotState.PRUNED,
        SlotState.FAILED,
    ]
    assert all(len(trial[4]) == STEPS for trial in expected["trials"] if trial[1] == "COMPLETE")
    assert undisturbed.made == 0
    made = 0
    for statement in range(NEVER):
        _, record = created(direct, f"{how.name.lower()}-{statement}")
        cuts = Cuts(proxy, statement, how)
        lived(proxy.url, record.name, tmp_path, cuts)
        if not cuts.made:
            break
        made += cuts.made
        found = outcome(direct, optunas, record)
        assert found == expected, f"statement {statement} of each part"
    assert statement >= undisturbed.longest - 5, "a part has about as many statements as in the undisturbed life"
    assert made > 150, "about as many as a life has statements"
