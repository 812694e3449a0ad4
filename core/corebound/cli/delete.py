"""``corebound delete``: a campaign's object in a cluster, and with ``--data`` what the ledger has of it.

With ``--data`` the object is held back, by a finalizer, from the moment it is deleted until its data is: the operator lets go
of it at once, but the namespace's login, which goes with its last campaign, is still there. What could go wrong: the database
cannot be reached; then the object waits, the same command goes on, and plain ``delete`` gives the data up. Data is never
deleted unasked: without a terminal ``--yes`` has to say it.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any, Final

import click

from corebound.cli.options import Reply, epilog, opened_ledger, reply_options, storage_option
from corebound.cli.place import Place, campaigns_at, command_name, place_options
from corebound.cli.reach import Way, way_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.cluster.campaigns import Campaigns
    from corebound.ledger.ledger import Ledger

GONE_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.5


@click.command(
    epilog=epilog(
        examples=[
            "corebound delete pole-balancing",
            "corebound delete pole-balancing --data",
            "corebound delete pole-balancing --data -n team-a --yes",
            "corebound delete pole-balancing --data --local    # of this machine's ledger",
        ],
        statuses={
            0: "deleted",
            1: "the database or the cluster refused",
            75: "the database or the cluster does not answer",
        },
    )
)
@click.argument("name")
@click.option("--data", is_flag=True, help="Delete its trials, checkpoints and study in the ledger, too.")
@click.option("--yes", is_flag=True, help="With --data: do not ask; needed without a terminal.")
@click.option("--uid", hidden=True, help="With --data --local: only if it is that campaign.")
@click.option("--of-namespace", hidden=True, help="With --data --local: only if it is of that namespace.")
@place_options(default="cluster")
@reply_options
@way_options
@storage_option
def delete(
    *,
    name: str,
    data: bool,
    yes: bool,
    uid: str | None,
    of_namespace: str | None,
    place: Place,
    reply: Reply,
    way: Way,
) -> None:
    """Delete campaign NAME from a cluster with its pods; its results stay in the ledger unless --data is given.

    --data asks first; without a terminal it needs --yes. Files that trials left below trial.artifacts are never deleted.
    """
    from corebound.api.errors import UsageError

    if not place.on_cluster and not data:
        raise UsageError("on this machine there is nothing but data to delete; add --data")
    if data and not yes:
        _ask(name)
    if not place.on_cluster:
        from corebound.planning.wording import count_text

        with opened_ledger(way.storage, application="corebound-delete") as ledger:
            trials = _delete_data(ledger, name, uid, of_namespace)
        lines = [f"deleted the data of {name}: {count_text(trials, 'trial')}"]
        _answer(name, reply, lines=lines, data=True, trials=trials)
        return
    campaigns = campaigns_at(place)
    if data:
        _with_data(campaigns, name, way, reply)
        return
    found = campaigns.get(name)
    campaigns.release(found)
    campaigns.delete(found)
    _wait_until_gone(campaigns, found)
    lines = [f"deleted {name} in namespace {campaigns.namespace}; its results stay in the ledger"]
    lines.append(f"see them with: {command_name()} results {name}{place.flags} (while the namespace has a campaign)")
    lines.append(f"delete them with: {command_name()} delete {name} --data{place.flags}")
    _answer(name, reply, lines=lines, data=False, namespace=campaigns.namespace)


def _with_data(campaigns: Campaigns, name: str, way: Way, reply: Reply) -> None:
    from corebound.cli.reach import ask_in_pod, check_pod, reached_ledger
    from corebound.planning.wording import count_text

    found = campaigns.find(name)
    uid = None if found is None else found["metadata"]["uid"]
    words = ["delete", name, "--data", "--yes", "--json", "--of-namespace", campaigns.namespace]
    words += ["--uid", uid] if uid else []
    with reached_ledger(campaigns, way, application="corebound-delete", reply=reply) as ledger:
        if ledger is None:
            # Before anything is done: would the pod be let in?
            check_pod(campaigns, found, way, words, reply)
        else:
            _check_ledger(ledger, name, found)
        with _held(campaigns, found, reply):
            if ledger is not None:
                trials = _delete_data(ledger, name, uid, campaigns.namespace)
            else:
                trials = json.loads(ask_in_pod(campaigns, name, way, words, reply))["trials"]
    if found is not None:
        _wait_until_gone(campaigns, found)
    what = f"{name} in namespace {campaigns.namespace}, and its data" if found is not None else f"the data of {name}"
    lines = [f"deleted {what}: {count_text(trials, 'trial')}"]
    _answer(name, reply, lines=lines, data=True, namespace=campaigns.namespace, trials=trials)


def _check_ledger(ledger: Ledger, name: str, found: dict[str, Any] | None) -> None:
    """Before anything is deleted: is this the campaign's ledger? Raises :class:`UnknownCampaignError`."""
    from uuid import UUID

    from corebound.api.errors import UnknownCampaignError

    if found is None:
        ledger.campaigns.get(name)
        return
    has_data = "trials" in found.get("status", {})
    if has_data and ledger.campaigns.find_uid(UUID(found["metadata"]["uid"])) is None:
        raise UnknownCampaignError(
            f"{ledger.public_url} has no data of this {name}, so it is another database; leave out --storage and "
            "COREBOUND_DATABASE_URL, or add --pod"
        )


@contextlib.contextmanager
def _held(campaigns: Campaigns, found: dict[str, Any] | None, reply: Reply) -> Iterator[None]:
    """Deleted, but held back until the block has ended well."""
    if found is None:
        yield
        return
    name = found["metadata"]["name"]
    campaigns.hold(found)
    try:
        campaigns.delete(found)
        yield
    except BaseException:
        reply.warn(
            f"{name} waits to be deleted until its data is: repeat the command, or give the data up with: "
            f"{command_name()} delete {name}"
        )
        raise
    campaigns.release(found)


def _delete_data(ledger: Ledger, name: str, uid: str | None, namespace: str | None) -> int:
    """How many trials it had; a campaign that never came into the ledger had none.

    In a ledger that all namespaces share, another namespace's campaign of that name is let alone.
    """
    from uuid import UUID

    from corebound.api.errors import CampaignConflictError

    if uid is not None:
        record = ledger.campaigns.find_uid(UUID(uid))
        if record is None:
            return 0
    else:
        record = ledger.campaigns.get(name)
        its = record.specification["metadata"].get("namespace")
        if namespace is not None and its not in (None, namespace):
            raise CampaignConflictError(f"{name} in this ledger is a campaign of namespace {its}, not of {namespace}")
        if ledger.campaigns.attended(record):
            raise CampaignConflictError(f"{name} is being run; stop it first, then delete its data")
    ledger.campaigns.delete(record.campaign_id)
    return record.trials


def _wait_until_gone(campaigns: Campaigns, found: dict[str, Any]) -> None:
    from corebound.api.errors import ClusterUnreachableError

    name, uid = found["metadata"]["name"], found["metadata"]["uid"]
    deadline = time.monotonic() + GONE_SECONDS
    while (current := campaigns.find(name)) is not None and current["metadata"]["uid"] == uid:
        if time.monotonic() > deadline:
            holders = ", ".join(current["metadata"].get("finalizers") or []) or "the cluster's garbage collector"
            raise ClusterUnreachableError(f"{name} is deleted but still there: it waits for {holders}")
        time.sleep(LOOK_SECONDS)


def _ask(name: str) -> None:
    """Of a person at a terminal, whatever the form of the answer. Raises :class:`UsageError` where nobody can be asked."""
    import sys

    from corebound.api.errors import UsageError

    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            f"--data deletes all trials and checkpoints of {name} for good, and there is no terminal to ask at; add --yes"
        )
    click.confirm(f"delete all trials and checkpoints of {name} for good?", abort=True, err=True)


def _answer(name: str, reply: Reply, *, lines: list[str], data: bool, **more: Any) -> None:
    reply.outcome({"deleted": name, "data": data, **more}, lines, short=lines[:1])
