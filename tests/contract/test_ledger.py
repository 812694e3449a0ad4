"""The ledger's promises on a real PostgreSQL: exactly N, the fence, carrying on, one supervisor, known schemas."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import optuna
import psycopg
import pytest

from corebound.api.errors import CampaignConflictError, FencedError, SchemaMismatchError, StorageError
from corebound.api.records import CampaignRecord, Phase, SlotClaim, SlotState, WorkerTelemetry
from corebound.ledger.ledger import Ledger, open_ledger
from corebound.ledger.schema import prepare_database
from corebound.ledger.storage import CampaignStorage

if TYPE_CHECKING:
    from collections.abc import Iterator


def make(ledger: Ledger, *, trials: int = 4, retries: int = 1, name: str = "campaign") -> CampaignRecord:
    record = ledger.campaigns.create(
        name=name,
        specification={"spec": {"objectives": [{"metric": "fitness", "direction": "maximize"}]}},
        trials=trials,
        directions=["maximize"],
        metric_names=["fitness"],
        retries=retries,
        retry_exceptions=False,
    )
    ledger.campaigns.begin(record.campaign_id, threads=1, workers=1)
    return ledger.campaigns.get(name)


def worker(ledger: Ledger, record: CampaignRecord, name: str = "w") -> int:
    return ledger.workers.register(record.campaign_id, name=name, host="here", pid=1, threads=1, cores="")


def claimed(ledger: Ledger, record: CampaignRecord, worker_id: int) -> SlotClaim:
    claim = ledger.slots.claim(record.campaign_id, worker_id)
    assert claim is not None
    return claim


@pytest.fixture
def storage(url: str, ledger: Ledger) -> Iterator[CampaignStorage]:
    del ledger  # it prepares the database
    opened = CampaignStorage(url, grace=5)
    yield opened
    opened.close()


def begin_trial(storage: CampaignStorage, record: CampaignRecord, claim: SlotClaim) -> optuna.Trial:
    storage.bind(claim)
    study = optuna.load_study(study_name=record.study_name, storage=storage)
    trial_id = claim.trial_id
    if trial_id is None:
        trial_id = storage.create_trial(claim, study_id=record.study_id, fixed_params={"x": 0.25})
    else:
        storage.carry_on(trial_id, study_id=record.study_id)
    return optuna.Trial(study, trial_id)


def test_a_slot_from_claim_to_close(ledger: Ledger, storage: CampaignStorage) -> None:
    record = make(ledger)
    claim = claimed(ledger, record, worker(ledger, record))
    trial = begin_trial(storage, record, claim)
    assert trial.suggest_float("x", 0, 1) == 0.25
    trial.study.tell(trial, 7.0)
    assert ledger.slots.close(claim, cpu_seconds=1.5) is SlotState.SUCCEEDED
    assert ledger.slots.close(claim, cpu_seconds=1.5) is SlotState.SUCCEEDED, "again, after a lost answer"
    row = ledger.slots.rows(record.campaign_id)[0]
    assert (row.values, row.params, row.cpu_seconds, row.attempt) == ((7.0,), {"x": 0.25}, 1.5, 1)
    summary = ledger.summaries.of(record)
    assert summary.best is not None
    assert summary.best.value == 7.0
    assert summary.done == 1


def test_many_claimers_get_every_slot_once(ledger: Ledger) -> None:
    record = make(ledger, trials=60)
    ids = [worker(ledger, record, f"w{index}") for index in range(8)]
    taken: list[int] = []
    lock = threading.Lock()

    def drain(worker_id: int) -> None:
        while (claim := ledger.slots.claim(record.campaign_id, worker_id)) is not None:
            with lock:
                taken.append(claim.slot)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(drain, ids))
    assert sorted(taken) == list(range(60))


def test_a_woken_worker_changes_nothing(ledger: Ledger, storage: CampaignStorage) -> None:
    record = make(ledger)
    worker_id = worker(ledger, record)
    old = claimed(ledger, record, worker_id)
    trial = begin_trial(storage, record, old)
    trial.report(1.0, 1)
    ledger.slots.release(old)
    new = claimed(ledger, record, worker_id)
    assert (new.slot, new.trial_id) == (old.slot, trial._trial_id)
    storage.bind(old)
    for write in (
        lambda: trial.report(2.0, 2),
        lambda: trial.set_user_attr("late", 1),
        lambda: trial.suggest_float("y", 0, 1),
        lambda: trial.study.tell(trial, 3.0),
        lambda: storage.create_trial(old, study_id=record.study_id, fixed_params={}) and trial.report(9.0, 9),
        lambda: ledger.checkpoints.save(old, b"late", step=2),
        lambda: ledger.slots.close(old, cpu_seconds=0),
        lambda: ledger.slots.lose(old, error="late"),
        lambda: ledger.slots.release(old),
    ):
        with pytest.raises(FencedError):
            write()
    kept = storage.get_trial(trial._trial_id)
    assert kept.state.name == "RUNNING"
    assert kept.user_attrs == {}
    assert kept.intermediate_values == {}


def test_a_stranger_may_note_but_not_change(ledger: Ledger, storage: CampaignStorage, url: str) -> None:
    record = make(ledger)
    trial = begin_trial(storage, record, claimed(ledger, record, worker(ledger, record)))
    plain = optuna.load_study(study_name=record.study_name, storage=url)
    plain._storage.set_trial_user_attr(trial._trial_id, "note", "seen")
    with pytest.raises(optuna.exceptions.StorageInternalError):
        plain.tell(trial.number, 1.0)
    plain._storage.remove_session()
    plain._storage._backend.engine.dispose()


def test_carrying_on_goes_back_to_the_checkpoint(ledger: Ledger, storage: CampaignStorage) -> None:
    record = make(ledger)
    worker_id = worker(ledger, record)
    first = claimed(ledger, record, worker_id)
    trial = begin_trial(storage, record, first)
    trial.suggest_float("x", 0, 1)
    trial.report(1.0, 1)
    trial.set_user_attr("kept", "yes")
    ledger.checkpoints.save(first, b"at step 1", step=1)
    trial.report(2.0, 2)
    trial.set_user_attr("kept", "no")
    trial.set_user_attr("after", 1)
    trial.set_constraint("c", 1.0)
    ledger.workers.bury(record.campaign_id, name="w", exit_code=-9, message="killed")
    second = claimed(ledger, record, worker(ledger, record, "w2"))
    assert (second.slot, second.trial_id, second.lost_attempts) == (first.slot, trial._trial_id, 1)
    assert ledger.checkpoints.load(second) == b"at step 1"
    storage.bind(second)
    kept = storage.get_trial(trial._trial_id)
    assert kept.intermediate_values == {1: 1.0}
    assert kept.user_attrs == {"kept": "yes"}
    assert kept.constraints == {}
    assert kept.params == {"x": 0.25}


def test_what_was_reported_before_a_kept_state_is_stored_stays(ledger: Ledger, storage: CampaignStorage) -> None:
    record = make(ledger)
    first = claimed(ledger, record, worker(ledger, record))
    trial = begin_trial(storage, record, first)
    trial.report(1.0, 1)
    state = b"at step 1"  # as context.keep has it at hand
    trial.report(2.0, 2)
    trial.set_user_attr("note", "step 2")
    ledger.checkpoints.save(first, state, step=1)  # the stop
    trial.report(3.0, 3)
    ledger.slots.release(first)
    carried_on = begin_trial(storage, record, claimed(ledger, record, worker(ledger, record, "w2")))
    with pytest.warns(UserWarning, match="already reported"):
        carried_on.report(2.5, 2)
    carried_on.report(3.5, 3)
    storage.bind(None)
    kept = storage.get_trial(carried_on._trial_id)
    assert kept.intermediate_values == {1: 1.0, 2: 2.0, 3: 3.5}
    assert kept.user_attrs == {"note": "step 2"}


def test_lost_too_often_is_failed_and_told(ledger: Ledger, storage: CampaignStorage) -> None:
    record = make(ledger, trials=1, retries=1)
    worker_id = worker(ledger, record)
    first = claimed(ledger, record, worker_id)
    trial = begin_trial(storage, record, first)
    assert ledger.slots.lose(first, error="killed by SIGKILL") is SlotState.OPEN
    assert ledger.slots.lose(claimed(ledger, record, worker_id), error="killed by SIGKILL") is SlotState.FAILED
    row = ledger.slots.rows(record.campaign_id)[0]
    assert row.error == "lost 2 times, the last: killed by SIGKILL"
    storage.bind(None)
    assert storage.get_trial(trial._trial_id).state.name == "FAIL"


def test_a_crash_between_tell_and_close_is_repaired_by_the_next_claim(ledger: Ledger, storage: CampaignStorage) -> None:
    record = make(ledger, trials=1)
    claim = claimed(ledger, record, worker(ledger, record))
    trial = begin_trial(storage, record, claim)
    trial.study.tell(trial, 5.0)
    ledger.workers.bury(record.campaign_id, name="w", exit_code=-9, message="killed")
    assert ledger.slots.claim(record.campaign_id, worker(ledger, record, "w2")) is None
    assert ledger.slots.rows(record.campaign_id)[0].state is SlotState.SUCCEEDED


def test_cut_sessions_cost_no_trial(ledger: Ledger, storage: CampaignStorage, url: str) -> None:
    record = make(ledger, trials=12)
    worker_id = worker(ledger, record)
    address = url.replace("+psycopg", "")
    for turn in range(12):
        claim = claimed(ledger, record, worker_id)
        trial = begin_trial(storage, record, claim)
        steps = [
            lambda trial=trial: trial.suggest_float("x", 0, 1),
            lambda trial=trial: trial.report(1.0, 1),
            lambda trial=trial: trial.set_user_attr("a", 1),
            lambda trial=trial, turn=turn: trial.study.tell(trial, float(turn)),
        ]
        for index, step in enumerate(steps):
            if index == turn % 4:
                with psycopg.connect(address, autocommit=True) as killer:
                    killer.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'corebound-trial'"
                    )
            step()
        assert ledger.slots.close(claim, cpu_seconds=0) is SlotState.SUCCEEDED
    assert len(storage.get_all_trials(record.study_id)) == 12


def test_an_enqueued_trial_is_adopted(ledger: Ledger, storage: CampaignStorage) -> None:
    record = make(ledger)
    storage.bind(None)
    study = optuna.load_study(study_name=record.study_name, storage=storage)
    study.enqueue_trial({"x": 0.75})
    trial = begin_trial(storage, record, claimed(ledger, record, worker(ledger, record)))
    assert trial.suggest_float("x", 0, 1) == 0.75
    assert len(study.get_trials()) == 1


def test_what_a_trial_was_enqueued_with_stays_over_its_attempts(
    ledger: Ledger, storage: CampaignStorage, url: str
) -> None:
    record = make(ledger)
    storage.bind(None)
    study = optuna.load_study(study_name=record.study_name, storage=storage)
    study.enqueue_trial({"x": 0.75}, user_attrs={"from": 'the "best" of last year', "rank": 1})
    worker_id = worker(ledger, record)
    first = claimed(ledger, record, worker_id)
    trial = begin_trial(storage, record, first)
    trial.set_user_attr("rank", 2)
    trial.set_user_attr("written", "by an attempt that died")
    assert ledger.slots.lose(first, error="killed") is SlotState.OPEN
    second = claimed(ledger, record, worker_id)
    assert (second.slot, second.trial_id) == (first.slot, trial._trial_id)
    own = optuna.storages.RDBStorage(url)
    [found] = own.get_all_trials(record.study_id)
    own.remove_session()
    own.engine.dispose()
    assert found.user_attrs == {"from": 'the "best" of last year', "rank": 1}


def test_the_attempt_before_a_retry_is_fenced_from_an_enqueued_trial_too(
    ledger: Ledger, storage: CampaignStorage
) -> None:
    record = make(ledger)
    storage.bind(None)
    optuna.load_study(study_name=record.study_name, storage=storage).enqueue_trial({"x": 0.75})
    claim = claimed(ledger, record, worker(ledger, record))
    trial = begin_trial(storage, record, claim)
    assert ledger.slots.retry(claim, error="it raised") is SlotState.OPEN
    with pytest.raises(FencedError):
        trial.set_user_attr("late", True)


def test_reads_of_finished_trials_equal_optunas_own(ledger: Ledger, storage: CampaignStorage, url: str) -> None:
    record = make(ledger)
    worker_id = worker(ledger, record)
    for _ in range(3):
        claim = claimed(ledger, record, worker_id)
        trial = begin_trial(storage, record, claim)
        trial.suggest_float("x", 0, 1)
        trial.report(1.0, 1)
        trial.study.tell(trial, 1.0)
        ledger.slots.close(claim, cpu_seconds=0)
    own = optuna.storages.RDBStorage(url)
    assert storage.get_all_trials(record.study_id) == own.get_all_trials(record.study_id)
    own.remove_session()
    own.engine.dispose()


def test_trials_that_finish_while_somebody_looks_are_read_whole(
    ledger: Ledger, storage: CampaignStorage, url: str
) -> None:
    record = make(ledger, trials=30)
    worker_id = worker(ledger, record)
    reader = CampaignStorage(url, grace=5)
    ended = threading.Event()

    def work() -> None:
        while (claim := ledger.slots.claim(record.campaign_id, worker_id)) is not None:
            trial = begin_trial(storage, record, claim)
            trial.suggest_float("x", 0, 1)
            trial.report(1.0, 1)
            trial.study.tell(trial, 2.0)
            ledger.slots.close(claim, cpu_seconds=0)
        ended.set()

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        while not ended.wait(0.001):
            for trial in reader.get_all_trials(record.study_id, deepcopy=False):
                if trial.state.is_finished():
                    assert (trial.values, trial.params, trial.intermediate_values) == ([2.0], {"x": 0.25}, {1: 1.0})
                else:
                    assert trial.intermediate_values == {}
        working.result()
    found = reader.get_all_trials(record.study_id)
    reader.close()
    assert [trial.number for trial in found] == list(range(30))
    assert all(trial.state.is_finished() for trial in found)


def test_finishing_skips_what_is_open_and_fails_what_runs(ledger: Ledger, storage: CampaignStorage) -> None:
    record = make(ledger, trials=3)
    trial = begin_trial(storage, record, claimed(ledger, record, worker(ledger, record)))
    ledger.campaigns.finish(record.campaign_id, Phase.FAILED, reason="DeadlineExceeded", message="too late")
    assert {row.state for row in ledger.slots.rows(record.campaign_id)} == {SlotState.SKIPPED}
    with pytest.raises(FencedError):
        trial.report(1.0, 1)
    storage.bind(None)
    assert storage.get_trial(trial._trial_id).state.name == "FAIL"


def test_a_beat_renews_and_tells(ledger: Ledger) -> None:
    record = make(ledger)
    worker_id = worker(ledger, record)
    claim = claimed(ledger, record, worker_id)
    assert ledger.workers.beat(worker_id, WorkerTelemetry(), claim=claim).lease_held
    ledger.campaigns.request_stop(record.campaign_id, "TargetReached")
    assert ledger.workers.beat(worker_id, WorkerTelemetry(), claim=claim).stop_requested == "TargetReached"
    assert ledger.slots.claim(record.campaign_id, worker_id) is None
    ledger.slots.release(claim)
    assert not ledger.workers.beat(worker_id, WorkerTelemetry(), claim=claim).lease_held


def test_one_supervisor_and_an_archive(ledger: Ledger) -> None:
    record = make(ledger)
    with (
        ledger.campaigns.supervise("campaign"),
        pytest.raises(CampaignConflictError, match="being run"),
        ledger.campaigns.supervise("campaign"),
    ):
        pass
    with ledger.campaigns.supervise("campaign"):
        assert ledger.campaigns.archive("campaign") == "campaign@1"
    assert make(ledger).campaign_id != record.campaign_id
    assert ledger.campaigns.archive("campaign") == "campaign@2"


def test_many_prepare_at_once(empty_url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: prepare_database(empty_url), range(6)))
    open_ledger(empty_url, application="test").close()


def test_another_versions_schema_is_refused(ledger: Ledger, url: str) -> None:
    del ledger
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("UPDATE corebound_alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaMismatchError, match="9999"):
        open_ledger(url, application="test")
    with pytest.raises(SchemaMismatchError, match="9999"):
        prepare_database(url)


def test_a_password_is_never_repeated() -> None:
    with pytest.raises(StorageError) as caught:
        prepare_database("postgresql://me:geheim@127.0.0.1:1/none")
    assert "geheim" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
