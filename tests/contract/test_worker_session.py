"""Several threads of one trial: all of them write and read over the worker's one connection, and none waits for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from corebound.ledger.storage import CampaignStorage

if TYPE_CHECKING:
    from corebound.ledger.ledger import Ledger

TURNS = 100


def test_threads_of_a_trial_share_its_connection(ledger: Ledger, url: str) -> None:
    record = ledger.campaigns.create(
        name="threads",
        specification={"spec": {}},
        trials=1,
        directions=["maximize"],
        metric_names=["fitness"],
        retries=0,
        retry_exceptions=False,
    )
    ledger.campaigns.begin(record.campaign_id, threads=1, workers=1)
    worker = ledger.workers.register(record.campaign_id, name="w", host="here", pid=1, threads=1, cores="")
    claim = ledger.slots.claim(record.campaign_id, worker)
    assert claim is not None
    storage = CampaignStorage(url, grace=5)
    trial_id = storage.create_trial(claim, study_id=record.study_id, fixed_params={})

    def note() -> None:
        for turn in range(TURNS):
            storage.set_trial_user_attr(trial_id, "turn", turn)

    def report() -> None:
        for turn in range(TURNS):
            storage.set_trial_intermediate_value(trial_id, turn, float(turn))

    def look() -> None:
        for _ in range(TURNS):
            [seen] = storage.get_all_trials(record.study_id)
            assert seen._trial_id == trial_id

    def look_elsewhere() -> None:
        for _ in range(TURNS):
            assert storage.get_n_trials(record.study_id) == 1
            assert storage.get_study_user_attrs(record.study_id) == {}

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(each) for each in (note, report, look, look_elsewhere)]:
            done.result()
    storage.bind(None)
    kept = storage.get_trial(trial_id)
    assert kept.user_attrs == {"turn": TURNS - 1}
    assert kept.intermediate_values == {turn: float(turn) for turn in range(TURNS)}
    storage.close()
