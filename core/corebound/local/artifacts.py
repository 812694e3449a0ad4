"""Where the files of trials go: a mounted path or an fsspec URL, from ``trial.artifacts``.

Pure but for :func:`check_writable`. What could go wrong: a place that cannot be written to, found out before anything starts.
"""

from __future__ import annotations

import os
from pathlib import Path

from corebound.api.errors import UsageError


def is_url(place: str) -> bool:
    """Whether fsspec is needed for ``place``; everything else is a path."""
    return "://" in place


def protocols(url: str) -> list[str]:
    """The file systems that ``url`` names; fsspec chains several with ``::``."""
    return [part.partition("://")[0] for part in url.split("::")]


def resolved(place: str, *, folder: Path) -> str:
    """``place`` as every worker must have it: relative paths are from the campaign file's folder."""
    return place if is_url(place) else str((folder / Path(place).expanduser()).absolute())


def check_writable(place: str) -> None:
    """Make the folder, if it is one of this machine. Raises :class:`UsageError` where that is not allowed."""
    if is_url(place):
        return
    path = Path(place)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"spec.trial.artifacts: {place} cannot be created: {error.strerror}; name a folder you may write to"
        ) from error
    if not os.access(path, os.W_OK):
        raise UsageError(f"spec.trial.artifacts: {place} cannot be written to; name a folder you may write to")
