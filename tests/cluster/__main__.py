"""``make cluster``: a control plane for a person, until Ctrl-C."""

from __future__ import annotations

import signal
import tempfile
import threading
from pathlib import Path

from .control_plane import running


def main() -> None:
    """Start it, say how to use it, wait."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with tempfile.TemporaryDirectory(prefix="corebound-cluster-") as folder, running(Path(folder)) as plane:
        print("A control plane runs (API server, controllers, scheduler, etcd; no node yet). In another terminal:\n")
        print(f"export KUBECONFIG={plane.kubeconfig}\n\nCtrl-C ends it and removes everything.", flush=True)
        over.wait()


main()
