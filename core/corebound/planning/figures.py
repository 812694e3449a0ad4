"""What a number of workers takes and costs once the threads are chosen, and what a sampler learns meanwhile. Pure.

The planner's choices and its warnings are computed from the same figures, so that they cannot contradict each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from corebound.api.plan import RoundsOption
from corebound.planning.cost import node_cost
from corebound.planning.pools import places
from corebound.planning.waves import adaptive_rounds, makespan_seconds, waves, workers_for_rounds

if TYPE_CHECKING:
    from decimal import Decimal

    from corebound.api.plan import Pool
    from corebound.api.spec import CampaignSpec

SAMPLERS_WITHOUT_MODEL: Final = frozenset({"random", "grid", "qmc"})
SAMPLER_NAMES: Final = {"tpe": "TPE", "gp": "GP", "cmaes": "CMA-ES", "nsga2": "NSGA-II"}
ROUNDS_TOLERABLE: Final = 5
ROUNDS_GOOD: Final = 10


def is_model_based(spec: CampaignSpec) -> bool:
    """Whether later samples depend on earlier results; a sampler of the user's own is taken to do so."""
    sampler = spec.search.sampler
    return sampler.entrypoint is not None or sampler.name not in SAMPLERS_WITHOUT_MODEL


def trials_left(spec: CampaignSpec, closed: int) -> int:
    """What a carried-on campaign has still to run; a finished one is planned as if it began again."""
    return spec.trials - closed if closed < spec.trials else spec.trials


def sampler_name(spec: CampaignSpec) -> str:
    """How a message calls the campaign's sampler."""
    sampler = spec.search.sampler
    return sampler.entrypoint or SAMPLER_NAMES.get(sampler.kind, sampler.kind)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a number of workers takes and costs, threads being chosen."""

    spec: CampaignSpec
    pool: Pool
    threads: int
    trial_seconds: float | None
    closed: int = 0

    @property
    def trials(self) -> int:
        """The trials that are left to run."""
        return trials_left(self.spec, self.closed)

    @property
    def places(self) -> int:
        """Workers that fit on all nodes together."""
        return places(self.pool, threads=self.threads, memory_bytes=self.spec.trial.memory)

    def nodes(self, workers: int) -> int:
        """Nodes that so many workers occupy when each node is filled before the next is used."""
        return math.ceil(workers / (self.places // self.pool.nodes))

    def seconds(self, workers: int) -> float | None:
        """From the first claim to the last close; None while a trial's time is not known."""
        if self.trial_seconds is None:
            return None
        return makespan_seconds(trials=self.trials, workers=workers, trial_seconds=self.trial_seconds)

    def cost(self, workers: int) -> Decimal | None:
        """Price of the occupied nodes for that time; None while time or price is not known."""
        seconds = self.seconds(workers)
        if seconds is None or self.pool.price_per_hour is None:
            return None
        return node_cost(nodes=self.nodes(workers), seconds=seconds, price_per_hour=self.pool.price_per_hour)

    def options(self, workers: int) -> tuple[RoundsOption, ...]:
        """The workers of 5 and of 10 adaptive rounds, where that is not what is planned."""
        trials = self.spec.trials
        wanted = {
            rounds: workers_for_rounds(trials=trials, rounds=rounds)
            for rounds in (ROUNDS_TOLERABLE, ROUNDS_GOOD)
            if trials >= rounds
        }
        return tuple(
            RoundsOption(
                rounds=adaptive_rounds(trials=trials, workers=other),
                workers=other,
                waves=waves(trials=self.trials, workers=other),
                seconds=self.seconds(other),
                cost=self.cost(other),
                fits=other <= self.places,
            )
            for other in dict.fromkeys(wanted.values())
            if other != workers
        )
