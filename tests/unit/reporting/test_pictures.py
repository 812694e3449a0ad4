"""Pictures are well-formed, self-contained SVG whatever they are made of, and say what they show."""

from __future__ import annotations

import math
from typing import Any
from xml.etree import ElementTree

import pytest

from corebound.api.genome import BEHAVIOUR, GENOME, HISTORY, SWEEPS, Connections, Genome, packed
from corebound.api.records import SlotRow, SlotState
from corebound.reporting.pictures.behaviour import behaviour_picture
from corebound.reporting.pictures.charts import history_picture
from corebound.reporting.pictures.network import MOST_LINES, network_picture
from corebound.reporting.pictures.page import trial_page
from corebound.reporting.pictures.svg import steps

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "<script>alert('x')</script> \"&"


def well_formed(picture: str) -> ElementTree.Element:
    root = ElementTree.fromstring(picture)  # noqa: S314 - our own text; a parser is the point
    assert root.tag == f"{SVG}svg"
    return root


def parsed(picture: str) -> ElementTree.Element:
    root = well_formed(picture)
    for each in root.iter():
        assert not any(word in " ".join(each.attrib.values()) for word in ("nan", "inf", "None"))
    return root


def texts(root: ElementTree.Element) -> str:
    return " | ".join(each.text or "" for each in root.iter(f"{SVG}text"))


def history(generations: int, *, species: bool = True) -> dict[str, Any]:
    numbers = list(range(1, generations + 1))
    return {
        "seed": 0,
        "generation": numbers,
        "best": [number / generations for number in numbers],
        "mean": [number / generations / 2 for number in numbers],
        "species": [3 if species else 0] * generations,
        "largest": [{"1": 20, "4": 10 + number % 3} if species else {} for number in numbers],
        "nodes": [0] * generations,
        "connections": [5] * generations,
    }


def genome(*edges: tuple[int, int, float], inputs: int = 2, outputs: int = 1, hidden: int = 0) -> Genome:
    first = inputs + 1 + outputs
    return Genome(
        update=SWEEPS,
        inputs=inputs,
        outputs=outputs,
        recurrent=True,
        activation="steepened",
        hidden=list(range(first, first + hidden)),
        hidden_limit=8,
        connections=Connections(
            source=[source for source, _, _ in edges],
            target=[target for _, target, _ in edges],
            weight=[weight for _, _, weight in edges],
            enabled=[True] * len(edges),
            innovation=list(range(len(edges))),
        ),
    )


@pytest.mark.parametrize("generations", [1, 2, 65])
@pytest.mark.parametrize("population", [None, 100])
def test_fitness_and_species(generations: int, population: int | None) -> None:
    root = parsed(history_picture(history(generations), population=population))
    assert len(root.findall(f"{SVG}polyline")) == 3
    assert len(root.findall(f"{SVG}polygon")) == (2 if population is None else 3)
    assert "3 species at the end" in texts(root)


def test_a_mode_without_species_has_only_fitness() -> None:
    root = parsed(history_picture(history(5, species=False)))
    assert "Networks of each species" not in texts(root)


def test_fitness_far_from_all_others_and_none_at_all() -> None:
    odd = {**history(3), "best": [-1e9, math.nan, 2.0], "mean": [-math.inf, -1e9, -1e9]}
    parsed(history_picture(odd))


def test_a_network_with_loops_has_every_node_and_line_once() -> None:
    # in 0 -> hidden 4 -> hidden 5 -> out; 5 back to 4, 4 to itself, out back to 5.
    drawn = genome((0, 4, 1.0), (4, 5, -2.0), (5, 3, 0.5), (5, 4, 1.0), (4, 4, 1.0), (3, 5, 0.1), hidden=2)
    root = parsed(network_picture(drawn))
    assert len(root.findall(f"{SVG}circle")) == 6
    lines = root.findall(f"{SVG}path")
    assert len(lines) == 6
    assert sum("stroke-dasharray" in line.attrib for line in lines) == 3
    assert "2 hidden nodes of at most 8, 6 connections" in (root.findtext(f"{SVG}title") or "")


def test_of_very_many_connections_the_strongest_are_drawn_and_that_is_said() -> None:
    edges = [(source, target, 1.0 + source) for source in range(64) for target in range(65, 75)]
    root = parsed(network_picture(genome(*edges, inputs=64, outputs=10)))
    assert len(root.findall(f"{SVG}path")) == MOST_LINES
    assert f"the {MOST_LINES} strongest are drawn" in (root.findtext(f"{SVG}title") or "")


def motion(drawing: str, frames: list[list[float]], **scene: Any) -> dict[str, Any]:
    return {
        "kind": "motion",
        "scene": {"drawing": drawing, **scene},
        "variables": [f"variable {index}" for index in range(len(frames[0]))],
        "seconds_a_frame": 0.08,
        "ended": False,
        "frames": frames,
    }


def test_poles_move_as_the_states_say() -> None:
    picture = behaviour_picture(
        motion("cart-poles", [[0.0, 0.0], [1.0, 0.1], [0.5, -0.1]], track=2.4, poles=[[1, 1.0]])
    )
    root = parsed(picture)
    moved, turned = sorted(root.iter(f"{SVG}animateTransform"), key=lambda each: each.attrib["type"], reverse=True)
    places = [float(value.split()[0]) for value in moved.attrib["values"].split(";")]
    assert (places[1] - places[0], places[2] - places[0]) == pytest.approx((120, 60))
    assert [float(value) for value in turned.attrib["values"].split(";")] == pytest.approx([0, 5.73, -5.73])
    assert moved.attrib["dur"] == turned.attrib["dur"] == "0.24s"
    assert len(root.findall(f"{SVG}polyline")) == 2  # each variable over time


@pytest.mark.parametrize(
    "behaviour",
    [
        motion("valley", [[-0.5, 0.0], [0.5, 0.07]]),
        motion("lines", [[1.0, 2.0, 3.0]]),
        motion("of a later version", [[1.0], [1.0]]),
        {"kind": "surface", "low": 0, "high": 1, "hundredths": [[0, 50], [100, 7]], "points": [[0, 1, 1.0]]},
        {"kind": "confusion", "classes": ["a", NASTY], "counts": [[3, 1], [0, 0]]},
        {"kind": NASTY},
    ],
)
def test_every_kind_of_behaviour_can_be_drawn(behaviour: dict[str, Any]) -> None:
    picture = behaviour_picture(behaviour)
    parsed(picture)
    assert "<script" not in picture


def test_the_page_escapes_what_users_wrote_and_needs_nothing_else() -> None:
    attributes = {
        HISTORY: history(3),
        GENOME: packed(genome((0, 3, 1.0))),
        BEHAVIOUR: {**motion("lines", [[0.0], [1.0]]), "variables": [NASTY]},
        NASTY: NASTY,
    }
    row = SlotRow(
        slot=4,
        state=SlotState.SUCCEEDED,
        attempt=1,
        lost_attempts=0,
        number=4,
        params={NASTY: 1},
        values=(0.5,),
        user_attrs=attributes,
    )
    page = trial_page(NASTY, row, metrics=[NASTY], population=30)
    assert page.count("<svg ") == 3
    assert "<script" not in page
    assert not any(
        outside in page.replace('xmlns="http://www.w3.org/2000/svg"', "") for outside in ("http", "src=", "url(")
    )


def test_a_genome_too_large_to_be_kept_is_said() -> None:
    row = SlotRow(
        slot=0,
        state=SlotState.SUCCEEDED,
        attempt=1,
        lost_attempts=0,
        number=0,
        user_attrs={GENOME: {"format": "corebound-genome/1", "too_large": "90000 bytes"}},
    )
    assert "was not stored: 90000 bytes" in trial_page("x", row, metrics=["fitness"])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-3, 7, [-2, 0, 2, 4, 6]),
        (5, 5, [5]),
        (0, math.nan, [0]),
        (math.nan, math.nan, []),
    ],
)
def test_round_numbers_on_the_axes(low: float, high: float, expected: list[float]) -> None:
    assert steps(low, high) == pytest.approx(expected)


@pytest.mark.parametrize(
    "behaviour", [{}, {"kind": ["motion"]}, {"kind": "surface"}, {"kind": "motion", "frames": [], "scene": {}}]
)
def test_a_behaviour_of_a_users_task_that_cannot_be_drawn_is_said(behaviour: dict[str, Any]) -> None:
    assert "a behaviour of the kind" in texts(well_formed(behaviour_picture(behaviour)))
