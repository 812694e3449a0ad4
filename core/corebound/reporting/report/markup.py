"""HTML that cannot be broken by what users write: texts are escaped where they enter, elements are put together as values."""

from __future__ import annotations

from html import escape
from typing import Final

_EMPTY: Final = {"meta", "br", "link"}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str) -> Markup:
    """``<name attributes>children</name>``; an attribute named as a Python word has an underscore behind it."""
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    if name in _EMPTY:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{joined(*children)}</{name}>")


def joined(*parts: str) -> Markup:
    """The parts one after the other, texts escaped."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part, quote=False) for part in parts))


def table(head: list[str], rows: list[list[str]], *, caption: str, numbers: bool = False) -> Markup:
    """A table with a caption; with ``numbers`` all but the first column stand to the right."""
    cells = (
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:])) for row in rows
    )
    heading = element("thead", element("tr", *(element("th", cell, scope="col") for cell in head))) if any(head) else ""
    return element(
        "div",
        element(
            "table",
            element("caption", caption) if caption else "",
            heading or Markup(""),
            element("tbody", *cells),
            class_="numbers" if numbers else "words",
        ),
        class_="wide",
    )
