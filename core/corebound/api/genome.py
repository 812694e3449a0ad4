"""One network as plain values: nodes, connections, activations, and where it comes from. JSON, exact to the last bit.

Weights are float32 and written as the shortest decimals that read back the same. What could go wrong: a genome too large to
be stored with a trial (``packed`` says so), a file that is none or of a later version (``from_json`` says so).
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from corebound.api.errors import ObjectiveError

GENOME: Final = "corebound:genome"
"""The user attribute of a trial with its best network, :func:`packed`."""
HISTORY: Final = "corebound:history"
"""The one with what happened, generation by generation: ``seed``, and a list for each field of ``history.Point``."""
BEHAVIOUR: Final = "corebound:behaviour"
"""The one with what the best network does (``neuroevolution.behaviour``), to be drawn."""
FORMAT: Final = "corebound-genome/1"
ORIGIN: Final = "corebound.json"
"""The file inside of an exported TorchScript that says of which ``campaign`` and ``slot`` it is; JSON files say it, too."""
LAYERED: Final = "layered"
"""Inputs, hidden nodes, outputs within one step."""
SWEEPS: Final = "sweeps"
"""All nodes at once, each from what the others gave in the last step."""
PLAIN_BYTES: Final = 16 * 1024
MOST_BYTES: Final = 48 * 1024
"""What a trial's user attribute may take: MySQL's TEXT holds 64 KiB, and every worker reads all trials' attributes."""


@dataclass(frozen=True, kw_only=True)
class Connections:
    """One entry a connection, in the order in which the network adds them up."""

    source: list[int] = field(default_factory=list)
    target: list[int] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)
    enabled: list[bool] = field(default_factory=list)
    innovation: list[int] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Genome:
    """Nodes are numbered by place: inputs, bias, outputs, hidden nodes."""

    update: str
    """:data:`LAYERED` or :data:`SWEEPS`."""
    inputs: int
    outputs: int
    recurrent: bool
    activation: str
    """Of hidden nodes."""
    hidden: list[int]
    """The hidden nodes' historical numbers, in their places."""
    hidden_limit: int
    """How many there could have been."""
    connections: Connections
    task: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    mode: str = ""
    seed: int = 0
    """The seed of the run that found it."""
    generation: int = 0
    fitness: float = 0.0
    """What the task gave it, exactly."""
    solved: bool = False

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """Number, kind and activation of each node, for displays."""
        squash = "steepened" if self.update == SWEEPS else "sigmoid"
        kinds = [("input", "none")] * self.inputs + [("bias", "none")] + [("output", squash)] * self.outputs
        kinds += [("hidden", self.activation)] * len(self.hidden)
        return [{"node": number, "kind": kind, "activation": name} for number, (kind, name) in enumerate(kinds)]


def to_json(genome: Genome) -> dict[str, Any]:
    """Plain values; :func:`from_json` gives an equal genome."""
    return {"format": FORMAT, **asdict(genome), "nodes": genome.nodes}


def from_json(value: object) -> Genome:
    """Raises :class:`ObjectiveError` for anything that :func:`to_json` did not write, an exported file's origin apart."""
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        found = value.get("format") if isinstance(value, dict) else type(value).__name__
        raise ObjectiveError(f"found {found!r}, expected a genome of the format {FORMAT}")
    parts = {name: part for name, part in value.items() if name not in ("format", "nodes", "campaign", "slot")}
    try:
        return Genome(**{**parts, "connections": Connections(**parts["connections"])})
    except (KeyError, TypeError) as error:
        raise ObjectiveError(f"this genome is incomplete or has something unknown in it: {error}") from error


def packed(genome: Genome) -> dict[str, Any]:
    """What is stored with a trial: plain when small, else compressed, else only how large it would have been."""
    plain = to_json(genome)
    text = json.dumps(plain, separators=(",", ":")).encode()
    if len(text) <= PLAIN_BYTES:
        return plain
    content = base64.b64encode(zlib.compress(text, 9)).decode()
    if len(content) <= MOST_BYTES:
        return {"format": FORMAT, "zlib": content}
    return {"format": FORMAT, "too_large": f"{len(content)} bytes compressed, at most {MOST_BYTES} are stored"}


def unpacked(value: object) -> Genome:
    """The genome that was :func:`packed`. Raises :class:`ObjectiveError`."""
    if isinstance(value, dict) and "too_large" in value:
        raise ObjectiveError(f"the best genome of this trial was not stored: {value['too_large']}")
    if not isinstance(value, dict) or "zlib" not in value:
        return from_json(value)
    try:
        return from_json(json.loads(zlib.decompress(base64.b64decode(value["zlib"]))))
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ObjectiveError(f"this genome is damaged: {error}") from error
