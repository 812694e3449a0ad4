"""The ways from a user to the ledger of a cluster's namespace, in the order in which they are tried.

By its address (``--storage``, COREBOUND_DATABASE_URL); by a port that the API server forwards (``--port-forward``), with the
login of the namespace's Secret; by a one-shot pod in the namespace (``--pod``), which needs neither. What could go wrong:
none of them is open, which is said with the right that is missing.
"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from corebound.cli.options import server_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from corebound.cli.options import Reply
    from corebound.cluster.campaigns import Campaigns
    from corebound.cluster.one_shot import OneShotPods
    from corebound.ledger.ledger import Ledger

PORT_FORWARD: Final = "port-forward"
POD: Final = "pod"


@dataclass(frozen=True, kw_only=True)
class Way:
    """How to reach a cluster's database."""

    storage: str | None
    chosen: str | None
    image: str | None
    """Of the one-shot pod."""

    @property
    def url(self) -> str | None:
        """The database's address, where one is given."""
        return None if self.chosen else server_url(self.storage)


def way_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--port-forward``, ``--pod`` and ``--image`` to a command that has ``--storage``; it gets them as ``way``."""

    @functools.wraps(command)
    def call(
        *arguments: Any, storage: str | None, port_forward: bool, pod: bool, image: str | None, **named: Any
    ) -> Any:
        if port_forward + pod + (storage is not None) > 1:
            from corebound.api.errors import UsageError

            raise UsageError("--storage, --port-forward and --pod are three ways to one database; choose one of them")
        chosen = PORT_FORWARD if port_forward else POD if pod or image else None
        return command(*arguments, way=Way(storage=storage, chosen=chosen, image=image), **named)

    forward = click.option(
        "--port-forward",
        is_flag=True,
        help="A cluster: reach its database through the API server, with your own rights.",
    )
    pod = click.option("--pod", is_flag=True, help="A cluster: ask in a one-shot pod in the campaign's namespace.")
    image = click.option("--image", help="A cluster: image of that pod; default: the one that the trials run in.")
    return forward(pod(image(call)))


@contextlib.contextmanager
def reached_ledger(campaigns: Campaigns, way: Way, *, application: str, reply: Reply) -> Iterator[Ledger | None]:
    """The namespace's ledger; None where it is to be asked in a pod."""
    from corebound.api.errors import ClusterError, ClusterRefusedError, ClusterUnreachableError
    from corebound.ledger.ledger import open_ledger

    if way.url is not None:
        with open_ledger(_looking_at(campaigns, way.url), application=application) as ledger:
            yield ledger
        return
    with contextlib.ExitStack() as stack:
        url = None
        if way.chosen == PORT_FORWARD or (way.chosen is None and _may_forward(campaigns)):
            try:
                url = stack.enter_context(_forwarded(campaigns))
            except ClusterUnreachableError:
                raise
            except ClusterError as error:
                if way.chosen == PORT_FORWARD:
                    raise
                # That a tenant may not forward ports where the database runs is the rule, and no news.
                if not (isinstance(error, ClusterRefusedError) and error.status == 403):
                    reply.note(f"no port can be forwarded to the database: {error}")
        yield None if url is None else stack.enter_context(open_ledger(url, application=application))


def ask_in_pod(campaigns: Campaigns, name: str, way: Way, words: Sequence[str], reply: Reply) -> bytes:
    """What ``corebound WORDS`` prints in a pod of the namespace; where it fails, we end with its words and status."""
    pods = _pods(campaigns, reply)
    answer = pods.run(pods.manifest([*words, "--local"], campaign=campaigns.find(name), image=way.image))
    if answer.status:
        said = answer.errors.decode(errors="replace")
        if reply.as_json:
            import json

            found = {"error": said.removeprefix("error: ").rstrip(), "kind": "PodError", "exit_code": answer.status}
            click.echo(json.dumps(found))
        click.echo(said, err=True, nl=False)
        raise click.exceptions.Exit(answer.status)
    return answer.output


def check_pod(campaigns: Campaigns, found: dict[str, Any] | None, way: Way, words: Sequence[str], reply: Reply) -> None:
    """Whether such a pod would be let in; nothing is made."""
    pods = _pods(campaigns, reply)
    pods.check(pods.manifest([*words, "--local"], campaign=found, image=way.image))


def _pods(campaigns: Campaigns, reply: Reply) -> OneShotPods:
    from corebound.cluster.one_shot import OneShotPods

    return OneShotPods(campaigns.cluster, campaigns.namespace, say=reply.note)


def _looking_at(campaigns: Campaigns, url: str) -> str:
    """The address as it is, or, for the operator's own login, looking at the namespace's schema."""
    from corebound.api.errors import StorageError
    from corebound.cluster.resources import NAMESPACES
    from corebound.ledger.tenancy import operator_url, tenants

    found = [tenant for tenant in tenants(url) if tenant.namespace == campaigns.namespace]
    if len(found) > 1:
        namespace = campaigns.cluster.get(NAMESPACES, campaigns.namespace) or {"metadata": {"uid": None}}
        found = [tenant for tenant in found if tenant.namespace_uid == namespace["metadata"]["uid"]]
        if not found:
            raise StorageError(f"none of the schemas of namespace {campaigns.namespace} is that of the present one")
    return operator_url(url, found[0]) if found else url


def _may_forward(campaigns: Campaigns) -> bool:
    """Whether it is worth trying: the user may read the login. Where the database runs is known only from that."""
    from corebound.api.jobs import DATABASE_SECRET
    from corebound.cluster.resources import SECRETS

    return campaigns.cluster.may("get", SECRETS, namespace=campaigns.namespace, name=DATABASE_SECRET)


@contextlib.contextmanager
def _forwarded(campaigns: Campaigns) -> Iterator[str]:
    """The address of the namespace's login, through a local port."""
    import base64

    from corebound.api.errors import ClusterError
    from corebound.api.jobs import DATABASE_KEY, DATABASE_SECRET
    from corebound.cluster.port_forward import POSTGRES_PORT, forwarded, target_of
    from corebound.cluster.resources import SECRETS
    from corebound.cluster.rights import needing
    from corebound.ledger.connection import database_url

    with needing("get", f"secret {DATABASE_SECRET}", namespace=campaigns.namespace):
        secret = campaigns.cluster.get(SECRETS, DATABASE_SECRET, namespace=campaigns.namespace)
    if secret is None:
        raise ClusterError(
            f"namespace {campaigns.namespace} has no Secret {DATABASE_SECRET}: no campaign of it has come as far as the "
            "database, or the last one was deleted"
        )
    url = database_url(base64.b64decode(secret["data"][DATABASE_KEY]).decode())
    host, port = url.host or "", url.port or POSTGRES_PORT
    target = target_of(campaigns.cluster, host=host, port=port, namespace=campaigns.namespace)
    if target is None:
        where = f"the database is at {host!r}" if host else "the database's address names no host"
        raise ClusterError(f"{where}, which is no Service of the cluster; use --storage, or --pod")
    with forwarded(campaigns.cluster, target) as local:
        # The name stays, so that a certificate is still checked against it; only the way is another.
        ours = url.set(host=host, port=local).update_query_dict({"hostaddr": "127.0.0.1"})
        yield ours.render_as_string(hide_password=False)
