"""What was measured so far, in a file of one JSON object a line: a comparison that was ended goes on where it was.

What could go wrong: the file is of another comparison (its trials or their size differ; refused), or its last line is
half-written (it does not count).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from comparison.table import Figure, Killed, Round


class Record:
    """Figures by round, kills and scaling by contender; every one is kept as it comes."""

    def __init__(self, path: Path, *, trials: int, seconds: float, units: int) -> None:
        self.path = path
        self.rounds: list[Round] = []
        self.kills: dict[str, Killed] = {}
        self.scaling: dict[str, dict[int, float]] = {}
        self.units = units
        asked = {"trials": trials, "seconds": seconds}
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        kept = [json.loads(line) for line in text.split("\n")[:-1]]
        if not kept:
            self._append({"kind": "comparison", **asked, "units": units})
            return
        first, *others = kept
        if found := {name: first[name] for name in asked if first[name] != asked[name]}:
            raise ValueError(f"found a record of {found} in {path}, expected {asked}; name another file or remove it")
        self.units = first["units"]
        for each in others:
            self._take(each)

    def add_figure(self, index: int, name: str, figure: Figure) -> None:
        self._keep({"kind": "figure", "round": index, "name": name, "found": asdict(figure)})

    def add_killed(self, name: str, killed: Killed) -> None:
        self._keep({"kind": "killed", "name": name, "found": asdict(killed)})

    def add_scaling(self, name: str, workers: int, seconds: float) -> None:
        self._keep({"kind": "scaling", "name": name, "workers": workers, "found": seconds})

    def of_round(self, index: int) -> Round:
        """What is known of a round; empty when it has not begun."""
        while len(self.rounds) <= index:
            self.rounds.append({})
        return self.rounds[index]

    def _keep(self, line: dict[str, Any]) -> None:
        self._append(line)
        self._take(line)

    def _append(self, line: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(line)}\n")

    def _take(self, line: dict[str, Any]) -> None:
        name, found = line["name"], line["found"]
        if line["kind"] == "figure":
            self.of_round(line["round"])[name] = Figure(**found)
        elif line["kind"] == "killed":
            self.kills[name] = Killed(**found)
        else:
            self.scaling.setdefault(name, {})[line["workers"]] = found
