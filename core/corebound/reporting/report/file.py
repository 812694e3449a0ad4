"""Where a report is written: whole or not at all, over an earlier report but never over anything else."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Final

from corebound.api.errors import UsageError
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
    making = path.with_name(f"{path.name}.making-{os.getpid()}")
    try:
        replaced = path.exists()
        if replaced and not is_report(path):
            raise UsageError(f"{path} exists already and is no report of Corebound; choose another place with -o FILE")
        path.parent.mkdir(parents=True, exist_ok=True)
        making.write_text(text, encoding="utf-8")
        making.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; choose another place with -o FILE") from error
    finally:
        with contextlib.suppress(OSError):
            making.unlink()
    return replaced


def is_report(path: Path) -> bool:
    """Whether the file is an earlier report, in any of the forms."""
    try:
        with path.open("rb") as file:
            return MARK.encode("ascii") in file.read(HEAD_BYTES)
    except OSError:
        return False
