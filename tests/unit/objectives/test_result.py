"""What is a result, and what is not."""

from __future__ import annotations

from decimal import Decimal

import numpy
import pytest
import torch

from corebound_trial.objectives.result import values_of


class Raising:
    def __float__(self) -> float:
        raise KeyError("mine")

    def __repr__(self) -> str:
        raise ValueError("not even shown")


@pytest.mark.parametrize(
    ("returned", "metrics", "expected"),
    [
        (1, ["a"], [1.0]),
        (True, ["a"], [1.0]),
        (Decimal("0.25"), ["a"], [0.25]),
        (numpy.float32(0.5), ["a"], [0.5]),
        (numpy.array(0.5), ["a"], [0.5]),
        (numpy.array([0.5]), ["a"], [0.5]),
        (torch.tensor(2.0, requires_grad=True), ["a"], [2.0]),
        (torch.tensor([2.0]), ["a"], [2.0]),
        ([3.0], ["a"], [3.0]),
        ((1, float("inf")), ["a", "b"], [1.0, float("inf")]),
        ((torch.tensor(1.0), numpy.int64(2)), ["a", "b"], [1.0, 2.0]),
        (numpy.array([1.0, -numpy.inf]), ["a", "b"], [1.0, float("-inf")]),
    ],
)
def test_results(returned: object, metrics: list[str], expected: list[float]) -> None:
    assert values_of(returned, metrics=metrics) == expected


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "None (NoneType)"),
        ("1.0", "'1.0' (str)"),
        (b"1", "bytes"),
        (float("nan"), "a is NaN"),
        (torch.tensor(float("nan")), "a is NaN"),
        ((1, 2), "2 values"),
        (torch.tensor([1.0, 2.0]), "2 values"),
        (numpy.eye(2), "2 values"),
        ([], "0 values"),
        ({}, "(dict)"),
        (1j, "complex"),
        (10**400, "too large"),
        (object(), "object"),
        (Raising(), "mine"),
        (numpy.float64, "(type)"),
        ([0.0] * 10_000_000, "10000000 values"),
    ],
)
def test_no_results(returned: object, said: str) -> None:
    judged = values_of(returned, metrics=["a"])
    assert isinstance(judged, str)
    assert said in judged
    assert judged.endswith("expected one number")
    assert len(judged) < 400


@pytest.mark.parametrize("returned", [1.0, None, "ab", (1.0,), (1.0, 2.0, 3.0), (1.0, None), (float("nan"), 1.0)])
def test_several_objectives_need_as_many_values(returned: object) -> None:
    assert str(values_of(returned, metrics=["loss", "size"])).endswith("expected 2 numbers (loss, size)")
