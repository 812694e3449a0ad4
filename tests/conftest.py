"""What all tests share: nothing is skipped silently. A test that needs what this machine lacks is listed by name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

MISSING_STATUS = 3


def _is_there(what: str) -> bool:
    if what == "writable-cgroups":
        return any(
            os.access(Path(folder), os.W_OK)
            for folder in ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cgroup.subtree_control")
        )
    return shutil.which(what) is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    missing = [item for item in items if any(not _is_there(mark.args[0]) for mark in item.iter_markers("needs"))]
    config.stash.setdefault(_key(), []).extend(item.nodeid for item in missing)
    items[:] = [item for item in items if item not in missing]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if session.config.stash.get(_key(), []) and exitstatus == 0:
        session.exitstatus = MISSING_STATUS


def pytest_terminal_summary(terminalreporter: object, config: pytest.Config) -> None:
    for name in config.stash.get(_key(), []):
        terminalreporter.write_line(f"DID NOT RUN, something it needs is missing here: {name}")  # type: ignore[attr-defined]


def _key() -> pytest.StashKey[list[str]]:
    return _KEY


import pytest as _pytest  # noqa: E402 - the stash key needs pytest at run time

_KEY: _pytest.StashKey[list[str]] = _pytest.StashKey()
