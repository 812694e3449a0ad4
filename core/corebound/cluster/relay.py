"""A program's answer through the log of its pod: packed into marked lines, checked on the other side. Pure.

A pod's log is the one way out of a pod that needs no right but to read logs. It is text that mixes both streams, that
libraries write warnings into, and that a node cuts at 10 MB; so an answer is compressed, numbered and summed. What could go
wrong: an answer that is larger than a node keeps, which is found and said, never shown as if it were whole.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from corebound.api.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK: Final = b"corebound-answer "
LINE_BYTES: Final = 8000
MOST_BYTES: Final = 2**31


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a program has written, and how it ended."""

    status: int
    output: bytes
    errors: bytes


def packed(answer: Answer) -> Iterator[bytes]:
    """The lines of the log."""
    head = json.dumps({"status": answer.status, "output": len(answer.output)}).encode()
    whole = head + b"\n" + answer.output + answer.errors
    text = base64.b64encode(zlib.compress(whole, 6))
    lines = [text[start : start + LINE_BYTES] for start in range(0, len(text), LINE_BYTES)]
    for number, line in enumerate(lines):
        yield MARK + b"%d %b\n" % (number, line)
    yield MARK + b"end %d %b\n" % (len(lines), hashlib.sha256(text).hexdigest().encode())


def unpacked(log: bytes) -> Answer:
    """The answer in a pod's log. Raises :class:`ClusterError` where it is not there as a whole."""
    parts: list[bytes] = []
    for line in log.split(b"\n"):
        if not line.startswith(MARK):
            continue
        words = line.split()
        if words[1] != b"end":
            parts.append(words[2])
            continue
        text = b"".join(parts)
        if hashlib.sha256(text).hexdigest().encode() != words[3]:
            raise ClusterError(
                f"{len(parts)} of {int(words[2])} lines of the answer are in the pod's log: its node cut it, the answer is "
                "too large for this way; reach the database with --storage or --port-forward"
            )
        return _answer(text)
    raise ClusterError(f"the pod gave no answer; its log ends with: {last_words(log)}")


def last_words(log: bytes) -> str:
    """The last lines that are not ours, on one line."""
    lines = [line.decode(errors="replace").strip() for line in log.split(b"\n") if not line.startswith(MARK)]
    return " / ".join([line for line in lines if line][-3:]) or "(nothing)"


def _answer(text: bytes) -> Answer:
    whole = zlib.decompressobj().decompress(base64.b64decode(text), MOST_BYTES)
    head, _, rest = whole.partition(b"\n")
    found: dict[str, Any] = json.loads(head)
    return Answer(status=found["status"], output=rest[: found["output"]], errors=rest[found["output"] :])
