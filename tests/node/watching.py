"""``containers.py`` at work on the node: a pod there that sees the node's processes and control groups, and may only read.

The same on a node of our own and on a given cluster's. A test writes UIDs of pods and gets what was seen of them. What could
go wrong: a namespace that does not take such a pod (Pod Security ``privileged`` is needed for processes and folders of the
node), or a node where reading is forbidden all the same; the program's own words are the error.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..cluster.access import NODE_NAMESPACE
from ..cluster.build import program

if TYPE_CHECKING:
    from ..cluster.access import Access, ClusterNode

NAME: Final = "watcher"
GROUPS: Final = "/node/cgroup"
SOURCE: Final = Path(__file__).with_name("containers.py")


@dataclass(frozen=True)
class SeenOfPod:
    """What was seen of one pod's container."""

    quotas: frozenset[float]
    """In cores."""
    at_work: list[int]
    """Threads at work in each interval of half a second."""
    cpu_seconds: float


class Watch:
    """The program while it runs in the pod."""

    def __init__(self, plane: Access) -> None:
        inside = (
            "exec",
            "-i",
            NAME,
            "-n",
            NODE_NAMESPACE,
            "--",
            "python",
            "-c",
            SOURCE.read_text(encoding="utf-8"),
            GROUPS,
        )
        self._process = subprocess.Popen(
            [str(program("kubectl")), f"--kubeconfig={plane.kubeconfig}", *inside],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._told: set[str] = set()

    def add(self, pod_uid: str) -> None:
        """Look at this pod from now on."""
        if pod_uid not in self._told:
            self._told.add(pod_uid)
            print(pod_uid, file=self._process.stdin, flush=True)

    def end(self) -> dict[str, SeenOfPod]:
        """What was seen, by the pod's UID."""
        out, err = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, err
        found = {}
        for each in map(json.loads, out.splitlines()):
            found[each["pod"]] = SeenOfPod(frozenset(each["quotas"]), each["at_work"], each["cpu_seconds"])
        return found

    def kill(self) -> None:
        """Also where nobody asked what was seen."""
        self._process.kill()
        self._process.communicate()


def start_watcher(node: ClusterNode) -> None:
    """The pod in which the program is started. It goes with its namespace."""
    node.plane.make_namespace(NODE_NAMESPACE, enforce="privileged")
    container = {
        "name": NAME,
        "image": node.images.trial,
        "command": ["sleep", "infinity"],
        "resources": {"requests": {"cpu": "0"}},
        "securityContext": {
            "runAsUser": 0,
            "runAsGroup": 0,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "cgroup", "mountPath": GROUPS, "readOnly": True}],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "namespace": NODE_NAMESPACE},
        "spec": {
            "nodeName": node.name,
            "hostPID": True,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            "volumes": [{"name": "cgroup", "hostPath": {"path": "/sys/fs/cgroup"}}],
        },
    }
    node.plane.kubectl("apply", "-f", "-", text=json.dumps(pod))
    node.plane.kubectl("wait", f"pod/{NAME}", "-n", NODE_NAMESPACE, "--for=condition=Ready", "--timeout=120s")
