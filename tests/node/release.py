"""The chart installed with Helm, as an administrator does it, from the images that were built here."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..cluster.build import program
from ..cluster.real_node import ADDRESS

if TYPE_CHECKING:
    from ..cluster.control_plane import ControlPlane
    from ..cluster.images import Images

CHART: Final = Path(__file__).parents[2] / "charts" / "corebound"
NAMESPACE: Final = "corebound-system"


def split(reference: str) -> dict[str, str]:
    repository, _, tag = reference.rpartition(":")
    return {"repository": repository, "tag": tag}


class Release:
    """One release. Its values differ from the defaults where a small machine has to be told."""

    def __init__(
        self, plane: ControlPlane, images: Images, *, name: str = "corebound", namespace: str = NAMESPACE
    ) -> None:
        self.plane, self.name, self.namespace = plane, name, namespace
        self.values: dict[str, Any] = {
            "images": {
                "operator": split(images.operator),
                "trial": split(images.trial),
                "postgresql": split(images.postgresql),
            },
            # Two cores for two trials of one thread: nothing is left to reserve.
            "operator": {"heartbeatSeconds": 1, "resources": {"requests": {"cpu": "0"}}},
            # DNS and the API server are no pods here, and its port is whatever was free.
            "networkPolicies": {
                "apiServerPorts": [443, plane.port],
                "dns": {"ipBlocks": [{"cidr": f"{ADDRESS}/32"}]},
            },
            "database": {"embedded": {"storage": "1Gi", "resources": {"requests": {"cpu": "0", "memory": "256Mi"}}}},
        }

    def helm(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Helm with the administrator's rights."""
        done = subprocess.run(
            [
                str(program("helm")),
                "--kubeconfig",
                str(self.plane.kubeconfig),
                "--namespace",
                self.namespace,
                *arguments,
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "HELM_CACHE_HOME": str(self.plane.folder), "HELM_CONFIG_HOME": str(self.plane.folder)},
        )
        if check and done.returncode:
            raise AssertionError(f"helm {' '.join(arguments)}: {done.stderr}\n{self.told()}")
        return done

    def install(self, *options: str, check: bool = True, **values: Any) -> subprocess.CompletedProcess[str]:
        """``helm install --wait``."""
        wait = ("--wait", "--timeout", "120s")
        return self.helm(
            "install", self.name, str(CHART), "--create-namespace", *wait, *self._values(values), *options, check=check
        )

    def upgrade(self, *options: str, chart: Path = CHART, **values: Any) -> subprocess.CompletedProcess[str]:
        """``helm upgrade --wait`` to ``chart``."""
        return self.helm(
            "upgrade", self.name, str(chart), "--wait", "--timeout", "120s", *self._values(values), *options
        )

    def uninstall(self) -> None:
        self.helm("uninstall", self.name, "--wait", "--timeout", "120s")

    @property
    def prefix(self) -> str:
        """What the names of its objects begin with."""
        return self.name if "corebound" in self.name else f"{self.name}-corebound"

    @property
    def log(self) -> str:
        """What the operator said."""
        return self.plane.kubectl(
            "logs", f"deployment/{self.prefix}-operator", "-n", self.namespace, "--tail=-1", check=False
        )

    def told(self) -> str:
        """Why it does not get ready."""
        pods = self.plane.kubectl("describe", "pods", "-n", self.namespace, check=False)
        return f"{pods[-4000:]}\n{self.log[-3000:]}"

    def _values(self, more: dict[str, Any]) -> tuple[str, ...]:
        path = self.plane.folder / f"values-{self.name}.json"
        path.write_text(json.dumps(merged(self.values, more)), encoding="utf-8")
        return ("--values", str(path))


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Values as Helm lays one file over another."""
    found = dict(below)
    for name, value in above.items():
        old = found.get(name)
        found[name] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found
