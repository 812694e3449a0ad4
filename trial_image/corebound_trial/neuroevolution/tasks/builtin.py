"""The built-in tasks by name; each is imported only when it is used."""

from __future__ import annotations

import importlib
from typing import Any, Final

BUILT_IN: Final = {
    "xor": ("xor", "Xor"),
    "cartpole": ("cartpole", "CartPole"),
    "double-pole": ("doublepole", "DoublePole"),
    "double-pole-no-velocities": ("doublepole", "DoublePoleNoVelocities"),
    "mountain-car": ("mountaincar", "MountainCar"),
    "digits": ("digits", "Digits"),
}


def task_class(name: str) -> Any:
    """The class of a built-in task; KeyError for others."""
    module, attribute = BUILT_IN[name]
    return getattr(importlib.import_module(f"{__package__}.{module}"), attribute)
