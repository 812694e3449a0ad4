"""Which minor version of Kubernetes the tests run on."""

from __future__ import annotations

import re

import pytest

from ...cluster.build import MINORS, minor_of, version


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES", raising=False)


def test_they_are_three_that_follow_each_other() -> None:
    numbers = [int(minor.removeprefix("1.")) for minor in MINORS]
    assert numbers == list(range(numbers[0], numbers[0] + 3))


@pytest.mark.parametrize("minor", MINORS)
def test_a_folder_requires_the_version_of_its_name(minor: str) -> None:
    assert re.fullmatch(rf"v{re.escape(minor)}\.\d+", version(minor))


def test_both_ends_are_used_where_none_is_chosen() -> None:
    assert (minor_of("node"), minor_of("control-plane")) == (MINORS[0], MINORS[-1])


def test_one_may_be_chosen_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES", MINORS[1])
    assert (minor_of("node"), minor_of("control-plane")) == (MINORS[1], MINORS[1])


def test_an_unknown_one_is_refused_with_those_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES", "1.2")
    with pytest.raises(ValueError, match=rf"KUBERNETES=1\.2, expected one of {MINORS[0]}, "):
        minor_of("node")
