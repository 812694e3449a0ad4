"""What all tests share: nothing is skipped silently. A test that needs what this machine lacks is listed by name.

What a test may need stands in ``.ci/needs.tsv``, which the set-up reads, too.
"""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from .report.browser import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator

MISSING_STATUS: Final = 3
DID_NOT_RUN: Final = pytest.StashKey[dict[str, list[str]]]()
NEEDS_TABLE: Final = Path(__file__).parents[1] / ".ci" / "needs.tsv"
BUILDING: Final = ("root", "buildah", "debootstrap", "node-programs")
OWN_NODE: Final = ("openssl", "namespaces", "containerd", "runc", "cni", "ip", "nft", "iptables", "ipset")
IS_GIVEN: Final = bool(os.environ.get("COREBOUND_TEST_KUBECONFIG"))
"""A cluster that takes the place of a node of our own (tests/node/README.md)."""
NEEDED_BY_FIXTURES: Final[dict[str, tuple[str, ...]]] = {
    "server": ("user-namespaces",),
    "home": ("user-namespaces",),
    "plane": ("kubernetes",),
    "browser": ("browser",),
    "images": BUILDING,
    "node": (*BUILDING, "helm", *(("kubernetes",) if IS_GIVEN else OWN_NODE)),
}
"""The first two start the embedded PostgreSQL, the third a control plane, the last one a whole node."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One real browser for all pages."""
    with Browser() as opened:
        yield opened


@functools.cache
def checks() -> dict[str, str]:
    """The shell command that shows whether each need is there."""
    lines = [line for line in NEEDS_TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {name: check for name, _, _, check, _ in (line.split("\t") for line in lines)}


@functools.cache
def is_there(what: str) -> bool:
    if what not in checks():
        raise pytest.UsageError(f"a test needs {what!r}, which {NEEDS_TABLE} does not list: {', '.join(checks())}")
    shell = ["sh", "-c", checks()[what]]
    folder = NEEDS_TABLE.parents[1]
    return subprocess.run(shell, capture_output=True, stdin=subprocess.DEVNULL, cwd=folder).returncode == 0


def needs(item: pytest.Item) -> list[str]:
    """What ``item`` needs and is not there."""
    marked = [str(mark.args[0]) for mark in item.iter_markers("needs")]
    started = [need for name in getattr(item, "fixturenames", ()) for need in NEEDED_BY_FIXTURES.get(name, ())]
    return sorted({need for need in (*marked, *started) if not is_there(need)})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    missing = {item.nodeid: lacking for item in items if (lacking := needs(item))}
    config.stash[DID_NOT_RUN] = missing
    items[:] = [item for item in items if item.nodeid not in missing]


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    missing = config.stash.get(DID_NOT_RUN, {})
    lacking = sorted({need for each in missing.values() for need in each})
    return [f"not here: {', '.join(lacking)}; {len(missing)} tests cannot run (status 3)"] if missing else []


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    # Status 5 is that of a run without any test: here they were all left out.
    if session.config.stash.get(DID_NOT_RUN, {}) and exitstatus in (0, 5):
        session.exitstatus = MISSING_STATUS


def pytest_unconfigure(config: pytest.Config) -> None:
    """The very last lines: what did not run, and why."""
    missing = config.stash.get(DID_NOT_RUN, {})
    if not missing:
        return
    for name, lacking in missing.items():
        print(f"DID NOT RUN, {' and '.join(lacking)} is missing here: {name}")
    print(f"{len(missing)} tests did not run; without other failures that is status {MISSING_STATUS}")
