"""A genome as a network: inputs on the left, outputs on the right, hidden nodes as deep as the paths that lead to them.

Line width is the weight's size, its colour the sign; loops are dashed, disabled connections are left out. What could go
wrong: too many connections to be seen; then only the strongest are drawn, which the picture says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corebound.api.genome import LAYERED
from corebound.reporting.pictures.svg import COLOURS, INK, drawing, element, hint, number, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from corebound.api.genome import Genome

MOST_LINES: Final = 250
BETWEEN_COLUMNS: Final = 150
NODE: Final = 9
FILLS: Final = {"input": "#cce4f6", "bias": "#eeeeee", "hidden": "#ffffff", "output": "#fbd7cf"}
Place = tuple[float, float]


def network_picture(genome: Genome) -> str:
    """The nodes that are connected, and their connections."""
    columns = _columns(genome)
    tallest = max(len(column) for column in columns)
    row = 44 if tallest <= 16 else 13
    width, height = 140 + BETWEEN_COLUMNS * (len(columns) - 1), row * tallest + 50
    places = {
        node: (70.0 + BETWEEN_COLUMNS * index, 20 + row * (tallest / 2 + place + 0.5 - len(column) / 2))
        for index, column in enumerate(columns)
        for place, node in enumerate(column)
    }
    edges = sorted(_edges(genome), key=lambda edge: -abs(edge[2]))
    strongest = max((abs(weight) for _, _, weight in edges), default=1.0) or 1.0
    depth = {node: index for index, column in enumerate(columns) for node in column}
    lines = [
        _line(
            places[source], places[target], weight, share=abs(weight) / strongest, loop=depth[source] >= depth[target]
        )
        for source, target, weight in reversed(edges[:MOST_LINES])
    ]
    nodes = [_node(genome, node, place, small=row < 40) for node, place in places.items()]
    left_out = len(edges) - MOST_LINES
    said = f"{len(genome.hidden)} hidden nodes of at most {genome.hidden_limit}, {len(edges)} connections"
    said += f"; the {MOST_LINES} strongest are drawn" if left_out > 0 else ""
    key = (
        words("blue: positive", 12, height - 8, fill=COLOURS[0], font_size=11)
        + words("red: negative", 100, height - 8, fill=COLOURS[1], font_size=11)
        + words("dashed: loop", 182, height - 8, font_size=11)
    )
    return drawing(*lines, *nodes, key, width=max(width, 280), height=height, label=f"The network: {said}")


def _edges(genome: Genome) -> list[tuple[int, int, float]]:
    """Source, target and weight of every enabled connection."""
    found = genome.connections
    listed = zip(found.source, found.target, found.weight, found.enabled, strict=True)
    return [(source, target, weight) for source, target, weight, enabled in listed if enabled]


def _columns(genome: Genome) -> list[list[int]]:
    """Nodes from left to right: inputs and bias, hidden nodes by depth, outputs."""
    first_output = genome.inputs + 1
    first_hidden = first_output + genome.outputs
    hidden = range(first_hidden, first_hidden + len(genome.hidden))
    if genome.update == LAYERED:
        inner = [list(hidden)]
    else:
        depth = _depths(genome, hidden)
        inner = [[node for node in hidden if depth[node] == level] for level in sorted(set(depth.values()))]
    return [list(range(first_output)), *inner, list(range(first_output, first_hidden))]


def _depths(genome: Genome, hidden: Sequence[int]) -> dict[int, int]:
    """Of each hidden node the longest way to it; a connection that closed a loop when it came about does not count."""
    leading: dict[int, list[int]] = {node: [] for node in hidden}
    for source, target, _ in _edges(genome):
        if source in leading and target in leading and not _leads(leading, target, source):
            leading[source].append(target)
    depth = dict.fromkeys(hidden, 1)
    for _ in hidden:
        for source, targets in leading.items():
            for target in targets:
                depth[target] = max(depth[target], depth[source] + 1)
    return depth


def _leads(leading: Mapping[int, Sequence[int]], start: int, end: int) -> bool:
    seen, waiting = {start}, [start]
    while waiting:
        for each in leading[waiting.pop()]:
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    return end in seen


def _line(start: Place, end: Place, weight: float, *, share: float, loop: bool) -> str:
    (x1, y1), (x2, y2) = start, end
    if start == end:
        path = f"M {x1:.1f} {y1 - NODE:.1f} c -26 -30 26 -30 0 0"
    elif x1 == x2:
        path = f"M {x1:.1f} {y1:.1f} C {x1 + 45:.1f} {y1:.1f} {x2 + 45:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    else:
        middle = (x1 + x2) / 2
        path = f"M {x1:.1f} {y1:.1f} C {middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    colour = COLOURS[0] if weight >= 0 else COLOURS[1]
    dashed: dict[str, float | str] = {"stroke_dasharray": "5 4"} if loop else {}
    style: dict[str, float | str] = {"stroke_width": 0.6 + 4 * share, "stroke_opacity": 0.35 + 0.6 * share, **dashed}
    return element("path", hint(f"weight {number(weight)}"), d=path, fill="none", stroke=colour, **style)


def _node(genome: Genome, node: int, place: Place, *, small: bool) -> str:
    kind = genome.nodes[node]["kind"]
    said = f"{kind} node {node}, {genome.nodes[node]['activation']}"
    x, y = place
    name = {"input": f"in {node}", "bias": "1", "output": f"out {node - genome.inputs - 1}"}.get(kind, "")
    anchor, shift = ("end", -NODE - 6) if kind in ("input", "bias") else ("start", NODE + 6)
    label = words(name, x + shift, y + 4, text_anchor=anchor, font_size=9 if small else 12) if name else ""
    radius = 5 if small else NODE
    return element("circle", hint(said), cx=x, cy=y, r=radius, fill=FILLS[kind], stroke=INK) + label
