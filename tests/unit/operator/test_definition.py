"""The CRD that a cluster serves beside the one that the operator knows."""

from __future__ import annotations

import copy
from typing import Any

from corebound.api.crd import definition
from corebound_operator.decide.definition import definition_difference


def spec() -> dict[str, Any]:
    schema = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return copy.deepcopy(schema["properties"]["spec"])


def test_the_same_is_no_difference() -> None:
    assert definition_difference(spec(), spec()) is None


def test_an_older_one_is_named_with_what_it_drops() -> None:
    served = spec()
    del served["properties"]["budget"]
    del served["properties"]["failurePolicy"]["properties"]["retries"]
    said = definition_difference(served, spec())
    assert said is not None
    assert "older" in said
    assert "drops budget, failurePolicy.retries of" in said


def test_a_newer_one_is_named_with_what_is_refused() -> None:
    served = spec()
    served["properties"]["fancy"] = {"type": "object", "properties": {"inner": {"type": "string"}}}
    said = definition_difference(served, spec())
    assert said is not None
    assert "newer" in said
    assert "refuses fancy;" in said
