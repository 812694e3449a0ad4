"""Whether what a benchmark has measured is within its limits, which stand in a file beside it.

Figures flow in by name as they are measured; a sentence for each that is beyond its limit flows out. What could go wrong: a
figure that has another name in the file would never be judged; it is refused as soon as it is measured.
"""

from __future__ import annotations

from pathlib import Path

import yaml


class Limits:
    """The most that each figure may be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._most: dict[str, float] = yaml.safe_load(path.read_text(encoding="utf-8"))
        self.beyond: list[str] = []

    def judge(self, figure: str, found: float) -> None:
        """Keep in mind when ``found`` is more than it may be. Raises :class:`ValueError` for a figure without a limit."""
        if figure not in self._most:
            raise ValueError(
                f"{figure!r} has no limit; add one to {self._path.name}, where there are: {', '.join(self._most)}"
            )
        if not found <= self._most[figure]:
            self.beyond.append(f"{figure}: {found:.4g}, expected at most {self._most[figure]:g} ({self._path.name})")

    def status(self) -> int:
        """Name what is beyond its limit; the exit status of the benchmark."""
        for said in self.beyond:
            print(f"beyond its limit: {said}")
        return 1 if self.beyond else 0
