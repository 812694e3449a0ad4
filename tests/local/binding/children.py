"""Real child processes for these tests: started with a snippet, spoken to through their standard output."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from corebound.api.contract import thread_environment


@contextlib.contextmanager
def child(code: str, *, threads: int = 1, new_session: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Python running ``code`` under the contract of ``threads``; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **thread_environment(threads)},
        start_new_session=new_session,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def line_of(process: subprocess.Popen[str]) -> str:
    """The child's next line; empty when it ended."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def eventually(condition: Callable[[], bool], *, seconds: float = 10.0) -> bool:
    """Whether ``condition`` came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def exists(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    from corebound_trial.binding import proc

    stat = proc.process_stat(pid)
    return stat is not None and not stat.has_ended
