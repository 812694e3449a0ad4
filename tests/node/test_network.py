"""The chart's NetworkPolicies where something keeps them: what trials reach, and who reaches the database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ..cluster.real_node import ADDRESS

if TYPE_CHECKING:
    from ..apiserver.conftest import Campaigns
    from ..cluster.images import Images
    from ..cluster.real_node import RealNode
    from .release import Release

pytestmark = pytest.mark.needs("own-node")
REACHING = """
import socket, sys, time

def reach(host, port):
    try:
        socket.create_connection((host, int(port)), 3).close()
    except OSError as error:
        print(host, port, error)
        return False
    return True

for target in sys.argv[1:]:
    # A new pod is not held to anything for the moment that its policy takes.
    for attempt in range(3):
        time.sleep(1)
        reached = reach(*target.split(":"))
    print("reached" if reached else "refused", target)
print("loss=0.5")
"""


def test_trials_reach_what_the_chart_opens_and_nothing_else(
    campaigns: Campaigns, release: Release, node: RealNode
) -> None:
    database = f"{release.prefix}-postgresql.{release.namespace}:5432"
    api_server = f"{ADDRESS}:{node.plane.port}"
    policies = {**release.values["networkPolicies"], "trialNamespaces": [campaigns.namespace]}
    there = [{"ipBlock": {"cidr": f"{ADDRESS}/32"}}]
    opened = {"egress": [{"to": there, "ports": [{"port": node.plane.port, "protocol": "TCP"}]}]}
    try:
        release.upgrade(networkPolicies=policies)
        assert reached(campaigns, "shut", database, api_server) == {database}
        release.upgrade(networkPolicies=policies, trialDefaults=opened)
        assert reached(campaigns, "open", database, api_server) == {database, api_server}
    finally:
        release.upgrade()


def reached(campaigns: Campaigns, name: str, *targets: str) -> set[str]:
    """Those that a trial reaches. Names are resolved, so DNS is reached, too."""
    campaigns.apply(name, trials=1, trial={"command": ["python", "-c", REACHING, *targets]})
    status = campaigns.phase(name, "Succeeded", "Failed")
    assert status["phase"] == "Succeeded", status
    labels = f"corebound.dev/campaign={name}"
    said = campaigns.plane.kubectl("logs", "-n", campaigns.namespace, "-l", labels, "--tail=-1")
    return {line.split()[1] for line in said.splitlines() if line.startswith("reached ")}


def test_no_stranger_reaches_the_database(campaigns: Campaigns, release: Release, images: Images) -> None:
    database = f"{release.prefix}-postgresql.{release.namespace}:5432"
    resources = {"cpu": "100m", "memory": "64Mi"}
    container = {
        "name": "stranger",
        "image": images.trial,
        "imagePullPolicy": "Never",
        "command": ["python", "-c", REACHING, database],
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stranger", "namespace": campaigns.namespace},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
        },
    }
    kubectl = campaigns.plane.kubectl
    kubectl("apply", "-f", "-", text=json.dumps(pod))
    kubectl(
        "wait", "pod/stranger", "-n", campaigns.namespace, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s"
    )
    assert f"refused {database}" in kubectl("logs", "stranger", "-n", campaigns.namespace)
