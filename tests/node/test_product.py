"""A campaign on a real node: what its pods get, seen from outside, and what people read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ..apiserver.cli_user import User

if TYPE_CHECKING:
    from ..apiserver.conftest import Campaigns
    from .release import Release
    from .watching import SeenOfPod, Watch

WORKLOAD = {
    "workload": {"mode": "pure", "task": "double-pole", "population": 100, "generations": 12, "seeds": 2},
    "arguments": {"steps": 1000},
    "memory": "2Gi",
}
SEARCH = {
    "sampler": {"name": "random", "seed": 3},
    "parameters": [{"name": "mutation_power", "type": "float", "low": 0.01, "high": 2.0, "log": True}],
}
OBJECTIVES = [{"metric": "fitness", "direction": "maximize"}]


def watched_until_the_end(campaigns: Campaigns, watch: Watch, name: str) -> tuple[dict[str, Any], dict[str, SeenOfPod]]:
    """The status at the end, and what was seen of each pod's container by then."""
    while True:
        for pod in campaigns.pods(name):
            watch.add(pod["metadata"]["uid"])
        status = campaigns.status(name)
        if status.get("phase") in ("Succeeded", "Failed"):
            return status, watch.end()
        time.sleep(0.2)


@pytest.mark.parametrize(("threads", "workers"), [(1, 2), (2, 1)])
def test_every_trial_gets_its_cores_and_no_thread_too_many(
    campaigns: Campaigns, watch: Watch, tmp_path: Path, threads: int, workers: int
) -> None:
    cores = {"threads": threads, "parallelism": workers}
    spec = {**cores, "trials": 5, "objectives": OBJECTIVES, "search": SEARCH, "trial": WORKLOAD}
    name = f"poles-{threads}"
    campaigns.apply(name, **spec)
    status, seen = watched_until_the_end(campaigns, watch, name)
    assert status["phase"] == "Succeeded", status
    assert status["trials"]["done"] == status["trials"]["succeeded"] == 5
    assert status["plan"]["workers"] == workers
    assert len(seen) == workers
    for each in seen.values():
        assert each.quotas == {float(threads)}
        assert 1 <= max(each.at_work) <= threads, each.at_work

    user = User(campaigns.plane.kubeconfig, campaigns.namespace, tmp_path)
    rows = user.json("results", name)
    assert [row["state"] for row in rows] == ["succeeded"] * 5
    in_ledger = sum(row["cpu_seconds"] for row in rows)
    outside = sum(each.cpu_seconds for each in seen.values())
    # The containers also started Python and imported torch; the last look is up to half a second old.
    assert in_ledger <= outside + 0.5 * workers
    assert in_ledger >= outside - 12.0 * workers, (in_ledger, outside)

    table = campaigns.plane.kubectl("get", "searchcampaigns", "-n", campaigns.namespace)
    best = max(row["values"]["fitness"] for row in rows)
    shown = dict(zip(table.splitlines()[0].split(), table.splitlines()[1].split(), strict=False))
    assert float(shown["BEST"]) == pytest.approx(best, rel=1e-3)

    local = run_here(name, spec, tmp_path)
    assert [(row["params"], row["values"]) for row in rows] == [(row["params"], row["values"]) for row in local]


def run_here(name: str, spec: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """The same campaign on this machine."""
    manifest = {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": name},
        "spec": spec,
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(manifest), encoding="utf-8")
    program = str(Path(sys.executable).with_name("corebound"))
    environment = {**os.environ, "COREBOUND_HOME": str(folder / "here")}
    for words in (["run", "-f", str(path), "--quiet"], ["results", name, "--json"]):
        done = subprocess.run(
            [program, *words], env=environment, capture_output=True, text=True, timeout=280, check=True
        )
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def test_logs_and_events_are_readable(campaigns: Campaigns, release: Release, tmp_path: Path) -> None:
    campaigns.apply("readable", trials=2, trial={"command": ["sh", "-c", "echo at work; echo loss=0.5"]})
    campaigns.phase("readable", "Succeeded")
    user = User(campaigns.plane.kubeconfig, campaigns.namespace, tmp_path)
    out, _ = user("logs", "readable", "0")
    assert "at work" in out
    events = campaigns.plane.kubectl("events", "-n", campaigns.namespace, "--for", "searchcampaign/readable")
    assert "Succeeded" in events
    lines = [json.loads(line) for line in release.log.splitlines() if line.startswith("{")]
    said = [line["message"] for line in lines if line.get("campaign") == "readable"]
    assert said[0] == "JobCreated" and said[-1] == "Succeeded", said
    secrets = campaigns.plane.kubectl("get", "secret", "corebound-database", "-n", campaigns.namespace, "-o", "json")
    assert json.loads(secrets)["data"]["url"] not in release.log
