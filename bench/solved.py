"""How many evaluations mode ``neat`` needs until a task is solved, beside Stanley and Miikkulainen 2002 (parts 4.1 and 4.3).

    python bench/solved.py [--xor 100] [--poles 20] [--generations 400] [--save poles.state]

Population 150 as published, the mode's defaults, each seed until its own solution; the double pole with all 100,000 actions.
The counts do not hang on the machine's load: it may do other work. With ``--save`` the double pole is kept after every
generation and gone on with, for it takes long: every network that balances for a while is held to the end.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any, Final

import torch

from corebound_trial.neuroevolution.evolution import Evolution, Order, seed_of
from corebound_trial.neuroevolution.tasks.doublepole import DoublePole
from corebound_trial.neuroevolution.tasks.xor import Xor
from corebound_trial.objectives.state_codec import decode_state, encode_state

POPULATION: Final = 150
PUBLISHED: Final = {"xor": "4,755 (2,553; 13,459), 100 of 100", "double-pole": "3,600, 120 of 120"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--xor", type=int, default=100, help="seeds")
    parser.add_argument("--poles", type=int, default=20, help="seeds")
    parser.add_argument("--generations", type=int, default=400, help="at most")
    parser.add_argument("--save", type=Path, help="a file to keep it in, and to go on from")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.xor:
        show("xor", run("xor", Xor(), seeds=options.xor, generations=options.generations))
    if options.poles:
        show("double-pole", run("double-pole", DoublePole(), seeds=options.poles, generations=options.generations,
                                save=options.save))  # fmt: skip


def run(name: str, task: Any, *, seeds: int, generations: int, save: Path | None = None) -> Evolution:
    """All seeds in one batch, until each has solved the task."""
    order = Order(
        mode="neat",
        task=name,
        arguments={},
        settings={},
        population=POPULATION,
        generations=generations,
        seeds=[seed_of(1, index) for index in range(seeds)],
    )
    if save is not None and save.exists():
        evolution = Evolution.from_state(decode_state(save.read_bytes()), task)
    else:
        evolution = Evolution(order, task)
    began, said = time.process_time(), time.monotonic()
    while not evolution.finished:
        evolution.step()
        if time.monotonic() - said > 10:
            said = time.monotonic()
            solved = sum(each is not None for each in evolution.solved_at)
            print(
                f"  {name}: generation {evolution.generation}, {solved} of {seeds} solved, "
                f"{time.process_time() - began:.0f} CPU s",
                flush=True,
            )
            if save is not None:
                save.write_bytes(encode_state(evolution.state_dict()))
    return evolution


def show(name: str, evolution: Evolution) -> None:
    """Mean (standard deviation; most) of the seeds that solved it, as the paper gives them."""
    solved = [each for each in evolution.solved_at if each is not None]
    shown = f"{len(solved)} of {len(evolution.solved_at)} seeds"
    if len(solved) > 1:
        shown += f", {statistics.mean(solved):,.0f} ({statistics.stdev(solved):,.0f}; {max(solved):,}) evaluations"
    print(f"{name:12} {shown}; published: {PUBLISHED[name]}", flush=True)


if __name__ == "__main__":
    main()
