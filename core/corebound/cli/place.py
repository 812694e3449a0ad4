"""Where a command looks: on this machine or in a cluster, and there in which context and namespace.

``corebound`` looks on this machine unless ``--cluster``, ``--context`` or ``--namespace`` says otherwise; as a plugin of
kubectl (``kubectl corebound``) it looks in the cluster unless ``--local`` does. Commands that exist only for a cluster need
no flag. What could go wrong: the package ``kubernetes`` is missing, which is said with how to install it.
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.cluster.campaigns import Campaigns

PLUGIN: Final = "kubectl-corebound"
CLUSTER_STATUSES: Final = {
    1: "the cluster refused, or a right is missing",
    2: "wrong use, or refused with the reason",
    75: "the cluster does not answer",
    130: "Ctrl-C (143: SIGTERM, 129: the terminal was closed)",
}
"""Of commands that exist for a cluster only."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """This machine, or a namespace of a cluster."""

    on_cluster: bool
    context: str | None = None
    namespace: str | None = None

    @property
    def flags(self) -> str:
        """What a user adds to another command to look at the same place, with a space before it."""
        named = [("--context", self.context), ("-n", self.namespace)]
        given = "".join(f" {flag} {value}" for flag, value in named if value)
        return given if given or is_plugin() or not self.on_cluster else " --cluster"


def is_plugin() -> bool:
    """Whether kubectl has called us."""
    return Path(sys.argv[0]).name == PLUGIN


def command_name() -> str:
    """How the user calls us."""
    return "kubectl corebound" if is_plugin() else "corebound"


def place_options(*, cluster_only: bool = False, default: str = "local") -> Callable[..., Any]:
    """Adds ``--cluster``, ``--local``, ``--context`` and ``--namespace``; the command gets them as ``place``."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def call(
            *arguments: Any, context: str | None, namespace: str | None, on_cluster: bool | None = None, **named: Any
        ) -> Any:
            if cluster_only:
                on_cluster = True
            elif on_cluster is None:
                on_cluster = default == "cluster" or is_plugin() or bool(context or namespace)
            elif not on_cluster and (context or namespace):
                from corebound.api.errors import UsageError

                raise UsageError("--context and --namespace name a place in a cluster; leave out --local")
            return command(
                *arguments, place=Place(on_cluster=on_cluster, context=context, namespace=namespace), **named
            )

        spaced = click.option("-n", "--namespace", help="A cluster's namespace; default: that of the context.")(call)
        named = click.option("--context", help="A cluster: this context of the kubeconfig; default: the current one.")(
            spaced
        )
        if cluster_only:
            return named
        otherwise = "this machine, or the cluster with --context or -n, or as kubectl corebound"
        where = "the cluster" if default == "cluster" else otherwise
        help_text = f"Look in a cluster, or on this machine. Default: {where}."
        return click.option("--cluster/--local", "on_cluster", default=None, help=help_text)(named)

    return add


def campaigns_at(place: Place) -> Campaigns:
    """The campaigns of the place's namespace. Raises :class:`ClusterUnreachableError` when no cluster is configured."""
    from corebound.api.errors import MissingRequirementError

    try:
        from corebound.cluster.campaigns import Campaigns
        from corebound.cluster.client import connect
        from corebound.cluster.configuration import current_namespace

        cluster = connect(context=place.context)
        namespace = place.namespace or current_namespace(context=place.context)
    except ModuleNotFoundError as error:
        raise MissingRequirementError(
            f"the package {error.name} is missing, which speaks to clusters; install it: pip install 'corebound[cluster]'"
        ) from error
    return Campaigns(cluster, namespace)
