"""``corebound`` in a process of its own for each command, forked from one that has imported everything.

Starting the interpreter and importing SQLAlchemy is most of what a command costs, and hundreds are run here. Arguments,
environment, folder, output and status are those of a program that is started; what is not: its line in the list of processes.
What could go wrong: something is imported only here (the pages' commands and all that is started beside a test are real
programs), a variable that is read when the interpreter starts (such a command is not for this module).
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LARGEST_ORDER: Final = 1 << 17
SECONDS: Final = 180.0


class ReadyCommand:
    """The process that is forked; use it as a context manager."""

    def __init__(self, script: Path) -> None:
        self._script = script
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(script), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._orders.close()
        self._process.wait()

    def run(self, arguments: Sequence[str], *, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """As ``subprocess.run``, in this process's folder. Raises TimeoutExpired."""
        order = {"arguments": arguments, "environment": dict(environment), "folder": str(Path.cwd())}
        ours, theirs = socket.socketpair()
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as printed,
            tempfile.TemporaryFile("w+", encoding="utf-8") as said,
            ours,
            ours.makefile() as answers,
        ):
            with theirs:
                files = [printed.fileno(), said.fileno(), theirs.fileno()]
                socket.send_fds(self._orders, [json.dumps(order).encode()], files)
            ours.settimeout(SECONDS)
            process = int(answers.readline())
            try:
                status = int(answers.readline())
            except TimeoutError:
                os.kill(process, signal.SIGKILL)
                raise subprocess.TimeoutExpired([str(self._script), *arguments], SECONDS) from None
            printed.seek(0)
            said.seek(0)
            return subprocess.CompletedProcess(
                [str(self._script), *arguments], status, stdout=printed.read(), stderr=said.read()
            )


def import_all() -> None:
    """All that a command may import, but what it may do without."""
    import corebound

    for module in pkgutil.walk_packages(corebound.__path__, "corebound."):
        if not module.name.startswith(("corebound.cluster", "corebound.ledger.migrations", "corebound.__main__")):
            with contextlib.suppress(ImportError):
                importlib.import_module(module.name)
    for name in ("optuna.storages._rdb.storage", "alembic.command", "alembic.config"):
        importlib.import_module(name)


def await_order(script: str, orders: socket.socket) -> None:
    """Returns in the process of a command, again and again, with everything as that of a program that was started."""
    while True:
        message, files, *_ = socket.recv_fds(orders, LARGEST_ORDER, 3)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not message:
            os._exit(0)
        if os.fork() == 0:
            break
        for file in files:
            os.close(file)
    orders.detach()
    printed, said, answers = files
    if (process := os.fork()) != 0:
        os.write(answers, f"{process}\n".encode())
        _, status = os.waitpid(process, 0)
        os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    os.dup2(printed, 1)
    os.dup2(said, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    order = json.loads(message)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = [script, *order["arguments"]]
    sys.orig_argv = [sys.executable, *sys.argv]


if __name__ == "__main__":
    sys.path[0] = str(Path(sys.argv[1]).parent)
    import_all()
    # Neither a collection nor the end of the interpreter is to touch, and so to copy, all that was imported.
    gc.collect()
    gc.freeze()
    await_order(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))

    from corebound.cli.main import main

    try:
        main()
    except SystemExit as asked:
        threading._shutdown()
        atexit._run_exitfuncs()
        os._exit(asked.code)
