"""kopf's watches, kept up: of the whole cluster, or of a list of namespaces.

What could go wrong: a namespace of the list is deleted, and our rights in it with it. kopf ends altogether then; the others
are watched anew, and that one is looked at by the resync alone until the operator starts again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import kopf

from corebound.api.errors import ClusterRefusedError, ClusterUnreachableError
from corebound.cluster.resources import CAMPAIGNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corebound.cluster.client import Cluster

logger = logging.getLogger(__name__)


def watch(
    handlers: kopf.OperatorRegistry, settings: kopf.OperatorSettings, cluster: Cluster, namespaces: Sequence[str]
) -> None:
    """Until a signal ends it. Without ``namespaces`` the whole cluster is watched."""
    served = _served(cluster, namespaces)
    while True:
        try:
            asyncio.run(
                kopf.operator(
                    registry=handlers,
                    settings=settings,
                    standalone=True,
                    clusterwide=not namespaces,
                    namespaces=served,
                )
            )
        except Exception:
            before, served = served, _served(cluster, namespaces)
            if served == before:
                raise
            logger.warning("watches what is left", extra={"namespaces": ", ".join(served)})
        else:
            return


def _served(cluster: Cluster, namespaces: Sequence[str]) -> list[str]:
    """Those of the list that may be watched now. Raises :class:`ClusterUnreachableError` when none of them may."""
    served = [name for name in namespaces if _may_watch(cluster, name)]
    if namespaces and not served:
        raise ClusterUnreachableError(
            f"none of the namespaces {', '.join(namespaces)} can be served; expected each of them to be there, with the "
            "operator's Role and RoleBinding"
        )
    return served


def _may_watch(cluster: Cluster, namespace: str) -> bool:
    try:
        next(cluster.each(CAMPAIGNS, namespace=namespace), None)
    except ClusterRefusedError as error:
        logger.warning("a namespace cannot be served", extra={"namespace": namespace, "error": str(error)})
        return False
    return True
