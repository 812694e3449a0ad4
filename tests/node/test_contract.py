"""The thread contract in real pods: kept whatever an image says; a campaign that breaks it ends with the culprit's name."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..apiserver.conftest import Campaigns

BREACH_SECONDS = 30.0


def test_a_variable_of_the_image_is_overridden(campaigns: Campaigns, user_image: str) -> None:
    campaigns.apply("overridden", trials=2, trial={"image": user_image, "entrypoint": "train.py:objective"})
    status = campaigns.phase("overridden", "Succeeded", "Failed")
    assert status["phase"] == "Succeeded", status
    assert campaigns.condition("overridden", "ThreadsExact")["status"] == "True"


@pytest.mark.parametrize(
    ("entrypoint", "culprit"),
    [("loud.py:objective", "the objective's module"), ("train.py:greedy", "torch.set_num_threads")],
)
def test_a_campaign_that_wants_more_threads_fails_by_name(
    campaigns: Campaigns, user_image: str, entrypoint: str, culprit: str
) -> None:
    name = entrypoint.partition(".")[0]
    campaigns.apply(name, trials=4, trial={"image": user_image, "entrypoint": entrypoint})
    campaigns.until(lambda: [pod for pod in campaigns.pods(name) if pod["status"]["phase"] != "Pending"], "a worker")
    began = time.monotonic()
    campaigns.phase(name, "Failed")
    exact = campaigns.condition(name, "ThreadsExact")
    assert exact["status"] == "False"
    assert culprit in exact["message"], exact
    assert time.monotonic() - began < BREACH_SECONDS


def test_a_users_own_image_without_torch(campaigns: Campaigns, plain_image: str) -> None:
    campaigns.apply(
        "forest",
        trials=2,
        objectives=[{"metric": "accuracy", "direction": "maximize"}],
        trial={"image": plain_image, "entrypoint": "forest.py:objective"},
    )
    status = campaigns.phase("forest", "Succeeded", "Failed")
    assert status["phase"] == "Succeeded", status
    assert float(status["best"]["value"]) > 0.8


def test_a_command_in_a_users_own_image(campaigns: Campaigns, plain_image: str) -> None:
    campaigns.apply(
        "simulated",
        trials=3,
        search={"parameters": [{"name": "rate", "type": "float", "low": 0.0, "high": 1.0}]},
        trial={"image": plain_image, "command": ["./simulate.sh", "{rate}"]},
    )
    status = campaigns.phase("simulated", "Succeeded", "Failed")
    assert status["phase"] == "Succeeded", status
    rate = float(status["best"]["parameters"]["rate"])
    assert float(status["best"]["value"]) == pytest.approx((rate - 0.5) ** 2, abs=1e-4)
