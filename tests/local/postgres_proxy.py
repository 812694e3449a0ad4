"""A way to PostgreSQL that can be cut at any statement, refuse, or freeze: what networks and restarts do, on purpose.

It reads the messages of the protocol just far enough to know where a statement ends: each ``Query`` and each ``Sync`` that a
client sends is one, and so is the opening of a session. Loopback only.

Source of the message formats: PostgreSQL's documentation, "Frontend/Backend Protocol".
"""

from __future__ import annotations

import contextlib
import enum
import socket
import struct
import threading
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_ENCRYPTION_REQUESTS: Final = (80877103, 80877104)
_ENDS_A_STATEMENT: Final = (b"Q", b"S")
_READY: Final = b"Z"
ANSWER_SECONDS: Final = 60.0


class Cut(enum.Enum):
    """When a session is cut, seen from the statement."""

    BEFORE = "before it reaches the server"
    MEANWHILE = "while the server works on it"
    AFTER = "when the server has done it and its answer is on the way"


class PostgresProxy:
    """Use it as a context manager; ``url`` leads through it to ``database`` of the server at ``socket_folder``."""

    def __init__(self, socket_folder: Path, *, database: str, user: str = "corebound") -> None:
        self._target = str(socket_folder / ".s.PGSQL.5432")
        self._lock = threading.Lock()
        self._sessions: set[_Session] = set()
        self._flowing = threading.Event()
        self._flowing.set()
        self._ended = False
        self._cut_at: int | None = None
        self._how = Cut.BEFORE
        self.statements = 0
        """Since :meth:`cut`."""
        self.was_cut = False
        self._listener = self._listening(0)
        self._port = self._listener.getsockname()[1]
        self.url = f"postgresql://{user}@127.0.0.1:{self._port}/{database}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._flowing.set()
        self.refuse()

    def cut(self, statement: int, how: Cut) -> None:
        """Cut the session that sends the ``statement``-th statement from now on (the first is 0)."""
        with self._lock:
            self.statements, self._cut_at, self._how, self.was_cut = 0, statement, how, False

    def refuse(self) -> None:
        """End every session and refuse new ones, as a server that is down, until :meth:`accept`."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.end()

    def accept(self) -> None:
        """The server is up again, at the same address."""
        self._listener = self._listening(self._port)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def freeze(self) -> None:
        """Whatever is sent arrives nowhere, and nobody is told, until :meth:`thaw`."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Everything that was sent arrives."""
        self._flowing.set()

    # --- for the sessions -----------------------------------------------------------------------------------------

    def next_statement(self) -> Cut | None:
        """A statement has been sent; how its session is to be cut, if it is."""
        with self._lock:
            number = self.statements
            self.statements += 1
            if number != self._cut_at:
                return None
            self.was_cut = True
            return self._how

    def wait_while_frozen(self) -> None:
        """Return when data may flow."""
        self._flowing.wait()

    def forget(self, session: _Session) -> None:
        """The session has ended."""
        with self._lock:
            self._sessions.discard(session)

    # --- accepting ------------------------------------------------------------------------------------------------

    @staticmethod
    def _listening(port: int) -> socket.socket:
        return socket.create_server(("127.0.0.1", port), backlog=200)

    def _accept(self, listener: socket.socket) -> None:
        while not self._ended:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._target)
            except OSError:
                server.close()
                client.close()
                continue
            session = _Session(self, client, server)
            with self._lock:
                self._sessions.add(session)
            session.start()


class _Session:
    """One connection of a client, and ours to the server."""

    def __init__(self, proxy: PostgresProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = 0
        self._answered = threading.Condition()
        self._withheld = False
        self._over = False

    def start(self) -> None:
        threading.Thread(target=self._guarded, args=(self._towards_server,), daemon=True).start()
        threading.Thread(target=self._guarded, args=(self._towards_client,), daemon=True).start()

    def end(self) -> None:
        self._over = True
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._answered:
            self._answered.notify_all()
        self._proxy.forget(self)

    def _guarded(self, flow: Callable[[], None]) -> None:
        try:
            flow()
        except (OSError, EOFError):
            pass
        finally:
            self.end()
            for end in (self._client, self._server):
                end.close()

    def _towards_server(self) -> None:
        while True:
            (length,) = struct.unpack("!I", _exactly(self._client, 4))
            rest = _exactly(self._client, length - 4)
            if struct.unpack("!I", rest[:4])[0] not in _ENCRYPTION_REQUESTS:
                break
            self._client.sendall(b"N")
        waiting = struct.pack("!I", length) + rest
        self._send_statement(waiting)
        waiting = b""
        while True:
            kind = _exactly(self._client, 1)
            head = _exactly(self._client, 4)
            waiting += kind + head + _exactly(self._client, struct.unpack("!I", head)[0] - 4)
            if kind in _ENDS_A_STATEMENT:
                self._send_statement(waiting)
                waiting = b""
            elif kind in (b"p", b"X", b"c", b"d", b"f", b"H"):  # a password, the end, parts of a COPY
                self._server.sendall(waiting)
                waiting = b""

    def _send_statement(self, message: bytes) -> None:
        self._proxy.wait_while_frozen()
        how = self._proxy.next_statement()
        if how is Cut.BEFORE:
            raise EOFError
        before = self._answers
        self._withheld = how is not None
        self._server.sendall(message)
        if how is Cut.AFTER:
            with self._answered:
                self._answered.wait_for(lambda: self._answers > before or self._over, timeout=ANSWER_SECONDS)
        if how is not None:
            raise EOFError

    def _towards_client(self) -> None:
        while True:
            kind = _exactly(self._server, 1)
            head = _exactly(self._server, 4)
            message = kind + head + _exactly(self._server, struct.unpack("!I", head)[0] - 4)
            self._proxy.wait_while_frozen()
            if not self._withheld:
                self._client.sendall(message)
            if kind == _READY:
                with self._answered:
                    self._answers += 1
                    self._answered.notify_all()


def _exactly(end: socket.socket, size: int) -> bytes:
    """So many bytes. Raises EOFError when the other side has gone before."""
    parts = []
    while size:
        part = end.recv(min(size, 1 << 16))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
