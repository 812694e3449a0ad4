"""What a machine lacks is named first, and the tests that need it are listed at the end: nothing is skipped silently."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def without_go(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that has everything but Go."""
    return without("go", tmp_path)


def without(missing: str, folder: Path) -> dict[str, str]:
    for place in reversed(os.environ["PATH"].split(os.pathsep)):
        for program in Path(place).iterdir() if Path(place).is_dir() else ():
            link = folder / program.name
            if program.name != missing:
                link.unlink(missing_ok=True)
                link.symlink_to(program)
    return {**os.environ, "PATH": str(folder), "INSTALL": "0"}


def test_what_is_missing_is_named_first_with_its_package(without_go: dict[str, str]) -> None:
    done = subprocess.run([ROOT / ".ci" / "system-packages", "test"], env=without_go, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "NOT HERE: go (Debian's package: golang-go). Needed by: the comparison" in done.stdout
    assert "installing" not in done.stdout


def test_a_demo_asks_for_no_tools_of_the_tests(without_go: dict[str, str]) -> None:
    done = subprocess.run([ROOT / ".ci" / "system-packages", "demo"], env=without_go, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "go" not in done.stdout.split()


def test_the_rest_runs_and_status_3_says_that_something_did_not(without_go: dict[str, str]) -> None:
    tests = ROOT / "tests" / "unit" / "api" / "test_kubectl_yaml.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests],
        cwd=ROOT,
        env=without_go,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3, done.stdout
    assert "not here: go; 2 tests cannot run" in done.stdout
    assert " passed" in done.stdout
    *_, first, second, last = done.stdout.strip().splitlines()
    assert first.startswith("DID NOT RUN, go is missing here: tests/unit/api/test_kubectl_yaml.py::")
    assert second.startswith("DID NOT RUN, go is missing here: ")
    assert last == "2 tests did not run; without other failures that is status 3"


def test_tests_on_an_api_server_need_nothing_of_a_node(tmp_path: Path) -> None:
    tests = ROOT / "tests" / "apiserver" / "test_life.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", tests],
        cwd=ROOT,
        env=without("containerd", tmp_path),
        capture_output=True,
        text=True,
    )
    assert "test_life.py" in done.stdout
    assert "containerd" not in done.stdout


def test_what_a_given_cluster_cannot_have_is_listed() -> None:
    files = [ROOT / "tests" / "node" / name for name in ("test_network.py", "test_private_authority.py")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        cwd=ROOT,
        env={**os.environ, "COREBOUND_TEST_KUBECONFIG": "/nowhere"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3, done.stdout
    listed = [line for line in done.stdout.splitlines() if line.startswith("DID NOT RUN")]
    assert len(listed) == 3
    assert all("own-node" in line.partition(" missing here: tests/node/")[0] for line in listed), listed
