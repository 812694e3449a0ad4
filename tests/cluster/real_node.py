"""One real node with its control plane, in namespaces of its own: containerd, runc, kubelet, kube-proxy, CoreDNS,
and kube-router, which keeps NetworkPolicies.

Everything runs behind one first process (``pause``) that has its own network, mounts and process ids; a pair of virtual
interfaces leads there. So whatever a failed run leaves ends with that process: containers, mounts, bridge, packet filters
and addresses. Only control groups belong to the machine; they are removed at the start and at the end. What could go wrong:
a second node at the same time (its control groups have the same names: a lock), a program that does not start (the end of
its log is in the error).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import control_groups
from .build import cache, program
from .control_plane import ControlPlane, Place, end, end_with_parent, running, start
from .images import archived

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .images import Images

ADDRESS: Final = "10.250.0.1"
TESTS_ADDRESS: Final = "10.250.0.2"
PODS: Final = "10.244.0.0/24"
NAME: Final = "node-1"
DOMAIN: Final = "cluster.local"
START_SECONDS: Final = 120.0
CGROUPS: Final = Path("/sys/fs/cgroup")
POD_GROUPS: Final = "kubepods"
WITHOUT: Final = ("horizontal-pod-autoscaler-controller",)
POSTGRESQL_USER: Final = 999
"""Of the embedded database's container."""


@dataclass(frozen=True, kw_only=True)
class RealNode:
    """A running one with its cluster."""

    plane: ControlPlane
    folder: Path
    images: Images
    enter: tuple[str, ...]
    """The command that starts another one on the node."""
    name: str = NAME

    @property
    def values(self) -> dict[str, Any]:
        """DNS and the API server are no pods here, and its port is whatever was free."""
        dns = {"ipBlocks": [{"cidr": f"{ADDRESS}/32"}]}
        return {"networkPolicies": {"apiServerPorts": [443, self.plane.port], "dns": dns}}

    def runs(self, *command: str, check: bool = True) -> str:
        """What ``command`` prints on the node."""
        done = subprocess.run([*self.enter, *command], capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: {done.stderr or done.stdout}")
        return done.stdout

    def has(self, reference: str) -> bool:
        """Whether this image is on the node."""
        return reference in self.runs(*self._ctr(), "images", "ls", "-q").split()

    def take(self, reference: str) -> str:
        """Bring an image that was built here to the node, under its name; nothing is pulled from anywhere.

        What it had of the same name from earlier runs goes: nobody will ask for that again.
        """
        if self.has(reference):
            return reference
        held = frozenset(self.runs(*self._ctr(), "content", "ls", "-q").split())
        with archived(reference, without=held) as archive:
            self.runs(*self._ctr(), "images", "import", str(archive))
        repository = reference.rpartition(":")[0]
        known = self._known()
        old = {name for name in known if name.startswith(f"{repository}:") and name != reference}
        kept = {digest for name, digest in known.items() if name not in old and not _is_digest(name)}
        # The kubelet's side of containerd names each image once more, by what it is.
        old |= {name for name, digest in known.items() if _is_digest(name) and digest not in kept}
        if old:
            self.runs(*self._ctr(), "images", "rm", "--sync", *sorted(old))
        return reference

    def _known(self) -> dict[str, str]:
        """The digest of each image, by its name."""
        _, *lines = self.runs(*self._ctr(), "images", "ls").splitlines()
        return {name: digest for name, _, digest, *_ in map(str.split, lines)}

    def _ctr(self) -> tuple[str, ...]:
        return ("ctr", "-a", str(self.folder / "containerd.sock"), "-n", "k8s.io")

    def volume(self, name: str, *, owner: int) -> None:
        """A volume that a claim without a class of its own gets."""
        folder = self.folder / "volumes" / name
        folder.mkdir(parents=True)
        os.chown(folder, owner, owner)
        manifest = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "capacity": {"storage": "10Gi"},
                "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": STORAGE_CLASS["metadata"]["name"],
                "hostPath": {"path": str(folder)},
            },
        }
        self.plane.kubectl("apply", "-f", "-", text=json.dumps(manifest))


def _is_digest(name: str) -> bool:
    return name.startswith("sha256:")


STORAGE_CLASS: Final[dict[str, Any]] = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "folders", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "kubernetes.io/no-provisioner",
}


@contextlib.contextmanager
def running_node(images: Images) -> Iterator[RealNode]:
    """A cluster of one node that has ``images`` and a volume for a database; ended on leaving.

    Raises AssertionError when it does not get ready.
    """
    kept = cache() / "containerd"
    kept.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as leaving, (kept / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _remove_groups()
        # Short, for the sockets in it: a Unix address has 107 bytes.
        folder = Path(tempfile.mkdtemp(prefix="corebound-node-"))
        leaving.callback(shutil.rmtree, folder, ignore_errors=True)
        leaving.callback(_remove_groups)
        process, first = _own_namespaces(folder, leaving)
        network = ("nsenter", f"--target={first}", "--net")
        everything = ("nsenter", f"--target={first}", "--net", "--mount", "--pid")
        processes: list[subprocess.Popen[bytes]] = []
        leaving.callback(lambda: [end(each) for each in processes])
        place = Place(address=ADDRESS, enter=network, without=WITHOUT, use="node")
        plane = leaving.enter_context(running(folder / "plane", place))
        # Before the API server is asked to end: it would wait for the kubelet's connections.
        leaving.callback(_kill, process)
        node = RealNode(plane=plane, folder=folder, images=images, enter=everything)
        _write_files(node, kept=kept, pause=images.pause)
        processes.append(_start_containerd(node))
        for reference in images.all():
            node.take(reference)
        processes.append(start(folder, program("coredns"), [f"-conf={folder / 'Corefile'}"], everything))
        processes.append(start(folder, plane.program("kube-proxy"), _proxy_options(plane), everything))
        kubelet = [f"--config={folder / 'kubelet.json'}", f"--kubeconfig={plane.kubeconfig}"]
        kubelet += [f"--node-ip={ADDRESS}", f"--hostname-override={NAME}", f"--root-dir={folder / 'kubelet'}"]
        processes.append(start(folder, plane.program("kubelet"), kubelet, everything))
        until(lambda: _is_ready(plane, processes), "the node to be ready", folder)
        # It ends where it finds no node of this name.
        policies = [f"--kubeconfig={plane.kubeconfig}", f"--hostname-override={NAME}"]
        processes.append(start(folder, program("kube-router"), policies, everything))
        until(lambda: "-j" in node.runs(*POLICY_RULES, check=False), "kube-router's rules", folder)
        plane.kubectl("apply", "-f", "-", text=json.dumps(STORAGE_CLASS))
        node.volume("results", owner=POSTGRESQL_USER)
        yield node


def _own_namespaces(folder: Path, leaving: contextlib.ExitStack) -> tuple[subprocess.Popen[bytes], int]:
    """What holds the new namespaces, and the process id, here, of their first process."""
    enter = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    process = subprocess.Popen(
        [*enter, str(program("pause"))], stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=end_with_parent
    )
    leaving.callback(_kill, process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until(lambda: children.read_text().split(), "the node's first process", folder)
    first = int(children.read_text().split()[0])
    until(lambda: Path(f"/proc/{first}/exe").resolve().name == "pause", "the node's namespaces", folder)
    here, there = f"cb{secrets.token_hex(3)}", "tests"
    inside = ["nsenter", f"--target={first}", "--net"]
    for command in (
        ["ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", str(first)],
        ["ip", "address", "add", f"{TESTS_ADDRESS}/30", "dev", here],
        ["ip", "link", "set", here, "up"],
        [*inside, "ip", "link", "set", "lo", "up"],
        [*inside, "ip", "address", "add", f"{ADDRESS}/30", "dev", there],
        [*inside, "ip", "link", "set", there, "up"],
        # A way out, though to nowhere: without it the kubelet finds no address of its own.
        [*inside, "ip", "route", "add", "default", "via", TESTS_ADDRESS],
        [*inside, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"],
    ):
        subprocess.run(command, check=True)
    return process, first


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The first process, and with it all others of its namespace."""
    process.kill()
    process.wait()


def _write_files(node: RealNode, *, kept: Path, pause: str) -> None:
    folder = node.folder
    (folder / "containerd.toml").write_text(
        CONTAINERD.format(root=kept, folder=folder, pause=pause, number=CONTAINERD_NUMBER), encoding="utf-8"
    )
    (folder / "cni").mkdir()
    (folder / "cni" / "10-bridge.conflist").write_text(json.dumps(NETWORK), encoding="utf-8")
    (folder / "Corefile").write_text(
        COREFILE.format(address=ADDRESS, domain=DOMAIN, kubeconfig=node.plane.kubeconfig), encoding="utf-8"
    )
    (folder / "kubelet.json").write_text(json.dumps(_kubelet_options(folder)), encoding="utf-8")


CONTAINERD_NUMBER: Final = 2
CONTAINERD: Final = """
version = {number}
root = "{root}"
state = "{folder}/containerd"
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # This machine's root may lack CAP_SYS_RESOURCE, and so cannot lower a process' OOM score.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
"""
NETWORK: Final = {
    "cniVersion": "0.4.0",
    "name": "pods",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "pods",
            "isGateway": True,
            "ipam": {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]},
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}
COREFILE: Final = """
.:53 {{
    bind {address}
    errors
    kubernetes {domain} {{
        kubeconfig {kubeconfig}
    }}
}}
"""


def _kubelet_options(folder: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{folder / 'containerd.sock'}",
        "enforceNodeAllocatable": ["pods"],
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "podLogsDir": str(folder / "logs"),
        "clusterDNS": [ADDRESS],
        "clusterDomain": DOMAIN,
        "resolvConf": "",
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "2s",
        # How soon a changed Secret is in its volume.
        "syncFrequency": "10s",
        "volumePluginDir": str(folder / "plugins"),
    }


def _proxy_options(plane: ControlPlane) -> list[str]:
    # The limits of connection tracking are the machine's; namespaces may not set them.
    kept = [f"--conntrack-{name}=0" for name in ("max-per-core", "tcp-timeout-established", "tcp-timeout-close-wait")]
    where = [f"--kubeconfig={plane.kubeconfig}", f"--hostname-override={NAME}", f"--cluster-cidr={PODS}"]
    return [*where, "--proxy-mode=nftables", *kept]


POLICY_RULES: Final = ("iptables", "--list-rules", "KUBE-ROUTER-FORWARD")


def _start_containerd(node: RealNode) -> subprocess.Popen[bytes]:
    with (node.folder / "containerd.log").open("wb") as log:
        process = subprocess.Popen(
            [*node.enter, "containerd", "--config", str(node.folder / "containerd.toml")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
    socket = node.folder / "containerd.sock"
    until(lambda: socket.exists() and node.has("") is not None, "containerd", node.folder)
    return process


def _is_ready(plane: ControlPlane, processes: list[subprocess.Popen[bytes]]) -> bool:
    conditions = "jsonpath={range .status.conditions[*]}{.type}={.status} {end}"
    is_ready = "Ready=True" in plane.kubectl("get", "node", NAME, "--ignore-not-found", "-o", conditions)
    return is_ready and all(process.poll() is None for process in processes)


def until(holds: Callable[[], object], what: str, folder: Path, *, seconds: float = START_SECONDS) -> None:
    """Wait for it. Raises AssertionError with the ends of the logs in ``folder``."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            logs = "\n".join(
                f"--- {log.name}\n" + log.read_text(errors="replace")[-1500:] for log in sorted(folder.glob("*.log"))
            )
            raise AssertionError(f"waited {seconds:.0f} s for {what}\n{logs}")
        time.sleep(0.2)


def _remove_groups() -> None:
    """Control groups of pods, with what still runs in them."""
    for top in (*CGROUPS.glob(f"*/{POD_GROUPS}"), CGROUPS / POD_GROUPS):
        if not top.is_dir():
            continue
        for group in [*sorted(top.rglob("*"), key=lambda path: -len(path.parts)), top]:
            if group.is_dir():
                control_groups.remove(group)
