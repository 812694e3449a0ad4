"""Where a report is written: whole or not at all, over an earlier report but never over anything else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from corebound.reporting.files import written_over
from corebound.reporting.report.page import MARK

if TYPE_CHECKING:
    from pathlib import Path

HEAD_BYTES: Final = 4096
_NOT_IN_NAMES: Final = re.compile(r"[^\w.@+-]+")


def default_name(campaign: str, suffix: str) -> str:
    """``NAME-report.html``, without what a file's name cannot hold."""
    return f"{_NOT_IN_NAMES.sub('-', campaign).strip('-.') or 'campaign'}-report.{suffix}"


def write_report(path: Path, text: str) -> bool:
    """Write the file; True where it took the place of an earlier report. Raises :class:`UsageError`."""
    return written_over(path, text, is_earlier=is_report, called="report of Corebound")


def is_report(path: Path) -> bool:
    """Whether the file is an earlier report, in any of the forms."""
    with path.open("rb") as file:
        return MARK.encode("ascii") in file.read(HEAD_BYTES)
