"""Whether the other side still holds its end of the wire, as a parent can see it."""

from __future__ import annotations

import socket
import subprocess
import sys

from corebound_trial.runner.wire import FarEnd

HOLDS = "import sys; print(1, flush=True); sys.stdin.read()"
CLOSES = "import os, sys; os.close(int(sys.argv[1])); print(1, flush=True); sys.stdin.read()"
OPENS_ANOTHER = (
    "import os, sys; os.dup2(os.open('/dev/null', os.O_RDONLY), int(sys.argv[1])); "
    "print(1, flush=True); sys.stdin.read()"
)


def closed(program: str) -> tuple[bool, bool]:
    """Whether it is found closed: while the process lives, and when it has ended and nobody has waited for it."""
    mine, theirs = socket.socketpair()
    with mine, theirs:
        far_end = FarEnd.of(theirs)
        with subprocess.Popen(
            [sys.executable, "-c", program, str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdout.readline()
            while_alive = far_end.is_closed_by(process.pid)
            process.stdin.close()
            process.stdout.read()  # its end
            return while_alive, far_end.is_closed_by(process.pid)


def test_an_end_that_is_held_is_not_closed() -> None:
    assert closed(HOLDS) == (False, False)


def test_an_end_that_is_closed_is_seen_as_long_as_the_process_lives() -> None:
    assert closed(CLOSES) == (True, False), "an ended process has a status of its own to tell"


def test_another_file_in_its_place_is_not_the_end() -> None:
    assert closed(OPENS_ANOTHER) == (True, False)


def test_a_process_that_is_gone_has_closed_nothing() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
        one, other = socket.socketpair()
        with one, other:
            assert not FarEnd.of(one).is_closed_by(process.pid)
