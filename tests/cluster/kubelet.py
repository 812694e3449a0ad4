"""The part of a kubelet behind ``pods/log`` and ``pods/portforward``, over TLS.

kube-apiserver sends both on to the node's InternalIP and kubelet port; it checks no certificate where it was given none. Logs
are files that may still grow. A forwarded port is a WebSocket of the subprotocol v4.channel.k8s.io (KEP-4006 describes it):
each message begins with the number of its channel, 0 for data and 1 for errors, and each channel with the port. What could
go wrong: a reader that goes away in the middle, which ends its own connection only.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import select
import socket
import ssl
import struct
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

HANDSHAKE = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""
BINARY, CLOSE = 0x82, 0x88


class Kubelet:
    """Serves on a port of the loopback interface until :meth:`stop`."""

    def __init__(self, folder: Path, log_of: Callable[[str, str], tuple[Path, Callable[[], bool]] | None]) -> None:
        self.ports: dict[int, str] = {}
        """Where each port of every pod leads: the path of a Unix socket."""
        ports = self.ports
        certificate, key = folder / "kubelet.crt", folder / "kubelet.key"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        command += ["-days", "2", "-subj", "/CN=node", "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True)
        stopped = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            rbufsize = 0

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                words = url.path.strip("/").split("/")
                if words[0] == "portForward":
                    self._forward(int(parse_qs(url.query)["port"][0]))
                    return
                found = log_of(words[1], words[2]) if len(words) == 4 and words[0] == "containerLogs" else None
                if found is None:
                    self.send_error(404)
                    return
                path, runs = found
                follow = parse_qs(url.query).get("follow") == ["true"]
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                with contextlib.suppress(OSError), path.open("rb") as log:
                    while True:
                        goes_on = follow and runs() and not stopped.is_set()
                        while piece := log.read(65536):
                            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                            self.wfile.flush()
                        if not goes_on:
                            break
                        time.sleep(0.1)
                    self.wfile.write(b"0\r\n\r\n")

            def _forward(self, port: int) -> None:
                key = self.headers["Sec-WebSocket-Key"].encode()
                self.send_response(101)
                self.send_header("Upgrade", "websocket")
                self.send_header("Connection", "Upgrade")
                accepted = base64.b64encode(hashlib.sha1(key + HANDSHAKE).digest())  # noqa: S324 - what the protocol says
                self.send_header("Sec-WebSocket-Accept", accepted.decode())
                self.send_header("Sec-WebSocket-Protocol", "v4.channel.k8s.io")
                self.end_headers()
                self.close_connection = True
                for channel in (0, 1):
                    self.wfile.write(_message(bytes([channel]) + struct.pack("<H", port)))
                # One thread for both ways: a TLS connection must not be read and written at once.
                with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as target:
                    target.connect(ports[port])
                    while not stopped.is_set():
                        pending = self.connection.pending()
                        ready = select.select([self.connection, target], [], [], 0 if pending else 0.5)[0]
                        if pending or self.connection in ready:
                            payload = _payload(self.rfile)
                            if payload is None:
                                return
                            if payload[:1] == b"\0":
                                target.sendall(payload[1:])
                        if target in ready:
                            piece = target.recv(65536)
                            self.wfile.write(_message(b"\0" + piece) if piece else bytes([CLOSE, 0]))
                            if not piece:
                                return

            def log_message(self, *_: object) -> None:
                return

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._stopped = stopped
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def stop(self) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def _message(payload: bytes) -> bytes:
    """One unmasked binary frame."""
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size) if size < 2**16 else b""
    return bytes([BINARY]) + (length or b"\x7f" + struct.pack(">Q", size)) + payload


def _payload(stream: BinaryIO) -> bytes | None:
    """The payload of the next frame; None at the end."""
    head = _exactly(stream, 2)
    if len(head) < 2 or head[0] == CLOSE:
        return None
    size = head[1] & 127
    if size == 126:
        [size] = struct.unpack(">H", _exactly(stream, 2))
    elif size == 127:
        [size] = struct.unpack(">Q", _exactly(stream, 8))
    mask = _exactly(stream, 4) if head[1] & 128 else bytes(4)
    data = _exactly(stream, size)
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


def _exactly(stream: BinaryIO, count: int) -> bytes:
    """So many bytes, fewer at the end: the stream has no buffer, and gives what there is."""
    found = b""
    while len(found) < count and (piece := stream.read(count - len(found))):
        found += piece
    return found
