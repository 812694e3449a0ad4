"""What all tests share: nothing is skipped silently. A test that needs what this machine lacks is listed by name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

MISSING_STATUS = 3
DID_NOT_RUN = pytest.StashKey[list[str]]()
CGROUP_FOLDERS = ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cgroup.subtree_control")


def is_there(what: str) -> bool:
    if what == "writable-cgroups":
        return any(os.access(Path(folder), os.W_OK) for folder in CGROUP_FOLDERS)
    return shutil.which(what) is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    missing = [item for item in items if any(not is_there(mark.args[0]) for mark in item.iter_markers("needs"))]
    config.stash[DID_NOT_RUN] = [item.nodeid for item in missing]
    items[:] = [item for item in items if item not in missing]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if session.config.stash.get(DID_NOT_RUN, []) and exitstatus == 0:
        session.exitstatus = MISSING_STATUS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name in config.stash.get(DID_NOT_RUN, []):
        terminalreporter.write_line(f"DID NOT RUN, something it needs is missing here: {name}")
