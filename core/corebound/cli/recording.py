"""The campaign in the ledger: new, carried on, grown, or refused because it is another one.

What could go wrong: something immutable was edited, or the files that the campaign names are another project's, which
happens to have one of that name; both are said, with ``--fresh`` as the remedy, and change nothing.
"""

from __future__ import annotations

import filecmp
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corebound.api.records import CampaignRecord
    from corebound.api.spec import SearchCampaign
    from corebound.ledger.ledger import Ledger
    from corebound.ledger.warm_start import WarmStart


def recorded(
    ledger: Ledger, campaign: SearchCampaign, folder: Path, *, fresh: bool
) -> tuple[CampaignRecord, list[str]]:
    """The campaign's record, and what there is to say of it. Raises :class:`CampaignConflictError` for another campaign."""
    found = ledger.campaigns.find(campaign.metadata.name)
    if found is None or fresh:
        return _created(ledger, campaign, folder, replaced=found)
    return _carried_on(ledger, campaign, folder, found)


def _created(
    ledger: Ledger, campaign: SearchCampaign, folder: Path, *, replaced: CampaignRecord | None
) -> tuple[CampaignRecord, list[str]]:
    from corebound.local.artifacts import resolved

    name, artifacts, news = campaign.metadata.name, campaign.spec.trial.artifacts, []
    # Read before anything is renamed or made: what is refused here changes nothing.
    warm_start = _warm_start(ledger, campaign, kept=ledger.campaigns.archive_name(name) if replaced else None)
    if replaced is not None:
        news.append(f"the earlier study is kept as {ledger.campaigns.archive(name)}")
    if warm_start is not None:
        news.append(warm_start.line)
    created = ledger.campaigns.create_of(
        campaign,
        heartbeat_seconds=_heartbeat_seconds(),
        warm_start=warm_start,
        artifacts=None if artifacts is None else resolved(artifacts, folder=folder),
        folder=os.path.realpath(folder),
    )
    return created, news


def _carried_on(
    ledger: Ledger, campaign: SearchCampaign, folder: Path, found: CampaignRecord
) -> tuple[CampaignRecord, list[str]]:
    from corebound.api.errors import CampaignConflictError
    from corebound.api.immutability import immutable_changes
    from corebound.api.loading import campaign_from_mapping
    from corebound.api.records import Phase

    name, trials = campaign.metadata.name, campaign.spec.trials
    changes = immutable_changes(campaign_from_mapping(found.specification), campaign)
    if changes:
        raise CampaignConflictError(
            f"{name} exists already and these fields cannot change: {', '.join(changes)}; set them back, give this "
            "campaign another name, or start a new study with --fresh (the old one is kept)"
        )
    _check_same_project(found, campaign, folder)
    done, news = ledger.summaries.of(found).done, []
    specification = campaign.to_mapping()
    ledger.campaigns.update(
        found.campaign_id, specification=specification, trials=trials, folder=os.path.realpath(folder)
    )
    if trials > found.trials:
        news.append(f"{name} grows from {found.trials} to {trials} trials")
    elif found.phase.is_final:
        return found, [f"{name} is finished already ({done}/{found.trials}); --fresh starts a new study"]
    news.append(f"carrying on {name}: {done}/{trials} slots are closed")
    return replace(found, phase=Phase.RUNNING, trials=trials, specification=specification), news


def _check_same_project(found: CampaignRecord, campaign: SearchCampaign, folder: Path) -> None:
    """Two projects with a ``train.py`` each must not write into one study; a moved or copied project may go on."""
    from corebound.api.errors import CampaignConflictError
    from corebound.local.entrypoints import own_files

    if found.folder is None or found.folder == os.path.realpath(folder):
        return
    for name in own_files(campaign.spec, folder):
        there, here = Path(found.folder, name), Path(folder, name)
        if _differ(there, here):
            raise CampaignConflictError(
                f"{found.name} exists already and was run with {there}, which is another file than {here}; "
                "go to that folder to carry it on, or give this campaign another name (--name, or metadata.name of a file), "
                "or start a new study with --fresh (the old one is kept)"
            )


def _differ(there: Path, here: Path) -> bool:
    try:
        return there.is_file() and not filecmp.cmp(there, here, shallow=False)
    except OSError:  # somebody else's folder, which cannot be looked into
        return False


def _warm_start(ledger: Ledger, campaign: SearchCampaign, *, kept: str | None) -> WarmStart | None:
    """What there is to learn from; ``kept`` is the name that the campaign of this name will get, if there is one."""
    from corebound.api.errors import WarmStartError

    spec, name = campaign.spec, campaign.metadata.name
    if spec.search.warm_start is None:
        return None
    study = spec.search.warm_start.study
    if study == name:
        remedy = f"write {kept}, the name of the study that this one replaces" if kept else "name an earlier study"
        raise WarmStartError(f"search.warmStart.study: {name!r} is this campaign itself; {remedy}")
    source = name if study == kept else study
    return ledger.campaigns.warm_start(source, called=study, objectives=spec.objectives, search=spec.search)


def _heartbeat_seconds() -> float:
    """How often a worker of a new campaign says that it lives."""
    import math

    from corebound.api.errors import UsageError
    from corebound.ledger.campaigns import HEARTBEAT_SECONDS

    text = os.environ.get("COREBOUND_HEARTBEAT_SECONDS", str(HEARTBEAT_SECONDS))
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UsageError(f"COREBOUND_HEARTBEAT_SECONDS is {text!r}, expected a number of seconds above 0; or unset it")
    return seconds
