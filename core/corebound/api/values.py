"""The kinds of value that fields hold: each with its check, in our words, and with the words that describe it.

JSON values flow in (numbers are finite and whole where they can be: ``reading`` sees to it), checked values flow out.
What could go wrong: a value of another kind, told as what was found and what was expected.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StrictInt, StrictStr

from corebound.api.model import nearest, shown, unquoted
from corebound.api.quantities import parse_cpu, parse_duration, parse_memory, parse_money, parse_money_above_zero
from corebound.api.workload import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_NAME: Final = 52
"""A Job's pods append ``-`` and an index; with ``-rN`` for the round 63 characters hold 52 of the campaign's name."""
MOST_THREADS: Final = 4096

_FUNCTION: Final = re.compile(r"(?:[\w.]+|[^:\0\n]+\.py):[A-Za-z_]\w*")
_CAMPAIGN_NAME: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Described:
    """The words for a kind of value, in the reference and in messages."""

    words: str


def check_function(value: object) -> object:
    """``package.module:name`` or ``file.py:name``. Raises ValueError."""
    if not isinstance(value, str) or not _FUNCTION.fullmatch(value):
        raise ValueError(f"found {shown(value)}, expected package.module:function or file.py:function")
    return value


def check_task(value: object) -> object:
    """A built-in task, or a class of the user's own, named like a function. Raises ValueError."""
    if isinstance(value, str) and (value in TASKS or _FUNCTION.fullmatch(value)):
        return value
    raise ValueError(
        f"found {shown(value)}, expected {', '.join(TASKS)}, or a class of your own (package.module:Class or "
        f"file.py:Class){nearest(value, TASKS)}"
    )


def check_campaign_name(value: object) -> object:
    """What pods and studies can be named after. Raises ValueError."""
    if not isinstance(value, str) or not _CAMPAIGN_NAME.fullmatch(value) or len(value) > LONGEST_NAME:
        length = f" of {len(value)} characters" if isinstance(value, str) and len(value) > LONGEST_NAME else ""
        raise ValueError(
            f"found {shown(value)}{length}, expected at most {LONGEST_NAME} lower case letters, digits and dashes, "
            "beginning and ending with a letter or digit"
        )
    return value


def check_name(value: object) -> object:
    """A parameter's, metric's or study's name. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"found {shown(value)}, expected a name (put it in quotes)")
    if not 0 < len(value) <= 200 or not value.isprintable() or value != value.strip():
        raise ValueError(
            f"found {shown(value)}, expected a name of 1 to 200 printable characters, without spaces around"
        )
    return value


def check_variable(value: object) -> object:
    """An environment variable's name. Raises ValueError."""
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise ValueError(f"found {shown(value)}, expected a variable's name: letters, digits and _, no digit first")
    return value


def check_number(value: object) -> object:
    """A number that is no boolean. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"found {shown(value)}, expected a number{unquoted(value)}")
    return value


def check_choice(value: object) -> object:
    """A text, a number, true or false. Raises ValueError."""
    if not isinstance(value, str | int | float):
        raise ValueError(f"found {shown(value)}, expected a text, a number, true or false")
    return value


def check_auto_or_whole(most: int | None) -> Callable[[object], object]:
    """``auto`` or a whole number from 1 to ``most``."""
    expected = "auto or a whole number " + (f"from 1 to {most}" if most else "of at least 1")

    def check(value: object) -> object:
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        if value != "auto" and not (whole and (most is None or int(str(value)) <= most)):
            raise ValueError(f"found {shown(value)}, expected {expected}{unquoted(value)}")
        return value

    return check


Duration = Annotated[float, BeforeValidator(parse_duration), Described("duration such as 60s or 1h30m")]
Memory = Annotated[int, BeforeValidator(parse_memory), Described("memory such as 512Mi or 1Gi")]
Cpu = Annotated[float, BeforeValidator(parse_cpu), Described("cores such as 4 or 126620m")]
Price = Annotated[Decimal, BeforeValidator(parse_money), Described('amount such as "3.50"')]
Amount = Annotated[Decimal, BeforeValidator(parse_money_above_zero), Described('amount such as "3.50"')]
Function = Annotated[str, BeforeValidator(check_function), Described("package.module:function or file.py:function")]
TaskName = Annotated[
    str, BeforeValidator(check_task), Described(f"{', '.join(TASKS)}, or package.module:Class or file.py:Class")
]
CampaignName = Annotated[str, BeforeValidator(check_campaign_name), Described("name")]
Name = Annotated[str, BeforeValidator(check_name), Described("name")]
VariableName = Annotated[str, BeforeValidator(check_variable), Described("name of a variable")]
Number = Annotated[int | float, BeforeValidator(check_number), Described("number")]
Choice = Annotated[bool | int | float | str, BeforeValidator(check_choice), Described("text, number, true or false")]
Count = Annotated[StrictInt, Field(ge=1), Described("whole number, at least 1")]
Natural = Annotated[StrictInt, Field(ge=0), Described("whole number, at least 0")]
Threads = Annotated[
    int | Literal["auto"],
    BeforeValidator(check_auto_or_whole(MOST_THREADS)),
    Described(f"auto, or whole number from 1 to {MOST_THREADS}"),
]
Parallelism = Annotated[
    int | Literal["auto"],
    BeforeValidator(check_auto_or_whole(None)),
    Described("auto, or whole number, at least 1"),
]
Labels = Annotated[dict[StrictStr, StrictStr], Described("mapping of texts to texts")]
Scalars = Annotated[dict[str, Choice], Described("mapping of names to texts, numbers, true or false")]
Options = Annotated[dict[str, Any], Described("mapping")]
KubernetesObject = Annotated[dict[str, Any], Described("Kubernetes object")]
