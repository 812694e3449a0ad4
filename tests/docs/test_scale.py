"""docs/benchmarks.md has a table of scale, of the sizes that bench/reconcile.py has."""

from __future__ import annotations

import re

from .pages import ROOT, rows

SCRIPT = (ROOT / "bench" / "reconcile.py").read_text(encoding="utf-8")
SCALE = [row for row in rows("benchmarks.md") if len(row) == 4]


def size(option: str) -> str:
    """The default of an option, as people write it."""
    found = re.search(rf'"--{option}", .*default=\[?(\d+)', SCRIPT)
    assert found is not None
    return f"{int(found[1]):,}"


def test_the_table_is_of_the_sizes_that_the_benchmark_has() -> None:
    scales = " ".join(row[0] for row in SCALE)
    for option, said in {
        "single": "{} campaigns, one by one",
        "burst": "{} campaigns at once",
        "running": "{} running campaigns",
        "workers": "of {} workers",
        "finished": "{} finished campaigns",
        "old-jobs": "{} old Jobs",
    }.items():
        assert said.format(size(option)) in scales, option
