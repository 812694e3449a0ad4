"""The operator without its database, without rights on the whole cluster, and among many finished campaigns."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pytest
import yaml

from corebound.cluster.resources import CAMPAIGNS, JOBS

from ..cluster.costs import Costs
from ..cluster.operator_process import OPERATOR, OperatorProcess, running_operator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.local.postgres import EmbeddedPostgres

    from ..cluster.control_plane import ControlPlane
    from .conftest import Campaigns

IMAGE = "trial:test"
LIMITS = yaml.safe_load((Path(__file__).parents[2] / "bench" / "reconcile-limits.yaml").read_text(encoding="utf-8"))


def waiting(flag: Path) -> dict[str, Any]:
    """A trial that lasts until the file is there."""
    return {"entrypoint": "objectives.py:until", "arguments": {"flag": str(flag)}}


def test_a_database_that_goes_away_is_a_condition_and_nothing_is_lost(
    campaigns: Campaigns, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    campaigns.apply("cut", trials=3, parallelism=2, trial=waiting(flag))
    campaigns.wait("cut", lambda status: status.get("trials", {}).get("running") == 2, "two running trials")
    server.stop()
    try:
        campaigns.wait("cut", lambda _: campaigns.condition("cut", "StorageReady")["status"] == "False", "a condition")
        assert campaigns.status("cut")["phase"] == "Running"
        assert campaigns.status("cut")["trials"]["running"] == 2
        campaigns.patch("cut", trials=4)
        campaigns.wait("cut", lambda _: generation(campaigns.condition("cut", "StorageReady")) == 2, "it to be seen")
        assert generation(campaigns.status("cut")) == generation(campaigns.condition("cut", "Complete")) == 1, "so far"
        assert campaigns.operator.probe() == 200, "a restart would not help"
        campaigns.until(lambda: campaigns.operator.probe("/readyz") == 503, "it to be not ready")
        assert "corebound_database_up 0.0" in campaigns.operator.metrics()
    finally:
        server.start(connections=200)
    flag.touch()
    status = campaigns.phase("cut", "Succeeded", "Failed")
    assert (status["trials"]["succeeded"], generation(status)) == (4, 2)
    assert campaigns.condition("cut", "StorageReady")["status"] == "True"
    campaigns.until(lambda: "corebound_database_up 1.0" in campaigns.operator.metrics(), "the database to be up")


def generation(part: dict[str, Any]) -> Any:
    """Of the specification that a status, or one of its conditions, speaks of."""
    return part["observedGeneration"]


def test_an_operator_that_starts_without_its_database_waits_for_it(
    campaigns: Campaigns, server: EmbeddedPostgres
) -> None:
    campaigns.operator.stop()
    server.stop()
    try:
        campaigns.operator.start()
        campaigns.apply("early", trials=1)
        campaigns.wait("early", lambda _: campaigns.condition("early", "StorageReady")["status"] == "False", "it said")
        assert campaigns.jobs("early") == []
        assert campaigns.status("early")["phase"] == "Pending"
    finally:
        server.start(connections=200)
    assert campaigns.phase("early", "Succeeded", "Failed")["trials"]["succeeded"] == 1


@pytest.fixture
def role_only(campaigns: Campaigns, plane: ControlPlane, database: str, tmp_path: Path) -> Iterator[Campaigns]:
    """The same operator with a Role in one namespace, and no right outside it; another one of its list is gone."""
    campaigns.operator.stop()
    for kind in ("clusterrolebinding", "clusterrole"):
        plane.kubectl("delete", kind, OPERATOR)
    settings = {
        "namespaces": ["gone", campaigns.namespace],
        "heartbeatSeconds": 0.5,
        "pollSeconds": 0.5,
        "trialDefaults": {"image": IMAGE},
        "defaultPool": {"cpu": 3},
    }
    try:
        with running_operator(
            plane, database=database, folder=tmp_path, settings=settings, namespaces=(campaigns.namespace,)
        ) as operator:
            yield replace(campaigns, operator=operator)
    finally:
        campaigns.operator.bind()
        campaigns.operator.start()


def test_a_role_in_one_namespace_is_enough(role_only: Campaigns, plane: ControlPlane) -> None:
    plane.kubectl("create", "namespace", f"{role_only.namespace}-out")
    outside = replace(role_only, namespace=f"{role_only.namespace}-out")
    outside.apply("unseen", trials=1)
    role_only.apply("seen", trials=4)
    status = role_only.phase("seen", "Succeeded", "Failed")
    assert status["trials"]["succeeded"] == 4
    assert status["plan"]["workers"] == 3, "the default pool, since nodes may not be listed"
    assert "default pool" in status["plan"]["pool"]
    assert outside.status("unseen") == {}
    plane.kubectl("delete", "namespace", outside.namespace, "--wait=false")


def test_one_schema_for_all_where_no_roles_may_be_made(
    campaigns: Campaigns, plane: ControlPlane, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    host = str(server.socket_folder)
    with psycopg.connect(host=host, user="corebound", dbname="postgres", autocommit=True) as connection:
        connection.execute("CREATE ROLE plain LOGIN")
        connection.execute("CREATE DATABASE shared OWNER plain")
    settings = {"isolation": "shared", "heartbeatSeconds": 0.5, "pollSeconds": 0.5, "trialDefaults": {"image": IMAGE}}
    database = f"postgresql+psycopg://plain@/shared?host={quote(host, safe='')}"
    campaigns.operator.stop()
    try:
        with running_operator(plane, database=database, folder=tmp_path, settings=settings) as operator:
            together = replace(campaigns, operator=operator)
            together.apply("shared", trials=3)
            assert together.phase("shared", "Succeeded", "Failed")["trials"]["succeeded"] == 3
    finally:
        campaigns.operator.start()


def test_an_operator_without_its_crd_says_what_to_apply(plane: ControlPlane, tmp_path: Path) -> None:
    """A second API server's worth of names: the group is there, the kind is not."""
    from ..cluster.control_plane import running

    with running(tmp_path / "bare") as bare:
        started = OperatorProcess(bare, database="postgresql://nobody@/none", folder=tmp_path / "operator", settings={})
        started.bind()
        started.start()
        assert started.process is not None
        assert started.process.wait(60) == 75
        assert "searchcampaigns.corebound.dev is not installed" in started.log


def test_many_finished_campaigns_are_no_work(campaigns: Campaigns) -> None:
    """A hundred of them, and no write to any of them while others run and wait; what those cost has limits, too."""
    costs = Costs(campaigns.operator)
    settled(campaigns, costs)
    costs.begin()
    names = [f"old-{index}" for index in range(100)]
    for name in names:
        campaigns.cluster.create(CAMPAIGNS, campaigns.manifest(name, trials=1, suspend=True))
    campaigns.until(
        lambda: all(each.get("status", {}).get("phase") == "Suspended" for each in listed(campaigns)), "all to rest"
    )
    settled(campaigns, costs)
    assert costs.requests / len(names) <= LIMITS["requests a campaign made suspended"]
    before = {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in listed(campaigns)}
    costs.begin()
    campaigns.apply("new", trials=3)
    campaigns.phase("new", "Succeeded")
    settled(campaigns, costs)
    assert costs.requests <= LIMITS["requests a campaign of three trials"]
    costs.begin()
    for index in range(5):
        pool = {"cpu": 8, "nodeSelector": {"there": "none"}}
        campaigns.cluster.create(CAMPAIGNS, campaigns.manifest(f"waits-{index}", pool=pool))
    campaigns.until(
        lambda: len(campaigns.cluster.list(JOBS, namespace=campaigns.namespace)) == 6 and costs.turns >= 20,
        "five campaigns to wait for their pods",
    )
    costs.begin()
    campaigns.until(lambda: costs.turns >= 50, "50 turns")
    assert costs.requests / costs.turns <= LIMITS["requests a turn, waiting campaigns"]
    after = {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in listed(campaigns)}
    assert {name: after[name] for name in names} == before


def settled(campaigns: Campaigns, costs: Costs) -> None:
    """What is over, or waits for its owner, asks for nothing."""
    seen = [-1]

    def rests() -> bool:
        time.sleep(1.0)
        seen.append(costs.requests)
        return seen[-1] == seen[-2]

    campaigns.until(rests, "no requests while nothing happens")


def listed(campaigns: Campaigns) -> list[dict[str, Any]]:
    return campaigns.cluster.list(CAMPAIGNS, namespace=campaigns.namespace)
