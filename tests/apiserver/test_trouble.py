"""What goes wrong on a cluster, and what its user reads then: never "stuck without a reason"."""

from __future__ import annotations

import base64
import json
import re
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from corebound.cluster.resources import CAMPAIGNS, JOBS, NAMESPACES, PODS, SECRETS
from corebound.ledger.tenant import tenant_of

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Campaigns


def waiting(flag: Path, **more: Any) -> dict[str, Any]:
    """A trial that lasts until the file is there."""
    return {"entrypoint": "objectives.py:until", "arguments": {"flag": str(flag)}, **more}


def test_nothing_schedulable_is_said_in_the_schedulers_words(campaigns: Campaigns) -> None:
    trial = {"entrypoint": "objectives.py:quick", "template": {"nodeSelector": {"pool": "none"}}}
    pool = {"cpu": "4", "maxNodes": 2}
    campaigns.apply("nowhere", trial=trial, pool=pool)
    campaigns.wait(
        "nowhere", lambda _: campaigns.condition("nowhere", "Running")["reason"] == "Unschedulable", "it said"
    )
    running = campaigns.condition("nowhere", "Running")
    assert running["status"] == "False"
    assert "node affinity/selector" in running["message"]
    assert "node affinity/selector" in campaigns.status("nowhere")["message"]


def test_a_quota_that_is_exceeded_is_said(campaigns: Campaigns) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {"limits.cpu": "1"}},
    }
    campaigns.plane.kubectl("apply", "-n", campaigns.namespace, "-f", "-", text=json.dumps(quota))
    campaigns.apply("large", threads=2, parallelism=1)
    campaigns.wait("large", lambda _: campaigns.condition("large", "Running")["reason"] == "QuotaExceeded", "it said")
    assert "exceeded quota: small" in campaigns.condition("large", "Running")["message"]


@pytest.mark.parametrize(
    ("counted", "condition", "reason"),
    [("count/jobs.batch", "Running", "QuotaExceeded"), ("count/secrets", "StorageReady", "DatabaseRefused")],
)
def test_an_object_that_the_cluster_does_not_accept_is_said(
    campaigns: Campaigns, counted: str, condition: str, reason: str
) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {counted: "0"}},
    }
    campaigns.plane.kubectl("apply", "-n", campaigns.namespace, "-f", "-", text=json.dumps(quota))
    has_quota = ("get", "resourcequota", "none", "-n", campaigns.namespace, "-o", "jsonpath={.status.hard}")
    campaigns.until(lambda: counted in campaigns.plane.kubectl(*has_quota), "the quota counts")
    campaigns.apply("refused", trials=2)
    campaigns.wait("refused", lambda _: campaigns.condition("refused", condition)["reason"] == reason, "it said")
    assert "exceeded quota: none" in campaigns.condition("refused", condition)["message"]
    assert campaigns.condition("refused", condition)["status"] == "False"
    campaigns.plane.kubectl("delete", "resourcequota", "none", "-n", campaigns.namespace)
    assert campaigns.phase("refused", "Succeeded", "Failed")["trials"]["succeeded"] == 2


def test_a_pod_that_pod_security_rejects_is_said(campaigns: Campaigns) -> None:
    trial = {
        "entrypoint": "objectives.py:quick",
        "template": {"securityContext": {"runAsNonRoot": False, "runAsUser": 0}},
    }
    campaigns.apply("rooted", trial=trial)
    campaigns.wait("rooted", lambda _: campaigns.condition("rooted", "Running")["reason"] == "PodRejected", "it said")
    assert "violates PodSecurity" in campaigns.condition("rooted", "Running")["message"]


def test_an_image_that_is_missing_is_said(campaigns: Campaigns) -> None:
    campaigns.apply("typo", trial={"entrypoint": "objectives.py:quick", "image": "trail:test"})
    campaigns.wait("typo", lambda _: campaigns.condition("typo", "Running")["reason"] == "ErrImagePull", "it said")
    assert "trail:test" in campaigns.condition("typo", "Running")["message"]


def test_a_secret_with_a_wrong_login_heals(campaigns: Campaigns, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    campaigns.apply("spoilt", trials=2, trial=waiting(flag), suspend=True)
    campaigns.phase("spoilt", "Suspended")
    campaigns.until(lambda: campaigns.cluster.get(SECRETS, "corebound-database", namespace=campaigns.namespace), "it")
    wrong = base64.b64encode(b"postgresql://nobody:wrong@127.0.0.1:1/none").decode()
    change = {"data": {"url": wrong}}
    campaigns.cluster.patch(SECRETS, "corebound-database", change, namespace=campaigns.namespace)
    campaigns.patch("spoilt", suspend=False)
    flag.touch()
    assert campaigns.phase("spoilt", "Succeeded", "Failed")["trials"]["succeeded"] == 2


def test_a_passing_trouble_with_the_login_changes_no_password(campaigns: Campaigns, database: str) -> None:
    """Workers that run have the old one for good."""
    campaigns.apply("calm", trials=2, suspend=True)
    campaigns.phase("calm", "Suspended")
    secret = campaigns.cluster.get(SECRETS, "corebound-database", namespace=campaigns.namespace)
    found = campaigns.cluster.get(NAMESPACES, campaigns.namespace)
    assert secret is not None
    assert found is not None
    role = tenant_of(namespace=campaigns.namespace, namespace_uid=found["metadata"]["uid"]).role
    assert role is not None
    limit_connections(database, role, 0)
    touched = {"metadata": {"annotations": {"touched": "yes"}}}
    campaigns.cluster.patch(SECRETS, "corebound-database", touched, namespace=campaigns.namespace)
    campaigns.patch("calm", suspend=False)
    campaigns.wait("calm", lambda _: campaigns.condition("calm", "StorageReady")["status"] == "False", "it said")
    assert "too many connections" in campaigns.condition("calm", "StorageReady")["message"]
    after = campaigns.cluster.get(SECRETS, "corebound-database", namespace=campaigns.namespace)
    assert after is not None
    assert after["data"] == secret["data"]
    limit_connections(database, role, -1)
    assert campaigns.phase("calm", "Succeeded", "Failed")["trials"]["succeeded"] == 2


def test_a_campaign_waits_for_the_connections_that_another_one_holds(campaigns: Campaigns, tmp_path: Path) -> None:
    """The server has 200: enough for the 60 workers of either, not for those of both."""
    pool = {"cpu": 64, "maxNodes": 1}
    trial = {"entrypoint": "objectives.py:until", "arguments": {"flag": str(tmp_path / "flag")}}
    campaigns.apply("first", trials=60, parallelism=60, pool=pool, trial=trial)
    campaigns.until(lambda: campaigns.jobs("first"), "its Job")
    campaigns.apply("second", trials=60, parallelism=60, pool=pool, trial=trial)
    unsaid = (None, "Starting")
    campaigns.wait("second", lambda _: campaigns.condition("second", "Running")["reason"] not in unsaid, "it said")
    found = campaigns.condition("second", "Running")
    assert (found["status"], found["reason"]) == ("False", "WaitsForConnections")
    assert "waits for the connections of other campaigns" in campaigns.status("second")["message"]
    held = re.search(r"of which other campaigns have (\d+) / 2 a worker", campaigns.status("second")["message"])
    assert held is not None
    assert int(held[1]) >= 120  # those of earlier tests may not be gone yet
    assert campaigns.condition("second", "Accepted")["status"] == "True"
    assert campaigns.jobs("second") == []
    campaigns.delete("first")
    campaigns.until(lambda: campaigns.jobs("second"), "the Job of the one that waited")
    campaigns.delete("second")


def limit_connections(database: str, role: str, most: int) -> None:
    with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as connection:
        statement = sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}")
        connection.execute(statement.format(sql.Identifier(role), sql.Literal(most)))


def test_somebody_elses_secret_is_neither_handed_out_nor_taken_along(campaigns: Campaigns) -> None:
    """As an administrator's address of that name in the operator's own namespace."""
    secret = ("secret", "corebound-database", "-n", campaigns.namespace)
    campaigns.plane.kubectl(
        "create", "secret", "generic", *secret[1:], "--from-literal=url=postgresql://admin:secret@db/x"
    )
    before = campaigns.plane.kubectl("get", *secret, "-o", "json")
    campaigns.apply("guarded", trials=2)
    campaigns.wait("guarded", lambda _: campaigns.condition("guarded", "StorageReady")["status"] == "False", "it said")
    assert "is not the operator's" in campaigns.condition("guarded", "StorageReady")["message"]
    assert campaigns.plane.kubectl("get", *secret, "-o", "json") == before
    assert campaigns.jobs("guarded") == []
    campaigns.plane.kubectl("delete", *secret)
    assert campaigns.phase("guarded", "Succeeded", "Failed")["trials"]["succeeded"] == 2


def test_the_next_campaign_of_a_namespace_owns_the_secret_too(campaigns: Campaigns, tmp_path: Path) -> None:
    """Where an API server asks who gives an object another owner for the right to delete it."""
    campaigns.apply("first", trials=1, trial=waiting(tmp_path / "never"))
    campaigns.wait("first", lambda status: status.get("trials", {}).get("running") == 1, "it to run")
    campaigns.apply("second", trials=1)
    campaigns.wait("second", lambda status: status.get("phase") == "Succeeded", "it to succeed")
    secret = campaigns.cluster.get(SECRETS, "corebound-database", namespace=campaigns.namespace)
    assert secret is not None
    assert [each["name"] for each in secret["metadata"]["ownerReferences"]] == ["first", "second"]


def test_a_secret_deleted_while_it_runs_comes_back(campaigns: Campaigns) -> None:
    campaigns.apply("robbed", trials=2, suspend=True)
    campaigns.phase("robbed", "Suspended")
    before = campaigns.cluster.get(SECRETS, "corebound-database", namespace=campaigns.namespace)
    campaigns.cluster.delete(SECRETS, "corebound-database", namespace=campaigns.namespace)
    campaigns.patch("robbed", suspend=False)
    assert campaigns.phase("robbed", "Succeeded", "Failed")["trials"]["succeeded"] == 2
    after = campaigns.cluster.get(SECRETS, "corebound-database", namespace=campaigns.namespace)
    assert before is not None
    assert after is not None
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["data"] == before["data"], "a worker that runs has this password for good"


def test_a_killed_operator_goes_on_where_the_world_is(campaigns: Campaigns, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    campaigns.apply("orphan", trials=4, parallelism=2, trial=waiting(flag))
    campaigns.wait("orphan", lambda status: status.get("trials", {}).get("running") == 2, "two running trials")
    pods = {pod["metadata"]["uid"] for pod in campaigns.pods("orphan")}
    campaigns.operator.kill()
    flag.touch()
    time.sleep(2)
    campaigns.operator.start()
    status = campaigns.phase("orphan", "Succeeded", "Failed")
    assert status["trials"]["succeeded"] == 4
    assert {pod["metadata"]["uid"] for pod in campaigns.pods("orphan")} <= pods


def test_labels_and_owner_taken_from_a_job_come_back(campaigns: Campaigns, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    campaigns.apply("edited", trials=4, parallelism=2, trial=waiting(flag))
    campaigns.wait("edited", lambda status: status.get("trials", {}).get("running") == 2, "two running trials")
    uid = campaigns.jobs("edited")[0]["metadata"]["uid"]
    bare = {"metadata": {"labels": None, "ownerReferences": None}}
    campaigns.cluster.patch(JOBS, "edited-r1", bare, namespace=campaigns.namespace)
    campaigns.until(lambda: campaigns.jobs("edited"), "the labels to come back")
    campaigns.cluster.patch(JOBS, "edited-r1", {"metadata": {"ownerReferences": None}}, namespace=campaigns.namespace)
    campaigns.until(lambda: campaigns.jobs("edited")[0]["metadata"].get("ownerReferences"), "the owner to come back")
    assert campaigns.jobs("edited")[0]["metadata"]["uid"] == uid
    flag.touch()
    assert campaigns.phase("edited", "Succeeded", "Failed")["trials"]["succeeded"] == 4


def test_somebody_elses_job_of_our_name_is_not_touched(campaigns: Campaigns) -> None:
    theirs = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "taken-r1"},
        "spec": {
            "suspend": True,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "other", "image": "other"}]}},
        },
    }
    campaigns.plane.kubectl("apply", "-n", campaigns.namespace, "-f", "-", text=json.dumps(theirs))

    def found() -> Any:
        return campaigns.cluster.get(JOBS, "taken-r1", namespace=campaigns.namespace)

    campaigns.until(lambda: found()["status"], "its own controller to have seen it")
    before = found()
    campaigns.apply("taken", trials=1)
    campaigns.wait("taken", lambda _: campaigns.condition("taken", "Running")["reason"] == "JobRejected", "it said")
    assert "a Job taken-r1 is there that is not this campaign's" in campaigns.condition("taken", "Running")["message"]
    assert found() == before
    campaigns.plane.kubectl("delete", "job", "taken-r1", "-n", campaigns.namespace)
    campaigns.phase("taken", "Succeeded")


def test_a_queue_admits_preempts_and_admits_again(campaigns: Campaigns) -> None:
    """A stand-in for Kueue: it alone writes ``suspend`` of a Job with the queue's label."""
    trial = {"entrypoint": "objectives.py:steps", "arguments": {"seconds": 5}}
    labels = {"kueue.x-k8s.io/queue-name": "team"}
    campaigns.apply("queued", trials=2, parallelism=2, trial=trial, labels=labels)
    campaigns.until(lambda: campaigns.jobs("queued"), "a Job")
    [job] = campaigns.jobs("queued")
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team"
    assert job["spec"]["suspend"] is True

    def admit(yes: bool) -> None:
        campaigns.cluster.patch(JOBS, "queued-r1", {"spec": {"suspend": not yes}}, namespace=campaigns.namespace)

    admit(True)
    campaigns.wait("queued", lambda status: status.get("trials", {}).get("running") == 2, "two running trials")
    admit(False)
    campaigns.until(lambda: not campaigns.pods("queued"), "its pods to go")
    time.sleep(2)
    assert campaigns.jobs("queued")[0]["spec"]["suspend"] is True
    assert "queue" in campaigns.status("queued")["message"]
    admit(True)
    assert campaigns.phase("queued", "Succeeded", "Failed")["trials"]["succeeded"] == 2


def test_a_campaign_that_waits_in_a_queue_misses_no_deadline(campaigns: Campaigns) -> None:
    labels = {"kueue.x-k8s.io/queue-name": "team"}
    campaigns.apply("patient", trials=1, activeDeadlineSeconds=5, labels=labels)
    campaigns.wait("patient", lambda status: "queue" in status.get("message", ""), "it to wait")
    time.sleep(6)
    assert campaigns.status("patient")["phase"] == "Pending", campaigns.status("patient")["message"]
    campaigns.patch("patient", activeDeadlineSeconds=3600)
    campaigns.cluster.patch(JOBS, "patient-r1", {"spec": {"suspend": False}}, namespace=campaigns.namespace)
    campaigns.phase("patient", "Succeeded")


def test_suspending_a_queued_campaign_deletes_its_job(campaigns: Campaigns) -> None:
    campaigns.apply("queued", trials=2, labels={"kueue.x-k8s.io/queue-name": "team"})
    campaigns.until(lambda: campaigns.jobs("queued"), "a Job")
    campaigns.patch("queued", suspend=True)
    campaigns.until(lambda: not campaigns.jobs("queued"), "the Job to go")
    campaigns.phase("queued", "Suspended")


def test_finished_campaigns_are_left_alone(campaigns: Campaigns) -> None:
    """No write at all: their version stays as it is."""
    campaigns.apply("done", trials=1)
    campaigns.phase("done", "Succeeded")
    campaigns.until(
        lambda: not any(pod["status"]["phase"] == "Running" for pod in campaigns.pods("done")), "it to rest"
    )
    time.sleep(3)
    before = campaigns.get("done")["metadata"]["resourceVersion"]
    time.sleep(4)
    assert campaigns.get("done")["metadata"]["resourceVersion"] == before


def test_nothing_of_kopfs_is_written_to_our_objects(campaigns: Campaigns) -> None:
    campaigns.apply("clean", trials=1)
    campaigns.phase("clean", "Succeeded")
    for found in (campaigns.get("clean"), *campaigns.jobs("clean")):
        assert "kopf" not in json.dumps(found)
        assert not found["metadata"].get("finalizers") or found["kind"] == "Job"


def test_events_are_few(campaigns: Campaigns) -> None:
    campaigns.apply("quiet", trials=4, parallelism=2)
    campaigns.phase("quiet", "Succeeded")
    uid = campaigns.get("quiet")["metadata"]["uid"]
    listed = json.loads(campaigns.plane.kubectl("get", "events", "-n", campaigns.namespace, "-o", "json"))["items"]
    ours = [event for event in listed if event["involvedObject"].get("uid") == uid]
    reasons = [event["reason"] for event in ours]
    assert len(reasons) == len(set(reasons)) <= 4
    assert {"JobCreated", "Succeeded"} <= set(reasons)


def test_metrics_probe_and_logs(campaigns: Campaigns) -> None:
    campaigns.apply("seen", trials=1)
    campaigns.phase("seen", "Succeeded")
    assert campaigns.operator.probe() == 200
    metrics = campaigns.operator.metrics()
    assert 'corebound_reconcile_total{result="succeeded"}' in metrics
    assert 'corebound_campaigns{phase="Succeeded"}' in metrics
    for name in ("corebound_queue_depth", "corebound_api_seconds_count", "corebound_database_seconds_count"):
        assert name in metrics
    for line in campaigns.operator.log.splitlines():
        assert {"time", "level", "message"} <= set(json.loads(line))
    secret = campaigns.cluster.get(SECRETS, "corebound-database", namespace=campaigns.namespace)
    assert secret is not None
    assert base64.b64decode(secret["data"]["url"]).decode() not in campaigns.operator.log


def test_a_spec_edited_behind_the_servers_back_does_no_harm(campaigns: Campaigns, tmp_path: Path) -> None:
    """An older CRD would let an immutable field through; the running Job is let alone and the edit is named."""
    flag = tmp_path / "flag"
    campaigns.apply("changed", trials=2, trial=waiting(flag))
    campaigns.wait("changed", lambda status: status.get("trials", {}).get("running"), "a running trial")
    pods = {pod["metadata"]["uid"] for pod in campaigns.pods("changed")}
    try:
        campaigns.cluster.patch(CAMPAIGNS, "changed", {"spec": {"threads": 2}}, namespace=campaigns.namespace)
    except Exception as error:
        assert "immutable" in str(error) or "cannot change" in str(error)  # the CRD itself refuses
        return
    campaigns.wait("changed", lambda _: campaigns.condition("changed", "Accepted")["status"] == "False", "a refusal")
    assert "spec.threads (from auto to 2)" in campaigns.condition("changed", "Accepted")["message"]
    assert {pod["metadata"]["uid"] for pod in campaigns.cluster.list(PODS, namespace=campaigns.namespace)} == pods


@pytest.mark.parametrize(
    ("search", "reason", "said"),
    [
        (
            {
                "sampler": {"name": "grid"},
                "parameters": [{"name": "x", "type": "float", "low": 0, "high": 1, "step": 0.5}],
            },
            "InvalidSpec",
            "3",
        ),
        ({"warmStart": {"study": "nobody"}}, "SpecRefused", "nobody"),
    ],
)
def test_what_the_schema_cannot_see_is_said_by_the_operator(
    campaigns: Campaigns, search: dict[str, Any], reason: str, said: str
) -> None:
    campaigns.apply("refused", trials=9, search=search)
    campaigns.wait("refused", lambda _: campaigns.condition("refused", "Accepted")["reason"] == reason, "it said")
    accepted = campaigns.condition("refused", "Accepted")
    assert accepted["status"] == "False"
    assert said in accepted["message"]
    assert campaigns.jobs("refused") == []


def test_a_size_edited_by_hand_is_set_back(campaigns: Campaigns, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    campaigns.apply("resized", trials=6, parallelism=2, trial=waiting(flag))
    campaigns.wait("resized", lambda status: status.get("trials", {}).get("running") == 2, "two running trials")

    def live() -> list[int]:
        return [job["spec"]["parallelism"] for job in campaigns.jobs("resized") if not job["status"].get("conditions")]

    # Without any pod left the Job may count as over; then the next round goes on.
    campaigns.cluster.patch(JOBS, "resized-r1", {"spec": {"parallelism": 0}}, namespace=campaigns.namespace)
    campaigns.wait("resized", lambda status: status["trials"]["running"] == 0, "no running trial")
    campaigns.wait("resized", lambda status: status["trials"]["running"] == 2, "two running trials again")
    name = campaigns.jobs("resized")[-1]["metadata"]["name"]
    larger = {"spec": {"parallelism": 5, "completions": 5}}
    campaigns.cluster.patch(JOBS, name, larger, namespace=campaigns.namespace)
    campaigns.until(lambda: live() == [2], "two workers again")
    flag.touch()
    assert campaigns.phase("resized", "Succeeded", "Failed")["trials"]["succeeded"] == 6


def test_a_namespace_that_is_deleted_takes_a_running_campaign_with_it(campaigns: Campaigns, tmp_path: Path) -> None:
    campaigns.apply("going", trials=4, parallelism=2, trial=waiting(tmp_path / "never"))
    campaigns.wait("going", lambda status: status.get("trials", {}).get("running") == 2, "two running trials")
    campaigns.plane.kubectl("delete", "namespace", campaigns.namespace, "--wait=false")

    def gone() -> bool:
        return campaigns.namespace not in campaigns.plane.kubectl("get", "namespaces", "-o", "name")

    # Its controller looks again only after half of the pods' grace period.
    campaigns.until(gone, "the namespace to go", seconds=240)
    assert campaigns.operator.probe() == 200
    campaigns.plane.kubectl("create", "namespace", campaigns.namespace)


def test_a_namespace_goes_though_a_pod_of_it_never_started(campaigns: Campaigns) -> None:
    """The Job would try that index again, and keeps its pod until there is another one, which is refused."""
    campaigns.apply("stuck", trials=1, trial={"entrypoint": "objectives.py:quick", "image": "trail:test"})
    campaigns.wait("stuck", lambda _: campaigns.condition("stuck", "Running")["reason"] == "ErrImagePull", "it said")
    campaigns.plane.kubectl("delete", "namespace", campaigns.namespace, "--timeout=100s")
    campaigns.plane.kubectl("create", "namespace", campaigns.namespace)


def test_unicode_everywhere(campaigns: Campaigns) -> None:
    parameters = [{"name": "größe", "type": "categorical", "choices": ["klein 小", "groß 大"]}]
    campaigns.apply(
        "words",
        trials=3,
        objectives=[{"metric": "Güte ✓", "direction": "maximize"}],
        search={"parameters": parameters},
        trial={"entrypoint": "objectives.py:declared", "env": [{"name": "GREETING", "value": "Grüße, 世界"}]},
    )
    status = campaigns.phase("words", "Succeeded", "Failed")
    assert status["best"]["parameters"]["größe"] in ("klein 小", "groß 大")
