"""Every YAML that README.md and docs/*.md show is valid, whatever it is, and every block of shell commands can be read.

A campaign goes through the loader; a part of one (``trial: ...``) through the loader inside a small campaign; values of the
chart through its closed schema; other objects have what every Kubernetes object has, and tests/apiserver/test_documents.py
sends them to an API server. YAML that is none of these fails.
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from corebound.api.errors import SpecError
from corebound.api.loading import load_campaign_text
from corebound.api.spec import CampaignSpec

from .pages import ROOT, blocks
from .test_commands import ON_A_CLUSTER, STATUSES

CHART = ROOT / "charts" / "corebound"
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
VALUES = SCHEMA["properties"].keys() - {"global"}
SPEC = {field.alias for field in CampaignSpec.model_fields.values()}
SMALL = {
    "trials": 1,
    "objectives": [{"metric": "loss", "direction": "minimize"}],
    "search": {"parameters": [{"name": "rate", "type": "float", "low": 0.1, "high": 1.0}]},
    "trial": {"command": ["true"]},
}
WORKLOAD = {
    "objectives": [{"metric": "fitness", "direction": "maximize"}],
    "search": {"parameters": [{"name": "mutation_power", "type": "float", "low": 0.1, "high": 1.0}]},
}
"""The built-in workload has metrics and parameters of its own."""
SHELL = (*ON_A_CLUSTER, "envsubst", "export")
"""What stands at the beginning of commands for a cluster: its programs, and what gives them their input."""

YAML = blocks("yaml", "yml")
BASH = blocks("bash")


def problems(text: str) -> list[str]:
    """What is wrong with a YAML text, none if it is what one of the document's readers would take."""
    found: list[str] = []
    for document in yaml.safe_load_all(text):
        if not isinstance(document, dict):
            found.append(f"found {document!r}, expected a mapping")
        elif document.get("kind") == "SearchCampaign":
            found += problems_of_a_campaign(yaml.safe_dump(document) if "\n---" in text else text)
        elif "kind" in document or "apiVersion" in document:
            found += problems_of_an_object(document)
        elif document.keys() <= VALUES:
            found += [f"{each.json_path}: {each.message}" for each in Draft7Validator(SCHEMA).iter_errors(document)]
        elif document.keys() <= SPEC:
            found += problems_of_a_part(document)
        else:
            found.append(f"neither a Kubernetes object, nor chart values, nor a part of a campaign: {[*document]}")
    return found


def problems_of_a_campaign(text: str) -> list[str]:
    try:
        load_campaign_text(text, file="campaign")
    except SpecError as error:
        return [str(error)]
    return []


def problems_of_a_part(part: dict[str, Any]) -> list[str]:
    own = WORKLOAD if "workload" in part.get("trial", {}) else {}
    campaign = {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": "part"},
        "spec": {**SMALL, **own, **part},
    }
    return problems_of_a_campaign(yaml.safe_dump(campaign))


def problems_of_an_object(found: dict[str, Any]) -> list[str]:
    wrong = [name for name in ("apiVersion", "kind") if not isinstance(found.get(name), str)]
    if not isinstance(found.get("metadata"), dict) or not found["metadata"].get("name"):
        wrong.append("metadata.name")
    return [f"{found.get('kind')} without {name}" for name in wrong]


@pytest.mark.parametrize(("place", "name", "text"), YAML, ids=[place for place, _, _ in YAML])
def test_yaml_of_a_page_is_valid_unless_it_shows_an_error(place: str, name: str, text: str) -> None:
    shows_an_error = bool(name) and any(status and name in command for command, status in STATUSES.items())
    assert bool(problems(text)) == shows_an_error, problems(text)


@pytest.mark.parametrize(("place", "name", "text"), BASH, ids=[place for place, _, _ in BASH])
def test_commands_for_a_cluster_can_be_read(place: str, name: str, text: str) -> None:
    """They are not run, see tests/docs/test_commands.py: a shell parses them, and only those programs stand there."""
    parsed = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert parsed.returncode == 0 and not parsed.stderr, parsed.stderr
    without_input = re.sub(r"<<'?(\w+)'?\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    for line in without_input.replace("\\\n", " ").splitlines():
        word = line.split("#")[0].split()
        assert not word or word[0] in SHELL or re.match(r"[A-Z_]+=", word[0]), line


def test_values_for_aks_are_values_of_the_chart() -> None:
    text = (CHART / "values-aks.yaml").read_text(encoding="utf-8")
    assert problems(text) == []
    assert yaml.safe_load(text).keys() <= VALUES


def test_the_pools_of_the_page_are_those_that_the_values_ask_for() -> None:
    """Otherwise every trial would wait for a node that never comes."""
    page = (ROOT / "docs" / "aks.md").read_text(encoding="utf-8")
    values = yaml.safe_load((CHART / "values-aks.yaml").read_text(encoding="utf-8"))
    asked, accepted = values["trialDefaults"]["nodeSelector"], values["trialDefaults"]["tolerations"]
    pools = [command for command in page.replace("\\\n", " ").splitlines() if command.startswith("az aks nodepool add")]
    labels = [dict(pair.split("=") for pair in re.findall(r"--labels (\S+)", command)) for command in pools]
    spot = next(load for _, _, load in YAML if "corebound.dev/pool: spot" in load)
    assert labels == [asked, yaml.safe_load(spot)["pool"]["nodeSelector"]]
    taints = {taint for command in pools for taint in re.findall(r"--node-taints (\S+)", command)}
    taints |= set(re.findall(r"adds the taint `(\S+)`", page))
    assert taints == {f"{each['key']}={each['value']}:{each['effect']}" for each in accepted}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trialDefaults: {nodeSelectr: {}}", "nodeSelectr"),
        ("defaultPool: {cpu: many}", "many"),
        ("trial: {comand: [true]}", "comand"),
        ("kind: Secret\nmetadata: {name: x}", "without apiVersion"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {}", "without metadata.name"),
        ("apiVersion: corebound.dev/v1alpha1\nkind: SearchCampaign\nmetadata: {name: x}\nspec: {trials: 0}", "trials"),
        ("anything: else", "neither"),
        ("- a list", "expected a mapping"),
    ],
)
def test_what_is_wrong_is_found(text: str, said: str) -> None:
    assert any(said in problem for problem in problems(text)), problems(text)


def test_blocks_are_found() -> None:
    """A page that is written in another way must not drop out unseen."""
    assert len(YAML) >= 8
    pages = {place.split(":")[0] for place, _, _ in YAML}
    assert {"docs/aks.md", "docs/campaign.md", "docs/operator.md", "docs/images.md"} <= pages
