"""The reader of control groups, fed with recorded trees of every layout, and once with a real group of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from corebound.local.cgroups import cpu_quota, kernel_kills, memory_limit, throttled_seconds

V1_CPU = "33 32 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct"
V1_MEMORY = "34 32 0:30 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory"
V2 = "35 24 0:31 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
NOISE = "24 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\nnot a mount line"


def machine(root: Path, *, cgroup: str, mounts: list[str], files: dict[str, str], pid: str = "self") -> Path:
    """Record a machine: what /proc says and what the groups' files hold."""
    for folder in ("self", pid):
        (root / "proc" / folder).mkdir(parents=True, exist_ok=True)
    (root / "proc" / pid / "cgroup").write_text(cgroup)
    (root / "proc" / "self" / "mountinfo").write_text("\n".join([NOISE, *mounts]) + "\n")
    for name, text in files.items():
        file = root / name.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return root


def test_version_1_divides_quota_by_period_and_counts_nanoseconds(tmp_path: Path) -> None:
    group = "/sys/fs/cgroup/cpu,cpuacct/jobs/one"
    root = machine(
        tmp_path,
        cgroup="4:cpu,cpuacct:/jobs/one\n3:memory:/jobs\n",
        mounts=[V1_CPU, V1_MEMORY],
        files={
            f"{group}/cpu.cfs_quota_us": "150000",
            f"{group}/cpu.cfs_period_us": "100000",
            f"{group}/cpu.stat": "nr_periods 10\nnr_throttled 4\nthrottled_time 2500000000",
            "/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes": "1073741824",
            "/sys/fs/cgroup/memory/jobs/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2",
        },
    )
    assert kernel_kills(root=root) == 2
    quota = cpu_quota(root=root)
    assert quota.cores == 1.5
    assert quota.period == 0.1
    assert quota.source == str(root / group.lstrip("/") / "cpu.cfs_quota_us")
    assert throttled_seconds(root=root) == 2.5
    assert memory_limit(root=root) == 2**30


def test_version_1_without_limits_has_none(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        cgroup="4:cpu,cpuacct:/\n3:memory:/\n",
        mounts=[V1_CPU, V1_MEMORY],
        files={
            "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
            "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
        },
    )
    assert cpu_quota(root=root).cores is None
    assert memory_limit(root=root) is None


def test_version_2_takes_the_tightest_ancestor(tmp_path: Path) -> None:
    top = "/sys/fs/cgroup/kubepods.slice"
    root = machine(
        tmp_path,
        cgroup="0::/kubepods.slice/pod.slice/trial.scope\n",
        mounts=[V2],
        files={
            f"{top}/cpu.max": "12662000 100000",
            f"{top}/pod.slice/cpu.max": "200000 100000",
            f"{top}/pod.slice/cpu.stat": "usage_usec 99\nthrottled_usec 3500000",
            f"{top}/pod.slice/memory.max": "2147483648",
            f"{top}/pod.slice/trial.scope/cpu.max": "max 100000",
            f"{top}/pod.slice/trial.scope/cpu.stat": "usage_usec 99\nthrottled_usec 0",
            f"{top}/pod.slice/trial.scope/memory.max": "max",
        },
    )
    quota = cpu_quota(root=root)
    assert quota.cores == 2.0
    assert quota.source.endswith("kubepods.slice/pod.slice/cpu.max")
    assert throttled_seconds(root=root) == 3.5
    assert memory_limit(root=root) == 2 * 2**30


def test_another_process_is_read_by_its_number(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        cgroup="0::/worker\n",
        mounts=[V2],
        files={"/sys/fs/cgroup/worker/cpu.max": "50000 100000"},
        pid="4711",
    )
    assert cpu_quota(4711, root=root).cores == 0.5
    assert cpu_quota(root=root).cores is None


def test_hybrid_reads_version_1_where_the_controller_is(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        cgroup="4:cpu,cpuacct:/a\n0::/session\n",
        mounts=[V1_CPU, "38 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"],
        files={
            "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "300000",
            "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000",
            "/sys/fs/cgroup/unified/session/cpu.stat": "usage_usec 1",
        },
    )
    assert cpu_quota(root=root).cores == 3.0


@pytest.mark.parametrize(
    ("cgroup", "mount"),
    [
        pytest.param("0::/\n", V2, id="own namespace"),
        pytest.param("0::/../other\n", V2, id="outside the namespace"),
        pytest.param("0::/docker/f00\n", V2.replace(" / /sys", " /docker/f00 /sys"), id="only its own group mounted"),
        pytest.param("0::/elsewhere\n", V2.replace(" / /sys", " /docker/f00 /sys"), id="path of the host"),
    ],
)
def test_inside_a_container_the_mount_point_is_the_group(tmp_path: Path, cgroup: str, mount: str) -> None:
    root = machine(
        tmp_path,
        cgroup=cgroup,
        mounts=[mount],
        files={"/sys/fs/cgroup/cpu.max": "400000 100000", "/sys/fs/cgroup/memory.max": "1048576"},
    )
    assert cpu_quota(root=root).cores == 4.0
    assert memory_limit(root=root) == 2**20


def test_mount_points_with_blanks_are_found(tmp_path: Path) -> None:
    root = machine(
        tmp_path,
        cgroup="0::/\n",
        mounts=[V2.replace("/sys/fs/cgroup", r"/sys/my\040groups")],
        files={"/sys/my groups/cpu.max": "100000 100000"},
    )
    assert cpu_quota(root=root).cores == 1.0


@pytest.mark.parametrize("text", ["", "nonsense", "100000", "100000 0", "-5 100000", "max", "1e5 100000", "\x00\xff"])
def test_strange_files_mean_no_quota(tmp_path: Path, text: str) -> None:
    root = machine(tmp_path, cgroup="0::/\nbroken line\n", mounts=[V2], files={"/sys/fs/cgroup/cpu.max": text})
    assert cpu_quota(root=root).cores is None
    assert throttled_seconds(root=root) == 0.0


def test_a_machine_without_groups_has_no_limits(tmp_path: Path) -> None:
    assert cpu_quota(root=tmp_path).cores is None
    assert throttled_seconds(root=tmp_path) == 0.0
    assert memory_limit(root=tmp_path) is None


def test_a_process_that_is_gone_has_no_limits() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert cpu_quota(ended.pid).cores is None


@pytest.mark.needs("writable-cgroups")
def test_a_real_group_with_one_and_a_half_cores_is_read_back() -> None:
    """The kernel's own files, not ours: a child that moves into a limited group, seen from outside and from within."""
    folder, limit = real_group()
    folder.mkdir()
    child: subprocess.Popen[bytes] | None = None
    try:
        for name, text in limit.items():
            (folder / name).write_text(text)
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        (folder / "cgroup.procs").write_text(str(child.pid))
        quota = cpu_quota(child.pid)
        assert quota.cores == 1.5
        assert quota.period == 0.1
        assert Path(quota.source).parent == folder
        assert cpu_quota().source != quota.source
    finally:
        if child is not None:
            child.kill()
            child.communicate()
        folder.rmdir()


def real_group() -> tuple[Path, dict[str, str]]:
    """A group of our own, and what to write into it for 1.5 cores, in whichever version this machine has."""
    name = f"corebound-test-{os.getpid()}"
    version_1 = Path("/sys/fs/cgroup/cpu")
    if (version_1 / "cpu.cfs_quota_us").exists():
        return version_1 / name, {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "150000"}
    return Path("/sys/fs/cgroup") / name, {"cpu.max": "150000 100000"}
