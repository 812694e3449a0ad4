"""``bench/compare.py`` end to end: two contenders beside the baseline, with next to no work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.needs("user-namespaces")  # it starts the embedded server
@pytest.mark.timeout(900)
def test_two_contenders_are_run_counted_and_put_into_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "before\n<!-- comparison: begin, written by make bench-compare -->\n<!-- comparison: end -->\nafter\n"
    )
    options = [
        "--only",
        "corebound,pool_spawn",
        "--trials",
        "3",
        "--seconds",
        "0.02",
        "--rounds",
        "1",
        "--patience",
        "1000",
    ]
    done = subprocess.run(
        [sys.executable, ROOT / "bench" / "compare.py", *options, "--no-kill", "--no-scaling", "--write", page],
        env={**os.environ, "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "7"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in page.read_text().splitlines() if line.startswith("| ")]
    cells = {row.split("|")[1].strip(): [cell.strip() for cell in row.split("|")[2:-1]] for row in rows}
    assert {"**Corebound**", "`multiprocessing.Pool`, spawn"} < cells.keys()
    assert cells["**Corebound**"][4:] == ["3", "not tried"]
    assert page.read_text().startswith("before\n<!--")
    assert page.read_text().endswith("-->\nafter\n")
    # The embedded server keeps its socket outside of a folder whose path is as long as pytest's.
    left_files = {each.name for each in tmp_path.iterdir() if not each.name.startswith("corebound-")}
    assert left_files == {"page.md"}, "nothing is left behind"
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path).encode() in path.read_bytes()]
    assert not left
