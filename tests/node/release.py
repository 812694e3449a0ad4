"""The chart installed with Helm, as an administrator does it, from the images that were built here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..cluster.access import RELEASE_NAMESPACE

if TYPE_CHECKING:
    import subprocess

    from ..cluster.access import ClusterNode

CHART: Final = Path(__file__).parents[2] / "charts" / "corebound"
WAIT: Final = "300s"
"""A cluster may have to attach a disk first."""


def split(reference: str) -> dict[str, str]:
    repository, _, tag = reference.rpartition(":")
    return {"repository": repository, "tag": tag}


class Release:
    """One release. Its values differ from the defaults where a small machine, or the node's cluster, has to be told."""

    def __init__(self, node: ClusterNode, *, name: str = "corebound", namespace: str = RELEASE_NAMESPACE) -> None:
        self.plane, self.name, self.namespace = node.plane, name, namespace
        own: dict[str, Any] = {
            "images": {
                "operator": split(node.images.operator),
                "trial": split(node.images.trial),
                "postgresql": split(node.images.postgresql),
            },
            # Two cores for two trials of one thread: nothing is left to reserve.
            "operator": {"heartbeatSeconds": 1, "resources": {"requests": {"cpu": "0"}}},
            "database": {"embedded": {"storage": "1Gi", "resources": {"requests": {"cpu": "0", "memory": "256Mi"}}}},
        }
        self.values = merged(own, node.values)

    def helm(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Helm with the administrator's rights."""
        done = self.plane.helm(*arguments, namespace=self.namespace)
        if check and done.returncode:
            raise AssertionError(f"helm {' '.join(arguments)}: {done.stderr}\n{self.told()}")
        return done

    def install(self, *options: str, check: bool = True, **values: Any) -> subprocess.CompletedProcess[str]:
        """``helm install --wait``."""
        wait = ("--wait", "--timeout", WAIT)
        return self.helm(
            "install", self.name, str(CHART), "--create-namespace", *wait, *self._values(values), *options, check=check
        )

    def upgrade(self, *options: str, chart: Path = CHART, **values: Any) -> subprocess.CompletedProcess[str]:
        """``helm upgrade --wait`` to ``chart``."""
        return self.helm("upgrade", self.name, str(chart), "--wait", "--timeout", WAIT, *self._values(values), *options)

    def uninstall(self) -> None:
        self.helm("uninstall", self.name, "--wait", "--timeout", WAIT)

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
