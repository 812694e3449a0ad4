"""``python -m corebound_trial.genomes``: what the command line asks of a genome file that needs torch.

The commands ``export`` and ``replay`` start it as a program of its own, since the core imports neither torch nor tasks. In:
``replay FILE FOLDER`` or ``torchscript FILE OUTPUT``; out: one JSON object on stdout, where it could not be done
``error``, and ``is_there``: false if what the file names was not found.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from corebound.api.errors import NotThereError, ObjectiveError
from corebound.api.genome import Genome, from_json


def main(words: list[str]) -> int:
    """The exit status: 0, or 1 with the reason."""
    try:
        what, file, place = words
        exported = json.loads(Path(file).read_text(encoding="utf-8"))
        genome = from_json(exported)
        if what == "replay":
            found = _replay(genome, Path(place))
        else:
            found = _torchscript(genome, Path(place), {name: exported[name] for name in ("campaign", "slot")})
    except ObjectiveError as error:
        sys.stdout.write(json.dumps({"error": str(error), "is_there": not isinstance(error, NotThereError)}))
        return 1
    sys.stdout.write(json.dumps(found))
    return 0


def _replay(genome: Genome, folder: Path) -> dict[str, Any]:
    from corebound_trial.objectives.entrypoint import user_traceback
    from corebound_trial.objectives.task import load_task

    # A wrong name is said at once; what a task of the user's own does with torch meanwhile has one thread, too.
    os.environ["OMP_NUM_THREADS"] = "1"
    task = load_task(genome.task, arguments=genome.arguments, folder=folder)

    import torch

    from corebound_trial.neuroevolution.evolution import fingerprint
    from corebound_trial.neuroevolution.replay import replay

    torch.set_num_threads(1)
    try:
        fitness = replay(genome, task)
    except Exception as error:
        raise ObjectiveError(f"{genome.task} raised:\n{user_traceback(error)}") from error
    return {"fitness": fitness, "machine": fingerprint()}


def _torchscript(genome: Genome, output: Path, origin: dict[str, Any]) -> dict[str, Any]:
    from corebound_trial.neuroevolution.torchscript import to_torchscript

    to_torchscript(genome, output, origin=origin)
    return {"written": str(output)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
