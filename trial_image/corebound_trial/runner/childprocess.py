"""The parent's hold on its child: set-up, output, stacks, end.

The child has a session of its own, so that its whole group can be ended; a thread keeps its output
flowing into the attempt's file even while the parent waits for the database.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import struct
import tempfile
import termios
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from corebound.local.output import AttemptOutput
from corebound_trial.binding.proc import process_stat
from corebound_trial.binding.process import end_tree
from corebound_trial.binding.stacks import ask
from corebound_trial.runner.last_words import forward
from corebound_trial.runner.pod_output import PodOutput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from corebound_trial.runner.starting import StartedChild
    from corebound_trial.runner.wire import Message

READY_SECONDS: Final = 120.0
CONNECT_SECONDS: Final = 30.0
"""For an answer of an idle child; one that is still being made answers later."""
ALIVE_SECONDS: Final = 2.0
"""A process that is not about to end so long after it was last heard of lives on."""
EXIT_SECONDS: Final = 30.0
LEAVE_SECONDS: Final = 5.0
"""For a child to end by itself."""
LOOSE_BYTES: Final = 1_000_000
"""Of the output that belongs to no attempt, what is kept of each child."""


class ChildProcess:
    """One child, from its start to its end.

    Its files are in a folder of its own, below ``scratch`` where somebody else removes what we could not.
    """

    def __init__(
        self,
        started: StartedChild,
        setup: Mapping[str, Any],
        *,
        output_folder: Path | None,
        scratch: Path | None = None,
    ) -> None:
        self._process = started.process
        self._stream = started.output
        self.wire = started.wire
        self._far_end = started.far_end
        self._output_folder = output_folder
        self._output: AttemptOutput | PodOutput | None = None
        self._switching = threading.Lock()
        self.output_at = time.monotonic()
        # The parent's, so that nothing stays behind of a child that is killed.
        if scratch is not None:
            scratch.mkdir(exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(prefix="corebound-child-", dir=scratch))
        self._stacks = self._scratch / "stacks"
        self._loose_bytes = LOOSE_BYTES
        self.wire.send({**setup, "parent": os.getpid(), "stacks": str(self._stacks), "scratch": str(self._scratch)})
        self._pump = threading.Thread(target=self._keep_output, daemon=True)
        self._pump.start()

    @property
    def pid(self) -> int:
        """The child's process id, also its group's."""
        return self._process.pid

    def wait_until_ready(self, *, stopping: Callable[[], bool], turn: Callable[[], None]) -> list[tuple[str, int]]:
        """The size of each library's pool in the child; none when it ended, or was not ready in time or before a stop.

        ``turn`` is called twice a second meanwhile. None of this is an error here: the first attempt then ends at once,
        with the reason.
        """
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and not stopping():
            try:
                message = self.receive(timeout=0.5)
            except EOFError:
                break
            if message is not None and message["type"] == "ready":
                return [(name, threads) for name, threads in message["pools"]]
            turn()
        return []

    def connect(self) -> str | None:
        """Have the child take its connection; why the database gives it none.

        A child that does not answer, or is gone, is no matter of the database: its first attempt will tell.
        """
        self.wire.send({"type": "connect"})
        deadline = time.monotonic() + CONNECT_SECONDS
        with contextlib.suppress(EOFError):
            while time.monotonic() < deadline:
                message = self.receive(timeout=0.5)
                if message is not None and message["type"] == "connected":
                    error: str | None = message["error"]
                    return error
        return None

    def let_go(self) -> None:
        """Have an idle child let go of its connection."""
        self.wire.send({"type": "let go"})

    def receive(self, *, timeout: float) -> Message | None:
        """What the child says next; None when it says nothing for ``timeout`` seconds. Raises EOFError when nothing can come.

        The wire alone does not tell: whatever an objective has forked holds it as well, and may outlive the child.
        """
        unreachable = self.exit_status() is not None or self._far_end.is_closed_by(self.pid)
        message = self.wire.receive(timeout=timeout)
        if message is None and unreachable:
            raise EOFError
        return message

    def begin_output(self, *, slot: int, attempt: int) -> None:
        """What the child prints from now on belongs to this attempt."""
        with self._switching:
            if self._output_folder is None:
                self._output = PodOutput(slot=slot, attempt=attempt)
            else:
                self._output = AttemptOutput(self._output_folder, slot=slot, attempt=attempt)
        self.output_at = time.monotonic()

    def drain_output(self) -> None:
        """Wait for what is still in the pipe."""
        deadline = time.monotonic() + 1.0
        while self._waiting_bytes() and time.monotonic() < deadline:
            time.sleep(0.01)

    def end_output(self, error: str | None) -> None:
        """Wait for what is still in the pipe, then end the attempt's output with the ``error`` that it has left."""
        self.drain_output()
        with self._switching:
            if self._output is not None:
                self._output.close(error)
                self._output = None

    def note(self, line: str) -> None:
        """Add a line of ours to the attempt's output."""
        with self._switching:
            if self._output is not None:
                self._output.write(line.encode())

    def stacks(self) -> str:
        """The child's Python stacks now."""
        return ask(self.pid, self._stacks, timeout=2.0)

    def exit_status(self) -> int | None:
        """As ``subprocess``: negative for a signal; None while it runs."""
        return self._process.poll()

    def wait_for_exit(self) -> int | None:
        """The exit status of a child that cannot be reached any more; None when it lives on all the same.

        A process that dumps its memory is gone only some time after its connection, on a busy machine much later.
        """
        now = time.monotonic()
        latest, alive_until = now + EXIT_SECONDS, now + ALIVE_SECONDS
        while (status := self.exit_status()) is None and (now := time.monotonic()) < latest:
            stat = process_stat(self.pid)
            if now > alive_until and stat is not None and not stat.may_be_ending:
                break
            time.sleep(0.02)
        return status

    def leave(self) -> None:
        """Let an idle child end by itself first: what its code holds back is written, what is to run at its exit runs."""
        with contextlib.suppress(OSError):
            self.wire.send({"type": "exit"})
        deadline = time.monotonic() + LEAVE_SECONDS
        while self.exit_status() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        self.end(grace=1.0)

    def end(self, *, grace: float) -> None:
        """End the child and all that it started; returns when they are gone and what they printed is kept."""
        # From the parent down: an adopted daemon is no descendant of the child any more.
        end_tree([os.getpid()], grace=grace)
        self._process.wait()
        self._pump.join(timeout=2.0)
        self.drain_output()
        self.wire.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _keep_output(self) -> None:
        stream = self._stream
        while piece := os.read(stream.fileno(), 65536):
            self.output_at = time.monotonic()
            with self._switching:
                if self._output is not None:
                    self._output.write(piece)
                elif self._output_folder is None:
                    forward(piece, descriptor=1)
                elif self._loose_bytes > 0:
                    # Of no attempt: imports, or a callback in a fresh child. It goes to the worker's own log.
                    forward(piece[: self._loose_bytes], descriptor=2)
                    self._loose_bytes -= len(piece)
        stream.close()

    def _waiting_bytes(self) -> int:
        if self._stream.closed:
            return 0
        packed = fcntl.ioctl(self._stream.fileno(), termios.FIONREAD, b"\0" * 4)
        return int(struct.unpack("i", packed)[0])


def ending_of(status: int) -> str:
    """A child's end in words."""
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exited with status {status} in the middle of its trial (os._exit?)"
