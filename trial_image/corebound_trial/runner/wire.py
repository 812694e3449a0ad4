"""What parent and child say to each other: one JSON object a line over a socket pair.

Messages carry no code and no pickle. What could go wrong: the other side dies in the middle of a line (the reader sees
the end of the stream and drops the half), writes what is no message (the same), or floods progress (the sender throttles it).
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

Message = dict[str, Any]


class Wire:
    """One end of the pair; ``send`` is safe from several threads, ``receive`` belongs to one."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._sending = threading.Lock()
        self._buffer = b""

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

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
