"""The kinds of value that fields hold: each with its check, in our words, and with the words that describe it.

JSON values flow in (numbers are finite and whole where they can be: ``reading`` sees to it), checked values flow out.
What could go wrong: a value of another kind, told as what was found and what was expected.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, StrictInt, StrictStr

from corebound.api.model import nearest, shown, unquoted
from corebound.api.quantities import (
    AMOUNT_EXPECTED,
    CPU_EXPECTED,
    DURATION_EXPECTED,
    LEAST_MEMORY,
    LESS_MEMORY_THAN,
    LONGEST_SECONDS,
    MEMORY_EXPECTED,
    MONEY_EXPECTED,
    MOST_CORES,
    cpu_form,
    duration_form,
    parse_cpu,
    parse_duration,
    parse_memory,
    parse_money,
    parse_money_above_zero,
)
from corebound.api.structural import (
    ANYTHING,
    FREE,
    SCALAR,
    Structural,
    checked_text,
    mapping_of,
    rule,
    text,
    whole_or_text,
)
from corebound.api.workload import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_NAME: Final = 52
"""A Job's pods append ``-`` and an index; with ``-rN`` for the round 63 characters hold 52 of the campaign's name."""
LONGEST_NAMESPACE: Final = 63
MOST_THREADS: Final = 4096
LONGEST_FIELD: Final = 200
"""Characters of a parameter's, metric's or study's name."""
LONGEST_FUNCTION: Final = 1000
LONGEST_VARIABLE: Final = 256
MOST_LABELS: Final = 100
MOST_SCALARS: Final = 1000
MOST_OPTIONS: Final = 100
LONGEST_DOMAIN: Final = 253
LONGEST_ANNOTATION: Final = 65536

_FUNCTION: Final = re.compile(r"(?:[\w.]+|[^:\0\n]+\.py):[A-Za-z_]\w*")
_CAMPAIGN_NAME: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_PART: Final = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_LABEL_KEY: Final = re.compile(f"({_DOMAIN}/)?{_PART}")
_LABEL_VALUE: Final = re.compile(f"({_PART})?")
LABEL_KEY_EXPECTED: Final = (
    "a label's name as Kubernetes allows it: at most 63 letters, digits, -, _ and . after an optional prefix such as "
    "example.com/"
)
LABEL_VALUE_EXPECTED: Final = (
    "a label's value as Kubernetes allows it: at most 63 letters, digits, -, _ and ., beginning and ending with a letter "
    "or digit"
)
FUNCTION_EXPECTED: Final = "package.module:function or file.py:function"
TASK_EXPECTED: Final = f"{', '.join(TASKS)}, or a class of your own (package.module:Class or file.py:Class)"
CAMPAIGN_NAME_EXPECTED: Final = (
    f"at most {LONGEST_NAME} lower case letters, digits and dashes, beginning and ending with a letter or digit"
)
NAME_EXPECTED: Final = f"a name of 1 to {LONGEST_FIELD} printable characters, without spaces around"
VARIABLE_EXPECTED: Final = "a variable's name: letters, digits and _, no digit first"


@dataclass(frozen=True)
class Described:
    """The words for a kind of value, in the reference and in messages."""

    words: str


def check_function(value: object) -> object:
    """``package.module:name`` or ``file.py:name``. Raises ValueError."""
    if not isinstance(value, str) or not _FUNCTION.fullmatch(value) or len(value) > LONGEST_FUNCTION:
        raise ValueError(f"found {shown(value)}, expected {FUNCTION_EXPECTED}")
    return value


def check_task(value: object) -> object:
    """A built-in task, or a class of the user's own, named like a function. Raises ValueError."""
    is_own = isinstance(value, str) and _FUNCTION.fullmatch(value) and len(value) <= LONGEST_FUNCTION
    if isinstance(value, str) and (value in TASKS or is_own):
        return value
    raise ValueError(f"found {shown(value)}, expected {TASK_EXPECTED}{nearest(value, TASKS)}")


def check_campaign_name(value: object) -> object:
    """What pods and studies can be named after. Raises ValueError."""
    if not isinstance(value, str) or not _CAMPAIGN_NAME.fullmatch(value) or len(value) > LONGEST_NAME:
        length = f" of {len(value)} characters" if isinstance(value, str) and len(value) > LONGEST_NAME else ""
        raise ValueError(f"found {shown(value)}{length}, expected {CAMPAIGN_NAME_EXPECTED}")
    return value


def check_namespace(value: object) -> object:
    """What a namespace can be called. Raises ValueError."""
    if not isinstance(value, str) or not _CAMPAIGN_NAME.fullmatch(value) or len(value) > LONGEST_NAMESPACE:
        raise ValueError(
            f"found {shown(value)}, expected at most {LONGEST_NAMESPACE} lower case letters, digits and dashes, beginning "
            "and ending with a letter or digit"
        )
    return value


def check_name(value: object) -> object:
    """A parameter's, metric's or study's name. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"found {shown(value)}, expected a name (put it in quotes)")
    if not 0 < len(value) <= LONGEST_FIELD or value != value.strip() or not all(map(_is_printable, value)):
        raise ValueError(f"found {shown(value)}, expected {NAME_EXPECTED}")
    return value


def _is_printable(letter: str) -> bool:
    """By categories that every reader of Unicode knows alike; which characters exist is another matter each year."""
    category = unicodedata.category(letter)
    return letter == " " or (category not in _UNPRINTABLE and category != "Zs")


def check_variable(value: object) -> object:
    """An environment variable's name. Raises ValueError."""
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value) or len(value) > LONGEST_VARIABLE:
        raise ValueError(f"found {shown(value)}, expected {VARIABLE_EXPECTED}")
    return value


def check_labels(value: object) -> object:
    """Names and values as Kubernetes allows them. Raises ValueError."""
    for name, label in value.items() if isinstance(value, dict) else ():
        _check_label_name(name)
        if isinstance(label, str) and not _LABEL_VALUE.fullmatch(label):
            raise ValueError(f"found {shown(label)} for {name}, expected {LABEL_VALUE_EXPECTED}")
    return value


def check_annotations(value: object) -> object:
    """Names as Kubernetes allows them, in letters of either case; the values are free. Raises ValueError."""
    for name in value if isinstance(value, dict) else ():
        _check_label_name(name.lower() if isinstance(name, str) else name)
    return value


def _check_label_name(name: object) -> None:
    if not isinstance(name, str) or not _LABEL_KEY.fullmatch(name) or len(name.partition("/")[0]) > LONGEST_DOMAIN:
        raise ValueError(f"found the name {shown(name)}, expected {LABEL_KEY_EXPECTED}")


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


_INNER: Final = r"[^\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\x{A0}\x{1680}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}"
_NAME_PATTERN: Final = f"^{_INNER} ]({_INNER}]*{_INNER} ])?$"
_FUNCTION_PATTERN: Final = r"^([\p{L}\p{N}_.]+|[^:\x{0}\n]+\.py):[A-Za-z_][\p{L}\p{N}_]*$"
_FIGURE: Final = r"[0-9]{1,18}(\.[0-9]{1,18})?"
_DURATION_WRITTEN: Final = (
    f"self.matches(r'^({_FIGURE}(ms|h|m|s))+$') && duration(self) >= duration('1ms') && "
    f"duration(self) <= duration('{LONGEST_SECONDS}s')"
)
_MEMORY_WRITTEN: Final = (
    f"self.matches(r'^{_FIGURE}(k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$') && "
    f"quantity(self).compareTo(quantity('{LEAST_MEMORY}')) >= 0 && "
    f"quantity(self).compareTo(quantity('{LESS_MEMORY_THAN}')) < 0"
)
_CPU_WRITTEN: Final = (
    f"self.matches(r'^{_FIGURE}m?$') && quantity(self).compareTo(quantity('0')) > 0 && "
    f"quantity(self).compareTo(quantity('{MOST_CORES}')) <= 0"
)


def _names_fit(name: str) -> str:
    return f"self.all(name, size(name.split('/')[0]) <= {LONGEST_DOMAIN} && {name}.matches(r'^({_DOMAIN}/)?{_PART}$'))"


_LABELS_SCHEMA: Final = mapping_of(
    text(63, rule(f"self.matches(r'^({_PART})?$')", f"expected {LABEL_VALUE_EXPECTED}")),
    MOST_LABELS,
    rule(
        _names_fit("name"),
        f"expected {LABEL_KEY_EXPECTED}",
    ),
)
_ANNOTATIONS_SCHEMA: Final = mapping_of(
    text(LONGEST_ANNOTATION),
    MOST_LABELS,
    rule(_names_fit("name.lowerAscii()"), f"expected {LABEL_KEY_EXPECTED}"),
)

Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(duration_form, when_used="json"),
    Described("duration such as 60s or 1h30m"),
    Structural(whole_or_text(f"self >= 1 && self <= {LONGEST_SECONDS}", _DURATION_WRITTEN, DURATION_EXPECTED)),
]
Memory = Annotated[
    int,
    BeforeValidator(parse_memory),
    Described("memory such as 512Mi or 1Gi"),
    Structural(whole_or_text(f"self >= {LEAST_MEMORY} && self < {LESS_MEMORY_THAN}", _MEMORY_WRITTEN, MEMORY_EXPECTED)),
]
Cpu = Annotated[
    float,
    BeforeValidator(parse_cpu),
    PlainSerializer(cpu_form, when_used="json"),
    Described("cores such as 4 or 126620m"),
    Structural(whole_or_text(f"self >= 1 && self <= {MOST_CORES}", _CPU_WRITTEN, CPU_EXPECTED)),
]
Price = Annotated[
    Decimal,
    BeforeValidator(parse_money),
    Described('amount such as "3.50"'),
    Structural(
        whole_or_text("self >= 0 && self < 1000000000000000000", f"self.matches(r'^{_FIGURE}$')", MONEY_EXPECTED)
    ),
]
Amount = Annotated[
    Decimal,
    BeforeValidator(parse_money_above_zero),
    Described('amount such as "3.50"'),
    Structural(
        whole_or_text(
            "self >= 1 && self < 1000000000000000000",
            f"self.matches(r'^{_FIGURE}$') && self.matches('[1-9]')",
            AMOUNT_EXPECTED,
        )
    ),
]
Function = Annotated[
    str,
    BeforeValidator(check_function),
    Described("package.module:function or file.py:function"),
    Structural(checked_text(LONGEST_FUNCTION, _FUNCTION_PATTERN, FUNCTION_EXPECTED)),
]
NamespaceName = Annotated[str, BeforeValidator(check_namespace), Described("name of a namespace")]
TaskName = Annotated[
    str,
    BeforeValidator(check_task),
    Described(f"{', '.join(TASKS)}, or package.module:Class or file.py:Class"),
    Structural(checked_text(LONGEST_FUNCTION, f"^({'|'.join(TASKS)})$|{_FUNCTION_PATTERN}", TASK_EXPECTED)),
]
CampaignName = Annotated[str, BeforeValidator(check_campaign_name), Described("name")]
Name = Annotated[
    str,
    BeforeValidator(check_name),
    Described("name"),
    Structural(checked_text(LONGEST_FIELD, _NAME_PATTERN, NAME_EXPECTED)),
]
VariableName = Annotated[
    str,
    BeforeValidator(check_variable),
    Described("name of a variable"),
    Structural(checked_text(LONGEST_VARIABLE, "^[A-Za-z_][A-Za-z0-9_]*$", VARIABLE_EXPECTED)),
]
Number = Annotated[int | float, BeforeValidator(check_number), Described("number"), Structural({"type": "number"})]
Choice = Annotated[
    bool | int | float | str,
    BeforeValidator(check_choice),
    Described("text, number, true or false"),
    Structural(SCALAR),
]
Count = Annotated[StrictInt, Field(ge=1), Described("whole number, at least 1")]
Natural = Annotated[StrictInt, Field(ge=0), Described("whole number, at least 0")]
Threads = Annotated[
    int | Literal["auto"],
    BeforeValidator(check_auto_or_whole(MOST_THREADS)),
    Described(f"auto, or whole number from 1 to {MOST_THREADS}"),
    Structural(
        whole_or_text(
            f"self >= 1 && self <= {MOST_THREADS}", "self == 'auto'", f"auto or a whole number from 1 to {MOST_THREADS}"
        )
    ),
]
Parallelism = Annotated[
    int | Literal["auto"],
    BeforeValidator(check_auto_or_whole(None)),
    Described("auto, or whole number, at least 1"),
    Structural(whole_or_text("self >= 1", "self == 'auto'", "auto or a whole number of at least 1")),
]
ObjectLabels = Annotated[
    dict[StrictStr, StrictStr], BeforeValidator(check_labels), Described("mapping of texts to texts")
]
ObjectAnnotations = Annotated[
    dict[StrictStr, StrictStr], BeforeValidator(check_annotations), Described("mapping of texts to texts")
]
"""Of the object itself, which the API server checks without being told."""
Labels = Annotated[
    dict[StrictStr, StrictStr],
    BeforeValidator(check_labels),
    Field(max_length=MOST_LABELS),
    Described("mapping of texts to texts"),
    Structural(_LABELS_SCHEMA),
]
Annotations = Annotated[
    dict[StrictStr, Annotated[StrictStr, Field(max_length=LONGEST_ANNOTATION)]],
    BeforeValidator(check_annotations),
    Field(max_length=MOST_LABELS),
    Described("mapping of texts to texts"),
    Structural(_ANNOTATIONS_SCHEMA),
]
Scalars = Annotated[
    dict[str, Choice],
    Described("mapping of names to texts, numbers, true or false"),
    Field(max_length=MOST_SCALARS),
    Structural(mapping_of(SCALAR, MOST_SCALARS)),
]
Options = Annotated[dict[str, Any], Described("mapping"), Structural(FREE)]
SearchOptions = Annotated[
    dict[str, Any],
    Field(max_length=MOST_OPTIONS),
    Described("mapping"),
    Structural(mapping_of(ANYTHING, MOST_OPTIONS)),
]
KubernetesObject = Annotated[dict[str, Any], Described("Kubernetes object"), Structural(FREE)]
