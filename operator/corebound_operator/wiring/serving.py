"""One small HTTP server: ``/healthz`` (start me anew?), ``/readyz`` (would a campaign run?) and ``/metrics``.

Alive means that the loop turns; ready means that every campaign was seen once and the database answers. What could go wrong:
a probe that waits for what it probes; so the database is asked by a thread of its own, and probes read its last answer.
"""

from __future__ import annotations

import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from corebound.api.errors import CoreboundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

logger = logging.getLogger(__name__)

ASK_SECONDS: Final = 5.0
ASK_AGAIN_SECONDS: Final = 1.0
"""While there is trouble: an installation waits for its end."""


class Serving:
    """Started by :meth:`start`; the process's end is its end. ``asked`` hears whether the database could be used."""

    def __init__(
        self,
        *,
        port: int,
        registry: CollectorRegistry,
        trouble: Callable[[], str | None],
        synced: Callable[[], bool],
        ask_database: Callable[[], None],
        asked: Callable[[bool], None],
    ) -> None:
        self._registry, self._trouble, self._synced = registry, trouble, synced
        self._ask_database, self._asked = ask_database, asked
        self._database: str | None = "the database was not asked yet"
        self._stopped = threading.Event()
        self._server = ThreadingHTTPServer(("", port), self._handler())

    def start(self) -> None:
        """Answer from now on."""
        for target in (self._server.serve_forever, self._ask):
            threading.Thread(target=target, daemon=True).start()

    def stop(self) -> None:
        """Answer no more."""
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def _ask(self) -> None:
        while True:
            try:
                self._ask_database()
                self._tell(None)
            except CoreboundError as error:
                self._tell(error.last_line)
            if self._stopped.wait(ASK_SECONDS if self._database is None else ASK_AGAIN_SECONDS):
                return

    def _tell(self, problem: str | None) -> None:
        """To probes and figures, and to the log what is new: whoever waits for a release to get ready looks there."""
        self._asked(problem is None)
        if problem != self._database:
            if problem is None:
                logger.info("the database answers")
            else:
                logger.warning("the database cannot be used", extra={"error": problem})
        self._database = problem

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        plain = "text/plain; charset=utf-8"
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(self._registry)
        if path not in ("/healthz", "/readyz"):
            return 404, plain, b"found no such page, expected /healthz, /readyz or /metrics\n"
        problem = self._trouble()
        if problem is None and path == "/readyz":
            problem = self._database or (None if self._synced() else "not all campaigns were seen yet")
        return (200, plain, b"well\n") if problem is None else (503, plain, f"{problem}\n".encode())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            def do_GET(self) -> None:
                """Answer it."""
                status, kind, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Probes every few seconds would be most of the log."""

        return Handler
