"""Nodes and workers that are lost under a campaign: its trials go on, on what is left or comes back."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg import sql

from corebound.cluster.resources import NAMESPACES, NODES, PODS
from corebound.ledger.tenancy import tenant_of

from ..cluster.nodes import ProcessNode
from .conftest import IMAGE, TRIALS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from corebound.cluster.client import Cluster

    from .conftest import Campaigns

WORKERS = 10


@contextmanager
def lost_machine(cluster: Cluster, name: str, *, group: str, folder: Path, cpu: str) -> Iterator[ProcessNode]:
    """A node of a group of its own, of which nothing stays."""
    node = ProcessNode(cluster, name, folder=folder / name, images={IMAGE: TRIALS}, cpu=cpu)
    try:
        cluster.patch(NODES, name, {"metadata": {"labels": {"machines": group}}})
        yield node
    finally:
        node.stop()
        cluster.delete(NODES, name)


def waiting(flag: Path, *, group: str) -> dict[str, Any]:
    """A trial that lasts until the file is there, on the machines of that group."""
    template = {"nodeSelector": {"machines": group}}
    entrypoint = {"entrypoint": "objectives.py:until", "arguments": {"flag": str(flag)}}
    return {**entrypoint, "memory": "256Mi", "template": template}


def in_ledger(campaigns: Campaigns, database: str, statement: str) -> list[Any]:
    """The rows that a statement about the namespace's own schema returns."""
    found = campaigns.cluster.get(NAMESPACES, campaigns.namespace)
    assert found is not None
    schema = tenant_of(namespace=campaigns.namespace, namespace_uid=found["metadata"]["uid"]).schema
    composed = sql.SQL(cast("Any", statement)).format(sql.Identifier(schema))
    with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as connection:
        return connection.execute(composed).fetchall()


def test_a_node_that_reboots_under_all_workers_ends_nothing(campaigns: Campaigns, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    with lost_machine(campaigns.cluster, "rebooting", group="rebooting", folder=tmp_path, cpu=str(WORKERS)) as node:
        campaigns.apply("rebooted", trials=WORKERS, parallelism=WORKERS, trial=waiting(flag, group="rebooting"))
        campaigns.wait("rebooted", lambda found: found.get("trials", {}).get("running") == WORKERS, "all to run")
        before = {pod["metadata"]["name"] for pod in campaigns.pods("rebooted")}
        for process in node.processes().values():
            os.killpg(process, signal.SIGKILL)

        def others() -> int:
            pods = [pod for pod in campaigns.pods("rebooted") if pod["metadata"]["name"] not in before]
            return sum(pod["status"]["phase"] == "Running" for pod in pods)

        campaigns.until(lambda: others() == WORKERS, "other pods to run")
        flag.touch()
        assert campaigns.phase("rebooted", "Succeeded", "Failed")["trials"]["succeeded"] == WORKERS


def test_a_worker_that_dies_in_the_last_trial_makes_no_idle_rounds(
    campaigns: Campaigns, database: str, machine: ProcessNode, tmp_path: Path
) -> None:
    """Until its lease has run out another worker would find nothing, and leave."""
    flag = tmp_path / "flag"
    trial = {"entrypoint": "objectives.py:until", "arguments": {"flag": str(flag)}}
    campaigns.apply("last", trials=1, trial=trial, suspend=True)
    campaigns.phase("last", "Suspended")
    in_ledger(campaigns, database, "UPDATE {}.corebound_campaigns SET lease_seconds = 45 RETURNING 1")
    campaigns.patch("last", suspend=False)
    campaigns.wait("last", lambda status: status.get("trials", {}).get("running") == 1, "it to run")
    [process] = [process for name, process in machine.processes().items() if name.startswith("last-")]
    os.killpg(process, signal.SIGKILL)
    flag.touch()
    assert campaigns.phase("last", "Succeeded", "Failed")["trials"]["succeeded"] == 1
    assert len(campaigns.jobs("last")) <= 2, [job["metadata"]["name"] for job in campaigns.jobs("last")]


def test_a_node_that_is_lost_holds_up_no_trial(campaigns: Campaigns, tmp_path: Path) -> None:
    """Its pods are told to end, and nobody says that they have."""
    flag, cluster = tmp_path / "flag", campaigns.cluster
    with lost_machine(cluster, "lost", group="lost", folder=tmp_path, cpu="1") as node:
        campaigns.apply("alone", trials=1, trial=waiting(flag, group="lost"))
        campaigns.wait("alone", lambda found: found.get("trials", {}).get("running") == 1, "it to run")
        node.stop()
        [pod] = campaigns.pods("alone")
        cluster.patch(NODES, "lost", {"spec": {"unschedulable": True}})
        path = PODS.path(namespace=campaigns.namespace, name=pod["metadata"]["name"])
        cluster.connection.request("DELETE", path, body={"gracePeriodSeconds": 1})
        with lost_machine(cluster, "other", group="lost", folder=tmp_path, cpu="1"):
            flag.touch()
            assert campaigns.phase("alone", "Succeeded", "Failed")["trials"]["succeeded"] == 1
            [still_there] = [each for each in campaigns.pods("alone") if each["spec"]["nodeName"] == "lost"]
            assert still_there["status"]["phase"] == "Running"


def test_a_trial_that_ends_while_its_worker_is_stopped_counts_though_others_may_begin(
    campaigns: Campaigns, database: str, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    trial = {"entrypoint": "objectives.py:heedless", "arguments": {"flag": str(flag)}}
    campaigns.apply("hesitant", trials=1, trial=trial)
    campaigns.wait("hesitant", lambda status: status.get("trials", {}).get("running") == 1, "it to run")
    campaigns.patch("hesitant", suspend=True)
    campaigns.phase("hesitant", "Suspended")
    campaigns.patch("hesitant", suspend=False)
    resumed = campaigns.get("hesitant")["metadata"]["generation"]
    campaigns.wait("hesitant", lambda status: status["observedGeneration"] == resumed, "it to be resumed")
    flag.touch()
    campaigns.phase("hesitant", "Succeeded")
    assert in_ledger(campaigns, database, "SELECT starts FROM {}.corebound_slots") == [(1,)]


def test_pods_that_fill_their_disk_again_and_again_end_the_campaign(
    campaigns: Campaigns, machine: ProcessNode, tmp_path: Path
) -> None:
    """They give their slot back in time, so that no trial would ever be lost too often."""
    words = 'Usage of EmptyDir volume "corebound-tmp" exceeds the limit "1Gi". '
    trial = {"entrypoint": "objectives.py:until", "arguments": {"flag": str(tmp_path / "never")}}
    campaigns.apply("greedy", trials=2, parallelism=2, trial=trial)
    campaigns.wait("greedy", lambda status: status.get("trials", {}).get("running") == 2, "both to run")
    other = max(name for name in machine.processes() if name.startswith("greedy-"))

    def is_over() -> bool:
        return campaigns.status("greedy").get("phase") == "Failed"

    def at_work() -> list[tuple[str, int]]:
        if campaigns.status("greedy")["trials"]["running"] < 2:
            return []
        mine = [(name, process) for name, process in machine.processes().items() if name.startswith("greedy-")]
        return [each for each in mine if each[0] != other]

    def evict(name: str, process: int) -> None:
        os.kill(process, signal.SIGTERM)
        fields = f"metadata.name={name},status.phase=Failed"
        campaigns.until(lambda: campaigns.cluster.list(PODS, namespace=campaigns.namespace, fields=fields), "its end")
        said = {"status": {"reason": "Evicted", "message": words}}
        campaigns.cluster.patch(PODS, name, said, namespace=campaigns.namespace, subresource="status")

    for _ in range(14):
        campaigns.until(lambda: is_over() or at_work(), "it to run or to be over")
        for name, process in at_work():
            evict(name, process)
    campaigns.until(is_over, "it to be over", seconds=20)
    assert campaigns.condition("greedy", "Failed")["reason"] == "WorkersKeepDying"
    assert words.strip() in campaigns.status("greedy")["message"]
