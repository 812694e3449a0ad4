"""The slot's state machine under everything that can happen to it, in any order, over a real PostgreSQL.

Hypothesis plays workers, supervisors, outages and zombies against a model that knows who holds what. Time is the test's:
leases never run out by themselves, a rule lets them.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import hypothesis
import hypothesis.strategies as st
import optuna
import psycopg
import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from optuna.trial import TrialState

from corebound.api.errors import FencedError
from corebound.api.records import Phase, SlotClaim, SlotState, WorkerTelemetry
from corebound.ledger.storage import CampaignStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.ledger.ledger import Ledger

RETRIES = 2
LEASE_SECONDS = 2.0
MOST_TRIALS = 8
FINISHED = {TrialState.COMPLETE: "succeeded", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
GIVING_BACK = ("release", "lose", "retry", "close", "skip")
_names = itertools.count()

which = st.integers(0, MOST_TRIALS - 1)
finished = st.sampled_from(sorted(FINISHED))
going = st.sampled_from(["dies", "is cut off"])


@dataclass(eq=False)
class Attempt:
    """What one worker believes to hold."""

    worker: int
    name: str
    claim: SlotClaim
    trial: optuna.Trial | None = None


class SlotMachine(RuleBasedStateMachine):
    """One campaign.

    ``held`` is who rightly holds which slot, ``unseen`` who is gone without anybody having taken over, ``zombies`` who was
    superseded or has closed its slot, and does not know it.
    """

    def __init__(self, ledger: Ledger, url: str) -> None:
        super().__init__()
        self.ledger = ledger
        self.sql = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
        self.storage = CampaignStorage(url, grace=5)
        self.name = f"machine-{next(_names)}"
        self.trials = 3
        record = ledger.campaigns.create(
            name=self.name,
            specification={},
            trials=self.trials,
            directions=["maximize"],
            metric_names=["value"],
            retries=RETRIES,
            retry_exceptions=False,
            heartbeat_seconds=LEASE_SECONDS / 4,
        )
        self.campaign, self.study_id = record.campaign_id, record.study_id
        ledger.campaigns.begin(self.campaign, threads=1, workers=1)
        self.study = optuna.load_study(study_name=self.name, storage=self.storage)
        self.held: dict[int, Attempt] = {}
        self.unseen: dict[int, Attempt] = {}
        self.zombies: list[Attempt] = []
        self.newest: dict[int, int] = {}
        self.over = False

    def teardown(self) -> None:
        try:
            self._finish_all()
        finally:
            self.sql.close()
            self.storage.close()

    # What workers do -----------------------------------------------------------------------------------------------

    @rule(how_far=st.integers(0, 3), answer_is_lost=st.booleans())
    def a_worker_claims(self, how_far: int, answer_is_lost: bool) -> None:
        attempt = self._claim(answer_is_lost=answer_is_lost)
        if attempt is not None and how_far > 0:
            if attempt.trial is None:
                self._create(attempt, answer_is_lost=answer_is_lost)
            if how_far > 1:
                self._work(attempt, checkpoint=how_far > 2)

    @precondition(lambda self: self.held)
    @rule(which=which, enqueued=st.booleans(), answer_is_lost=st.booleans())
    def it_creates_its_trial(self, which: int, enqueued: bool, answer_is_lost: bool) -> None:
        attempt = self._one_of(self.held, which)
        if attempt.trial is None:
            self._create(attempt, enqueued=enqueued, answer_is_lost=answer_is_lost)

    @precondition(lambda self: self.held)
    @rule(which=which, checkpoint=st.booleans())
    def it_works(self, which: int, checkpoint: bool) -> None:
        attempt = self._one_of(self.held, which)
        if attempt.trial is not None:
            self._work(attempt, checkpoint=checkpoint)

    @precondition(lambda self: self.held)
    @rule(which=which)
    def it_beats(self, which: int) -> None:
        attempt = self._one_of(self.held, which)
        assert self.ledger.workers.beat(attempt.worker, WorkerTelemetry(), claim=attempt.claim).lease_held
        self._stop_the_clock(attempt.worker)

    @precondition(lambda self: self.held)
    @rule(which=which, state=finished, answer_is_lost=st.booleans())
    def it_tells_and_closes(self, which: int, state: TrialState, answer_is_lost: bool) -> None:
        attempt = self._one_of(self.held, which)
        if attempt.trial is not None:
            self._tell(attempt, state)
            for _ in range(1 + answer_is_lost):
                assert self.ledger.slots.close(attempt.claim, cpu_seconds=1.0).value == FINISHED[state]
            self._is_superseded(attempt)

    @precondition(lambda self: self.held)
    @rule(which=which, how=st.sampled_from(GIVING_BACK), answer_is_lost=st.booleans())
    def it_gives_back(self, which: int, how: str, answer_is_lost: bool) -> None:
        attempt = self._one_of(self.held, which)
        verb = self._verbs(attempt)[how]
        verb()
        if answer_is_lost:
            # The second call is fenced, or says the same; either way nothing happens twice.
            before = self._snapshot()
            with contextlib.suppress(FencedError):
                verb()
            assert self._snapshot() == before
        self._is_superseded(attempt)

    @precondition(lambda self: self.held)
    @rule(which=which, how=going, state=st.none() | finished)
    def it_is_gone(self, which: int, how: str, state: TrialState | None) -> None:
        attempt = self._one_of(self.held, which)
        if state is not None and attempt.trial is not None:
            self._tell(attempt, state)
        if how == "dies":
            self.ledger.workers.bury(self.campaign, name=attempt.name, exit_code=-9, message="killed")
        else:
            self.sql.execute(
                "UPDATE corebound_leases SET expires_at = clock_timestamp() - interval '1 s' WHERE worker_id = %s",
                (attempt.worker,),
            )
        self.unseen[attempt.claim.slot] = self.held.pop(attempt.claim.slot)

    @precondition(lambda self: self.zombies)
    @rule(which=st.integers(0, 20), through_optuna=st.booleans())
    def a_zombie_tries_everything(self, which: int, through_optuna: bool) -> None:
        zombie = self.zombies[which % len(self.zombies)]
        self._bind(zombie, through_optuna=through_optuna)
        before = self._snapshot()
        for name, write in self._writes(zombie).items():
            # ValueError: Optuna itself says that a finished trial cannot be told again.
            with contextlib.suppress(FencedError, optuna.exceptions.UpdateFinishedTrialError, ValueError):
                write()
            assert self._snapshot() == before, f"a zombie's {name} changed something"

    @precondition(lambda self: self.zombies)
    @rule(which=st.integers(0, 20))
    def a_zombie_beats(self, which: int) -> None:
        zombie = self.zombies[which % len(self.zombies)]
        assert not self.ledger.workers.beat(zombie.worker, WorkerTelemetry(), claim=zombie.claim).lease_held

    # What supervisors do -------------------------------------------------------------------------------------------

    @rule(what=st.sampled_from(["restarts", "suspends", "sees all gone", "asks to stop", "succeeds", "fails", "grows"]))
    def the_supervisor(self, what: str) -> None:
        campaigns = self.ledger.campaigns
        match what:
            case "restarts":
                self._begin()
            case "suspends":
                campaigns.finish(self.campaign, Phase.SUSPENDED, reason="Interrupted", message="by the user")
                self.over = True
            case "sees all gone":
                campaigns.take_slots_back(self.campaign)
                self._nobody_holds_anything()
            case "asks to stop":
                campaigns.request_stop(self.campaign, "TargetReached")
                self.over = True
            case "succeeds" | "fails":
                phase = Phase.SUCCEEDED if what == "succeeds" else Phase.FAILED
                campaigns.finish(self.campaign, phase, reason="TargetReached", message="reached")
                self._nobody_holds_anything()
                self.over = True
                assert all(row.state.is_closed for row in self.ledger.slots.rows(self.campaign))
            case "grows" if self.trials < MOST_TRIALS:
                self.trials += 1
                campaigns.update(self.campaign, specification={}, trials=self.trials)

    @precondition(lambda self: self.over)
    @rule()
    def it_goes_on_with_one_more_trial(self) -> None:
        self.trials += 1
        self.ledger.campaigns.update(self.campaign, specification={}, trials=self.trials)
        self._begin()

    # What must always hold -----------------------------------------------------------------------------------------

    @invariant()
    def trials_are_numbered_and_none_strays(self) -> None:
        trials = self._trials()
        assert sorted(number for _, number, _, _ in trials) == list(range(len(trials)))
        stray = [number for _, number, state, slot in trials if state == "RUNNING" and slot is None]
        assert not stray, f"trials {stray} run without a slot"

    @invariant()
    def who_holds_a_slot_runs_it(self) -> None:
        running = self._running()
        for slot, attempt in self.held.items():
            assert running.get(slot) == attempt.claim.attempt

    def _finish_all(self) -> None:
        """Whatever happened: one more supervisor and one worker bring it to its end."""
        self._begin()
        while (attempt := self._claim()) is not None:
            if attempt.trial is None:
                self._create(attempt)
            self._tell(attempt, TrialState.COMPLETE)
            self.ledger.slots.close(attempt.claim, cpu_seconds=1.0)
            self._is_superseded(attempt)
        rows = self.ledger.slots.rows(self.campaign)
        assert len(rows) == self.trials
        assert all(row.state.is_closed for row in rows)
        bound = {slot: (number, state) for _, number, state, slot in self._trials() if slot is not None}
        for row in rows:
            if row.state is SlotState.SKIPPED:
                assert bound.get(row.slot, (None, "FAIL"))[1] == "FAIL"
            else:
                assert row.slot in bound, f"slot {row.slot} is {row.state} without a trial"
                assert row.number == bound[row.slot][0]
                assert FINISHED[TrialState[bound[row.slot][1]]] == row.state.value
        assert not [number for _, number, state, _ in self._trials() if state == "RUNNING"]
        for table in ("corebound_leases", "corebound_checkpoints"):
            left = self.sql.execute(f"SELECT count(*) FROM {table} WHERE campaign_id = %s", (self.campaign,))  # noqa: S608 - names of our own tables
            assert left.fetchone() == (0,), f"{table} outlive their slots"

    # Hands ---------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self.ledger.campaigns.begin(self.campaign, threads=1, workers=1)
        self._nobody_holds_anything()
        self.over = False

    def _claim(self, *, answer_is_lost: bool = False) -> Attempt | None:
        name = f"w{next(_names)}"
        worker = self.ledger.workers.register(self.campaign, name=name, host="here", pid=1, threads=1, cores="")
        claim = self.ledger.slots.claim(self.campaign, worker)
        if answer_is_lost:
            again = self.ledger.slots.claim(self.campaign, worker, again=True)
            assert claim is None or again == claim, "a claim whose answer was lost must be found again"
            claim = again
        self._stop_the_clock(worker)
        for slot, gone in list(self.unseen.items()):
            if self._running().get(slot) != gone.claim.attempt:
                self.zombies.append(self.unseen.pop(slot))
        if claim is None:
            left = {row.slot for row in self.ledger.slots.rows(self.campaign) if not row.state.is_closed}
            assert self.over or left <= set(self.held), f"there were slots to claim: {left - set(self.held)}"
            return None
        assert not self.over, "nothing is given out once the campaign is over"
        assert claim.slot not in self.held, "two holders of one slot"
        assert claim.attempt > self.newest.get(claim.slot, 0), "attempts only rise"
        self.newest[claim.slot] = claim.attempt
        attempt = self.held[claim.slot] = Attempt(worker, name, claim)
        if claim.trial_id is not None:
            self._bind(attempt)
            attempt.trial = self._carried_on(attempt, claim.trial_id)
        return attempt

    def _create(self, attempt: Attempt, *, enqueued: bool = False, answer_is_lost: bool = False) -> None:
        self.storage.bind(None)
        if enqueued:
            self.study.enqueue_trial({"x": 0.5})
        made = [
            self.storage.create_trial(attempt.claim, study_id=self.study_id, fixed_params={"x": 0.25})
            for _ in range(1 + answer_is_lost)
        ]
        assert len(set(made)) == 1, "the second call returns what the first has made"
        attempt.trial = self._carried_on(attempt, made[0])

    def _work(self, attempt: Attempt, *, checkpoint: bool) -> None:
        assert attempt.trial is not None
        self._bind(attempt)
        step = next(_names)
        attempt.trial.suggest_float("x", 0, 1)
        attempt.trial.report(float(step), step)
        attempt.trial.set_user_attr("step", step)
        if checkpoint:
            self.ledger.checkpoints.save(attempt.claim, b"%d" % step, step=step)

    def _carried_on(self, attempt: Attempt, trial_id: int) -> optuna.Trial:
        self.storage.bind(attempt.claim)
        self.storage.carry_on(trial_id, study_id=self.study_id)
        return optuna.Trial(self.study, trial_id)

    def _tell(self, attempt: Attempt, state: TrialState) -> None:
        assert attempt.trial is not None
        self._bind(attempt)
        self.study.tell(attempt.trial, 1.0 if state is TrialState.COMPLETE else None, state=state)

    def _bind(self, attempt: Attempt, *, through_optuna: bool = False) -> None:
        """Write for this attempt: by the worker's own statements, or by those of Optuna's storage."""
        self.storage.bind(attempt.claim)
        if attempt.trial is not None and not through_optuna:
            self.storage.carry_on(attempt.trial._trial_id, study_id=self.study_id)

    def _is_superseded(self, attempt: Attempt) -> None:
        self.zombies.append(self.held.pop(attempt.claim.slot))

    def _nobody_holds_anything(self) -> None:
        self.zombies += [*self.held.values(), *self.unseen.values()]
        self.held.clear()
        self.unseen.clear()

    def _stop_the_clock(self, worker: int) -> None:
        self.sql.execute("UPDATE corebound_leases SET expires_at = '9000-01-01' WHERE worker_id = %s", (worker,))

    @staticmethod
    def _one_of(attempts: dict[int, Attempt], which: int) -> Attempt:
        return list(attempts.values())[which % len(attempts)]

    def _verbs(self, attempt: Attempt) -> dict[str, Callable[[], Any]]:
        slots, claim = self.ledger.slots, attempt.claim
        return {
            "release": lambda: slots.release(claim, cpu_seconds=1.0),
            "lose": lambda: slots.lose(claim, error="killed", cpu_seconds=1.0),
            "retry": lambda: slots.retry(claim, error="raised", cpu_seconds=1.0),
            "close": lambda: slots.close(claim, cpu_seconds=1.0, error="late"),
            "skip": lambda: slots.skip(claim, reason="over", cpu_seconds=1.0),
        }

    def _writes(self, attempt: Attempt) -> dict[str, Callable[[], Any]]:
        claim, trial = attempt.claim, attempt.trial
        writes = {
            **self._verbs(attempt),
            "save": lambda: self.ledger.checkpoints.save(claim, b"late", step=99),
            "create": lambda: self.storage.create_trial(claim, study_id=self.study_id, fixed_params={}),
        }
        if trial is not None:
            writes |= {
                "report": lambda: trial.report(99.0, 99),
                "attribute": lambda: trial.set_user_attr("late", True),
                "parameter": lambda: trial.suggest_float(f"late-{claim.attempt}", 0, 1),
                "constraint": lambda: trial.set_constraint("late", 1.0),
                "tell": lambda: self.study.tell(trial, 99.0),
                "fail": lambda: self.study.tell(trial, state=TrialState.FAIL),
            }
        return writes

    def _running(self) -> dict[int, int]:
        rows = self.sql.execute(
            "SELECT slot, attempt FROM corebound_slots WHERE campaign_id = %s AND state = 'running'", (self.campaign,)
        )
        return dict(rows.fetchall())

    def _trials(self) -> list[tuple[int, int, str, int | None]]:
        rows = self.sql.execute(
            "SELECT trial_id, number, t.state::text, slot FROM trials t LEFT JOIN corebound_slots s USING (trial_id) "
            "WHERE study_id = %s ORDER BY trial_id",
            (self.study_id,),
        )
        return rows.fetchall()

    def _snapshot(self) -> list[Any]:
        """Everything that a superseded attempt must not change."""
        ours, values = ("slots", "leases", "checkpoints"), ("params", "values", "intermediate_values")
        optunas = (*values, "user_attributes", "system_attributes")
        queries = [
            *(f"SELECT x::text FROM corebound_{name} x WHERE campaign_id = %(campaign)s ORDER BY 1" for name in ours),  # noqa: S608 - names of our own tables
            "SELECT t::text FROM trials t WHERE study_id = %(study)s ORDER BY 1",
            *(
                f"SELECT x::text FROM trial_{name} x JOIN trials USING (trial_id) WHERE study_id = %(study)s ORDER BY 1"  # noqa: S608 - names of our own tables
                for name in optunas
            ),
        ]
        identity = {"campaign": self.campaign, "study": self.study_id}
        return [self.sql.execute(query.encode(), identity).fetchall() for query in queries]


@pytest.fixture
def aged_server(url: str) -> None:
    """Wait until the server is older than a lease: before that nothing counts as expired."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as sql:
        sql.execute(
            "SELECT pg_sleep(greatest(0, extract(epoch FROM pg_postmaster_start_time() - now()) + %s))",
            (LEASE_SECONDS + 0.1,),
        )


@pytest.mark.usefixtures("aged_server")
def test_the_slot_machine(ledger: Ledger, url: str) -> None:
    def machine() -> SlotMachine:
        return SlotMachine(ledger, url)

    run_state_machine_as_test(
        machine,
        settings=hypothesis.settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            report_multiple_bugs=False,
            # Each step is a real transaction: making a failure shorter would take longer than a test may.
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
