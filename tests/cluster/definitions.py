"""Kinds of other projects, as the projects define them: the CustomResourceDefinitions of what documents and chart show.

``python -m tests.cluster.definitions`` fetches them once from Go's module proxy into the user's cache, named by what they are
made from; ``--check`` only looks. ``programs/definitions`` pins their versions and hashes, which Go compares. What could go
wrong: no way to the module proxy (said; the tests that need them are then listed as not run). Only the standard library is
used: this runs before the environment exists.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from .build import SOURCES, cache, go

MODULES: Final = SOURCES / "definitions"
FILES: Final = {
    "github.com/prometheus-operator/prometheus-operator": (
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
    "sigs.k8s.io/kueue": (
        "config/components/crd/bases/kueue.x-k8s.io_clusterqueues.yaml",
        "config/components/crd/bases/kueue.x-k8s.io_localqueues.yaml",
        "config/components/crd/bases/kueue.x-k8s.io_resourceflavors.yaml",
    ),
    "sigs.k8s.io/secrets-store-csi-driver": ("config/crd/bases/secrets-store.csi.x-k8s.io_secretproviderclasses.yaml",),
}
"""Each module with its files."""


def main() -> int:
    """Fetch what is missing; the exit status says whether everything is there."""
    if "--check" in sys.argv[1:]:
        return int(not _folder().is_dir())
    try:
        definitions()
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def definitions() -> list[Path]:
    """The files, fetched when they are not there. Raises OSError when they cannot be."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "definitions.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _folder().is_dir():
            _fetch(_folder())
    return sorted(_folder().iterdir())


def versions() -> dict[str, str]:
    """The pinned version of each module."""
    pinned = (MODULES / "go.mod").read_text(encoding="utf-8")
    return dict(re.findall(r"^\s*(\S+/\S+) (v\S+)$", pinned, re.MULTILINE))


def _folder() -> Path:
    parts = [json.dumps(FILES).encode(), *(path.read_bytes() for path in sorted(MODULES.iterdir()))]
    return cache() / f"definitions-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}"


def _fetch(folder: Path) -> None:
    print(f"fetching the kinds of other projects, once (kept in {folder})", flush=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
        whole = Path(unfinished, "whole")
        whole.mkdir()
        for module, names in FILES.items():
            source = _downloaded(f"{module}@{versions()[module]}")
            for name in names:
                shutil.copyfile(source / name, whole / Path(name).name)
        whole.rename(folder)


def _downloaded(module: str) -> Path:
    """The folder of one version in Go's cache; its hash is that of ``go.sum``."""
    command = [go(), "mod", "download", "-json", module]
    done = subprocess.run(command, cwd=MODULES, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise OSError(f"{module}: {json.loads(done.stdout)['Error'] if done.stdout else 'see above'}")
    return Path(json.loads(done.stdout)["Dir"])


if __name__ == "__main__":
    sys.exit(main())
