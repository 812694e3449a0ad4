"""What a trial changes in its process is put back; what cannot be put back is said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

SCRIPT = """
import os, signal, sys
from corebound_trial.runner.surroundings import Surroundings

class Replaced:
    closed = False

before = Surroundings.now()
untouched = Surroundings.now().restore()
assert untouched.changed == () and untouched.lost is None, untouched
os.chdir("/")
os.environ["OMP_NUM_THREADS"] = "64"
del os.environ["KEPT"]
os.umask(0o7)
signal.signal(signal.SIGUSR1, lambda *_: None)
sys.setrecursionlimit(5000)
sys.stdout = Replaced()
restored = before.restore()
print(restored.changed, restored.lost)
assert Surroundings.now() == before
os.close(1)
os.close(2)
assert before.restore().lost == "the process's standard output"
os._exit(7)
"""


def test_everything_is_put_back_but_closed_output() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "OMP_NUM_THREADS": "1", "KEPT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert "'the working directory', 'environment variables', 'the umask', 'the recursion limit'" in done.stdout
    assert done.stdout.strip().endswith("None")
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
