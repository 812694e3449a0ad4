"""The base of every model of the campaign file: closed, frozen, camelCase outside and snake_case inside."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """Unknown fields are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, use_attribute_docstrings=False)


def refuse_unknown(found: Any, allowed: tuple[str, ...], what: str) -> None:
    """Raise ValueError for the first name in ``found`` that is not in ``allowed``, with the nearest one."""
    for name in found:
        if name not in allowed:
            near = difflib.get_close_matches(str(name), allowed, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{name!r} is no {what}, allowed: {', '.join(allowed) or 'none'}{hint}")
