"""Where local state lives: ``COREBOUND_HOME``, by default the XDG data folder.

Below it: ``postgres-18/`` (the embedded server), ``cores/`` (whose each core is) and ``campaigns/NAME-ID/`` (the kept output
of every attempt). What could go wrong: a read-only or full disk; said here, with the variable that moves the folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from corebound.api.errors import StorageError

if TYPE_CHECKING:
    from corebound.api.records import CampaignRecord


def home() -> Path:
    """The folder of all local state; not created."""
    named = os.environ.get("COREBOUND_HOME")
    if named:
        return Path(named).expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "corebound"


def ensured(folder: Path) -> Path:
    """``folder``, created for this user alone if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be created: {error.strerror}. Corebound keeps its local state there; "
            "set COREBOUND_HOME to a folder you may write to"
        ) from error
    return folder


def output_folder(campaign: CampaignRecord) -> Path:
    """Where the output of the campaign's attempts is kept: its own, also after it became NAME@1 and NAME began anew."""
    return home() / "campaigns" / f"{campaign.name.partition('@')[0]}-{campaign.uid.hex[:8]}"
