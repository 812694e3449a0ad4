"""Which ``{name}`` of a command look like a parameter's and are none: a slip that would cost every trial. Pure.

Braces that are no parameter stay on purpose, since programs have their own: only a bare name in braces is looked at, and none
that a ``$``, ``@``, ``%``, ``#``, a backslash or another brace makes somebody else's. What could go wrong: a name of the
program's own (awk's ``{print}``, a Python text's ``{loss}``); it is told only if it is close to a parameter's, or where a
parameter stands nowhere in the command and the command does not name the file that holds them all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from corebound.api.model import nearest_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.spec import CampaignSpec

_BARE_NAME: Final = re.compile(r"(?<![$@%#\\{])\{([A-Za-z_][\w.-]*)\}(?!\})")
_OF_AWK: Final = frozenset({"print", "next", "exit"})
_PARAMETERS_FILE: Final = "COREBOUND_PARAMETERS"


def misspelt_placeholders(spec: CampaignSpec) -> Iterator[str]:
    """A sentence for each name in braces that is probably meant as a parameter of the campaign."""
    parts = spec.trial.command or []
    names = [parameter.name for parameter in spec.search.parameters]
    unused = [name for name in names if not any(f"{{{name}}}" in part for part in parts)]
    if any(_PARAMETERS_FILE in part for part in parts):
        unused = []
    programs_own = _OF_AWK | {objective.metric for objective in spec.objectives}
    for found in dict.fromkeys(name for part in parts for name in _BARE_NAME.findall(part)):
        if found in names:
            continue
        what = f"{{{found}}} in spec.trial.command is no parameter and is passed to the program as it is"
        if near := nearest_name(found, names):
            yield f"{what}; did you mean {{{near}}}?"
        elif unused and found not in programs_own:
            yield f"{what}, while the command has no {' and no '.join(f'{{{name}}}' for name in unused)}; correct it"
