"""Somebody with exactly the given rights in one namespace, who calls the command line as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from ..cluster.control_plane import ControlPlane

GROUP = "rbac.authorization.k8s.io"


def bind(plane: ControlPlane, namespace: str, name: str, rules: list[dict[str, Any]]) -> Path:
    """A kubeconfig of a service account with exactly these rights in its namespace."""
    metadata = {"name": name, "namespace": namespace}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    role = {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": metadata, "rules": rules}
    binding = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }
    everything = {"apiVersion": "v1", "kind": "List", "items": [account, role, binding]}
    plane.kubectl("apply", "-f", "-", text=json.dumps(everything))
    token = plane.kubectl("create", "token", name, "-n", namespace).strip()
    return plane.kubeconfig_of(token, name=f"{namespace}-{name}")


@dataclass(frozen=True)
class User:
    """Somebody at a terminal."""

    kubeconfig: Path
    namespace: str
    folder: Path

    def start(self, *words: str, program: str = "corebound", **environment: str) -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("COREBOUND")}
        return subprocess.Popen(
            [str(Path(sys.executable).with_name(program)), *words],
            env={
                **kept,
                "KUBECONFIG": str(self.kubeconfig),
                "COREBOUND_HOME": str(self.folder / "home"),
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
        )

    def __call__(
        self, *words: str, status: int | None = 0, program: str = "corebound", **environment: str
    ) -> tuple[str, str]:
        """stdout and stderr."""
        with self.start(*words, "-n", self.namespace, program=program, **environment) as process:
            try:
                out, err = process.communicate(timeout=200)
            finally:
                process.kill()
        assert "Traceback" not in err, err
        assert status is None or process.returncode == status, (process.returncode, out, err)
        return out, err

    def json(self, *words: str, status: int = 0) -> Any:
        out, _ = self(*words, "--json", status=status)
        return json.loads(out)

    def file(self, name: str, **spec: Any) -> str:
        manifest = {
            "apiVersion": "corebound.dev/v1alpha1",
            "kind": "SearchCampaign",
            "metadata": {"name": name},
            "spec": {
                "trials": 4,
                "objectives": [{"metric": "loss", "direction": "minimize"}],
                "trial": {"entrypoint": "objectives.py:quick"},
                **spec,
            },
        }
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(manifest), encoding="utf-8")
        return str(path)
