"""A campaign's object and its record in the ledger kept in step: made, grown, or set apart from an earlier one.

An object that was deleted and made again under the same name has another UID: what the ledger knows of the earlier one is
closed and kept as ``NAME@1``, and a new study begins. What could go wrong: an immutable field that was edited where the API
server could not see it (a CRD older than the operator); it is refused here, by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from corebound.api.errors import CampaignConflictError
from corebound.api.immutability import immutable_changes
from corebound.api.loading import campaign_from_mapping
from corebound.api.reasons import ReasonWord

if TYPE_CHECKING:
    from corebound.api.records import CampaignRecord
    from corebound.api.spec import SearchCampaign
    from corebound.ledger.ledger import Ledger


def ledger_record(ledger: Ledger, campaign: SearchCampaign, *, uid: str, heartbeat_seconds: float) -> CampaignRecord:
    """The record of this very object.

    Raises :class:`CampaignConflictError`, :class:`WarmStartError`, :class:`StorageError`.
    """
    name = campaign.metadata.name
    found = ledger.campaigns.find(name)
    if found is not None and str(found.uid) != uid:
        _refuse_anothers(found, campaign)
        message = "the campaign was deleted, and another one of its name was made"
        ledger.campaigns.close_out(found.campaign_id, reason=ReasonWord.REPLACED, message=message)
        ledger.campaigns.archive(name)
        found = None
    if found is None:
        return _created(ledger, campaign, uid=uid, heartbeat_seconds=heartbeat_seconds)
    if found.specification["spec"] != campaign.to_mapping()["spec"]:
        return _updated(ledger, found, campaign)
    return found


def _refuse_anothers(found: CampaignRecord, campaign: SearchCampaign) -> None:
    """In shared mode all namespaces have one ledger: another namespace's campaign of that name is not to be replaced."""
    before, now = found.specification["metadata"].get("namespace"), campaign.metadata.namespace
    if before != now:
        raise CampaignConflictError(
            f"namespace {before} has a campaign {found.name!r} in the same database (database.isolation: shared); give this "
            "one another name"
        )


def _created(ledger: Ledger, campaign: SearchCampaign, *, uid: str, heartbeat_seconds: float) -> CampaignRecord:
    spec, warm_start = campaign.spec, None
    if spec.search.warm_start is not None:
        study = spec.search.warm_start.study
        warm_start = ledger.campaigns.warm_start(study, called=study, objectives=spec.objectives, search=spec.search)
    return ledger.campaigns.create_of(
        campaign,
        uid=UUID(uid),
        heartbeat_seconds=heartbeat_seconds,
        warm_start=warm_start,
        artifacts=spec.trial.artifacts,
    )


def _updated(ledger: Ledger, found: CampaignRecord, campaign: SearchCampaign) -> CampaignRecord:
    changes = immutable_changes(campaign_from_mapping(found.specification), campaign)
    if changes:
        raise CampaignConflictError(
            f"these fields cannot change: {', '.join(changes)}; set them back, or make a campaign of another name"
        )
    ledger.campaigns.update(found.campaign_id, specification=campaign.to_mapping(), trials=campaign.spec.trials)
    return ledger.campaigns.get(campaign.metadata.name)
