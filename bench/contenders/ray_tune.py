"""Ray Tune with its own random search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contenders.loky import evaluated
from contenders.ray_session import ray_session

if TYPE_CHECKING:
    from contenders.request import Request


def trainable(config: dict[str, Any]) -> dict[str, float]:
    return {"value": evaluated(config["x"])}


def main(request: Request) -> None:
    from ray import tune

    with ray_session(request.workers):
        tuner = tune.Tuner(
            trainable,
            param_space={"x": tune.uniform(0.0, 1.0)},
            tune_config=tune.TuneConfig(metric="value", mode="min", num_samples=request.trials),
            run_config=tune.RunConfig(storage_path=str(request.folder / "ray-results"), verbose=0),
        )
        request.deliver(tuner.fit().num_terminated)
