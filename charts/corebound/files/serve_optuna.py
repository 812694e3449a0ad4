"""Optuna's dashboard on one namespace's campaigns: python -c SCRIPT LOGIN PORT NAMESPACE.

LOGIN is the file of the address in the Secret that the operator makes with the namespace's first campaign, changes with its
password, and takes away with the last one. It is read at every request: the dashboard of that very login answers, or, without
one, a page that says what is waited for. Kubernetes brings a changed Secret within two minutes. Until then the server refuses
the old login: where the dashboard cannot answer and cannot be made anew either, the same kind of page says so.
"""

import functools
import signal
import sys
import traceback
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

import optuna_dashboard

LOGIN, PORT, NAMESPACE = sys.argv[1:]
WAITING = (
    f"The namespace {NAMESPACE} has no database login yet: it comes with the first campaign there, and goes with the last. "
    "This page becomes Optuna's dashboard by itself, within two minutes.\n"
)
REFUSED = (
    f"The database does not answer, or refuses the login that the namespace {NAMESPACE} had: a changed one comes by itself. "
    "This page becomes Optuna's dashboard again by itself, within two minutes.\n"
)
AGAIN = ("Refresh", "10")


class Server(ThreadingMixIn, WSGIServer):
    """A thread a request: a plot that takes long holds up neither others nor the probes."""

    daemon_threads = True


def answer(environ, start_response):
    """The probes', the dashboard's, or the page of what is waited for."""
    if environ["PATH_INFO"] == "/healthz":
        return plain(start_response, "200 OK", "ok\n")
    try:
        url = Path(LOGIN).read_text(encoding="utf-8")
    except FileNotFoundError:
        dashboard_of.cache_clear()
        return plain(start_response, "503 Service Unavailable", WAITING, AGAIN)
    begun = []
    try:
        body = dashboard_of(url)(environ, lambda *given: begun.append(given))
        if begun[-1][0].startswith("500"):
            # Its connections outlive a password; whether the login still is one, only a new dashboard tells.
            dashboard_of.cache_clear()
            dashboard_of(url)
    except Exception:  # noqa: BLE001 - whatever a driver raises; it is in the log
        traceback.print_exc()
        return plain(start_response, "503 Service Unavailable", REFUSED, AGAIN)
    start_response(*begun[-1])
    return body


@functools.lru_cache(maxsize=1)
def dashboard_of(url):
    """The dashboard of one login; its image has another driver of PostgreSQL than the address names."""
    return optuna_dashboard.wsgi(url.replace("+psycopg:", "+psycopg2:"))


def plain(start_response, status, text, *headers):
    """A text as the answer's body."""
    start_response(status, [("Content-Type", "text/plain; charset=utf-8"), *headers])
    return [text.encode()]


# The first process of a container ignores what it has no handler for.
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
make_server("", int(PORT), answer, server_class=Server).serve_forever()
