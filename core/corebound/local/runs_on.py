"""What this process runs on: versions of Python and of the packages that decide results, CPU, cores, kernel, control groups.

Versions come from the packages' metadata: nothing is imported for it, torch least of all. What could go wrong: a package that
is not installed (it is left out), a machine that does not name its CPU (its architecture stands for it).
"""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Final

from corebound.api.records import RunsOn
from corebound.local.cgroups import MACHINE, cgroup_versions
from corebound.local.machine import this_machine

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES: Final = ("corebound", "optuna", "numpy", "torch")


def runs_on(*, root: Path = MACHINE) -> RunsOn:
    """Look now; ``root`` is where ``proc``, ``sys`` and the cgroup mounts are looked up."""
    system = os.uname()
    return RunsOn(
        versions={"Python": platform.python_version(), **_installed()},
        processor=_processor(root) or system.machine,
        cores=this_machine(root=root).cores,
        kernel=f"{system.sysname} {system.release}",
        cgroup=" and ".join(cgroup_versions(root=root)),
    )


def _installed() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor(root: Path) -> str:
    """The first CPU's model; empty where the kernel does not name it, as on most ARM machines."""
    try:
        lines = (root / "proc" / "cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "")
