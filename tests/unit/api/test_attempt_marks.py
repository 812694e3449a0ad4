"""Attempts found again in a pod's log, however its pieces are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from corebound.api.attempt_marks import BEGINNING, LONGEST, Mark, Point, marked

TEXTS = st.lists(
    st.sampled_from([b"loss=1\n", b"\n", b"corebound: slot 3", BEGINNING, b"x" * 100, b" begins\n", b"\r"])
)


def read(pieces: list[bytes]) -> list[Mark | bytes]:
    """With the text between two marks as one piece."""
    found: list[Mark | bytes] = []
    for part in marked(pieces):
        if isinstance(part, bytes) and found and isinstance(found[-1], bytes):
            found[-1] += part
        else:
            found.append(part)
    return found


def test_text_between_marks() -> None:
    first, second, third = [Mark(slot=3, attempt=1, point=point) for point in Point]
    log = b"starting\n" + first.line + b"a\nb\n" + second.line + b"ValueError\n" + third.line + b"rest"
    assert read([log]) == [b"starting\n", first, b"a\nb\n", second, b"ValueError\n", third, b"rest"]
    assert read([bytes([byte]) for byte in log]) == read([log])


def test_a_line_that_only_resembles_a_mark_is_text() -> None:
    log = b"corebound: slot 3, attempt 1 begins to bore me\nx corebound: slot 3, attempt 1 begins\n"
    assert read([log]) == [log]


@given(texts=TEXTS, cuts=st.lists(st.integers(1, 50)))
def test_nothing_is_lost_wherever_it_is_cut(texts: list[bytes], cuts: list[int]) -> None:
    mark = Mark(slot=12, attempt=2, point=Point.BEGINS)
    log = b"".join(texts) + b"\n" + mark.line + b"".join(texts)
    pieces, rest = [], log
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    parts = read([*pieces, rest])
    assert mark in parts
    assert b"".join(part.line if isinstance(part, Mark) else part for part in parts) == log


def test_a_line_without_end_is_not_held_back() -> None:
    parts = marked(iter([BEGINNING, b"x" * LONGEST, b"y"]))
    assert next(parts) == BEGINNING + b"x" * LONGEST
