"""Values as JSON has them, whoever left them: NaN and infinities, for which it has no words, become texts.

``json`` writes them as words of its own that a strict reader refuses, and Optuna keeps whatever a user's objective gave it:
attributes, constraints, choices and reports may hold them at any depth.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """``value`` with ``nan``, ``inf`` and ``-inf`` as texts, mappings as dicts and tuples as lists."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def json_text(value: Any) -> str:
    """``value`` as one line of JSON that every reader takes."""
    return json.dumps(plain(value), allow_nan=False)
