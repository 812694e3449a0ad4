"""The kinds of value that fields hold: each with its check, in our words, and with the words that describe it.

JSON values flow in (numbers are finite and whole where they can be: ``reading`` sees to it), checked values flow out.
What could go wrong: a value of another kind, told as what was found and what was expected.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, StrictInt, StrictStr

from corebound.api import names
from corebound.api.model import shown, unquoted
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

MOST_THREADS: Final = 4096
MOST_LABELS: Final = 100
MOST_SCALARS: Final = 1000
MOST_OPTIONS: Final = 100
LONGEST_ANNOTATION: Final = 65536


@dataclass(frozen=True)
class Described:
    """The words for a kind of value, in the reference and in messages."""

    words: str


def check_number(value: object) -> object:
    """A number that is no boolean. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"found {shown(value)}, expected a number{unquoted(value)}")
    return value


def check_choice(value: object) -> object:
    """A text, a number, true or false. Raises ValueError."""
    if not isinstance(value, str | int | float):
        remedy = (
            ""
            if value is not None
            else "; where None is meant write a text such as none, and let the objective read it so"
        )
        raise ValueError(f"found {shown(value)}, expected a text, a number, true or false{remedy}")
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


_LABELS_SCHEMA: Final = mapping_of(
    text(63, rule(f"self.matches(r'{names.LABEL_VALUE_PATTERN}')", f"expected {names.LABEL_VALUE_EXPECTED}")),
    MOST_LABELS,
    rule(names.label_names_fit("name"), f"expected {names.LABEL_KEY_EXPECTED}"),
)
_ANNOTATIONS_SCHEMA: Final = mapping_of(
    text(LONGEST_ANNOTATION),
    MOST_LABELS,
    rule(names.label_names_fit("name.lowerAscii()"), f"expected {names.LABEL_KEY_EXPECTED}"),
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
    BeforeValidator(names.check_function),
    Described("package.module:function or file.py:function"),
    Structural(checked_text(names.LONGEST_FUNCTION, names.FUNCTION_PATTERN, names.FUNCTION_EXPECTED)),
]
NamespaceName = Annotated[str, BeforeValidator(names.check_namespace), Described("name of a namespace")]
TaskName = Annotated[
    str,
    BeforeValidator(names.check_task),
    Described(f"{', '.join(TASKS)}, or package.module:Class or file.py:Class"),
    Structural(
        checked_text(names.LONGEST_FUNCTION, f"^({'|'.join(TASKS)})$|{names.FUNCTION_PATTERN}", names.TASK_EXPECTED)
    ),
]
CampaignName = Annotated[str, BeforeValidator(names.check_campaign_name), Described("name")]
Name = Annotated[
    str,
    BeforeValidator(names.check_name),
    Described("name"),
    Structural(checked_text(names.LONGEST_FIELD, names.NAME_PATTERN, names.NAME_EXPECTED)),
]
VariableName = Annotated[
    str,
    BeforeValidator(names.check_variable),
    Described("name of a variable"),
    Structural(checked_text(names.LONGEST_VARIABLE, "^[A-Za-z_][A-Za-z0-9_]*$", names.VARIABLE_EXPECTED)),
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
    dict[StrictStr, StrictStr], BeforeValidator(names.check_labels), Described("mapping of texts to texts")
]
ObjectAnnotations = Annotated[
    dict[StrictStr, StrictStr], BeforeValidator(names.check_annotations), Described("mapping of texts to texts")
]
"""Of the object itself, which the API server checks without being told."""
Labels = Annotated[
    dict[StrictStr, StrictStr],
    BeforeValidator(names.check_labels),
    Field(max_length=MOST_LABELS),
    Described("mapping of texts to texts"),
    Structural(_LABELS_SCHEMA),
]
Annotations = Annotated[
    dict[StrictStr, Annotated[StrictStr, Field(max_length=LONGEST_ANNOTATION)]],
    BeforeValidator(names.check_annotations),
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
