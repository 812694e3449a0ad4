"""Attempts in the logs of several pods: the newest pod first, cut beginnings, logs that are not given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from corebound.api.attempt_marks import Mark, Point
from corebound.api.errors import ClusterRefusedError, ClusterUnreachableError
from corebound.cluster.slot_logs import CUT, AttemptLog, Piece, SlotLogs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.cluster.client import Cluster


def begin(slot: int, attempt: int) -> bytes:
    return Mark(slot=slot, attempt=attempt, point=Point.BEGINS).line


def end(slot: int, attempt: int) -> bytes:
    return Mark(slot=slot, attempt=attempt, point=Point.ENDS).line


def error(slot: int, attempt: int) -> bytes:
    return Mark(slot=slot, attempt=attempt, point=Point.ERROR).line


def text(pieces: Iterator[Piece]) -> tuple[bytes, bytes]:
    """Output and error."""
    found = list(pieces)
    output = b"".join(piece.text for piece in found if not piece.of_error)
    assert found == sorted(found, key=lambda piece: piece.of_error)
    return output, b"".join(piece.text for piece in found if piece.of_error)


class Pods:
    """A cluster that holds nothing but pods with logs."""

    def __init__(self, **logs: bytes | Exception) -> None:
        self.logs = logs
        self.read: list[str] = []

    def list(self, *_: object, **__: object) -> list[dict[str, Any]]:
        phases = {name: "Running" if name.startswith("running") else "Succeeded" for name in self.logs}
        return [
            {
                "metadata": {"name": name, "uid": name, "creationTimestamp": f"2026-01-0{age}"},
                "status": {"phase": phase},
            }
            for age, (name, phase) in enumerate(phases.items(), start=1)
        ]

    def log(self, pod: str, **_: object) -> Iterator[bytes]:
        self.read.append(pod)
        found = self.logs[pod]
        if isinstance(found, Exception):
            raise found
        yield from (found[start : start + 7] for start in range(0, len(found), 7))


def logs(pods: Pods) -> SlotLogs:
    return SlotLogs(cast("Cluster", pods), namespace="team-a", uid="u-1")


def test_attempts_are_found_wherever_they_ran() -> None:
    first = b"loose\n" + begin(1, 1) + b"one\n" + end(1, 1) + begin(2, 1) + b"two\n"
    second = begin(3, 1) + end(3, 1) + begin(2, 2) + b"again\n"
    found = logs(Pods(gone=first, running=second))
    search = found.search(2)
    assert search.attempts == [
        AttemptLog(pod="gone", attempt=1, running=False, ended=False),
        AttemptLog(pod="running", attempt=2, running=True, ended=False),
    ]
    outputs = [text(found.output(each, slot=2, follow=False)) for each in search.attempts]
    assert outputs == [(b"two\n", b""), (b"again\n", b"")]
    assert found.search(4).attempts == []


def test_an_error_is_told_from_what_was_printed() -> None:
    log = b"".join(
        [
            *(begin(1, 1), b"one\n", error(1, 1), b"ValueError: 7\n", end(1, 1)),
            *(begin(2, 1), error(2, 1), b"KeyError\n", end(2, 1)),
            *(begin(1, 2), b"again\n", error(1, 2), b"OSError\n"),
        ]
    )
    found = logs(Pods(gone=log))
    [first, second] = found.search(1).attempts
    assert first == AttemptLog(pod="gone", attempt=1, running=False)
    assert text(found.output(first, slot=1, follow=False)) == (b"one\n", b"ValueError: 7\n")
    assert text(found.output(second, slot=1, follow=False)) == (b"again\n", b"OSError\n")
    assert not second.ended
    [other] = found.search(2).attempts
    assert text(found.output(other, slot=2, follow=False)) == (b"", b"KeyError\n")


def test_a_log_of_an_ended_pod_is_read_once() -> None:
    pods = Pods(gone=begin(1, 1) + end(1, 1), running=b"")
    found = logs(pods)
    found.search(1)
    found.search(1)
    assert sorted(pods.read) == ["gone", "running", "running"]


def test_an_attempt_whose_beginning_its_node_has_thrown_away_is_shown_from_there() -> None:
    found = logs(Pods(gone=b"ne two\nline three\n" + end(7, 1) + begin(8, 1) + b"other\n" + end(8, 1)))
    [attempt] = found.search(7).attempts
    assert attempt.cut
    assert text(found.output(attempt, slot=7, follow=False)) == (CUT + b"ne two\nline three\n", b"")
    found = logs(Pods(gone=b"ne two\n" + error(7, 1) + b"ValueError\n" + end(7, 1)))
    [attempt] = found.search(7).attempts
    assert text(found.output(attempt, slot=7, follow=False)) == (CUT + b"ne two\n", b"ValueError\n")


def test_a_log_that_is_not_given_is_named_and_a_missing_right_is_an_error() -> None:
    away = ClusterUnreachableError("the node does not answer")
    search = logs(Pods(lost=away, gone=begin(1, 1))).search(1)
    assert [each.pod for each in search.attempts] == ["gone"]
    assert search.unreadable == {"lost": "the node does not answer"}
    forbidden = ClusterRefusedError(
        "no", status=403, reason="Forbidden", said='User "u" cannot get resource "pods/log"'
    )
    with pytest.raises(ClusterRefusedError, match="you lack the right to get pods/log in namespace team-a"):
        logs(Pods(gone=forbidden)).search(1)
