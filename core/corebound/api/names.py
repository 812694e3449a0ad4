"""What may be called what: campaigns, parameters, functions, variables, labels. Each rule in Python, and for an API server.

Values flow in and out unchanged. What could go wrong: a name that pods, a shell or a database could not take, told as what
was found and what was expected.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import unicodedata
from typing import Final

from corebound.api.model import nearest, shown
from corebound.api.workload import TASKS

LONGEST_NAME: Final = 52
"""A Job's pods append ``-`` and an index; with ``-rN`` for the round 63 characters hold 52 of the campaign's name."""
LONGEST_NAMESPACE: Final = 63
LONGEST_FIELD: Final = 200
"""Characters of a parameter's, metric's or study's name."""
LONGEST_FUNCTION: Final = 1000
LONGEST_VARIABLE: Final = 256
LONGEST_DOMAIN: Final = 253

_FUNCTION: Final = re.compile(r"(?:[\w.]+|[^:\0\n]+\.py):[A-Za-z_]\w*")
_IN_A_NOTEBOOK: Final = ".ipynb:"
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

# As an API server has them.
_INNER: Final = r"[^\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\x{A0}\x{1680}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}"
NAME_PATTERN: Final = f"^{_INNER} ]({_INNER}]*{_INNER} ])?$"
LABEL_VALUE_PATTERN: Final = f"^({_PART})?$"
FUNCTION_PATTERN: Final = r"^([\p{L}\p{N}_.]+|[^:\x{0}\n]+\.py):[A-Za-z_][\p{L}\p{N}_]*$"


def check_function(value: object) -> object:
    """``package.module:name`` or ``file.py:name``. Raises ValueError."""
    if not isinstance(value, str) or not _FUNCTION.fullmatch(value) or len(value) > LONGEST_FUNCTION:
        raise ValueError(f"found {shown(value)}, expected {FUNCTION_EXPECTED}{notebook_remedy(value)}")
    return value


def notebook_remedy(function: object) -> str:
    """How a function of a notebook is made one of a Python file; nothing for any other."""
    notebook, in_a_notebook, name = str(function).partition(_IN_A_NOTEBOOK)
    if not in_a_notebook:
        return ""
    return (
        f"; write the notebook as a Python file with: jupyter nbconvert --to script {shlex.quote(f'{notebook}.ipynb')}, "
        f"then name {notebook}.py:{name}"
    )


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


def campaign_name_of(function: str) -> str:
    """A name for the campaign of a function: its last part that fits, so that file and function stay.

    Where that leaves anything out, a few digits of the whole tell it from others that end alike.
    """
    words = re.findall(r"[a-z0-9]+", function.lower())
    name = "-".join(words)
    is_whole = len(name) <= LONGEST_NAME and not any(letter.isalnum() and not letter.isascii() for letter in function)
    if name and is_whole:
        return name
    digits = hashlib.sha256(function.encode()).hexdigest()[:6]
    while len(words) > 1 and len("-".join([*words, digits])) > LONGEST_NAME:
        words = words[1:]
    return "-".join([*(word[: LONGEST_NAME - 1 - len(digits)] for word in words), digits])


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


def label_names_fit(name: str) -> str:
    """A rule in CEL about a mapping's keys, each called ``name`` in it, or what ``name`` makes of that."""
    return f"self.all(name, size(name.split('/')[0]) <= {LONGEST_DOMAIN} && {name}.matches(r'^({_DOMAIN}/)?{_PART}$'))"
