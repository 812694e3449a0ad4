"""What a process runs on: of this one, and of a recorded machine."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING

from corebound.local.runs_on import runs_on

if TYPE_CHECKING:
    from pathlib import Path


def test_versions_are_those_of_this_environment_and_nothing_is_imported_for_them() -> None:
    found = runs_on()
    assert found.versions["Python"] == platform.python_version()
    assert found.versions["optuna"] == metadata.version("optuna")
    assert found.kernel == f"Linux {platform.release()}"
    assert found.processor
    code = "import sys; from corebound.local.runs_on import runs_on; runs_on(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "optuna"} & set(loaded)


def recorded(root: Path, *, cpuinfo: str | None, mounts: list[str]) -> Path:
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("0::/\n")
    (root / "proc/self/mountinfo").write_text("".join(f"35 24 0:31 / /sys/fs/{each}\n" for each in mounts))
    (root / "proc/meminfo").write_text("MemTotal:        8388608 kB\n")
    if cpuinfo is not None:
        (root / "proc/cpuinfo").write_text(cpuinfo)
    return root


V2 = "cgroup rw - cgroup2 cgroup2 rw"
V1 = "cgroup/cpu rw - cgroup cgroup rw,cpu"


def test_a_machine_that_says_everything(tmp_path: Path) -> None:
    cpuinfo = "processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\n\nprocessor\t: 1\nmodel name\t: Fast CPU @ 3 GHz\n"
    found = runs_on(root=recorded(tmp_path, cpuinfo=cpuinfo, mounts=[V1, V2]))
    assert (found.processor, found.cgroup) == ("Fast CPU @ 3 GHz", "1 and 2")


def test_a_machine_that_does_not_name_its_cpu(tmp_path: Path) -> None:
    for place, cpuinfo in enumerate(("processor\t: 0\nCPU part\t: 0xd0c\n", None)):
        found = runs_on(root=recorded(tmp_path / str(place), cpuinfo=cpuinfo, mounts=[V2]))
        assert (found.processor, found.cgroup) == (platform.machine(), "2")
    assert runs_on(root=recorded(tmp_path / "none", cpuinfo=None, mounts=[])).cgroup == ""
