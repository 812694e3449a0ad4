"""A misspelt parameter in a command is told before it costs every trial; a program's own braces are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from corebound.api.plan import Pool
from corebound.api.spec import SearchCampaign
from corebound.planning.placeholders import misspelt_placeholders
from corebound.planning.planner import make_plan

MakeCampaign = Callable[..., SearchCampaign]


def a_search(make_campaign: MakeCampaign, command: list[str], *names: str) -> SearchCampaign:
    parameters: list[dict[str, Any]] = [{"name": name, "type": "float", "low": 0, "high": 1} for name in names]
    return make_campaign(search={"parameters": parameters}, trial={"command": command})


@pytest.mark.parametrize(
    ("command", "names", "said"),
    [
        (["sh", "-c", "echo loss={learning_rate}"], ["lr"], "{learning_rate} in spec.trial.command is no parameter"),
        (["sh", "-c", "echo loss={learning_rate}"], ["lr"], "while the command has no {lr}; correct it"),
        (["train", "{lrate}", "{size}"], ["lr", "depth"], "while the command has no {lr} and no {depth}"),
        (["train", "{lr}", "--batch", "{batchsize}"], ["lr", "batch_size"], "did you mean {batch_size}?"),
        (["train", "--lr={LR}"], ["lr"], "did you mean {lr}?"),
        (["train", "{lr}", "--out", "runs/{learing_rate}"], ["lr", "learning_rate"], "did you mean {learning_rate}?"),
    ],
)
def test_a_name_that_is_probably_meant_as_a_parameter_is_told(
    make_campaign: MakeCampaign, command: list[str], names: list[str], said: str
) -> None:
    campaign = a_search(make_campaign, command, *names)
    assert said in next(misspelt_placeholders(campaign.spec))
    plan = make_plan(campaign, Pool(name="test node", cores=4, source="made for a test"))
    assert said in plan.warnings[0]


@pytest.mark.parametrize(
    "command",
    [
        ["train", "{lr}"],
        ["train", "{lr}", "--out", "runs/{host}"],
        ["sh", "-c", "train --lr {lr} > ${OUT} 2> ${HOME}/log"],
        ["sh", "-c", "train; awk '{print}' out; awk '{print $1}' out; find . -exec rm {} ;"],
        ["sh", "-c", "curl -w %{code} x; git show @{upstream}; { train; }; echo {{host}} \\{host}"],
        ["sh", "-c", """echo '{"a": 1, "b": {"c": "d"}}'; echo {a,b} {1..3}"""],
        ["python", "-c", "print(f'loss={loss}')"],
        ["python", "-c", "import os; f = os.environ['COREBOUND_PARAMETERS']; print(f'{host}')"],
    ],
)
def test_braces_of_the_programs_own_are_let_alone(make_campaign: MakeCampaign, command: list[str]) -> None:
    assert list(misspelt_placeholders(a_search(make_campaign, command, "lr").spec)) == []


def test_a_name_is_told_once(make_campaign: MakeCampaign) -> None:
    assert len(list(misspelt_placeholders(a_search(make_campaign, ["{host}", "{host}"], "lr").spec))) == 1


def test_a_workload_has_no_command(make_campaign: MakeCampaign) -> None:
    workload = {"mode": "pure", "task": "xor"}
    objectives = [{"metric": "fitness", "direction": "maximize"}]
    campaign = make_campaign(trial={"workload": workload}, objectives=objectives, search={"parameters": []})
    assert list(misspelt_placeholders(campaign.spec)) == []
