"""How much CPU time a control group has used: the one figure that includes daemons, compilers and threads that spin."""

from __future__ import annotations

from pathlib import Path


def group_cpu_seconds(group: str | Path | None) -> float | None:
    """CPU seconds of everything in ``group`` since it was made; None where there is no such group."""
    if not group:
        return None
    version_1 = Path(group) / "cpuacct.usage"
    if version_1.exists():
        return int(version_1.read_text(encoding="utf-8")) / 1e9
    lines = (Path(group) / "cpu.stat").read_text(encoding="utf-8").split("\n")
    return int(next(line.split()[1] for line in lines if line.startswith("usage_usec"))) / 1e6
