"""Which Kubernetes these tests run on, and that nothing of ours is on its way out there."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..cluster.control_plane import ControlPlane
    from .conftest import Campaigns


def test_server_and_kubectl_are_of_the_version_that_is_asked_for(plane: ControlPlane) -> None:
    """Of the folder's that KUBEBUILDER_ASSETS names, whatever that is."""
    found = json.loads(plane.kubectl("version", "-o", "json"))
    server, client = (found[part]["gitVersion"] for part in ("serverVersion", "clientVersion"))
    assert server == client
    assert server.startswith(f"v{plane.minor}.") or os.environ.get("KUBEBUILDER_ASSETS")


def test_the_server_warns_of_no_object_of_ours_and_of_no_request(campaigns: Campaigns) -> None:
    campaigns.apply("modern", trials=2)
    campaigns.phase("modern", "Succeeded")
    [job] = campaigns.jobs("modern")
    made = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "again"}, "spec": job["spec"]}
    del made["spec"]["selector"], made["spec"]["template"]["metadata"]
    options = ("-n", campaigns.namespace, "--dry-run=server", "-f", "-")
    for each in (made, campaigns.manifest("again")):
        said = campaigns.plane.kubectl("create", *options, text=json.dumps(each), check=False)
        assert "/again created (server dry run)" in said
        assert "Warning" not in said
    counted = campaigns.plane.kubectl("get", "--raw", "/metrics")
    assert "apiserver_request_total{" in counted
    asked = re.findall(r"^apiserver_requested_deprecated_apis\{.*", counted, re.MULTILINE)
    # Kubernetes' own controller writes these where a test makes a Service.
    assert [line for line in asked if 'resource="endpoints"' not in line] == []
