"""Every Kubernetes object that the documents show, ours and other projects', is sent to a real API server as it stands.

Other projects' kinds are there as these define them (tests/cluster/definitions.py), and validation is strict: a field that a
project does not know, or has given up, fails. Only namespaces are stored. What a project's webhook would say is not seen.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ..cluster.definitions import definitions, versions
from ..docs.pages import ROOT, blocks
from ..docs.test_commands import STATUSES

if TYPE_CHECKING:
    from ..cluster.control_plane import ControlPlane

OBJECTS = [
    pytest.param(name, text, id=f"{place}-{yaml.safe_load(text)['kind']}")
    for place, name, block in blocks("yaml", "yml")
    for text in re.split(r"^---\n", block, flags=re.MULTILINE)
    if "apiVersion" in yaml.safe_load(text)
]
"""As text: kubectl reads YAML in its own way."""
OF_OTHERS = {"SecretProviderClass", "ResourceFlavor", "ClusterQueue", "LocalQueue"}
pytestmark = [pytest.mark.needs("definitions"), pytest.mark.usefixtures("cluster")]


@pytest.fixture(scope="module")
def served(plane: ControlPlane) -> ControlPlane:
    """With the kinds of other projects."""
    for each in definitions():
        plane.install(each)
    return plane


def sent(plane: ControlPlane, text: str) -> str:
    """What the API server says of an object, with its warnings."""
    namespace = yaml.safe_load(text)["metadata"].get("namespace", "default")
    plane.kubectl("create", "namespace", namespace, check=False)
    plane.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/warn=restricted", "--overwrite")
    return plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", text=text, check=False)


@pytest.mark.parametrize(("name", "text"), OBJECTS)
def test_it_is_accepted_unless_it_shows_an_error(served: ControlPlane, name: str, text: str) -> None:
    shows_an_error = bool(name) and any(status and name in command for command, status in STATUSES.items())
    said = sent(served, text)
    assert ("created (server dry run)" in said) != shows_an_error, said
    assert "Warning" not in said, said


def of_others() -> dict[str, Any]:
    found = [yaml.safe_load(each.values[1]) for each in OBJECTS]
    return {each["kind"]: each for each in found if each["kind"] in OF_OTHERS}


def test_objects_of_other_projects_are_among_them() -> None:
    assert of_others().keys() == OF_OTHERS


@pytest.mark.parametrize("kind", sorted(OF_OTHERS))
def test_a_field_that_its_project_does_not_know_is_refused(served: ControlPlane, kind: str) -> None:
    """So that the test above can fail."""
    found = of_others()[kind]
    said = sent(served, json.dumps({**found, "spec": {**found["spec"], "madeUp": 1}}))
    assert 'unknown field "spec.madeUp"' in said, said


def test_the_page_installs_the_version_whose_kinds_are_tested() -> None:
    page = (ROOT / "docs" / "aks.md").read_text(encoding="utf-8")
    assert f"charts/kueue --version {versions()['sigs.k8s.io/kueue'].removeprefix('v')} " in page
