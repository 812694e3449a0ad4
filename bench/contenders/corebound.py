"""``corebound run`` with a campaign file: threads and workers are left to it unless fewer workers are asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contenders.request import Request


def main(request: Request) -> None:
    cores = len(os.sched_getaffinity(0))
    campaign = {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": request.folder.name},
        "spec": {
            "trials": request.trials,
            "parallelism": "auto" if request.workers == cores else request.workers,
            "objectives": [{"metric": "x", "direction": "minimize"}],
            "search": {"sampler": {"name": "random", "seed": 1}},
            "trial": {"entrypoint": "contenders.work:objective"},
        },
    }
    path = request.folder / "campaign.yaml"
    path.write_text(json.dumps(campaign), encoding="utf-8")
    program = Path(sys.executable).parent / "corebound"
    subprocess.run([program, "run", "-f", path, "--quiet"], check=False)
