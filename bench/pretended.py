"""What is pretended: workers in the ledger, which claim slots, tell their trials a value and close them, and old Jobs.

What could go wrong: a campaign whose slots are all closed; the figures would then be of campaigns at rest.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from corebound.api.records import SlotState

if TYPE_CHECKING:
    from corebound.api.records import CampaignRecord
    from corebound.ledger.ledger import Ledger
    from corebound.ledger.storage import CampaignStorage


class Drive:
    """Pretended workers that hold slots and close them at a steady rate."""

    def __init__(self, ledger: Ledger, storage: CampaignStorage, names: list[str], workers: int) -> None:
        self.ledger, self.storage, self.workers, self.closed = ledger, storage, workers, 0
        self.records = [ledger.campaigns.get(name) for name in names]
        self.ids: dict[int, int] = {}

    def register(self) -> None:
        for record in self.records:
            for index in range(self.workers):
                self.ids[record.campaign_id] = self.ledger.workers.register(
                    record.campaign_id, name=f"w{index}", host="pretended", pid=index, threads=1, cores=""
                )

    def close_until(self, total: int) -> None:
        while self.closed < total:
            record = self.records[self.closed % len(self.records)]
            if not run_one(self.ledger, self.storage, record, self.ids[record.campaign_id]):
                raise SystemExit(f"{record.name} has no open slot left: the figures would be of campaigns at rest")
            self.closed += 1


def run_one(ledger: Ledger, storage: CampaignStorage, record: CampaignRecord, worker: int) -> bool:
    """Claim a slot, tell its trial a value and close it; False where none is left."""
    claim = ledger.slots.claim(record.campaign_id, worker)
    if claim is None:
        return False
    storage.bind(claim)
    trial_id = storage.create_trial(claim, study_id=record.study_id, fixed_params={})
    storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [1.0])
    ledger.slots.close(claim, cpu_seconds=1.0)
    return True


def close_all(ledger: Ledger, storage: CampaignStorage, name: str) -> float:
    """Close every slot of the campaign; the moment of the last."""
    record = ledger.campaigns.get(name)
    worker = ledger.workers.register(record.campaign_id, name="w", host="pretended", pid=1, threads=1, cores="")
    while run_one(ledger, storage, record, worker):
        pass
    assert not ledger.summaries.of(record).counts.get(SlotState.OPEN)
    return time.monotonic()


def old_job(namespace: str, index: int) -> dict[str, Any]:
    labels = {"app.kubernetes.io/managed-by": "corebound", "corebound.dev/campaign": f"gone-{index % 500}"}
    container = {"name": "trial", "image": "none"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"old-{index}", "namespace": namespace, "labels": labels},
        "spec": {"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }
