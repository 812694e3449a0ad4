"""What an attempt prints in a pod: marked, the head at once, the newest part at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corebound.api.attempt_marks import Mark, Point, marked
from corebound.local.output import GAP, HEAD_BYTES, TAIL_BYTES
from corebound_trial.runner.pod_output import PodOutput

if TYPE_CHECKING:
    import pytest


def test_an_attempt_stands_between_its_marks_on_lines_of_its_own(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    first = PodOutput(slot=3, attempt=1)
    first.write(b"one\ntwo")
    first.close()
    second = PodOutput(slot=4, attempt=2)
    second.close()
    begin, end = Mark(slot=3, attempt=1, point=Point.BEGINS), Mark(slot=3, attempt=1, point=Point.ENDS)
    others = [Mark(slot=4, attempt=2, point=Point.BEGINS), Mark(slot=4, attempt=2, point=Point.ENDS)]
    assert list(marked([capfdbinary.readouterr().out])) == [begin, b"one\ntwo\n", end, *others]


def test_an_error_follows_what_was_printed_as_the_ledger_keeps_it(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    output = PodOutput(slot=3, attempt=1)
    output.write(b"one")
    output.close("Traceback:\nValueError: \0\udcff" + "x" * 100_000)
    begin, error, end = [Mark(slot=3, attempt=1, point=point) for point in Point]
    found = list(marked([capfdbinary.readouterr().out]))
    text = found.pop(3)
    assert found == [begin, b"one\n", error, end]
    assert isinstance(text, bytes)
    assert text.startswith(b"Traceback:\nValueError: \\udcffx")
    assert len(text) < 21_000


def test_much_output_is_head_gap_and_tail_and_the_head_does_not_wait(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    output = PodOutput(slot=0, attempt=1)
    output.write(b"head")
    assert capfdbinary.readouterr().out.endswith(b"head")
    piece = b"x" * 65535 + b"\n"
    for _ in range((HEAD_BYTES + 2 * TAIL_BYTES) // len(piece)):
        output.write(piece)
    output.write(b"the end\n")
    output.close()
    shown = capfdbinary.readouterr().out
    assert GAP in shown
    assert b"the end\ncorebound: slot 0, attempt 1 ends\n" in shown
    assert HEAD_BYTES < len(shown) < HEAD_BYTES + TAIL_BYTES + 1000
