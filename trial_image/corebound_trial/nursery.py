"""The process that this machine's workers are forked from: it has imported what every one of them needs.

A worker and its child import for 2 s of CPU, and 130 of them for minutes; a fork takes milliseconds and shares the pages.
Forking is safe here because this process has one thread, no connection, no lock and no torch: nothing is half done in it.
Flows in: requests, each with the descriptors that the worker writes to and holds. Flows out: its process number, later its
status. What could go wrong: the supervisor dies (so does this process at once, and the kernel asks its workers to stop).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
from pathlib import Path
from typing import Final

from corebound.local.nursery import LONGEST_MESSAGE, MOST_DESCRIPTORS
from corebound_trial.binding.process import die_with_parent
from corebound_trial.runner.starting import prepare

REAP_SECONDS: Final = 0.1


def forked_worker(descriptor: int, *, parent: int) -> list[str] | None:
    """Serve requests until the supervisor is gone: then None. Returns in each forked worker with its arguments."""
    die_with_parent(parent)
    prepare()
    numbers: dict[int, int] = {}
    given: dict[int, list[int]] = {}
    with socket.socket(fileno=descriptor) as supervisor:
        while True:
            for pid, status in _ended(numbers):
                _say(supervisor, number=numbers.pop(pid), status=status)
            if not select.select([supervisor], [], [], REAP_SECONDS)[0]:
                continue
            request, descriptors, _, _ = socket.recv_fds(supervisor, LONGEST_MESSAGE, MOST_DESCRIPTORS)
            if not request:
                return None
            order = json.loads(request)
            given.setdefault(order["number"], []).extend(descriptors)
            if "arguments" not in order:
                continue  # more than one message carries
            nursery = os.getpid()
            pid = os.fork()
            if pid == 0:
                break
            _close(given)
            numbers[pid] = order["number"]
            _say(supervisor, number=order["number"], pid=pid)
    log, *_ = given.pop(order["number"])
    _close(given)
    _become_worker(log)
    return [*order["arguments"], "--parent", str(nursery)]


def _close(given: dict[int, list[int]]) -> None:
    """Also of workers that were never asked for to the end: nobody else may hold their cores."""
    for descriptors in given.values():
        for descriptor in descriptors:
            os.close(descriptor)
    given.clear()


def _become_worker(log: int) -> None:
    os.setsid()
    for standard in (1, 2):
        os.dup2(log, standard)
    os.close(log)


def _ended(numbers: dict[int, int]) -> list[tuple[int, int]]:
    """Workers that have ended, with their statuses as :mod:`subprocess` gives them."""
    found = []
    for pid in numbers:
        waited, status = os.waitpid(pid, os.WNOHANG)
        if waited:
            found.append((pid, os.waitstatus_to_exitcode(status)))
    return found


def _say(supervisor: socket.socket, **news: int) -> None:
    with contextlib.suppress(OSError):  # its supervisor is gone, and it is about to be
        supervisor.send(json.dumps(news).encode())


def named(name: str) -> None:
    """What ``ps`` and ``top`` show: forked processes all have the command line of their nursery."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name)
