"""docs/benchmarks.md has a table of scale, of the sizes and the limits that bench/reconcile.py has."""

from __future__ import annotations

import re

import yaml

from .pages import ROOT, rows

SCRIPT = (ROOT / "bench" / "reconcile.py").read_text(encoding="utf-8")
SCALE = [row for row in rows("benchmarks.md") if len(row) == 5]
LIMITS = yaml.safe_load((ROOT / "bench" / "reconcile-limits.yaml").read_text(encoding="utf-8"))


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


def test_the_limits_of_the_table_are_those_of_the_file() -> None:
    shown = [limit.removeprefix("p50 ") for *_, limit in SCALE]
    judged = [(float(number) / (100 if "%" in limit else 1)) for limit in shown for number in limit.split()[:1]]
    not_shown = {
        "requests a campaign made suspended",
        "requests a campaign of three trials",
        "requests a turn, waiting campaigns",
        "requests at rest, a campaign",
    }
    assert sorted(judged) == sorted(limit for name, limit in LIMITS.items() if name not in not_shown)
