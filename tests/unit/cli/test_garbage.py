"""The programs' own garbage: what is imported is looked through seldom, and not once more when a program ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

AT_THE_END = """
import atexit, gc, sys
# The first to be registered is the last to run.
atexit.register(lambda: print(f"ended {gc.get_stats()[2]['collections']} {gc.get_freeze_count() > 0} {gc.isenabled()}"))
"""
RUNS = {
    "corebound": (
        "sys.argv = ['corebound', 'plan', '-f', 'examples/pole-balancing.yaml', '--cores', '8', '--quiet']\n"
        "from corebound.cli.main import main\nmain()"
    ),
    "corebound-operator": (
        "sys.argv = ['corebound-operator', '--help']\n"
        "from corebound_operator.wiring.main import main\nmain()\n"
        "import corebound_operator.loop.databases, corebound_operator.wiring.handlers"
    ),
}


@pytest.mark.parametrize("program", RUNS)
def test_modules_are_not_looked_through_for_garbage(program: str) -> None:
    """Collections of everything were a third of the time of a short command."""
    done = subprocess.run([sys.executable, "-c", AT_THE_END + RUNS[program]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "ended 0 True True"
