"""From the bytes of a file to JSON values, with the line of each and everything that is wrong with them as YAML.

The text comes as nodes (:mod:`.nodes`), whose values are made here, because keys given twice, merges, numbers and tags must
come out as kubectl makes them. What could go wrong: no text, a key twice, a merge that readers disagree about, a number or a
character that nothing can keep, repetition without end.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from corebound.api.document import DEEPEST, KEY, MOST_BYTES, Document, field_text, refused
from corebound.api.errors import Problem
from corebound.api.nodes import compose
from corebound.api.scalars import key_scalar, plain_scalar, tagged_scalar

if TYPE_CHECKING:
    from corebound.api.model import Path
    from corebound.api.nodes import Node
    from corebound.api.scalars import Scalar

MOST_REPEATED: Final = 100_000
"""Aliases repeat what they name: a few lines could become more values than any memory holds."""
_MERGE: Final = "tag:yaml.org,2002:merge"


def read_document(data: bytes, *, file: str) -> Document:
    """The one document in ``data``. Raises :class:`SpecError` where nothing of it can be read."""
    if len(data) > MOST_BYTES:
        raise refused(file, f"has more than {MOST_BYTES} bytes, too much for a campaign and for an API server")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise refused(file, "is no UTF-8 text; save it as UTF-8", line) from error
    root = compose(text, file=file)
    if root is None:
        raise refused(file, "is empty, expected a SearchCampaign")
    values = _Values(file)
    value = values.of(root, ())
    return Document(value=value, lines=values.lines, written=values.written, problems=tuple(values.problems))


class _Values:
    """Turns nodes into JSON values; keeps lines, spellings and problems by path."""

    def __init__(self, file: str) -> None:
        self._file, self._aliases, self._repeated = file, 0, 0
        self.lines: dict[Path, int] = {}
        self.written: dict[Path, str] = {}
        self.problems: list[Problem] = []

    def of(self, node: Node, path: Path) -> Any:
        """The value of ``node``, which stands at ``path``."""
        if self._aliases:
            self._count_repeated(node.line)
        if len(path) > DEEPEST:
            raise refused(self._file, f"is nested deeper than {DEEPEST} levels", node.line)
        self.lines.setdefault(path, node.line)
        if node.alias is not None:
            self._aliases += 1
            value = self.of(node.alias, path)
            self._aliases -= 1
            return value
        if node.text is not None:
            return self._scalar(node, node.text, path)
        if node.pairs is not None:
            return self._mapping(node.pairs, path)
        return [self.of(item, (*path, index)) for index, item in enumerate(node.items)]

    def _scalar(self, node: Node, text: str, path: Path) -> Scalar:
        try:
            value = _value(node, text)
        except ValueError as error:
            self._problem(str(error), path, node.line)
            return None
        if isinstance(value, str):
            self._refuse_nul(value, path, node.line)
            return value
        if isinstance(value, float) and not math.isfinite(value):
            self._problem(
                f"found {text}, expected a finite number: JSON and an API server know no other", path, node.line
            )
            return None
        self.written[path] = text
        return value

    def _mapping(self, pairs: list[tuple[Node, Node]], path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: set[str] = set()
        for key, value in pairs:
            if key.text == "<<" and (key.tag == _MERGE if key.tag else not key.quoted):
                merged |= self._merge(value, path, found)
                continue
            name = self._name(key, path)
            if name is None:
                continue
            self._refuse_nul(name, path, key.line)
            here = (*path, name)
            if name in merged:
                merged.discard(name)
                self._forget(here)
            elif name in found:
                self._problem("found twice, expected once", here, key.line)
            self.lines[here] = key.line
            found[name] = self.of(value, here)
        return found

    def _merge(self, value: Node, path: Path, found: dict[str, Any]) -> set[str]:
        """Take over the keys of ``<<: value``; those that stand before it may not be among them."""
        several = value.text is None and value.pairs is None and value.alias is None
        merged: dict[str, Any] = {}
        for node in reversed(value.items) if several else [value]:
            target = node.alias or node
            if target.pairs is None:
                self._problem(
                    "found << without a mapping, expected <<: *name of one or a list of such", path, node.line
                )
                continue
            self._count_repeated(node.line)
            merged |= self._mapping(target.pairs, path)
        for name in sorted(merged.keys() & found.keys()):
            self._problem(
                "is set before << and again by it, and readers disagree which counts; write << first",
                (*path, name),
                value.line,
            )
        found |= merged
        return set(merged)

    def _name(self, key: Node, path: Path) -> str | None:
        target = key.alias or key
        if target.text is None:
            self._problem("found a list or a mapping as a key, expected a name", path, key.line)
            return None
        if target.quoted:
            return target.text
        try:
            name = key_scalar(target.tag, target.text)
        except ValueError as error:
            self._problem(str(error), path, key.line)
            return None
        if name != target.text:
            self.written[(*path, name, KEY)] = target.text
        return name

    def _count_repeated(self, line: int) -> None:
        self._repeated += 1
        if self._repeated > MOST_REPEATED:
            raise refused(self._file, f"repeats more than {MOST_REPEATED} values by aliases", line)

    def _refuse_nul(self, text: str, path: Path, line: int) -> None:
        if "\0" in text:
            self._problem("holds a NUL character, which no database keeps; remove it", path, line)

    def _forget(self, path: Path) -> None:
        for known in (self.lines, self.written):
            for place in [place for place in known if place[: len(path)] == path]:
                del known[place]

    def _problem(self, message: str, path: Path, line: int) -> None:
        self.problems.append(Problem(file=self._file, line=line, field=field_text(path), message=message))


def _value(node: Node, text: str) -> Scalar:
    if node.quoted:
        return text
    return tagged_scalar(node.tag, text) if node.tag else plain_scalar(text)
