"""The one line that says most of an error: what stands in tables, in conditions and in the reason of an ending. Pure.

Errors are kept whole, as text: a traceback, perhaps behind a line of ours and with those of its causes before it; the stacks
of a hanging attempt behind the reason; the last output of a command before it. What could go wrong: a message of several
lines, of which the last alone means nothing; a traceback cut in its middle; then the last line has to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND_OUTPUT: Final = "the last output of the command:"
"""Before what a command has printed, in the error of its trial; tracebacks in it are the command's, not ours."""
STACKS: Final = "; its stacks:"

_TRACEBACK: Final = "Traceback (most recent call last):"
_OF_A_GROUP: Final = "+ Exception Group "
_MARGIN: Final = "  | "
_CAUSES: Final = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
_CUT: Final = "[...]"


def error_headline(error: str) -> str:
    """The line; `` …`` behind it where an exception's message has more. Empty for an empty text."""
    lines = error.strip().splitlines() or [""]
    reason, stacks, _ = lines[0].partition(STACKS)
    if stacks:
        return reason
    if COMMAND_OUTPUT not in lines[0]:
        begin = _exception(lines)
        if begin is not None:
            more = any(line.strip() for line in lines[begin + 1 :])
            return lines[begin].removeprefix(_MARGIN).strip() + (" …" if more else "")
    return lines[-1].strip()


def _exception(lines: Sequence[str]) -> int | None:
    """Where the exception's own text begins: behind the frames, which are indented, of the last traceback of the chain."""
    causes = [place for place, line in enumerate(lines) if line.removeprefix(_MARGIN) in _CAUSES]
    chained = range(causes[-1] + 1 if causes else 0, len(lines))
    header = next((place for place in chained if lines[place].endswith(_TRACEBACK)), None)
    if header is None:
        return None
    margin = _MARGIN if _OF_A_GROUP in lines[header] else ""
    # What follows a cut is the rest of a line.
    rest = {place + 1 for place, line in enumerate(lines) if line == _CUT}
    for place in range(header + 1, len(lines)):
        line = lines[place].removeprefix(margin)
        if line.strip() and not line[0].isspace() and line != _CUT and place not in rest:
            return place
    return None
