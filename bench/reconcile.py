"""What the operator's reconcile loop does with many campaigns, on a real API server.

    PYTHONPATH=. python bench/reconcile.py [--single 30] [--burst 100] [--running 100 ...] [--workers 100]
                                           [--finished 1000 ...] [--old-jobs 5000] [--seconds 60]

One by one and all at once: from ``apply`` to the Job, on a watching client's clock. A new namespace: schema, role and tables
until the Job. The end: from the last closed slot to phase Succeeded. At work: campaigns whose ledgers close 50 slots a second
in all, the operator's CPU, memory, oldest reconcile and writes of the status. At rest: CPU and writes with finished campaigns
only. Several numbers of campaigns are measured one after the other. Start-up: until the first reconcile among finished
campaigns and old Jobs. There is no node: pods stay pending, workers are pretended in the ledger.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import json
import os
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
from optuna.trial import TrialState
from tests.cluster.control_plane import ControlPlane, running
from tests.cluster.operator_process import OperatorProcess, running_operator

from corebound.api.records import SlotState
from corebound.cluster.client import Cluster, connect
from corebound.cluster.resources import CAMPAIGNS, JOBS, NAMESPACES
from corebound.ledger.ledger import Ledger, open_ledger
from corebound.ledger.storage import CampaignStorage
from corebound.ledger.tenancy import operator_url
from corebound.ledger.tenant import tenant_of
from corebound.local.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.records import CampaignRecord

CRD = Path(__file__).parents[1] / "crds" / "searchcampaigns.yaml"
SETTINGS = {"defaultPool": {"cpu": 128, "maxNodes": 1000}, "logFormat": "json"}
CLOSED_PER_SECOND = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--single", type=int, default=30)
    parser.add_argument("--burst", type=int, default=100)
    parser.add_argument("--running", type=int, nargs="*", default=[100])
    parser.add_argument("--workers", type=int, default=100)
    parser.add_argument("--finished", type=int, nargs="*", default=[1000])
    parser.add_argument("--old-jobs", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="corebound-bench-") as name, stand(Path(name)) as bench:
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


@contextlib.contextmanager
def stand(folder: Path) -> Iterator[Bench]:
    """A control plane, a database, the operator, and a client that watches Jobs."""
    with running(folder / "plane") as plane, EmbeddedPostgres(folder / "postgres").used(connections=300) as url:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("CREATE ROLE operator LOGIN CREATEROLE")
            connection.execute("CREATE DATABASE campaigns OWNER operator")
        host = quote(str(EmbeddedPostgres(folder / "postgres").socket_folder), safe="")
        database = f"postgresql+psycopg://operator@/campaigns?host={host}"
        plane.install(CRD)
        with running_operator(plane, database=database, folder=folder / "operator", settings=SETTINGS) as operator:
            bench = Bench(plane, operator, database)
            try:
                yield bench
            finally:
                bench.stopped.set()


class Bench:
    """Each method measures and prints one figure."""

    def __init__(self, plane: ControlPlane, operator: OperatorProcess, database: str) -> None:
        self.plane, self.operator, self.database = plane, operator, database
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

    def one_by_one(self, count: int) -> None:
        namespace = self._namespace("single")
        self._apply_and_wait(namespace, "warm")
        times = [self._apply_and_wait(namespace, f"one-{index}") for index in range(count)]
        show("one by one, apply to Job", times, aim="p99 1 s")

    def burst(self, count: int) -> None:
        namespace = self._namespace("burst")
        self._apply_and_wait(namespace, "warm")
        names = [f"burst-{index}" for index in range(count)]
        with ThreadPoolExecutor(16) as pool:
            applied = dict(zip(names, pool.map(lambda name: self._apply(namespace, name), names), strict=True))
        wait(lambda: all((namespace, name) in self.jobs_seen for name in names), 300)
        times = [self.jobs_seen[namespace, name] - applied[name] for name in names]
        show(f"{count} at once, apply to Job", times, aim="p50 1 s, p99 5 s")

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
            began = time.monotonic()
            while (passed := time.monotonic() - began) < seconds:
                drive.close_until(round(passed * CLOSED_PER_SECOND))
                oldest = max(oldest, metric(self.operator.metrics(), "corebound_oldest_reconcile_seconds"))
                time.sleep(0.1)
        spent = self._usage() - usage
        print(
            f"{campaigns} running campaigns x {workers} workers, {drive.closed / seconds:.0f} closed slots/s for "
            f"{seconds:.0f} s: {spent / seconds:.2f} cores (aim 1), {self._memory() / 2**20:.0f} MiB (aim 200), longest "
            f"reconcile {oldest:.2f} s (aim 5), {(self.status_writes - writes) / seconds / campaigns:.2f} status "
            "writes a second and campaign"
        )
        self.plane.kubectl("delete", "searchcampaigns", "--all", "-n", namespace, "--timeout=300s")

    def at_rest(self, campaigns: int, seconds: float) -> None:
        for earlier in {namespace for namespace, _ in self.jobs_seen}:
            self.plane.kubectl("delete", "searchcampaigns", "--all", "-n", earlier, "--timeout=300s")
        namespace = self._namespace(f"rest-{campaigns}")
        names = [f"rest-{index}" for index in range(campaigns)]
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda name: self._apply(namespace, name, suspend=True), names))
        wait(lambda: all((namespace, name, "Suspended") in self.phases_seen for name in names), 900)
        with self._ledger(namespace) as (ledger, _):
            for name in names:
                record = ledger.campaigns.get(name)
                ledger.campaigns.close_out(record.campaign_id, reason="Measured", message="for the benchmark")
        for name in names:
            self.cluster.patch(CAMPAIGNS, name, {"spec": {"suspend": False}}, namespace=namespace)
        wait(lambda: all((namespace, name, "Failed") in self.phases_seen for name in names), 900)
        time.sleep(10)
        usage, writes = self._usage(), self.status_writes
        time.sleep(seconds)
        spent = self._usage() - usage
        print(
            f"{campaigns} finished campaigns at rest for {seconds:.0f} s: {spent / seconds:.2%} of a core (aim 1%), "
            f"{self.status_writes - writes} writes (aim 0), {self._memory() / 2**20:.0f} MiB"
        )

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
        print(f"start among the above and {old_jobs} old Jobs to a new Job: {time.monotonic() - began:.1f} s (aim 10)")

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

    def _memory(self) -> int:
        assert self.operator.process is not None
        status = Path(f"/proc/{self.operator.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024


class Drive:
    """Pretended workers that hold slots and close them at a steady rate."""

    def __init__(self, ledger: Ledger, storage: CampaignStorage, names: list[str], workers: int) -> None:
        self.ledger, self.storage, self.workers, self.closed = ledger, storage, workers, 0
        self.records = [ledger.campaigns.get(name) for name in names]
        self.ids: dict[int, int] = {}

    def register(self) -> None:
        for record in self.records:
            for index in range(self.workers):
                self.ids[record.campaign_id] = self.ledger.workers.register(
                    record.campaign_id, name=f"w{index}", host="pretended", pid=index, threads=1, cores=""
                )

    def close_until(self, total: int) -> None:
        while self.closed < total:
            record = self.records[self.closed % len(self.records)]
            if not run_one(self.ledger, self.storage, record, self.ids[record.campaign_id]):
                raise SystemExit(f"{record.name} has no open slot left: the figures would be of campaigns at rest")
            self.closed += 1


def run_one(ledger: Ledger, storage: CampaignStorage, record: CampaignRecord, worker: int) -> bool:
    """Claim a slot, tell its trial a value and close it; False where none is left."""
    claim = ledger.slots.claim(record.campaign_id, worker)
    if claim is None:
        return False
    storage.bind(claim)
    trial_id = storage.create_trial(claim, study_id=record.study_id, fixed_params={})
    storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [1.0])
    ledger.slots.close(claim, cpu_seconds=1.0)
    return True


def close_all(ledger: Ledger, storage: CampaignStorage, name: str) -> float:
    """Close every slot of the campaign; the moment of the last."""
    record = ledger.campaigns.get(name)
    worker = ledger.workers.register(record.campaign_id, name="w", host="pretended", pid=1, threads=1, cores="")
    while run_one(ledger, storage, record, worker):
        pass
    assert not ledger.summaries.of(record).counts.get(SlotState.OPEN)
    return time.monotonic()


def campaign(namespace: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "trials": 4,
            "parallelism": 2,
            "objectives": [{"metric": "loss", "direction": "minimize"}],
            "trial": {"command": ["true"]},
            **spec,
        },
    }


def old_job(namespace: str, index: int) -> dict[str, Any]:
    labels = {"app.kubernetes.io/managed-by": "corebound", "corebound.dev/campaign": f"gone-{index % 500}"}
    container = {"name": "trial", "image": "none"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"old-{index}", "namespace": namespace, "labels": labels},
        "spec": {"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }


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
    main()
