"""Fitness and species over generations, from a trial's ``corebound:history``.

What could go wrong: a mode without species, a run of one generation, fitness far from all others (the axes follow it).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from corebound.reporting.pictures.svg import COLOURS, PALE, Axes, drawing, element, hint, legend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH: Final = 720
LEFT, RIGHT = 60, 165
PANEL: Final = 200
BETWEEN: Final = 62


def history_picture(history: Mapping[str, Any], *, population: int | None = None) -> str:
    """Best and mean fitness of each generation; below, where there are species, how many networks each has.

    ``population``: networks of the seed, so that species too small to be kept by themselves are shown together.
    """
    species = any(history["species"])
    height = 40 + PANEL + 40 + ((PANEL + BETWEEN) if species else 0)
    parts = [_fitness(history)]
    if species:
        parts.append(_species(history, population))
    return drawing(*parts, width=WIDTH, height=height, label="Fitness and species over generations")


def _axes(history: Mapping[str, Any], *, top: float, low: float, high: float) -> Axes:
    generations = history["generation"]
    return Axes(
        left=LEFT,
        top=top,
        width=WIDTH - LEFT - RIGHT,
        height=PANEL,
        first=generations[0],
        last=generations[-1],
        low=low,
        high=high,
    )


def _fitness(history: Mapping[str, Any]) -> str:
    generations = history["generation"]
    lines = {"best": history["best"], "best so far": _running_best(history["best"]), "mean": history["mean"]}
    values = [value for line in lines.values() for value in line if math.isfinite(value)] or [0.0]
    axes = _axes(history, top=30, low=min(0.0, *values), high=max(values))
    colours = (PALE, COLOURS[0], COLOURS[1])
    drawn = [
        axes.line(generations, line, colour=colour, name=name)
        for (name, line), colour in zip(lines.items(), colours, strict=True)
    ]
    names = list(zip(colours, lines, strict=True))
    parts = [axes.frame(title="Fitness", below="generation"), *drawn, legend(names, x=WIDTH - RIGHT + 12, y=44)]
    return "".join(parts)


def _running_best(values: Sequence[float]) -> list[float]:
    best, so_far = -math.inf, []
    for value in values:
        best = max(best, value)
        so_far.append(best)
    return so_far


def _species(history: Mapping[str, Any], population: int | None) -> str:
    """Areas on top of each other, the oldest species at the bottom; one point counts until the next."""
    sizes: list[dict[str, int]] = history["largest"]
    shown = [sum(each.values()) for each in sizes]
    whole = population if population is not None else max(shown)
    axes = _axes(history, top=30 + PANEL + BETWEEN, low=0, high=max(whole, *shown))
    names = sorted({name for each in sizes for name in each}, key=int)
    base = [0.0] * len(sizes)
    areas = []
    for name in [*names, None]:
        # The rest is what small species have together.
        own = [
            float(each.get(name, 0)) if name else float(whole - part) for each, part in zip(sizes, shown, strict=True)
        ]
        if name is None and population is None:
            break
        top = [low + size for low, size in zip(base, own, strict=True)]
        colour = PALE if name is None else COLOURS[int(name) % len(COLOURS)]
        said = "smaller species together" if name is None else f"species {name}, at most {max(own):g} networks"
        areas.append(_area(axes, history["generation"], base, top, colour=colour, said=said))
        base = top
    counts = [(COLOURS[0], f"{history['species'][-1]} species at the end"), (PALE, "small ones together")]
    key = legend(counts, x=WIDTH - RIGHT + 12, y=axes.top + 14)
    title = "Networks of each species (oldest at the bottom)"
    return "".join([*areas, axes.frame(title=title, below="generation"), key])


def _area(
    axes: Axes, places: Sequence[float], low: Sequence[float], high: Sequence[float], *, colour: str, said: str
) -> str:
    there = [f"{axes.x(place):.1f},{axes.y(value):.1f}" for place, value in zip(places, high, strict=True)]
    back = [f"{axes.x(place):.1f},{axes.y(value):.1f}" for place, value in zip(places, low, strict=True)]
    points = " ".join([*there, *reversed(back)])
    return element("polygon", hint(said), points=points, fill=colour, stroke="white", stroke_width=0.5)
