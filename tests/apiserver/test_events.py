"""Events as the API server takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from corebound.api.jobs import PodTrouble
from corebound.cluster.resources import EVENTS
from corebound_operator.loop.recorder import Recorder

if TYPE_CHECKING:
    from corebound.cluster.client import Cluster


@pytest.mark.parametrize(
    ("said", "kept"), [("ü" * 1000, "ü" * 512), ("the end of 世界" * 100, None), ("x" * 2000, "x" * 1024)]
)
def test_a_long_event_is_cut_not_refused(cluster: Cluster, namespace: str, said: str, kept: str | None) -> None:
    metadata = {"name": "poles", "namespace": namespace, "uid": str(uuid4()), "resourceVersion": "1"}
    campaign = {"apiVersion": "corebound.dev/v1alpha1", "kind": "SearchCampaign", "metadata": metadata}
    recorder = Recorder(cluster, instance="test")
    recorder.start()
    recorder.refused(campaign, PodTrouble(reason="JobRejected", message=said))
    recorder.stop()
    [event] = cluster.list(EVENTS, namespace=namespace)
    assert said.startswith(event["note"])
    assert kept is None or event["note"] == kept
