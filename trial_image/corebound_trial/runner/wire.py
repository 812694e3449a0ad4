"""What parent and child say to each other: one JSON object a line over a socket pair.

Messages carry no code and no pickle. What could go wrong: the other side dies in the middle of a line (the reader sees
the end of the stream and drops the half), writes what is no message (the same), or floods progress (the sender throttles it).
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from corebound_trial.binding import proc

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

Message = dict[str, Any]


@dataclass(frozen=True)
class FarEnd:
    """The other side's end of a wire, as ``/proc`` shows it.

    Who closes every descriptor it finds is not heard of: a thread that waits for the parent keeps the socket itself open.
    """

    descriptor: int
    name: str

    @classmethod
    def of(cls, end: socket.socket) -> Self:
        """Where it will be, and what it is called there."""
        return cls(end.fileno(), _target(f"/proc/self/fd/{end.fileno()}"))

    def is_closed_by(self, pid: int) -> bool:
        """Whether the process lives on without it; one that is about to end has its own status to tell."""
        try:
            if _target(f"/proc/{pid}/fd/{self.descriptor}") == self.name:
                return False
        except FileNotFoundError:
            pass
        except OSError:
            return False  # not ours to look at: it has taken another user's rights
        stat = proc.process_stat(pid)
        return stat is not None and not stat.may_be_ending


class Wire:
    """One end of the pair; ``send`` is safe from several threads, ``receive`` belongs to one."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._sending = threading.Lock()
        self._buffer = b""

    def send(self, message: Mapping[str, Any]) -> bool:
        """Send one message; False when the other side is gone."""
        line = json.dumps(message, allow_nan=True).encode() + b"\n"
        try:
            with self._sending:
                self._socket.sendall(line)
        except OSError:
            return False
        return True

    def receive(self, *, timeout: float | None) -> Message | None:
        """The next message; None when none came in ``timeout`` seconds. Raises EOFError when the other side is gone."""
        self._socket.settimeout(timeout)
        while b"\n" not in self._buffer:
            try:
                piece = self._socket.recv(65536)
            except TimeoutError:
                return None
            except OSError as error:
                raise EOFError from error
            if not piece:
                raise EOFError
            self._buffer += piece
        line, self._buffer = self._buffer.split(b"\n", 1)
        try:
            message = json.loads(line)
        except ValueError as error:
            # An objective that writes to every descriptor it finds must not take its worker along.
            raise EOFError("what came is no message") from error
        if not isinstance(message, dict) or "type" not in message:
            raise EOFError("what came is no message")
        return message

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


def _target(link: str) -> str:
    return str(Path(link).readlink())
