"""``make cluster`` and ``make node``: a control plane, or one with a real node and our images, for a person until Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ..node.release import Release
from .build import program
from .control_plane import running
from .images import build_images
from .real_node import running_node

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def control_plane() -> Iterator[Path]:
    """Its kubeconfig."""
    with tempfile.TemporaryDirectory(prefix="corebound-cluster-") as folder, running(Path(folder)) as plane:
        print("A control plane runs (API server, controllers, scheduler, etcd; no node yet). In another terminal:\n")
        yield plane.kubeconfig


@contextlib.contextmanager
def node() -> Iterator[Path]:
    """Its kubeconfig."""
    images = build_images()
    with running_node(images) as started:
        print("A node of this machine's cores runs, with a volume for a database and these images:\n")
        values = started.folder / "values.json"
        values.write_text(json.dumps(Release(started).values), encoding="utf-8")
        install = "install corebound charts/corebound -n corebound-system --create-namespace --wait --values"
        print("\n".join(images.all()), f"\n\nThe chart: {program('helm')} {install} {values}\n\nIn another terminal:\n")
        yield started.plane.kubeconfig


def main() -> None:
    """Start it, say how to use it, wait."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with (node if "--node" in sys.argv[1:] else control_plane)() as kubeconfig:
        print(f"export KUBECONFIG={kubeconfig}\n\nCtrl-C ends it and removes everything.", flush=True)
        over.wait()


main()
