"""The kept output of an attempt: what is kept of much, and following it while it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from corebound.local import output
from corebound.local.output import GAP, AttemptOutput, attempts, follow_output, read_output

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "HEAD_BYTES", 40)
    monkeypatch.setattr(output, "TAIL_BYTES", 30)
    monkeypatch.setattr(output, "FOLLOW_SECONDS", 0)


def lines(first: int, last: int) -> bytes:
    """Ten bytes a line."""
    return b"".join(b"line %04d\n" % number for number in range(first, last))


@pytest.mark.parametrize(
    ("count", "kept"),
    [
        (0, b""),
        (3, lines(0, 3)),
        (4, lines(0, 4)),
        (10, lines(0, 10)),
        (11, lines(0, 4) + GAP + lines(7, 11)),
        (100, lines(0, 4) + GAP + lines(94, 100)),
    ],
)
def test_head_and_tail_are_kept_and_only_what_is_missing_is_marked(tmp_path: Path, count: int, kept: bytes) -> None:
    written = AttemptOutput(tmp_path, slot=3, attempt=1)
    written.write(lines(0, count))
    written.close()
    assert b"".join(read_output(tmp_path, slot=3, attempt=1)) == kept
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 40 + 2 * 30
    assert attempts(tmp_path, 3) == [1]
    assert attempts(tmp_path, 4) == []


def test_a_follower_that_keeps_up_misses_nothing(tmp_path: Path) -> None:
    written = AttemptOutput(tmp_path, slot=0, attempt=2)

    def writing() -> Iterator[bool]:
        for number in range(60):
            written.write(lines(number, number + 1))
            yield True
        yield False

    going_on = writing()
    found = b"".join(follow_output(tmp_path, slot=0, attempt=2, still_running=lambda: next(going_on)))
    written.close()
    assert found == lines(0, 60)


def test_a_follower_that_cannot_keep_up_is_told_so(tmp_path: Path) -> None:
    written = AttemptOutput(tmp_path, slot=0, attempt=1)
    amounts = iter([(0, 6), (6, 40), (40, 41)])

    def still_running() -> bool:
        piece = next(amounts, None)
        if piece is None:
            return False
        written.write(lines(*piece))
        return True

    found = b"".join(follow_output(tmp_path, slot=0, attempt=1, still_running=still_running))
    written.close()
    assert found == lines(0, 7) + GAP + lines(34, 41)


def test_a_full_disk_costs_output_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    written = AttemptOutput(tmp_path / "file", slot=0, attempt=1)
    written.write(lines(0, 20))
    written.close()
    assert (written.received, written.dropped) == (200, 200)
    assert b"".join(read_output(tmp_path / "file", slot=0, attempt=1)) == b""
