"""An answer through a log: whole, or said to be cut."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebound.api.errors import ClusterError
from corebound.cluster.relay import Answer, packed, unpacked


@given(status=st.integers(0, 255), output=st.binary(), errors=st.binary(), noise=st.binary(max_size=30))
def test_it_arrives_as_it_was_whatever_stands_around_it(
    status: int, output: bytes, errors: bytes, noise: bytes
) -> None:
    answer = Answer(status=status, output=output, errors=errors)
    around = noise.replace(b"corebound-answer", b"") + b"\n"
    assert unpacked(around + b"".join(packed(answer)) + around) == answer
    assert unpacked(around.join(packed(answer))) == answer


def test_a_large_one_is_many_lines_and_one_that_is_cut_is_an_error() -> None:
    answer = Answer(status=0, output=os.urandom(100_000), errors=b"")
    lines = list(packed(answer))
    assert len(lines) > 10
    assert unpacked(b"".join(lines)) == answer
    with pytest.raises(ClusterError, match=r"its node cut it.*--storage"):
        unpacked(b"".join(lines[2:]))
    with pytest.raises(ClusterError, match="gave no answer"):
        unpacked(b"".join(lines[:-1]))


def test_a_pod_without_an_answer_is_told_by_its_last_words() -> None:
    with pytest.raises(ClusterError, match="No module named corebound"):
        unpacked(b"Traceback\nNo module named corebound\n")
    with pytest.raises(ClusterError, match=r"\(nothing\)"):
        unpacked(b"")
