"""``corebound submit``: a campaign's file into a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from corebound.cli.options import Reply, epilog, reply_options
from corebound.cli.place import CLUSTER_STATUSES, Place, campaigns_at, command_name, place_options

if TYPE_CHECKING:
    from corebound.api.spec import SearchCampaign
    from corebound.cluster.campaigns import Campaigns


@click.command(
    epilog=epilog(
        examples=[
            "corebound submit -f campaign.yaml",
            "corebound submit -f campaign.yaml -n team-a --watch",
            "corebound submit -f campaign.yaml --wait --json    # the outcome, for a program",
            "corebound submit -f campaign.yaml --dry-run        # ask the cluster, change nothing",
        ],
        statuses={
            0: "submitted; with --watch or --wait: the campaign succeeded",
            1: "with --watch or --wait: the campaign failed; or the cluster refused, or a right is missing",
            3: "with --watch or --wait: the campaign is suspended",
        },
        shared=CLUSTER_STATUSES,
    )
)
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path),
    required=True,
    help="The campaign's YAML file; - reads standard input.",
)
@click.option("--watch", is_flag=True, help="Show how it is doing, until it is over.")
@click.option("--wait", is_flag=True, help="Wait until it is over, without showing how it is doing.")
@click.option("--dry-run", is_flag=True, help="Let the cluster check it, and change nothing.")
@click.option("--force", is_flag=True, help="Take fields over that another program manages.")
@place_options(cluster_only=True)
@reply_options
def submit(*, file: Path, watch: bool, wait: bool, dry_run: bool, force: bool, place: Place, reply: Reply) -> None:
    """Create a campaign in a cluster, or change the one of its name.

    The file is checked as corebound run -f checks it, and applied as kubectl apply --server-side does: fields that it does
    not set stay as they are. What changes results cannot change; trials may grow.
    """
    from corebound.api.errors import UsageError
    from corebound.api.loading import load_manifest, name_of
    from corebound.planning.placeholders import misspelt_placeholders

    if dry_run and (watch or wait):
        raise UsageError("--dry-run changes nothing that could be watched or waited for")
    campaign, manifest = load_manifest(file)
    for text in misspelt_placeholders(campaign.spec):
        reply.warn(text)
    own = campaign.metadata.namespace
    if own and place.namespace and own != place.namespace:
        raise UsageError(
            f"{name_of(file)}: metadata.namespace: found {own!r}, but -n says {place.namespace!r}; leave one of them out"
        )
    place = Place(on_cluster=True, context=place.context, namespace=place.namespace or own)
    campaigns = campaigns_at(place)
    before = campaigns.find(campaign.metadata.name)
    if before is not None:
        _check_changes(before, campaign, campaigns.namespace)
    after = campaigns.apply(manifest, force=force, dry_run=dry_run)
    done = _what_was_done(before, after)
    said = f"{campaign.metadata.name} {done}" + (" (dry run: nothing was changed)" if dry_run else "")
    if watch or wait:
        reply.note(f"{said} in namespace {campaigns.namespace}")
        _until_over(campaigns, campaign.metadata.name, reply, shown=watch)
    name = campaign.metadata.name
    found = {"campaign": name, "namespace": campaigns.namespace, "done": done, "dry_run": dry_run}
    found |= {"uid": after["metadata"].get("uid"), "warnings": reply.warnings}
    lines = [f"{said} in namespace {campaigns.namespace}"]
    if not dry_run:
        lines.append(f"see it with: {command_name()} watch {name}{place.flags}")
    reply.outcome(found, lines, short=[said])


def _check_changes(before: dict[str, Any], campaign: SearchCampaign, namespace: str) -> None:
    """Refuse what cannot change, by name."""
    from corebound.api.errors import CampaignConflictError, SpecError
    from corebound.api.immutability import immutable_changes
    from corebound.api.loading import campaign_from_mapping

    try:
        existing = campaign_from_mapping(before)
    except SpecError:
        return  # of another version; the server knows what may change
    changes = immutable_changes(existing, campaign)
    if changes:
        raise CampaignConflictError(
            f"{campaign.metadata.name} exists already in namespace {namespace} and these fields cannot change: "
            f"{', '.join(changes)}; set them back, or give the new campaign another name"
        )


def _what_was_done(before: dict[str, Any] | None, after: dict[str, Any]) -> str:
    if before is None:
        return "created"
    was, now = before["spec"], after["spec"]
    if was == now and before["metadata"].get("labels") == after["metadata"].get("labels"):
        return "unchanged"
    if was["trials"] != now["trials"]:
        return f"changed: grows from {was['trials']} to {now['trials']} trials"
    return "changed"


def _until_over(campaigns: Campaigns, name: str, reply: Reply, *, shown: bool) -> None:
    """Ends the command with the exit status of the phase."""
    import sys

    from corebound.cli.following import answer, follow, status_of
    from corebound.reporting.display import Display

    with Display(quiet=not (shown and reply.shows_progress), stream=sys.stderr) as display:
        views = follow(campaigns, name, display=display, until=lambda seen: all(view.is_ended for view in seen))
    answer(views, reply, none="", warnings=reply.warnings)
    raise click.exceptions.Exit(status_of(views[0]))
