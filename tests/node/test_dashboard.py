"""Optuna's own dashboard, which the chart can bring, shows a campaign's study."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .release import split

if TYPE_CHECKING:
    from ..apiserver.conftest import Campaigns
    from ..cluster.real_node import RealNode
    from .release import Release


def test_a_campaigns_study_is_on_the_dashboard(
    release: Release, campaigns: Campaigns, node: RealNode, dashboard_image: str
) -> None:
    campaigns.apply("shown", trials=2, trial={"command": ["echo", "loss=1"]})
    campaigns.phase("shown", "Succeeded")
    resources = {"requests": {"cpu": "0"}}
    dashboard = {"enabled": True, "image": split(dashboard_image), "resources": resources}
    try:
        release.upgrade(optunaDashboard={**dashboard, "namespace": campaigns.namespace})
        services = f"/api/v1/namespaces/{campaigns.namespace}/services"
        path = f"{services}/{release.prefix}-optuna-dashboard:http/proxy/api/studies"
        studies = json.loads(node.plane.kubectl("get", "--raw", path))["study_summaries"]
    finally:
        release.upgrade()
    assert [each["study_name"].split("/")[-1] for each in studies] == ["shown"]
