"""What a contender is asked for, and what it has to show for it at the end: two small JSON files."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Request:
    """``trials`` trials by ``workers`` workers; ``folder`` is the contender's own."""

    trials: int
    workers: int
    folder: Path

    @classmethod
    def read(cls, path: Path) -> Request:
        told = json.loads(path.read_text(encoding="utf-8"))
        return cls(trials=told["trials"], workers=told["workers"], folder=Path(told["folder"]))

    def write(self) -> Path:
        path = self.folder / "request.json"
        path.write_text(json.dumps({**asdict(self), "folder": str(self.folder)}), encoding="utf-8")
        return path

    @property
    def points(self) -> list[float]:
        """The parameter of each trial, for contenders without a sampler."""
        drawn = random.Random(1)
        return [drawn.random() for _ in range(self.trials)]

    def deliver(self, results: int) -> None:
        """Write down how many results the user holds; without this call it is none."""
        (self.folder / "results").write_text(str(results), encoding="utf-8")

    @property
    def delivered(self) -> int:
        path = self.folder / "results"
        return int(path.read_text(encoding="utf-8")) if path.exists() else 0


def run_processes(module: str, arguments: list[list[str]]) -> list[int]:
    """Their statuses; all are started at once, each as ``python -m contenders.MODULE ARGUMENTS``."""
    command = [sys.executable, "-m", f"contenders.{module}"]
    running = [subprocess.Popen([*command, *each]) for each in arguments]
    return [process.wait() for process in running]


def ray_folder(pid: int) -> Path:
    """Where the Ray of this contender's process keeps its files: paths of its sockets must be short."""
    return Path(f"/tmp/cb-ray-{pid}")  # noqa: S108 - made exclusively, with mode 700
