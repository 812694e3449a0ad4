"""Optuna's own dashboard, which the chart can bring, shows a campaign's study, and is there before the first of them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from .release import split

if TYPE_CHECKING:
    from ..apiserver.conftest import Campaigns
    from ..cluster.access import ClusterNode
    from .release import Release

SECONDS = 300.0
"""A kubelet looks at a mounted Secret again when it syncs the pod, about once a minute."""


def test_a_campaigns_study_is_on_the_dashboard(
    release: Release, campaigns: Campaigns, node: ClusterNode, dashboard_image: str
) -> None:
    resources = {"requests": {"cpu": "0"}}
    dashboard = {"enabled": True, "image": split(dashboard_image), "resources": resources}
    try:
        # Nobody has had a campaign there: that it returns says that the pod is ready without one.
        release.upgrade(optunaDashboard={**dashboard, "namespace": campaigns.namespace})
        services = f"/api/v1/namespaces/{campaigns.namespace}/services"
        path = f"{services}/{release.prefix}-optuna-dashboard:http/proxy/api/studies"
        assert "study_summaries" not in node.plane.kubectl("get", "--raw", path, check=False)
        campaigns.apply("shown", trials=2, trial={"command": ["echo", "loss=1"]})
        campaigns.phase("shown", "Succeeded")
        studies = json.loads(_answer(node, path, has_login=True))["study_summaries"]
        campaigns.delete("shown")
        _answer(node, path, has_login=False)
    finally:
        release.upgrade()
    assert [each["study_name"].split("/")[-1] for each in studies] == ["shown"]


def _answer(node: ClusterNode, path: str, *, has_login: bool) -> str:
    """What the dashboard says through the API server as soon as it has a login that works, or has none."""
    deadline = time.monotonic() + SECONDS
    while True:
        said = node.plane.kubectl("get", "--raw", path, check=False)
        if ("study_summaries" in said) is has_login:
            return said
        assert time.monotonic() < deadline, said
        time.sleep(1)
