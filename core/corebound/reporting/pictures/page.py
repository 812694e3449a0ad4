"""One trial's pictures as a single HTML file: opens offline, prints, has no scripts.

What could go wrong: a trial without a genome (it ran something else, or failed), one whose genome was too large to be kept;
what is there is drawn, what is missing is said.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Final

from corebound.api.errors import ObjectiveError
from corebound.api.genome import BEHAVIOUR, GENOME, HISTORY, unpacked
from corebound.reporting.headings import headings
from corebound.reporting.pictures.behaviour import behaviour_picture
from corebound.reporting.pictures.charts import history_picture
from corebound.reporting.pictures.network import network_picture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from corebound.api.records import SlotRow

STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; color: #333; max-width: 780px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 1rem; } dt { color: #777; } dd { margin: 0; }
figure { margin: 0; break-inside: avoid; }
"""


def trial_pictures(attributes: Mapping[str, Any], *, population: int | None = None) -> dict[str, str]:
    """What can be drawn of a trial's user attributes: headings and SVG, to be put into any page."""
    found: dict[str, str] = {}
    if HISTORY in attributes:
        found["Fitness and species"] = history_picture(attributes[HISTORY], population=population)
    if GENOME in attributes:
        try:
            found["The best network"] = network_picture(unpacked(attributes[GENOME]))
        except ObjectiveError as error:
            found["The best network"] = f"<p>{html.escape(str(error))}</p>"
    if BEHAVIOUR in attributes:
        found["What it does"] = behaviour_picture(attributes[BEHAVIOUR])
    return found


def trial_page(campaign: str, row: SlotRow, *, metrics: Sequence[str], population: int | None = None) -> str:
    """The whole file."""
    title = f"{campaign}, slot {row.slot}"
    of_params, of_values = headings(["state"], parameters=[*row.params], metrics=metrics)
    facts: list[tuple[str, object]] = [("state", row.state.value)]
    facts += zip(of_values, row.values or (), strict=False)
    facts += zip(of_params, row.params.values(), strict=True)
    facts += [(name, value) for name, value in row.user_attrs.items() if not name.startswith("corebound:")]
    listed = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(_text(value))}</dd>" for name, value in facts)
    figures = "".join(
        f"<h2>{html.escape(heading)}</h2><figure>{picture}</figure>"
        for heading, picture in trial_pictures(row.user_attrs, population=population).items()
    )
    return (
        f"{_head(title)}<title>{html.escape(title)}</title>"
        f"<style>{STYLE}</style></head>\n<body><h1>{html.escape(title)}</h1><dl>{listed}</dl>\n{figures}</body></html>\n"
    )


def is_page_of(path: Path, *, campaign: str, slot: int) -> bool:
    """Whether the file is an earlier page of that slot. Raises OSError."""
    head = _head(f"{campaign}, slot {slot}").encode()
    with path.open("rb") as file:
        return file.read(len(head)) == head


def _head(title: str) -> str:
    """What such a page begins with, and no other file."""
    mark = f'<meta name="generator" content="Corebound pictures of {html.escape(title)}">'
    return f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{mark}'


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
