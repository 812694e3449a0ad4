"""What tests know of a cluster: its administrator's programs, and one node on which their pods run.

The node is either this machine's own (``real_node.py``) or one of a cluster that somebody gives (``given.py``); tests take it
as it comes. What could go wrong: a program that fails; what it said is the error.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from .build import program

if TYPE_CHECKING:
    from pathlib import Path

    from .images import Images

MADE_BY_TESTS: Final = {"corebound.dev/made-by": "tests"}
"""The label of a namespace that a test made, and that goes with everything in it."""
RELEASE_NAMESPACE: Final = "corebound-tests"
NODE_NAMESPACE: Final = "corebound-tests-node"
"""Of pods that look at the node itself, which no other namespace need allow."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """A cluster as its administrator reaches it."""

    folder: Path
    """For files that go with the tests."""

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.folder / "kubeconfig"

    def program(self, name: str) -> Path:
        """The administrator's kubectl or Helm."""
        return program(name)

    def kubectl(self, *arguments: str, text: str | None = None, check: bool = True) -> str:
        """What kubectl prints on stdout; on failure its stderr is the error."""
        done = subprocess.run(
            [str(self.program("kubectl")), f"--kubeconfig={self.kubeconfig}", *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr or done.stdout}")
        return done.stdout if check else done.stdout + done.stderr

    def helm(self, *arguments: str, namespace: str) -> subprocess.CompletedProcess[str]:
        """Helm in one namespace, as it ended."""
        return subprocess.run(
            [str(self.program("helm")), "--kubeconfig", str(self.kubeconfig), "--namespace", namespace, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "HELM_CACHE_HOME": str(self.folder), "HELM_CONFIG_HOME": str(self.folder)},
        )

    def make_namespace(self, name: str, *, enforce: str | None = None) -> None:
        """A namespace of the tests, with this level of Pod Security or the cluster's own."""
        level = {} if enforce is None else {"pod-security.kubernetes.io/enforce": enforce}
        metadata = {"name": name, "labels": {**MADE_BY_TESTS, **level}}
        self.kubectl(
            "apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        )


class ClusterNode(Protocol):
    """Where pods of the tests run, whoever started it."""

    @property
    def plane(self) -> Access:
        """Its cluster."""

    @property
    def name(self) -> str:
        """Of the Node object."""

    @property
    def images(self) -> Images:
        """What was built here, as its pods name it."""

    @property
    def values(self) -> dict[str, Any]:
        """Values of the chart that differ from the defaults because of this cluster."""

    def take(self, reference: str) -> str:
        """Bring an image that was built here to the node; what its pods call it."""
