"""What a worker writes on its standard streams; what cannot be written is lost, and changes nothing else.

A full disk below the log must neither end the worker nor change its exit code, which decides what becomes of the campaign.
So nothing is buffered: Python itself would report a failed flush at its end by status 120.
"""

from __future__ import annotations

import contextlib
import os


def say(text: str) -> None:
    """On standard error."""
    forward(text.encode(errors="replace"), descriptor=2)


def forward(piece: bytes, *, descriptor: int) -> None:
    """All of ``piece``, or what there is room for."""
    with contextlib.suppress(OSError):
        while piece:
            piece = piece[os.write(descriptor, piece) :]
