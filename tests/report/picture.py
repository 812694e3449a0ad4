"""The README's picture, of the report of a real search: ``python -m tests.report.picture REPORT.html docs/report.png``."""

from __future__ import annotations

import sys
from pathlib import Path

from .browser import Browser


def take_picture(browser: Browser, report: Path, path: Path) -> Path:
    """The first screen."""
    browser.open(report, height=1000)
    path.write_bytes(browser.picture())
    return path


if __name__ == "__main__":
    with Browser() as opened:
        print(take_picture(opened, Path(sys.argv[1]), Path(sys.argv[2])))
