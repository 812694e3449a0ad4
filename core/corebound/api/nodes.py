"""From the text of a YAML file to nodes: scalars as they are written, lists, mappings, and other names for one of these.

The text is taken apart by PyYAML (libyaml, from which kubectl's reader was made). What could go wrong: no YAML, for which
there is often a hint, a second document, a name that nothing has or that stands within itself, nesting without end; each is
a :class:`SpecError` that names the line, and nothing of the file can be read then.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

from corebound.api.document import DEEPEST, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.errors import SpecError

_TWO_ESCAPES: Final = re.compile(r"((?<!\\)(?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})")
_HINTS: Final = {
    "mapping values are not allowed": "; put a text that holds a colon and a space in quotes",
    "did not find expected key": "; are the lines above indented alike, and brackets and quotes closed?",
    "did not find expected ',' or": "; is a bracket or a comma missing?",
    "unexpected ':'": "; is the space or the value after it missing?",
    "cannot start any token": "; put a text that begins so in quotes",
    "control characters are not allowed": "; remove them, or write them as an escape in double quotes",
}


@dataclass(frozen=True, kw_only=True)
class Node:
    """A scalar (its text), a list, a mapping (pairs) or another name (alias) of one of these."""

    line: int
    tag: str | None = None
    quoted: bool = False
    text: str | None = None
    items: list[Node] = field(default_factory=list)
    pairs: list[tuple[Node, Node]] | None = None
    alias: Node | None = None


def compose(text: str, *, file: str) -> Node | None:
    """The only document that holds anything; None when there is none."""
    try:
        return _only_document(_with_whole_characters(text), file)
    except yaml.MarkedYAMLError as error:
        raise _no_yaml(error, text, file) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise refused(file, f"holds the character U+{error.character:04X}, which YAML does not allow", line) from error


def _with_whole_characters(text: str) -> str:
    """JSON writes characters beyond 16 bits as two escapes, which YAML does not know; kubectl reads JSON as JSON."""
    if not _TWO_ESCAPES.search(text):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return _TWO_ESCAPES.sub(lambda pair: pair[1] + json.loads(f'"{pair[2]}"'), text)


def _only_document(text: str, file: str) -> Node | None:
    # libyaml allows tabs where kubectl does; PyYAML's own scanner, the fallback, refuses some of them.
    events = iter(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    found: Node | None = None
    for event in events:
        if not isinstance(event, yaml.DocumentStartEvent):
            continue
        if event.version is not None and event.version != (1, 1):
            raise refused(file, "asks for another YAML than 1.1, which kubectl reads; remove the line", 1)
        node = _Composer(events, file).node(next(events), depth=0)
        if node.text == "" and not node.quoted and node.tag is None:
            continue
        if found is not None:
            line = event.start_mark.line + 1 if event.start_mark else None
            raise refused(file, "found several documents, expected one campaign a file; split it", line)
        found = node
    return found


class _Composer:
    """Takes nodes off the stream of events; knows the anchors of one document."""

    def __init__(self, events: Iterator[Any], file: str) -> None:
        self._events, self._file = events, file
        self._anchors: dict[str, Node | None] = {}

    def node(self, event: Any, *, depth: int) -> Node:
        """The node that begins with ``event``."""
        line = event.start_mark.line + 1
        if depth > DEEPEST:
            raise refused(self._file, f"is nested deeper than {DEEPEST} levels", line)
        if isinstance(event, yaml.AliasEvent):
            return Node(line=line, alias=self._named(str(event.anchor), line))
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node = self._own(event, line, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _own(self, event: Any, line: int, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0] or event.tag is not None
            return Node(line=line, tag=event.tag, quoted=not plain, text=event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(line=line, items=list(self._nodes(depth)))
        keys_and_values = iter(self._nodes(depth))
        return Node(line=line, pairs=list(zip(keys_and_values, keys_and_values, strict=True)))

    def _nodes(self, depth: int) -> Iterator[Node]:
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                return
            yield self.node(event, depth=depth + 1)

    def _named(self, name: str, line: int) -> Node:
        if name not in self._anchors:
            raise refused(self._file, f"names *{name}, but no &{name} stands before it", line)
        node = self._anchors[name]
        if node is None:
            raise refused(self._file, f"names *{name} inside of &{name} itself, which would have no end", line)
        return node


def _no_yaml(error: yaml.MarkedYAMLError, text: str, file: str) -> SpecError:
    """What PyYAML says, with a hint where it is known what people mean."""
    if "unexpected end of stream" in str(error.problem) and error.context_mark:
        return refused(file, "is no YAML: the quote that begins here is never closed", error.context_mark.line + 1)
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    lines = text.splitlines()
    written = lines[line - 1] if line is not None and line <= len(lines) else ""
    indent = written[: len(written) - len(written.lstrip())]
    hint = next((advice for words, advice in _HINTS.items() if words in str(error.problem)), "")
    if "\t" in indent:
        hint = "; the line begins with a tab, indent with spaces"
    return refused(file, f"is no YAML: {error.problem or error.context}{hint}", line)
