"""A forward proxy as companies have them: it takes CONNECT alone, and has an own idea of what hosts are called.

Every name leads to this machine's loopback interface, so that a control plane here can be asked for by a name that only the
proxy knows. What could go wrong: nobody listens at the port that is asked for (502).
"""

from __future__ import annotations

import base64
import socket
import socketserver
import threading
from typing import Any, Self


class ConnectProxy:
    """At ``address`` while the ``with`` lasts; with a ``login`` (``user:password``) nobody else passes (407)."""

    def __init__(self, *, login: str | None = None) -> None:
        self.asked: list[str] = []
        """``host:port`` of each CONNECT, refused ones too."""
        expected = None if login is None else f"Basic {base64.b64encode(login.encode()).decode()}"
        asked = self.asked

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                _, target, _ = self.rfile.readline().decode().split()
                lines = iter(lambda: self.rfile.readline().decode().strip(), "")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                asked.append(target)
                if expected is not None and headers.get("proxy-authorization") != expected:
                    self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                    return
                try:
                    server = socket.create_connection(("127.0.0.1", int(target.rpartition(":")[2])))
                except OSError:
                    self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
                    return
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                with server:
                    back = threading.Thread(target=_carry, args=(server, self.connection), daemon=True)
                    back.start()
                    _carry(self.connection, server)
                    back.join()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        # Whoever is still served keeps their connection; the threads end with it.
        self._server.block_on_close = False
        self._server.server_close()


def _carry(source: Any, target: Any) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # one end is gone, and with it the connection
