"""What the operator's reconcile loop does with many campaigns, on a real API server.

    PYTHONPATH=. python bench/reconcile.py [--single 30] [--burst 100] [--running 100 ...] [--workers 100]
                                           [--finished 1000 ...] [--old-jobs 5000] [--seconds 60]

One by one and all at once: from ``apply`` to the Job, on a watching client's clock. A new namespace: schema, role and tables
until the Job. The end: from the last closed slot to phase Succeeded. At work: campaigns whose ledgers close 50 slots a second
in all, the operator's CPU, memory, oldest reconcile and writes of the status. At rest: CPU and writes with finished campaigns
only. Several numbers of campaigns are measured one after the other. Start-up: until the first reconcile among finished
campaigns and old Jobs. There is no node: pods stay pending, workers are pretended in the ledger. What is beyond its limit in
``reconcile-limits.yaml`` is named at the end, with status 1; sizes above the defaults are measured, but not judged.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
from tests.cluster.control_plane import ControlPlane, running
from tests.cluster.costs import Costs
from tests.cluster.operator_process import OperatorProcess, running_operator

from corebound.cluster.client import Cluster, connect
from corebound.cluster.resources import CAMPAIGNS, JOBS, NAMESPACES
from corebound.ledger.ledger import Ledger, open_ledger
from corebound.ledger.storage import CampaignStorage
from corebound.ledger.tenancy import operator_url
from corebound.ledger.tenant import tenant_of
from corebound.local.postgres import EmbeddedPostgres
from corebound.planning.planner import CONNECTIONS_PER_WORKER
from limits import Limits
from pretended import Drive, close_all, old_job

if TYPE_CHECKING:
    from collections.abc import Iterator

CRD = Path(__file__).parents[1] / "crds" / "searchcampaigns.yaml"
LIMITS = Path(__file__).with_name("reconcile-limits.yaml")
SETTINGS = {"defaultPool": {"cpu": 128, "maxNodes": 1000}, "logFormat": "json"}
CLOSED_PER_SECOND = 50
WORKERS = 2
"""Of a campaign that is not said to have more."""
OTHERS = 50
"""Campaigns beside those that options count."""
OWN_CONNECTIONS = 300


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--single", type=int, default=30)
    parser.add_argument("--burst", type=int, default=100)
    parser.add_argument("--running", type=int, nargs="*", default=[100])
    parser.add_argument("--workers", type=int, default=100)
    parser.add_argument("--finished", type=int, nargs="*", default=[1000])
    parser.add_argument("--old-jobs", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    limits = Limits(LIMITS)
    # The operator makes no worker that the database has no connections for, though these never take any.
    workers = largest(options.running) * options.workers + WORKERS * (options.single + options.burst + OTHERS)
    connections = OWN_CONNECTIONS + CONNECTIONS_PER_WORKER * round(workers)
    with (
        tempfile.TemporaryDirectory(prefix="corebound-bench-") as name,
        stand(Path(name), limits, connections) as bench,
    ):
        bench.new_namespaces(5)
        if options.single:
            bench.one_by_one(options.single)
        if options.burst:
            bench.burst(options.burst)
        bench.last_close_to_phase(20)
        for campaigns in options.running:
            bench.at_work(campaigns, options.workers, options.seconds)
        for campaigns in options.finished:
            bench.at_rest(campaigns, options.seconds)
        if options.old_jobs:
            bench.start_up(options.old_jobs)
    sizes = {name: size for name, size in vars(options).items() if name != "seconds"}
    larger = [name for name, size in sizes.items() if largest(size) > largest(parser.get_default(name))]
    if larger:
        print(f"not judged: the limits are for no larger {', '.join(larger)} than the default")
        return 0
    return limits.status()


@contextlib.contextmanager
def stand(folder: Path, limits: Limits, connections: int) -> Iterator[Bench]:
    """A control plane, a database, the operator, and a client that watches Jobs."""
    with running(folder / "plane") as plane, EmbeddedPostgres(folder / "postgres").used(connections=connections) as url:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("CREATE ROLE operator LOGIN CREATEROLE")
            connection.execute("CREATE DATABASE campaigns OWNER operator")
        host = quote(str(EmbeddedPostgres(folder / "postgres").socket_folder), safe="")
        database = f"postgresql+psycopg://operator@/campaigns?host={host}"
        plane.install(CRD)
        with running_operator(plane, database=database, folder=folder / "operator", settings=SETTINGS) as operator:
            bench = Bench(plane, operator, database, limits)
            try:
                yield bench
            finally:
                bench.stopped.set()


class Bench:
    """Each method measures, prints and judges what belongs together."""

    def __init__(self, plane: ControlPlane, operator: OperatorProcess, database: str, limits: Limits) -> None:
        self.plane, self.operator, self.database, self.limits = plane, operator, database, limits
        self.cluster: Cluster = connect(kubeconfig=plane.kubeconfig)
        self.stopped = threading.Event()
        self.jobs_seen: dict[tuple[str, str], float] = {}
        self.phases_seen: dict[tuple[str, str, str], float] = {}
        self.status_writes = 0
        for target in (self._watch_jobs, self._watch_campaigns):
            threading.Thread(target=target, daemon=True).start()

    def new_namespaces(self, count: int) -> None:
        times = [self._apply_and_wait(self._namespace(f"new-{index}"), "first") for index in range(count)]
        show("first campaign of a new namespace, apply to Job", times, aim="5 s")
        self.limits.judge("seconds to the Job, in a new namespace", statistics.median(times))

    def one_by_one(self, count: int) -> None:
        namespace = self._namespace("single")
        self._apply_and_wait(namespace, "warm")
        times = [self._apply_and_wait(namespace, f"one-{index}") for index in range(count)]
        show("one by one, apply to Job", times, aim="p99 1 s")
        self.limits.judge("seconds to the Job, one by one", statistics.median(times))

    def burst(self, count: int) -> None:
        namespace = self._namespace("burst")
        self._apply_and_wait(namespace, "warm")
        names = [f"burst-{index}" for index in range(count)]
        costs = Costs(self.operator)
        with ThreadPoolExecutor(16) as pool:
            applied = dict(zip(names, pool.map(lambda name: self._apply(namespace, name), names), strict=True))
        wait(lambda: all((namespace, name) in self.jobs_seen for name in names), 300)
        asked = costs.requests
        times = [self.jobs_seen[namespace, name] - applied[name] for name in names]
        show(f"{count} at once, apply to Job", times, aim="p50 1 s, p99 5 s")
        self.limits.judge("seconds to the Job, at once", statistics.median(times))
        self._judge_requests("requests a campaign, at once", asked / count)

    def last_close_to_phase(self, count: int) -> None:
        namespace = self._namespace("ends")
        times = []
        for index in range(count):
            self._apply_and_wait(namespace, f"ends-{index}")
            with self._ledger(namespace) as (ledger, storage):
                closed = close_all(ledger, storage, f"ends-{index}")
            wait(lambda name=f"ends-{index}": (namespace, name, "Succeeded") in self.phases_seen, 60)
            times.append(self.phases_seen[namespace, f"ends-{index}", "Succeeded"] - closed)
        show("last slot closed to phase Succeeded", times, aim="p99 3 s")
        self.limits.judge("seconds to the phase", statistics.median(times))

    def at_work(self, campaigns: int, workers: int, seconds: float) -> None:
        namespace = self._namespace(f"work-{campaigns}")
        names = [f"work-{index}" for index in range(campaigns)]
        trials = max(workers * 3, round(CLOSED_PER_SECOND * seconds * 2 / campaigns))
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda name: self._apply(namespace, name, trials=trials, parallelism=workers), names))
        wait(lambda: all((namespace, name) in self.jobs_seen for name in names), 600)
        with self._ledger(namespace) as (ledger, storage):
            drive = Drive(ledger, storage, names, workers)
            drive.register()
            usage, writes, oldest = self._usage(), self.status_writes, 0.0
            costs = Costs(self.operator)
            began = time.monotonic()
            while (passed := time.monotonic() - began) < seconds:
                drive.close_until(round(passed * CLOSED_PER_SECOND))
                oldest = max(oldest, metric(self.operator.metrics(), "corebound_oldest_reconcile_seconds"))
                time.sleep(0.1)
        cores, memory = (self._usage() - usage) / seconds, self._memory()
        written, asked = (self.status_writes - writes) / seconds / campaigns, costs.requests / costs.turns
        print(
            f"{campaigns} running campaigns x {workers} workers, {drive.closed / seconds:.0f} closed slots/s for "
            f"{seconds:.0f} s: {cores:.2f} cores (aim 1), {memory:.0f} MiB (aim 200), longest reconcile {oldest:.2f} s "
            f"(aim 5), {written:.2f} status writes a second and campaign, {asked:.2f} requests a turn"
        )
        self.limits.judge("cores, running campaigns", cores)
        self.limits.judge("MiB, running campaigns", memory)
        self.limits.judge("longest turn, seconds", oldest)
        self.limits.judge("status writes a second and running campaign", written)
        self.limits.judge("requests a turn, running campaigns", asked)
        self.plane.kubectl("delete", "searchcampaigns", "--all", "-n", namespace, "--timeout=300s")

    def at_rest(self, campaigns: int, seconds: float) -> None:
        for earlier in {namespace for namespace, _ in self.jobs_seen}:
            self.plane.kubectl("delete", "searchcampaigns", "--all", "-n", earlier, "--timeout=300s")
        namespace = self._namespace(f"rest-{campaigns}")
        names = [f"rest-{index}" for index in range(campaigns)]
        costs = Costs(self.operator)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda name: self._apply(namespace, name, suspend=True), names))
        wait(lambda: all((namespace, name, "Suspended") in self.phases_seen for name in names), 900)
        self._judge_requests("requests a campaign made suspended", costs.requests / campaigns)
        with self._ledger(namespace) as (ledger, _):
            for name in names:
                record = ledger.campaigns.get(name)
                ledger.campaigns.close_out(record.campaign_id, reason="Measured", message="for the benchmark")
        for name in names:
            self.cluster.patch(CAMPAIGNS, name, {"spec": {"suspend": False}}, namespace=namespace)
        wait(lambda: all((namespace, name, "Failed") in self.phases_seen for name in names), 900)
        time.sleep(10)
        usage, writes, costs = self._usage(), self.status_writes, Costs(self.operator)
        time.sleep(seconds)
        cores, memory, asked = (self._usage() - usage) / seconds, self._memory(), costs.requests / campaigns
        writes = self.status_writes - writes
        print(
            f"{campaigns} finished campaigns at rest for {seconds:.0f} s: {cores:.2%} of a core (aim 1%), {writes} writes "
            f"(aim 0), {asked:.3f} requests a campaign, {memory:.0f} MiB"
        )
        self.limits.judge("cores at rest", cores)
        self.limits.judge("MiB at rest", memory)
        self.limits.judge("status writes at rest", writes)
        self.limits.judge("requests at rest, a campaign", asked)

    def start_up(self, old_jobs: int) -> None:
        """Old Jobs carry our labels and belong to campaigns that are gone."""
        namespace = self._namespace("old")
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda index: self.cluster.create(JOBS, old_job(namespace, index)), range(old_jobs)))
        self.operator.stop()
        self._apply(namespace, "awaited")
        began = time.monotonic()
        self.operator.start()
        wait(lambda: (namespace, "awaited") in self.jobs_seen, 300)
        passed = time.monotonic() - began
        print(f"start among the above and {old_jobs} old Jobs to a new Job: {passed:.1f} s (aim 10)")
        self.limits.judge("seconds to the first Job after a start", passed)

    def _judge_requests(self, figure: str, asked: float) -> None:
        print(f"{figure}: {asked:.1f}")
        self.limits.judge(figure, asked)

    def _apply_and_wait(self, namespace: str, name: str) -> float:
        applied = self._apply(namespace, name)
        wait(lambda: (namespace, name) in self.jobs_seen, 60)
        return self.jobs_seen[namespace, name] - applied

    def _apply(self, namespace: str, name: str, **spec: Any) -> float:
        began = time.monotonic()
        self.cluster.create(CAMPAIGNS, campaign(namespace, name, **spec))
        return began

    def _namespace(self, name: str) -> str:
        self.cluster.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name

    @contextlib.contextmanager
    def _ledger(self, namespace: str) -> Iterator[tuple[Ledger, CampaignStorage]]:
        found = self.cluster.get(NAMESPACES, namespace)
        assert found is not None
        tenant = tenant_of(namespace=namespace, namespace_uid=found["metadata"]["uid"])
        url = operator_url(self.database, tenant)
        with (
            open_ledger(url, application="bench", connections=4) as ledger,
            contextlib.closing(CampaignStorage(url)) as storage,
        ):
            yield ledger, storage

    def _watch_jobs(self) -> None:
        while not self.stopped.is_set():
            with contextlib.suppress(Exception):
                for _, job in self.cluster.watch(JOBS, seconds=300):
                    owner = job["metadata"].get("labels", {}).get("corebound.dev/campaign", "")
                    self.jobs_seen.setdefault((job["metadata"]["namespace"], owner), time.monotonic())

    def _watch_campaigns(self) -> None:
        while not self.stopped.is_set():
            with contextlib.suppress(Exception):
                for kind, found in self.cluster.watch(CAMPAIGNS, seconds=300):
                    self.status_writes += kind == "MODIFIED"
                    metadata, phase = found["metadata"], found.get("status", {}).get("phase")
                    if phase:
                        self.phases_seen.setdefault((metadata["namespace"], metadata["name"], phase), time.monotonic())

    def _usage(self) -> float:
        """CPU seconds of the operator's process so far."""
        assert self.operator.process is not None
        fields = Path(f"/proc/{self.operator.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _memory(self) -> float:
        """MiB of the operator's process."""
        assert self.operator.process is not None
        status = Path(f"/proc/{self.operator.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def campaign(namespace: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "trials": 4,
            "parallelism": WORKERS,
            "objectives": [{"metric": "loss", "direction": "minimize"}],
            "trial": {"command": ["true"]},
            **spec,
        },
    }


def largest(size: Any) -> float:
    """Of an option that is one number, or several."""
    return float(max(size, default=0) if isinstance(size, list) else size)


def metric(text: str, name: str) -> float:
    return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} ")), 0.0)


def show(what: str, times: list[float], *, aim: str) -> None:
    ordered = sorted(times)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
    print(json.dumps({"what": what, "n": len(times)})[1:-1], end="  ")
    print(f"p50 {statistics.median(times):.2f} s, p99 {p99:.2f} s, worst {ordered[-1]:.2f} s (aim {aim})", flush=True)


def wait(holds: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {seconds:.0f} s in vain: {inspect.getsource(holds).strip()}")
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())
