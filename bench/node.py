"""What a user waits for on a real node: the installation, the first trial, the first generation.

    PYTHONPATH=. python bench/node.py [--rounds 3]

As root on Debian: the node is started as the tests start theirs, from images built of the Dockerfile. Each round installs
the chart, applies a campaign and uninstalls. Seconds: ``helm install --wait``; from ``kubectl apply`` to the first running
trial, on a polling client's clock; from the start of the worker's process to its first report, beside ``import torch,
optuna`` in the same kind of pod. Everything shares two cores with the control plane.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import socket
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from tests.cluster.images import build_images
from tests.cluster.real_node import running_node
from tests.node.containers import containers
from tests.node.release import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.real_node import RealNode

NAMESPACE = "bench"
NAME = "first"
TRIAL = {
    "workload": {"mode": "pure", "task": "double-pole", "population": 100, "generations": 40, "seeds": 2},
    "memory": "2Gi",
}
CAMPAIGN = {
    "apiVersion": "corebound.dev/v1alpha1",
    "kind": "SearchCampaign",
    "metadata": {"name": NAME, "namespace": NAMESPACE},
    "spec": {
        "trials": 1,
        "threads": 1,
        "objectives": [{"metric": "fitness", "direction": "maximize"}],
        "search": {
            "sampler": {"name": "random", "seed": 1},
            "parameters": [{"name": "mutation_power", "type": "float", "low": 0.1, "high": 2.0}],
        },
        "trial": TRIAL,
    },
}
IMPORTS = "import time; began = time.time(); import torch, optuna; print(time.time() - began)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    images = build_images()
    figures: dict[str, list[float]] = defaultdict(list)
    with running_node(images) as node:
        release = Release(node)
        node.plane.kubectl("create", "namespace", NAMESPACE)
        for _ in range(options.rounds):
            for name, figure in one_round(node, release, images.trial).items():
                figures[name].append(figure)
    print(f"{'seconds, median (min-max)':52}")
    for name, found in figures.items():
        print(f"{name:52} {statistics.median(found):6.1f} ({min(found):.1f}-{max(found):.1f})")


def one_round(node: RealNode, release: Release, trial_image: str) -> dict[str, float]:
    """Every figure once."""
    began = time.monotonic()
    release.install()
    figures = {"helm install --wait": time.monotonic() - began}
    with database(node, release) as connection:
        began = time.monotonic()
        node.plane.kubectl("apply", "-f", "-", text=json.dumps(CAMPAIGN))
        until(lambda: status(node).get("trials", {}).get("running"))
        figures["kubectl apply to the first running trial"] = time.monotonic() - began
        started = worker_started(node)
        until(lambda: reports(connection))
        figures["worker's process to its first report"] = time.time() - started
    figures["import torch, optuna in such a pod"] = imports(node, trial_image)
    node.plane.kubectl("delete", "searchcampaign", NAME, "-n", NAMESPACE)
    release.uninstall()
    # Helm does not wait for the pods, and those of the next round have the same names.
    until(lambda: not json.loads(node.plane.kubectl("get", "pods", "-n", release.namespace, "-o", "json"))["items"])
    return figures


def status(node: RealNode) -> dict[str, Any]:
    found = node.plane.kubectl("get", "searchcampaign", NAME, "-n", NAMESPACE, "-o", "json")
    return dict(json.loads(found).get("status") or {})


def worker_started(node: RealNode) -> float:
    """When the container's first process was started, in seconds of the wall clock."""
    found = json.loads(
        node.plane.kubectl("get", "pods", "-n", NAMESPACE, "-l", f"corebound.dev/campaign={NAME}", "-o", "json")
    )
    uid = next(pod["metadata"]["uid"] for pod in found["items"] if pod["status"]["phase"] == "Running")
    ticks = []
    for container in containers(uid):
        for pid in (container.group / "cgroup.procs").read_text().split():
            ticks.append(int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]))
    return time.time() - float(Path("/proc/uptime").read_text().split()[0]) + min(ticks) / 100


def imports(node: RealNode, image: str) -> float:
    """The imports alone, in a pod with one core, too."""
    resources = {"cpu": "1", "memory": "2Gi"}
    container = {
        "name": "imports",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["python", "-c", IMPORTS],
        "resources": {"requests": resources, "limits": resources},
    }
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "imports", "namespace": NAMESPACE},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    node.plane.kubectl("apply", "-f", "-", text=json.dumps(manifest))
    pod = ("pod", "imports", "-n", NAMESPACE)
    node.plane.kubectl("wait", *pod, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s")
    said = node.plane.kubectl("logs", "imports", "-n", NAMESPACE)
    node.plane.kubectl("delete", *pod)
    return float(said)


@contextlib.contextmanager
def database(node: RealNode, release: Release) -> Iterator[psycopg.Connection[Any]]:
    """A connection through a forwarded port, as the operator's login."""
    secret = (
        "get",
        "secret",
        f"{release.prefix}-postgresql",
        "-n",
        release.namespace,
        "-o",
        "jsonpath={.data.password}",
    )
    password = base64.b64decode(node.plane.kubectl(*secret)).decode()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    service = [f"service/{release.prefix}-postgresql", f"{port}:5432", "-n", release.namespace]
    command = [str(node.plane.program("kubectl")), f"--kubeconfig={node.plane.kubeconfig}", "port-forward", *service]
    with tempfile.TemporaryFile() as said, subprocess.Popen(command, stdout=said, stderr=said) as forward:
        try:
            until(lambda: _answers(port))
            url = f"postgresql://corebound:{password}@127.0.0.1:{port}/corebound"
            with psycopg.connect(url, autocommit=True) as connection:
                yield connection
        finally:
            forward.terminate()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def reports(connection: psycopg.Connection[Any]) -> int:
    """Reports of the campaign that runs, in whichever schema it is: rounds before it were of other objects."""
    found = 0
    table = "trial_intermediate_values"
    for (schema,) in connection.execute("SELECT schemaname FROM pg_tables WHERE tablename = %s", (table,)).fetchall():
        query = sql.SQL(
            "SELECT count(*) FROM {}.trial_intermediate_values v JOIN {}.trials t USING (trial_id) WHERE t.state = 'RUNNING'"
        ).format(*[sql.Identifier(schema)] * 2)
        found += sum(count for (count,) in connection.execute(query))
    return found


def until(holds: Callable[[], object], *, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit("waited too long")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
