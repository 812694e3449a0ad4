"""``corebound-operator``: everything put together, until SIGTERM.

What could go wrong before anything runs: no cluster, no database address, settings with a misspelt name, a CRD that is not
installed or of another version; each is said in one line, with exit status 2 (or 75 when waiting may help).
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from corebound.cluster.client import Cluster
    from corebound_operator.build.settings import Settings

logger = logging.getLogger(__name__)

PORT: Final = 8080


@click.command(
    epilog="\b\nExamples:\n"
    "  KUBECONFIG=~/.kube/config COREBOUND_DATABASE_URL=postgresql://... corebound-operator --config operator.yaml\n"
    "\b\nExit status:\n  0  asked to stop\n  2  wrong settings, or a CRD of another version\n"
    " 75  no cluster that answers, or it has no SearchCampaigns yet"
)
@click.option("--config", type=click.Path(path_type=Path), help="The operator's settings as YAML.")
@click.option("--context", help="Context of the kubeconfig; default: the pod's service account, else the current one.")
@click.option("--port", default=PORT, show_default=True, help="Port of /healthz, /readyz and /metrics.")
def command(*, config: Path | None, context: str | None, port: int) -> None:
    """Watch SearchCampaigns and run them on this cluster.

    The database's address comes from COREBOUND_DATABASE_URL, where no process list shows its password.
    """
    from corebound.api.errors import UsageError
    from corebound.cluster.client import connect
    from corebound_operator.build.settings import load_settings
    from corebound_operator.wiring.logs import configure_logs

    settings = load_settings(config)
    configure_logs(settings.log_format)
    database = os.environ.get("COREBOUND_DATABASE_URL")
    if not database:
        raise UsageError("COREBOUND_DATABASE_URL is not set; expected postgresql://user:password@host:port/database")
    run(connect(context=context), settings, database=database, port=port)


def run(cluster: Cluster, settings: Settings, *, database: str, port: int) -> None:
    """Until SIGTERM or Ctrl-C."""
    from corebound_operator.loop.databases import Databases
    from corebound_operator.loop.loop import Loop
    from corebound_operator.loop.namespaces import Namespaces
    from corebound_operator.loop.pools import Pools
    from corebound_operator.loop.queue import WorkQueue
    from corebound_operator.loop.reconciler import Reconciler
    from corebound_operator.loop.recorder import Recorder
    from corebound_operator.loop.retention import Retention
    from corebound_operator.wiring.handlers import registry
    from corebound_operator.wiring.handlers import settings as kopf_settings
    from corebound_operator.wiring.metrics import Metrics
    from corebound_operator.wiring.serving import Serving
    from corebound_operator.wiring.watching import watch

    queue = WorkQueue()
    metrics = Metrics(queue)
    cluster.connection.observe = metrics.requested
    namespaces = Namespaces(cluster)
    databases = Databases(cluster, database, namespaces, isolation=settings.isolation)
    recorder = Recorder(cluster, instance=socket.gethostname())
    reconciler = Reconciler(
        cluster=cluster,
        databases=databases,
        namespaces=namespaces,
        pools=Pools(cluster, settings),
        recorder=recorder,
        settings=settings,
        observe=metrics.saw,
        looked=metrics.looked,
    )

    loop = Loop(
        queue=queue,
        reconcile=reconciler.reconcile,
        cluster=cluster,
        namespaces=settings.namespaces,
        resync_seconds=settings.resync_seconds,
        collect=Retention(
            cluster, databases, namespaces=settings.namespaces, days=settings.ledger_retention_days
        ).collect,
        observe=metrics.turn,
    )
    # kopf looks for the kinds it watches once, at its start.
    loop.check_definition()
    serving = Serving(
        port=port,
        registry=metrics.registry,
        trouble=loop.trouble,
        synced=loop.synced,
        ask_database=databases.ask,
        asked=metrics.asked,
    )
    serving.start()
    recorder.start()
    loop.start()
    logger.info("the operator runs")
    try:
        handlers = registry(queue=queue, objects=reconciler.objects, cluster=cluster)
        watch(handlers, kopf_settings(), cluster, settings.namespaces)
    finally:
        serving.stop()
        loop.stop()
        recorder.stop()
        databases.close()


def main() -> None:
    """The console script: errors of ours as one line, without a stack."""
    from corebound.api.errors import CoreboundError
    from corebound.garbage import collect_seldom

    collect_seldom()
    try:
        command(standalone_mode=False)
    except CoreboundError as error:
        sys.stderr.write(f"corebound-operator: {error}\n")
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
