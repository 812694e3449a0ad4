"""What a network does, as plain numbers small enough to be stored with its trial and drawn without torch.

- ``motion``: the states of a control task from its first start on, some twelve a second of its own time, ten seconds at most;
- ``surface``: the answer of a network with two inputs over a square, and the points it was taught;
- ``confusion``: how often each class was taken for which.

A task of the user's own that is a control task (``tasks.rollouts.ControlTask``) has its states drawn as lines; any other may
have ``behaviour(networks)``. What could go wrong: a behaviour too large to be stored, which is left out.
"""

from __future__ import annotations

import itertools
import json
import math
from typing import TYPE_CHECKING, Any, Final

from corebound_trial.neuroevolution.replay import networks_of, trajectory
from corebound_trial.neuroevolution.tasks.rollouts import ControlTask

if TYPE_CHECKING:
    from corebound.api.genome import Genome
    from corebound_trial.neuroevolution.tasks.protocol import Task

SHOWN_SECONDS: Final = 10.0
FRAMES: Final = 125
MOST_BYTES: Final = 12 * 1024


def behaviour_of(genome: Genome, task: Task) -> dict[str, Any] | None:
    """JSON values, or None where there is nothing to be drawn."""
    own = getattr(task, "behaviour", None)
    if own is not None:
        found: dict[str, Any] | None = own(networks_of(genome))
    elif isinstance(task, ControlTask):
        found = motion(genome, task)
    else:
        return None
    return found if len(json.dumps(found)) <= MOST_BYTES else None


def motion(genome: Genome, task: ControlTask) -> dict[str, Any]:
    """``frames``: states, every ``seconds_a_frame``; ``ended``: whether it ended (``task.ended``) in the time shown."""
    step = float(getattr(task, "seconds_a_step", 0.02))
    steps = min(task.steps, round(SHOWN_SECONDS / step))
    stride = max(1, -(-steps // FRAMES))
    states = trajectory(genome, task, steps=steps)
    frames = list(itertools.takewhile(lambda frame: all(map(math.isfinite, frame)), states[::stride]))
    return {
        "kind": "motion",
        "scene": dict(getattr(task, "scene", {"drawing": "lines"})),
        "variables": list(getattr(task, "variables", [f"state {index}" for index in range(len(states[0]))])),
        "seconds_a_frame": step * stride,
        "ended": len(states) <= steps,
        "frames": [[float(f"{value:.4g}") for value in frame] for frame in frames],
    }
