"""The supervisor's door to the process that workers are forked from (``corebound_trial.nursery``).

A worker and its child import for 2 s of CPU; forked from a process that has done so they are there in 50 ms. Requests and
the ends of workers travel over one socket, workers are signalled through pidfds, which never mean another process. What
could go wrong: the nursery is killed or cannot import (its workers are asked to stop by the kernel, those not born yet have
ended; the caller makes another nursery), a wish to stop comes before the worker is born (it is kept), more is asked than the
socket holds while the nursery imports (it is waited for).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LONGEST_MESSAGE: Final = 65536
MOST_DESCRIPTORS: Final = 253
"""What one message may carry on Linux; a worker with more cores than that needs several."""
READING_SECONDS: Final = 30.0
"""How long a nursery may take to read a request; one that hangs must not keep the campaign for ever."""
NEVER_BORN: Final = 1
"""The status of a worker whose nursery was gone before it began."""
ORPHANED: Final = -signal.SIGTERM
"""The status of a worker that was asked to stop because its nursery was gone; nobody could wait for its own."""


class WorkerProcess:
    """One worker; as :class:`subprocess.Popen`, but that its process number comes a moment later."""

    def __init__(self, nursery: Nursery) -> None:
        self._nursery = nursery
        self._descriptor: int | None = None
        self._wish: int | None = None
        self._status: int | None = None

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        self._nursery.listen()
        return self._status

    def wait(self) -> int:
        """Until it has ended."""
        while (status := self.poll()) is None:
            self._nursery.wait_for_news(0.05)
        return status

    def terminate(self) -> None:
        """Ask it to stop."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def born(self, pid: int) -> None:
        """Its nursery has forked it."""
        with contextlib.suppress(ProcessLookupError):  # ended already; its status is on the way
            self._descriptor = os.pidfd_open(pid)
        if self._wish is not None:
            self._signal(self._wish)

    def ended(self, status: int) -> None:
        """Its nursery has waited for it."""
        self._status = status
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def orphaned(self) -> None:
        """Its nursery is gone, so nobody can say how it ended."""
        if self._status is not None:
            return
        if self._descriptor is None:
            self.ended(NEVER_BORN)
        elif select.select([self._descriptor], [], [], 0)[0]:
            self.ended(ORPHANED)

    def _signal(self, number: int) -> None:
        self._wish = number
        if self._descriptor is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, number)


class Nursery:
    """One nursery process; it dies with this one, and its workers are then asked to stop."""

    def __init__(self, *, campaign: str, environment: Mapping[str, str], log: Path) -> None:
        self._end, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._end.setblocking(False)
        self._numbers = itertools.count()
        self._workers: dict[int, WorkerProcess] = {}
        self.is_gone = False
        command = [sys.executable, "-m", "corebound_trial", campaign, "--parent", str(os.getpid())]
        with theirs, log.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, "--nursery", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process number; all living workers descend from it."""
        return self._process.pid

    def start(self, arguments: Sequence[str], *, log: Path, held: Sequence[int] = ()) -> WorkerProcess:
        """A worker with these arguments; it writes to ``log`` and keeps the descriptors ``held`` open until it ends."""
        worker, number = WorkerProcess(self), next(self._numbers)
        self._workers[number] = worker
        with log.open("ab") as output:
            descriptors = [output.fileno(), *held]
            try:
                # What comes without arguments is only the first part of what the worker is given.
                while len(descriptors) > MOST_DESCRIPTORS:
                    self._send({"number": number}, descriptors[:MOST_DESCRIPTORS])
                    descriptors = descriptors[MOST_DESCRIPTORS:]
                self._send({"number": number, "arguments": list(arguments)}, descriptors)
            except OSError as error:
                output.write(f"this worker was never born, its nursery could not be asked: {error}\n".encode())
                worker.ended(NEVER_BORN)
        return worker

    def _send(self, request: Mapping[str, object], descriptors: Sequence[int]) -> None:
        """Raises OSError when the nursery is gone, or hangs: then it has not read for as many requests as a socket holds."""
        deadline = time.monotonic() + READING_SECONDS
        while True:
            try:
                socket.send_fds(self._end, [json.dumps(request).encode()], descriptors)
            except BlockingIOError:
                if (left := deadline - time.monotonic()) <= 0:
                    raise
                select.select([self._end], [self._end], [], left)
                self.listen()  # or it would wait for us in turn
            else:
                return

    def listen(self) -> None:
        """Hear what the nursery has said until now."""
        while not self.is_gone:
            try:
                said = self._end.recv(LONGEST_MESSAGE)
            except BlockingIOError:
                return
            except OSError:
                said = b""
            if not said:
                self.is_gone = True
                break
            news = json.loads(said)
            worker = self._workers[news["number"]]
            if "status" in news:
                worker.ended(news["status"])
                del self._workers[news["number"]]
            else:
                worker.born(news["pid"])
        for worker in self._workers.values():
            worker.orphaned()

    def wait_for_news(self, seconds: float) -> None:
        """Return when the nursery has said something, or after so many seconds."""
        if self.is_gone:
            time.sleep(seconds)
        else:
            select.select([self._end], [], [], seconds)

    def close(self) -> None:
        """End it; its workers have ended before."""
        self._end.close()
        self.is_gone = True
        self._process.kill()
        self._process.wait()
