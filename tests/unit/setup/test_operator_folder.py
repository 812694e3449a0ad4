"""``operator/`` holds a package and is none: with an ``__init__.py`` it would stand in front of the standard library's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_nothing_but_the_package_is_in_the_folder() -> None:
    found = sorted(path.name for path in (ROOT / "operator").iterdir() if path.name != "__pycache__")
    assert found == ["corebound_operator"]


def test_the_standard_librarys_operator_is_found_from_the_root() -> None:
    code = "import operator, sys; sys.exit(not hasattr(operator, 'itemgetter'))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
