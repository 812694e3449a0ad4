"""What comes over the wire that is no message."""

from __future__ import annotations

import os
import socket

import pytest

from corebound_trial.binding import proc
from corebound_trial.runner.wire import Wire


@pytest.mark.parametrize("garbage", [b"hello\n", b"\xff\xfe\n", b"[1]\n", b"{}\n", b"3\n"])
def test_garbage_on_the_wire_is_the_end_of_it(garbage: bytes) -> None:
    mine, theirs = socket.socketpair()
    with mine, theirs:
        theirs.sendall(garbage)
        with pytest.raises(EOFError):
            Wire(mine).receive(timeout=5)


def test_memory_is_known_without_the_kernels_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    read = proc._read
    monkeypatch.setattr(proc, "_read", lambda path: b"" if path.endswith("smaps_rollup") else read(path))
    assert proc.proportional_memory(os.getpid()) > 2**20
