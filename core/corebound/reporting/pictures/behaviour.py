"""What the best network does, from a trial's ``corebound:behaviour``: poles that move, a surface of answers, mistakes.

The motion is SVG's own animation, in the task's own time and without end; its first state is what print shows, and below are
all states as lines. What could go wrong: a kind of behaviour that a later version has stored (said in its place).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from corebound.reporting.pictures.svg import COLOURS, INK, PALE, Axes, drawing, element, hint, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH: Final = 720
METRE: Final = 120
"""Pixels of a metre of track or pole."""
SHORTEST: Final = 40
"""Pixels; a shorter pole would hide behind the cart."""
LINES: Final = 84
"""Height of one variable's lines."""


def behaviour_picture(behaviour: Mapping[str, Any]) -> str:
    """Raises nothing: what cannot be drawn is said. A user's task may have given anything."""
    kind = behaviour.get("kind")
    drawn = {"motion": _motion, "surface": _surface, "confusion": _confusion}.get(str(kind))
    try:
        if drawn is not None:
            return drawn(behaviour)
        said = f"a behaviour of the kind {kind!r}, which this version cannot draw"
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        said = f"a behaviour of the kind {kind!r} that is not of its form ({type(error).__name__}: {error})"
    return drawing(words(said, 10, 24), width=WIDTH, height=40, label=said)


def _motion(behaviour: Mapping[str, Any]) -> str:
    """The scene, and each variable over time."""
    frames, scene = behaviour["frames"], behaviour["scene"]
    duration = max(behaviour["seconds_a_frame"] * len(frames), 0.1)
    pictures = {"cart-poles": _cart_poles, "valley": _valley}
    picture, height = "", 0.0
    if scene["drawing"] in pictures:
        picture, height = pictures[scene["drawing"]](scene, frames, duration)
    parts = [picture]
    for index, name in enumerate(behaviour["variables"]):
        values = [frame[index] for frame in frames]
        parts.append(
            _variable(name, values, behaviour["seconds_a_frame"], top=height + 30 + index * LINES, index=index)
        )
    ending = "it ended there" if behaviour["ended"] else "it goes on"
    total = height + 20 + LINES * len(behaviour["variables"]) + 24
    parts.append(words(f"seconds; {ending}", WIDTH / 2, total - 6, text_anchor="middle"))
    return drawing(*parts, width=WIDTH, height=total, label=f"What the network does, {duration:.1f} s of it; {ending}")


def _variable(name: str, values: Sequence[float], seconds: float, *, top: float, index: int) -> str:
    times = [place * seconds for place in range(len(values))]
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.1
    axes = Axes(
        left=60,
        top=top,
        width=WIDTH - 80,
        height=LINES - 40,
        first=0,
        last=times[-1],
        low=low - margin,
        high=high + margin,
    )
    return axes.frame(title=name) + axes.line(times, values, colour=COLOURS[index % len(COLOURS)], name=name)


def _cart_poles(scene: Mapping[str, Any], frames: Sequence[Sequence[float]], duration: float) -> tuple[str, float]:
    longest = max(max(length * METRE, SHORTEST) for _, length in scene["poles"])
    ground, middle = longest + 50, WIDTH / 2
    poles = [
        _turning(
            element("line", y2=-max(length * METRE, SHORTEST), stroke=COLOURS[order + 1], stroke_width=7 - 2 * order),
            [math.degrees(frame[place]) for frame in frames],
            duration,
            shift=(14 * order, 0),
        )
        for order, (place, length) in enumerate(scene["poles"])
    ]
    body = element("rect", x=-32, y=-2, width=64, height=22, rx=4, fill=INK)
    cart = _moving(body + "".join(poles), [(middle + METRE * frame[0], ground) for frame in frames], duration)
    end = scene["track"] * METRE
    line = element("line", x1=middle - end, x2=middle + end, y1=ground + 21, y2=ground + 21, stroke=INK)
    marks = [
        element("line", x1=middle + side * end, x2=middle + side * end, y1=ground, y2=ground + 30, stroke=INK)
        for side in (-1, 1)
    ]
    short = [length for _, length in scene["poles"] if length * METRE < SHORTEST]
    said = f"the pole of {short[0]:g} m is drawn longer than it is" if short else ""
    return "".join([line, *marks, cart, words(said, 10, 16, font_size=11)]), ground + 40


def _valley(scene: Mapping[str, Any], frames: Sequence[Sequence[float]], duration: float) -> tuple[str, float]:
    del scene

    def place(x: float) -> tuple[float, float]:
        return 40 + (x + 1.2) / 1.8 * (WIDTH - 80), 120 - 80 * math.sin(3 * x)

    hill = " ".join("{:.1f},{:.1f}".format(*place(-1.2 + 1.8 * step / 80)) for step in range(81))
    x, y = place(0.5)
    cloth = f"{x:.1f},{y - 34:.1f} {x + 20:.1f},{y - 27:.1f} {x:.1f},{y - 20:.1f}"
    parts = [
        element("polyline", points=hill, fill="none", stroke=INK, stroke_width=2),
        element("line", x1=x, x2=x, y1=y, y2=y - 34, stroke=INK),
        element("polygon", points=cloth, fill=COLOURS[1]),
        _moving(element("circle", cy=-9, r=9, fill=COLOURS[0]), [place(frame[0]) for frame in frames], duration),
    ]
    return "".join(parts), 215


def _moving(content: str, places: Sequence[tuple[float, float]], duration: float) -> str:
    values = [f"{x:.1f} {y:.1f}" for x, y in places]
    return element("g", content, _animation("translate", values, duration), transform=f"translate({values[0]})")


def _turning(content: str, degrees: Sequence[float], duration: float, *, shift: tuple[float, float]) -> str:
    values = [f"{angle:.2f}" for angle in degrees]
    turned = element("g", content, _animation("rotate", values, duration), transform=f"rotate({values[0]})")
    return element("g", turned, transform=f"translate({shift[0]:g} {shift[1]:g})")


def _animation(kind: str, values: Sequence[str], duration: float) -> str:
    return element(
        "animateTransform",
        attributeName="transform",
        type=kind,
        values=";".join(values),
        dur=f"{duration:g}s",
        repeatCount="indefinite",
    )


def _surface(behaviour: Mapping[str, Any]) -> str:
    rows, low, high = behaviour["hundredths"], behaviour["low"], behaviour["high"]
    side, left, top = 360, 60, 30
    axes = Axes(left=left, top=top, width=side, height=side, first=low, last=high, low=low, high=high)
    cell = side / len(rows)
    squares = [
        element(
            "rect",
            hint(f"answer {value / 100:g}"),
            x=left + column * cell,
            y=top + side - (row + 1) * cell,
            width=cell + 0.5,
            height=cell + 0.5,
            fill=_shade(value / 100),
        )
        for row, line in enumerate(rows)
        for column, value in enumerate(line)
    ]
    points = [
        element("circle", hint(f"taught: {target:g}"), cx=axes.x(x), cy=axes.y(y), r=8, fill=_shade(target), stroke=INK)
        for x, y, target in behaviour["points"]
    ]
    title = "Answer to two inputs (blue 0, white one half, red 1; circles: what was taught)"
    frame = axes.frame(title=title, below="first input")
    return drawing(
        *squares, frame, *points, width=WIDTH, height=side + 80, label="The network's answers over its two inputs"
    )


def _shade(value: float) -> str:
    """Blue at 0, white at one half, red at 1."""
    share = min(1.0, max(0.0, value))
    end = (0x44, 0x77, 0xAA) if share < 0.5 else (0xEE, 0x66, 0x77)
    part = abs(share - 0.5) * 2
    return "#" + "".join(f"{round(255 + (colour - 255) * part):02x}" for colour in end)


def _confusion(behaviour: Mapping[str, Any]) -> str:
    classes, counts = behaviour["classes"], behaviour["counts"]
    cell, left, top = 34, 90, 60
    parts = [words("answered", left, 20, font_weight="bold"), words("was", 20, top - 8, font_weight="bold")]
    for row, (name, line) in enumerate(zip(classes, counts, strict=True)):
        y = top + row * cell
        parts.append(words(name, left - 12, y + 22, text_anchor="end"))
        parts.append(words(classes[row], left + row * cell + cell / 2, top - 8, text_anchor="middle"))
        whole = sum(line) or 1
        for column, count in enumerate(line):
            x = left + column * cell
            colour = COLOURS[0] if row == column else COLOURS[1]
            shade = {"fill": colour, "fill_opacity": count / whole, "stroke": PALE}
            said = f"{name} taken for {classes[column]}: {count} of {whole}"
            parts.append(element("rect", hint(said), x=x, y=y, width=cell, height=cell, **shade))
            if count:
                parts.append(words(str(count), x + cell / 2, y + 22, text_anchor="middle", font_size=11))
    size = top + cell * len(classes) + 20
    return drawing(*parts, width=left + cell * len(classes) + 20, height=size, label="What was taken for what")
