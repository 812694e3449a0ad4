"""The operator as a process of its own, as the user with exactly the rights that the chart gives it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from .control_plane import OPERATOR, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .control_plane import ControlPlane

RULES: Final = Path(__file__).parents[2] / "charts" / "corebound" / "files" / "operator-rules.yaml"
STOP_SECONDS: Final = 30.0


class OperatorProcess:
    """``restart`` and ``kill`` are for tests of what an operator's absence does."""

    def __init__(
        self,
        plane: ControlPlane,
        *,
        database: str,
        folder: Path,
        settings: dict[str, Any],
        namespaces: tuple[str, ...] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._plane, self._namespaces = plane, namespaces
        self._folder, self._database = folder, database
        self.port = free_port()
        self._kubeconfig = plane.kubeconfig_of(plane.operator_token, name=f"operator-{self.port}")
        (folder / "settings.yaml").write_text(json.dumps({"logFormat": "json", **settings}), encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self._folder / "operator.log").read_text(encoding="utf-8")

    def bind(self) -> None:
        """Give it its rights."""
        bind_rules(self._plane, namespaces=self._namespaces)

    def start(self) -> None:
        command = [sys.executable, "-m", "corebound_operator", "--config", str(self._folder / "settings.yaml")]
        command += ["--port", str(self.port)]
        environment = {**os.environ, "KUBECONFIG": str(self._kubeconfig), "COREBOUND_DATABASE_URL": self._database}
        with (self._folder / "operator.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def probe(self, path: str = "/healthz") -> int:
        """The HTTP status of a probe."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())


@contextlib.contextmanager
def running_operator(
    plane: ControlPlane, *, database: str, folder: Path, settings: dict[str, Any], namespaces: tuple[str, ...] = ()
) -> Iterator[OperatorProcess]:
    """The operator, ended on leaving; its own rights are bound before, in the cluster or in ``namespaces`` alone."""
    operator = OperatorProcess(plane, database=database, folder=folder, settings=settings, namespaces=namespaces)
    operator.bind()
    operator.start()
    try:
        _wait_for_probe(operator)
        yield operator
    finally:
        operator.stop()


def bind_rules(plane: ControlPlane, *, namespaces: tuple[str, ...] = ()) -> None:
    """As a ClusterRole, or as a Role in each of ``namespaces``."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    group = "rbac.authorization.k8s.io"
    subject = {"kind": "User", "name": OPERATOR, "apiGroup": group}
    places: list[tuple[str, dict[str, str], list[Any]]] = [
        ("Role", {"namespace": name}, rules["namespaced"]) for name in namespaces
    ] or [("ClusterRole", {}, [*rules["namespaced"], *rules["cluster"]])]
    for kind, where, listed in places:
        metadata = {"name": OPERATOR, **where}
        role = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata, "rules": listed}
        binding = {
            "apiVersion": f"{group}/v1",
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": kind, "name": OPERATOR},
            "subjects": [subject],
        }
        for manifest in (role, binding):
            plane.kubectl("apply", "-f", "-", text=json.dumps(manifest))


def _wait_for_probe(operator: OperatorProcess) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert operator.process is not None
        if operator.process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            if operator.probe("/readyz") == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"the operator did not start:\n{operator.log[-3000:]}")
