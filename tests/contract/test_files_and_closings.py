"""Where a slot's files are, and who learns that a slot was closed in passing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna

from corebound.api.records import CampaignRecord, SlotClaim, SlotState
from corebound.ledger.storage import CampaignStorage

if TYPE_CHECKING:
    from corebound.ledger.ledger import Ledger


def make(ledger: Ledger, *, artifacts: str | None = None) -> tuple[CampaignRecord, int]:
    record = ledger.campaigns.create(
        name="campaign",
        specification={"spec": {}},
        trials=2,
        directions=["maximize"],
        metric_names=["fitness"],
        retries=0,
        retry_exceptions=False,
        artifacts=artifacts,
    )
    ledger.campaigns.begin(record.campaign_id, threads=1, workers=1)
    return record, register(ledger, record, "first")


def register(ledger: Ledger, record: CampaignRecord, name: str) -> int:
    return ledger.workers.register(record.campaign_id, name=name, host="here", pid=1, threads=1, cores="")


def tell(url: str, record: CampaignRecord, claim: SlotClaim) -> None:
    storage = CampaignStorage(url, grace=5)
    trial_id = storage.create_trial(claim, study_id=record.study_id, fixed_params={})
    optuna.load_study(study_name=record.study_name, storage=storage).tell(storage.get_trial(trial_id).number, 1.0)
    storage.close()


def test_each_campaign_of_a_name_has_a_folder_of_its_own(ledger: Ledger, url: str) -> None:
    first, worker = make(ledger, artifacts="/files/")
    assert first.artifacts == "/files/campaign"
    claim = ledger.slots.claim(first.campaign_id, worker)
    assert claim is not None
    tell(url, first, claim)
    assert ledger.slots.close(claim, cpu_seconds=0, artifacts="/files/campaign/0") is SlotState.SUCCEEDED
    assert [row.artifacts for row in ledger.slots.rows(first.campaign_id)] == ["/files/campaign/0", None]
    ledger.campaigns.archive("campaign")
    second, _ = make(ledger, artifacts="/files")
    assert second.artifacts == "/files/campaign@2"
    ledger.campaigns.archive("campaign")
    assert make(ledger, artifacts="abfs://files")[0].artifacts == "abfs://files/campaign"


def test_who_closes_a_slot_in_passing_is_told_so(ledger: Ledger, url: str) -> None:
    record, worker = make(ledger, artifacts="/files")
    closed: list[tuple[int, str | None]] = []

    def note(slot: int) -> None:
        closed.append((slot, ledger.slots.rows(record.campaign_id)[slot].error))

    told = ledger.slots.claim(record.campaign_id, worker)
    lost = ledger.slots.claim(record.campaign_id, worker)
    assert told is not None
    assert lost is not None
    tell(url, record, told)
    assert ledger.slots.trial_id(record.campaign_id, told.slot) is not None
    assert ledger.slots.trial_id(record.campaign_id, lost.slot) is None
    ledger.workers.bury(record.campaign_id, name="first", exit_code=-9, message="killed")
    second = register(ledger, record, "second")
    assert ledger.slots.claim(record.campaign_id, second, on_closed=note) is None
    assert closed == [
        (0, "its worker was lost before any files of the trial could be kept"),
        (1, "lost 1 times: its worker died or lost the database for longer than a lease"),
    ]
    assert [row.state for row in ledger.slots.rows(record.campaign_id)] == [SlotState.SUCCEEDED, SlotState.FAILED]
