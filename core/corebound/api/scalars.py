"""What a YAML scalar means, as kubectl's reader sees it.

kubectl turns YAML into JSON by the rules of YAML 1.1 with some of its own: ``y`` is true, ``1e-5`` is a number, ``1:30``
and dates are texts, ``1.0`` arrives as the whole number 1, whole numbers beyond 64 bits as floats. The same file must
mean the same here and on a cluster, so these are the rules here too; a test feeds both readers one corpus.
"""

from __future__ import annotations

import base64
import datetime
import math
import re
from decimal import Decimal
from typing import Final

Scalar = str | int | float | bool | None

_TAGS: Final = "tag:yaml.org,2002:"
_WORDS: Final[dict[str, tuple[str, Scalar]]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), ("bool", True)),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), ("bool", False)),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), ("null", None)),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), ("float", math.nan)),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), ("float", math.inf)),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), ("float", -math.inf)),
}
_READ_AS: Final = {
    "int": ("int",),
    "float": ("float", "int"),
    "bool": ("bool",),
    "null": ("null",),
    "timestamp": ("timestamp",),
}
_INTEGER: Final = re.compile(r"([-+]?)(?:0[bB]([01]+)|0[oO]?([0-7]+)|0[xX]([0-9a-fA-F]+)|(0|[1-9][0-9]{0,19}))")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_POINT_FIRST: Final = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")
_TIME: Final = r"[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?"
_TIMESTAMP: Final = re.compile(
    rf"([0-9]{{4}})-([0-9]{{1,2}})-([0-9]{{1,2}})(?:[Tt]{_TIME}(?:Z|[-+][0-9]{{2}}:[0-9]{{2}})| {_TIME})?"
)


def plain_scalar(text: str) -> Scalar:
    """What an unquoted scalar without a tag means; not-a-number and infinities come as floats."""
    return _resolved(text)[1]


def tagged_scalar(tag: str, text: str) -> Scalar:
    """What a scalar with a tag such as ``!!int`` means. Raises ValueError where it is not of that kind."""
    name = tag.removeprefix(_TAGS) if tag.startswith(_TAGS) else ""
    if name == "binary":
        return _decoded(text)
    if name not in _READ_AS:
        return text
    kind, value = _resolved(text)
    if kind not in _READ_AS[name]:
        raise ValueError(f"found !!{name} {text!r}, which is no {name}; remove the tag or correct the value")
    return value


def key_scalar(tag: str | None, text: str) -> str:
    """The name that an unquoted key becomes in JSON. Raises ValueError where it becomes none."""
    value = tagged_scalar(tag, text) if tag else plain_scalar(text)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        raise ValueError("found an empty key, expected a name")
    # kubectl rounds fractions to 32 bits and writes 16777217.0 as 1.6777216e+07: nobody wants such a name.
    if isinstance(value, float) or (isinstance(value, int) and _resolved(text)[0] == "float"):
        raise ValueError(f"found the number {text} as a key, expected a name; put it in quotes")
    return str(value)


def json_number(value: float) -> int | float:
    """A number as JSON and an API server keep it: whole within 64 bits, else a float."""
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else _as_float(value)
    if value.is_integer() and abs(value) < 1e21:
        # The shortest digits, not the exact ones: those are what is written into the JSON.
        return json_number(int(Decimal(repr(value))))
    return value


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _resolved(text: str) -> tuple[str, Scalar]:
    """The kind and the value of an unquoted scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] == ".":
        return _float(text) if _POINT_FIRST.fullmatch(text) else ("str", text)
    if text[0] not in "+-0123456789":
        return "str", text
    if _is_timestamp(text):
        return "timestamp", text
    digits = text.replace("_", "")
    whole = _integer(digits)
    if whole is not None:
        return "int", json_number(whole)
    kind, value = _float(digits) if _FLOAT.fullmatch(digits) else ("str", text)
    return (kind, value) if kind == "float" else ("str", text)


def _integer(digits: str) -> int | None:
    """The whole number that ``digits`` write in some base, if it fits 64 bits."""
    match = _INTEGER.fullmatch(digits)
    if match is None:
        return None
    sign, *bases = match.groups()
    value = next(int(part, base) for part, base in zip(bases, (2, 8, 16, 10), strict=True) if part is not None)
    if not sign:
        return value if value < 2**64 else None
    value = -value if sign == "-" else value
    return value if -(2**63) <= value < 2**63 else None


def _float(digits: str) -> tuple[str, Scalar]:
    value = float(digits)
    return ("float", json_number(value)) if math.isfinite(value) else ("str", digits)


def _is_timestamp(text: str) -> bool:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return False
    try:
        datetime.date(int(match[1]) or 1, int(match[2]), int(match[3]))
    except ValueError:
        return False
    return True


def _decoded(text: str) -> str:
    try:
        data = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except ValueError as error:
        raise ValueError("found !!binary that is no base64; correct it") from error
    return data.decode("utf-8", errors="replace")
