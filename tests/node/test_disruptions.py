"""What happens to real pods: evicted, drained, killed for memory, stopped; nothing is lost, and it says why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..apiserver.cli_user import User

if TYPE_CHECKING:
    from pathlib import Path

    from ..apiserver.conftest import Campaigns
    from ..cluster.access import ClusterNode

# 90 steps of a tenth of a second, each a checkpoint: the file that the next attempt goes on from.
STEPS = """
step=$(cat "$COREBOUND_CHECKPOINT_DIR/step" 2>/dev/null || echo 0)
echo "begins at $step"
while [ "$step" -lt 90 ]; do
    step=$((step + 1))
    echo "$step" > "$COREBOUND_CHECKPOINT_DIR/next" && mv "$COREBOUND_CHECKPOINT_DIR/next" "$COREBOUND_CHECKPOINT_DIR/step"
    sleep 0.1
done
echo loss=$step
"""


def stepping(campaigns: Campaigns, name: str, **spec: Any) -> None:
    campaigns.apply(name, trials=2, trial={"command": ["sh", "-c", STEPS]}, checkpoint={"every": "1s"}, **spec)
    campaigns.wait(name, lambda status: status.get("trials", {}).get("running") == 2, "two trials to run")


def running_pods(campaigns: Campaigns, name: str) -> list[str]:
    return [pod["metadata"]["name"] for pod in campaigns.pods(name) if pod["status"]["phase"] == "Running"]


def rows(campaigns: Campaigns, name: str, folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = User(campaigns.plane.kubeconfig, campaigns.namespace, folder).json("results", name)
    return found


def test_an_evicted_pods_trial_goes_on_elsewhere(campaigns: Campaigns, tmp_path: Path) -> None:
    stepping(campaigns, "evicted")
    pod = running_pods(campaigns, "evicted")[0]
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": campaigns.namespace},
    }
    path = f"/api/v1/namespaces/{campaigns.namespace}/pods/{pod}/eviction"
    campaigns.plane.kubectl("create", "--raw", path, "-f", "-", text=json.dumps(eviction))
    status = campaigns.phase("evicted", "Succeeded", "Failed")
    assert status["phase"] == "Succeeded", status
    assert status["trials"]["succeeded"] == 2
    found = rows(campaigns, "evicted", tmp_path)
    assert sorted(row["attempts"] for row in found) == [1, 2]
    assert [row["values"]["loss"] for row in found] == [90.0, 90.0]


def test_a_drained_node_gives_its_trials_back(campaigns: Campaigns, node: ClusterNode, tmp_path: Path) -> None:
    stepping(campaigns, "drained")
    selector = "--pod-selector=corebound.dev/campaign=drained"
    try:
        node.plane.kubectl("drain", node.name, selector, "--delete-emptydir-data", "--force", "--timeout=100s")
        campaigns.wait(
            "drained", lambda _: campaigns.condition("drained", "Running")["reason"] == "Unschedulable", "it said"
        )
        assert "unschedulable" in campaigns.condition("drained", "Running")["message"]
    finally:
        node.plane.kubectl("uncordon", node.name)
    assert campaigns.phase("drained", "Succeeded", "Failed")["trials"]["succeeded"] == 2
    assert [row["attempts"] for row in rows(campaigns, "drained", tmp_path)] == [2, 2]


def test_a_trial_that_takes_too_much_memory_says_so(campaigns: Campaigns, user_image: str, tmp_path: Path) -> None:
    trial = {"image": user_image, "entrypoint": "train.py:hungry", "memory": "512Mi"}
    policy = {"maxFailedTrials": 1}
    campaigns.apply("hungry", trials=1, trial=trial, failurePolicy=policy)
    campaigns.phase("hungry", "Succeeded", "Failed")
    [row] = rows(campaigns, "hungry", tmp_path)
    assert row["state"] == "failed"
    assert "memory" in row["error"].lower(), row


def test_suspend_and_resume_go_on_from_the_checkpoints(campaigns: Campaigns, tmp_path: Path) -> None:
    stepping(campaigns, "paused")
    campaigns.patch("paused", suspend=True)
    campaigns.phase("paused", "Suspended")
    campaigns.until(lambda: not running_pods(campaigns, "paused"), "its pods to go")
    campaigns.patch("paused", suspend=False)
    assert campaigns.phase("paused", "Succeeded", "Failed")["trials"]["succeeded"] == 2
    found = rows(campaigns, "paused", tmp_path)
    assert [row["values"]["loss"] for row in found] == [90.0, 90.0]
    user = User(campaigns.plane.kubeconfig, campaigns.namespace, tmp_path)
    out, _ = user("logs", "paused", "0")
    begins = [int(line.rpartition(" ")[2]) for line in out.splitlines() if "begins at" in line]
    assert begins[-1] > 0, out


def test_an_image_that_is_nowhere_is_named(campaigns: Campaigns) -> None:
    campaigns.apply("typo", trials=1, trial={"command": ["true"], "image": "localhost/trail:1"})
    reasons = ("ErrImagePull", "ImagePullBackOff")
    campaigns.wait("typo", lambda _: campaigns.condition("typo", "Running")["reason"] in reasons, "it said")
    assert "localhost/trail:1" in campaigns.condition("typo", "Running")["message"]


def test_a_node_too_small_for_the_threads_is_said(campaigns: Campaigns) -> None:
    campaigns.apply("large", trials=1, threads=64, trial={"command": ["true"]})
    campaigns.wait("large", lambda status: "64" in status.get("message", ""), "it said")
    assert not campaigns.pods("large")
