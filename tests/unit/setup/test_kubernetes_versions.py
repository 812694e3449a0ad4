"""Which minor version of Kubernetes the tests run on."""

from __future__ import annotations

import re

import pytest

from ...cluster.build import MINORS, SOURCES, minor_of, version

OF_ITS_OWN_TREE = "v0.0.0"
"""What Kubernetes requires of some parts and then replaces."""


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES", raising=False)


def test_they_are_three_that_follow_each_other() -> None:
    numbers = [int(minor.removeprefix("1.")) for minor in MINORS]
    assert numbers == list(range(numbers[0], numbers[0] + 3))


@pytest.mark.parametrize("minor", MINORS)
def test_a_folder_requires_the_version_of_its_name(minor: str) -> None:
    assert re.fullmatch(rf"v{re.escape(minor)}\.\d+", version(minor))


@pytest.mark.parametrize("program", ["coredns", "etcd", "helm", "kube-router"])
def test_what_a_program_shares_with_the_newest_kubernetes_is_compiled_once(program: str) -> None:
    """Of another version it is compiled anew, which is most of the time that such a program takes."""
    ours, kubernetes = required(program), required(f"kubernetes-{MINORS[-1]}")
    shared = {module for module in ours if kubernetes.get(module, OF_ITS_OWN_TREE) != OF_ITS_OWN_TREE}
    assert len(shared) > 20
    assert {module: ours[module] for module in shared} == {module: kubernetes[module] for module in shared}


def required(folder: str) -> dict[str, str]:
    text = (SOURCES / folder / "go.mod").read_text(encoding="utf-8")
    return dict(re.findall(r"^\t(\S+) (v\S+)", text, re.MULTILINE))


def test_both_ends_are_used_where_none_is_chosen() -> None:
    assert (minor_of("node"), minor_of("control-plane")) == (MINORS[0], MINORS[-1])


def test_one_may_be_chosen_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES", MINORS[1])
    assert (minor_of("node"), minor_of("control-plane")) == (MINORS[1], MINORS[1])


def test_an_unknown_one_is_refused_with_those_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES", "1.2")
    with pytest.raises(ValueError, match=rf"KUBERNETES=1\.2, expected one of {MINORS[0]}, "):
        minor_of("node")
