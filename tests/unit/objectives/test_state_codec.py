"""A checkpoint's state survives as bytes, without pickle."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from corebound.api.errors import ObjectiveError
from corebound_trial.objectives.command import filled
from corebound_trial.objectives.result import values_of
from corebound_trial.objectives.state_codec import decode_state, encode_state

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), plain, max_size=5))
def test_json_values_come_back(state: dict[str, Any]) -> None:
    assert decode_state(encode_state(state)) == state


def test_arrays_and_tensors_come_back_as_they_were() -> None:
    state = {
        "weights": torch.arange(6, dtype=torch.float32).reshape(2, 3),
        "mask": torch.tensor([True, False]),
        "deep": [{"array": numpy.arange(4, dtype="int16"), "empty": numpy.zeros((0, 3))}],
    }
    found = decode_state(encode_state(state))
    assert torch.equal(found["weights"], state["weights"])  # type: ignore[arg-type]  # a mixed dictionary
    assert found["mask"].dtype == torch.bool
    assert found["deep"][0]["array"].dtype == numpy.dtype("int16")
    assert found["deep"][0]["empty"].shape == (0, 3)


@pytest.mark.parametrize("value", [object(), {1: 2}, lambda: 1, numpy.array([object()])])
def test_what_cannot_be_kept_is_named_by_its_place(value: object) -> None:
    with pytest.raises(ObjectiveError, match=r"state\['a'\]\[1\]"):
        encode_state({"a": [0, value]})


@pytest.mark.parametrize(
    ("returned", "metrics", "expected"),
    [
        (1, ["a"], [1.0]),
        (numpy.float32(0.5), ["a"], [0.5]),
        (torch.tensor(2.0), ["a"], [2.0]),
        ([3.0], ["a"], [3.0]),
        ((1, float("inf")), ["a", "b"], [1.0, float("inf")]),
    ],
)
def test_results(returned: object, metrics: list[str], expected: list[float]) -> None:
    assert values_of(returned, metrics=metrics) == expected


@pytest.mark.parametrize("returned", [None, "1.0", float("nan"), (1, 2), [], {}, object()])
def test_no_results(returned: object) -> None:
    assert "expected one number" in str(values_of(returned, metrics=["a"]))


def test_only_declared_parameters_are_replaced() -> None:
    assert filled("--x={x} {y} {{x}} {}", {"x": 0.5}) == "--x=0.5 {y} {0.5} {}"
    assert filled("{flag}", {"flag": True}) == "true"
