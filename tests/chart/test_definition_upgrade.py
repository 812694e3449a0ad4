"""The CRD of an older chart, with campaigns, becomes that of this one by ``helm upgrade``."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import yaml

from corebound.api.crd import definition

from .conftest import CHART, RELEASE, Chart
from .test_chart import EXTERNAL

if TYPE_CHECKING:
    from pathlib import Path

    from ..cluster.control_plane import ControlPlane

NAME = definition()["metadata"]["name"]
NEWER = "ttlSecondsAfterFinished"
"""A field that the older definition does not know yet."""
CAMPAIGN: dict[str, Any] = {
    "apiVersion": "corebound.dev/v1alpha1",
    "kind": "SearchCampaign",
    "metadata": {"name": "older", "namespace": "older"},
    "spec": {
        "trials": 4,
        "objectives": [{"metric": "loss", "direction": "minimize"}],
        "trial": {"command": ["echo", "loss=1"]},
    },
}


def test_campaigns_of_an_older_chart_stay_and_get_the_newer_fields(
    chart: Chart, plane: ControlPlane, tmp_path: Path
) -> None:
    older = tmp_path / "corebound"
    shutil.copytree(CHART, older)
    known = definition()
    known["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"].pop(NEWER)
    known["spec"]["versions"][0]["additionalPrinterColumns"].pop()
    (older / "files" / "searchcampaigns.yaml").write_text(yaml.safe_dump(known, sort_keys=False), encoding="utf-8")
    access = ("--kubeconfig", str(plane.kubeconfig), "--namespace", "older", *EXTERNAL)
    plane.kubectl("delete", "crd", NAME, "--ignore-not-found")
    try:
        for words in (("install", str(older), "--create-namespace"), ("upgrade", str(CHART))):
            done = chart.helm(words[0], RELEASE, *words[1:], *access)
            assert done.returncode == 0, done.stderr
            if words[0] == "install":
                plane.kubectl("wait", "crd", NAME, "--for=condition=Established", "--timeout=30s")
                plane.kubectl("apply", "-f", "-", text=json.dumps(CAMPAIGN))
                refused = patched(plane, check=False)
                assert f'unknown field "spec.{NEWER}"' in refused, refused
        assert "patched" in patched(plane)
        stored = json.loads(plane.kubectl("get", "searchcampaign", "older", "-n", "older", "-o", "json"))
        assert stored["spec"] == {**CAMPAIGN["spec"], **stored["spec"], NEWER: 60}
        assert chart.helm("uninstall", RELEASE, *access[:4]).returncode == 0
        assert NAME in plane.kubectl("get", "crd", "-o", "name"), "with the release, campaigns went"
    finally:
        plane.kubectl("delete", "namespace", "older", "--wait=false")
        plane.kubectl("delete", "crd", NAME, "--ignore-not-found")


def patched(plane: ControlPlane, *, check: bool = True) -> str:
    """What the API server says of the newer field."""
    change = json.dumps({"spec": {NEWER: 60}})
    options = ("-n", "older", "--type=merge", f"--patch={change}", "--field-manager=test")
    return plane.kubectl("patch", "searchcampaign", "older", *options, check=check)
