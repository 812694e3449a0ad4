"""Logs, results and data on a cluster, as a tenant who never sees the database's login."""

from __future__ import annotations

import base64
import csv
import io
import json
import time
from importlib import metadata
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from corebound.api.jobs import DATABASE_SECRET
from corebound.cluster.resources import PODS, SECRETS
from corebound.ledger.connection import database_url
from corebound.ledger.schema import prepare_database

from .cli_user import User, bind

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.local.postgres import EmbeddedPostgres

    from ..cluster.control_plane import ControlPlane
    from ..cluster.nodes import ProcessNode
    from .conftest import Campaigns

CAMPAIGNS_RIGHTS = {
    "apiGroups": ["corebound.dev"],
    "resources": ["searchcampaigns"],
    "verbs": ["get", "list", "watch", "create", "patch", "delete"],
}
LOGS_RIGHTS = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
]
PODS_RIGHTS = [
    *LOGS_RIGHTS,
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "create", "delete"]},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list"]},
]


@pytest.fixture
def tenant(plane: ControlPlane, campaigns: Campaigns, tmp_path: Path) -> User:
    rules = [CAMPAIGNS_RIGHTS, *PODS_RIGHTS]
    return User(bind(plane, campaigns.namespace, "tenant", rules), campaigns.namespace, tmp_path)


@pytest.fixture
def other_ledger(server: EmbeddedPostgres) -> str:
    """A ledger without campaigns, for example that of one's own machine."""
    with psycopg.connect(host=str(server.socket_folder), user="corebound", dbname="postgres", autocommit=True) as made:
        name = f"other_{uuid4().hex[:8]}"
        made.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = f"postgresql+psycopg://corebound@/{name}?host={quote(str(server.socket_folder), safe='')}"
    prepare_database(url)
    return url


def talking(flag: Path | None = None) -> dict[str, Any]:
    arguments = {} if flag is None else {"arguments": {"flag": str(flag)}}
    return {"entrypoint": "objectives.py:talks", **arguments}


def one_shot_pods(campaigns: Campaigns) -> list[dict[str, Any]]:
    labels = "app.kubernetes.io/component=one-shot"
    return campaigns.cluster.list(PODS, namespace=campaigns.namespace, labels=labels)


def wait_until_no_pod_is_left(campaigns: Campaigns) -> None:
    """The command has deleted it; the kubelet takes it away."""
    deadline = time.monotonic() + 20
    while found := one_shot_pods(campaigns):
        assert all("deletionTimestamp" in pod["metadata"] for pod in found)
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_each_attempts_output_is_found_in_its_pods_log(tenant: User, campaigns: Campaigns, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    campaigns.apply("poles", trials=3, parallelism=1, trial=talking(flag))
    with tenant.start("logs", "poles", "1", "-f", "-n", tenant.namespace) as following:
        campaigns.wait("poles", lambda status: status.get("trials", {}).get("done") == 1, "slot 1 to be reached")
        out, _ = tenant("logs", "poles", "0")
        assert out == "here is slot 0, attempt 1\nslot 0 is done\n"
        flag.touch()
        shown, err = following.communicate(timeout=100)
    assert shown == "here is slot 1, attempt 1\nslot 1 is done\n", err
    campaigns.phase("poles", "Succeeded")
    found = tenant.json("logs", "poles", "2")
    assert (found["attempt"], found["attempts"], found["running"]) == (1, 1, False)
    assert found["output"] == "here is slot 2, attempt 1\nslot 2 is done\n"
    assert found["pod"] in [pod["metadata"]["name"] for pod in campaigns.pods("poles")]
    out, _ = tenant("logs", "poles", "2", program="kubectl-corebound")
    assert "here is slot 2" in out
    _, err = tenant("logs", "poles", "3", status=2)
    assert "its slots are 0 to 2" in err
    _, err = tenant("logs", "poles", "2", "--attempt", "4", status=2)
    assert "attempt 4 of slot 2; there are: 1" in err


def test_a_lost_attempt_keeps_its_output_beside_the_next_one(
    tenant: User, campaigns: Campaigns, tmp_path: Path
) -> None:
    trial = {"entrypoint": "objectives.py:stumbles", "arguments": {"flag": str(tmp_path / "flag")}}
    campaigns.apply("poles", trials=1, trial=trial)
    campaigns.phase("poles", "Succeeded")
    lost = "corebound: attempt 1 of slot 0 has left this error:\nkilled by SIGKILL\n"
    assert tenant("logs", "poles", "0", "--attempt", "1")[0] == f"first\n{lost}"
    newest = tenant.json("logs", "poles", "0")
    assert (newest["attempt"], newest["output"], newest["error"]) == (2, "second\n", None)


def test_logs_end_with_the_whole_error(tenant: User, campaigns: Campaigns) -> None:
    campaigns.apply("poles", trials=1, trial={"entrypoint": "objectives.py:raises"})
    campaigns.phase("poles", "Failed")
    shown, _ = tenant("logs", "poles", "0", program="kubectl-corebound")
    begin = "corebound: attempt 1 of slot 0 has left this error:\nTraceback (most recent call last):\n"
    assert shown.startswith(begin)
    assert shown.endswith("ValueError: no data for Zoë in /data\n")
    found = tenant.json("logs", "poles", "0")
    assert (found["output"], found["running"]) == ("", False)
    assert shown.partition("\n")[2] == f"{found['error']}\n"


def test_logs_need_two_rights_and_name_the_one_that_lacks(
    plane: ControlPlane, campaigns: Campaigns, tmp_path: Path
) -> None:
    campaigns.apply("poles", trials=1, trial=talking())
    campaigns.phase("poles", "Succeeded")
    poor = User(bind(plane, campaigns.namespace, "poor", [CAMPAIGNS_RIGHTS]), campaigns.namespace, tmp_path)
    _, err = poor("logs", "poles", "0", status=1)
    assert "you lack the right to list pods" in err
    rules = [CAMPAIGNS_RIGHTS, LOGS_RIGHTS[0]]
    poor = User(bind(plane, campaigns.namespace, "half", rules), campaigns.namespace, tmp_path)
    _, err = poor("logs", "poles", "0", status=1)
    assert "you lack the right to get pods/log" in err


def test_results_come_from_a_one_shot_pod_that_leaves_nothing(tenant: User, campaigns: Campaigns) -> None:
    """With the volume that its trials mount, which every namespace has."""
    template = {
        "volumes": [{"name": "authority", "configMap": {"name": "kube-root-ca.crt"}}],
        "volumeMounts": [{"name": "authority", "mountPath": "/etc/authority", "readOnly": True}],
    }
    campaigns.apply("poles", trials=3, trial={"entrypoint": "objectives.py:quick", "template": template})
    campaigns.phase("poles", "Succeeded")
    rows = tenant.json("results", "poles")
    assert [(row["slot"], row["state"]) for row in rows] == [(0, "succeeded"), (1, "succeeded"), (2, "succeeded")]
    assert all(row["values"]["loss"] == row["params"]["x"] ** 2 for row in rows)
    table, err = tenant("results", "poles", program="kubectl-corebound")
    assert table.splitlines()[0].split()[:3] == ["slot", "state", "x"]
    assert "asking in pod corebound-results-" in err
    text, _ = tenant("results", "poles", "--csv", "--quiet")
    assert len(list(csv.DictReader(io.StringIO(text)))) == 3
    wait_until_no_pod_is_left(campaigns)
    _, err = tenant("results", "nothing", status=2)
    assert "no campaign 'nothing' in this ledger; there are: poles" in err
    assert tenant.json("results", "nothing", status=2)["error"].startswith("no campaign 'nothing'")
    wait_until_no_pod_is_left(campaigns)


def test_a_report_comes_from_a_one_shot_pod(tenant: User, campaigns: Campaigns) -> None:
    campaigns.apply("poles", trials=3, parallelism=1)
    status = campaigns.phase("poles", "Succeeded")
    found = tenant.json("report", "poles", "-o", "poles.html")
    text = (tenant.folder / "poles.html").read_text(encoding="utf-8")
    assert found["bytes"] == len(text.encode())
    assert text.startswith("<!DOCTYPE html>")
    assert "poles" in text
    document = json.loads(tenant("report", "poles", "--format", "json")[0])
    assert document["outcome"]["counts"] == {"succeeded": 3}
    (plan,) = document["plans"]
    assert (plan["trials"], plan["seconds"]) == (3, None)
    assert (plan["threads"], plan["workers"]) == (status["plan"]["threads"], status["plan"]["workers"])
    assert [group["runs_on"]["versions"]["optuna"] for group in document["ran_on"]] == [metadata.version("optuna")]
    wait_until_no_pod_is_left(campaigns)


def test_a_plan_that_is_changed_while_it_runs_is_in_the_report(
    tenant: User, campaigns: Campaigns, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    trial = {"entrypoint": "objectives.py:until", "arguments": {"flag": str(flag)}}
    campaigns.apply("poles", trials=4, parallelism=1, trial=trial)
    campaigns.wait("poles", lambda status: status.get("trials", {}).get("running") == 1, "a running trial")
    campaigns.patch("poles", parallelism=2)
    campaigns.wait("poles", lambda status: status.get("trials", {}).get("running") == 2, "two running trials")
    flag.touch()
    campaigns.phase("poles", "Succeeded")
    document = json.loads(tenant("report", "poles", "--format", "json")[0])
    assert [(plan["trials"], plan["workers"], plan["waves"]) for plan in document["plans"]] == [(4, 1, 4), (4, 2, 2)]


def test_results_by_the_databases_address(tenant: User, campaigns: Campaigns, database: str) -> None:
    """The operator's own login looks at the namespace's schema."""
    campaigns.apply("poles", trials=2)
    campaigns.phase("poles", "Succeeded")
    out, err = tenant("results", "poles", "--json", COREBOUND_DATABASE_URL=database)
    assert [row["state"] for row in json.loads(out)] == ["succeeded", "succeeded"]
    assert "pod" not in err


def test_results_through_a_forwarded_port(
    plane: ControlPlane, campaigns: Campaigns, machine: ProcessNode, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    """The API server's part is real, the kubelet's is ours: it leads to the database's socket."""
    campaigns.apply("poles", trials=2)
    campaigns.phase("poles", "Succeeded")
    login = campaigns.cluster.get(SECRETS, DATABASE_SECRET, namespace=campaigns.namespace)
    assert login is not None
    socket_url = database_url(base64.b64decode(login["data"]["url"]).decode())
    machine.kubelet.ports[5432] = str(server.socket_folder / ".s.PGSQL.5432")
    # Another namespace, whose login no operator mends, with a Service and a pod in front of the same database.
    apart = f"{campaigns.namespace}-db"
    plane.kubectl("create", "namespace", apart)
    inside = socket_url.set(host="postgres", port=5433).difference_update_query(["host"])
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": DATABASE_SECRET, "namespace": apart}}
    secret["stringData"] = {"url": inside.render_as_string(hide_password=False)}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "postgres-0", "namespace": apart, "labels": {"app": "postgres"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "postgres",
                    "image": "trial:test",
                    "command": ["sleep", "300"],
                    "ports": [{"name": "sql", "containerPort": 5432}],
                    "resources": {"limits": {"cpu": "1", "memory": "64Mi"}},
                }
            ],
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "postgres", "namespace": apart},
        "spec": {"selector": {"app": "postgres"}, "ports": [{"port": 5433, "targetPort": "sql"}]},
    }
    for manifest in (secret, service, pod):
        plane.kubectl("apply", "-f", "-", text=json.dumps(manifest))
    plane.kubectl("wait", "pod/postgres-0", "-n", apart, "--for=condition=Ready", "--timeout=60s")
    try:
        rules = [
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [DATABASE_SECRET], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["services"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
            {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]},
        ]
        poor = User(bind(plane, apart, "poor", rules[:-1]), apart, tmp_path)
        _, err = poor("results", "poles", "--port-forward", status=1)
        assert f"you lack the right to create pods/portforward in namespace {apart}: pods" in err
        assert "Content-Type" not in err
        keeper = User(bind(plane, apart, "keeper", rules), apart, tmp_path)
        out, err = keeper("results", "poles", "--json", "--port-forward")
        assert [row["state"] for row in json.loads(out)] == ["succeeded", "succeeded"], err
        # Whoever may read the login gets this way without asking for it.
        out, err = keeper("results", "poles", "--csv")
        assert len(out.splitlines()) == 3
        assert "asking in pod" not in err
    finally:
        plane.kubectl("delete", "namespace", apart, "--wait=false")


def test_a_way_that_is_not_open_is_said(
    tenant: User, plane: ControlPlane, campaigns: Campaigns, tmp_path: Path
) -> None:
    campaigns.apply("poles", trials=1)
    campaigns.phase("poles", "Succeeded")
    _, err = tenant("results", "poles", "--port-forward", status=1)
    assert f"you lack the right to get secret {DATABASE_SECRET}" in err
    admin = User(plane.kubeconfig, campaigns.namespace, tmp_path)
    _, err = admin("results", "poles", "--port-forward", status=1)
    assert "which is no Service of the cluster; use --storage, or --pod" in err or "names no host" in err
    poor = User(bind(plane, campaigns.namespace, "poor", [CAMPAIGNS_RIGHTS]), campaigns.namespace, tmp_path)
    _, err = poor("results", "poles", "--image", "trial:test", status=1)
    assert "you lack the right to create pods" in err
    _, err = tenant("results", "poles", "--image", "trail:test", status=1)
    assert "does not start: ErrImagePull" in err
    wait_until_no_pod_is_left(campaigns)


def test_delete_keeps_the_results_and_delete_data_takes_them(tenant: User, campaigns: Campaigns, database: str) -> None:
    campaigns.apply("kept", trials=1)
    campaigns.apply("poles", trials=2)
    campaigns.phase("poles", "Succeeded")
    out, _ = tenant("delete", "poles")
    assert "its results stay in the ledger" in out
    assert f"corebound delete poles --data -n {tenant.namespace}" in out
    assert len(tenant.json("results", "poles", "--image", "trial:test")) == 2
    found = tenant.json("delete", "poles", "--data", "--yes", "--image", "trial:test")
    assert (found["deleted"], found["trials"]) == ("poles", 2)
    _, err = tenant("results", "poles", "--image", "trial:test", status=2)
    assert "no campaign 'poles' in this ledger" in err
    campaigns.phase("kept", "Succeeded")


def test_the_last_campaign_of_a_namespace_goes_with_its_data_though_it_is_running(
    tenant: User, campaigns: Campaigns, database: str, tmp_path: Path
) -> None:
    trial = {"entrypoint": "objectives.py:until", "arguments": {"flag": str(tmp_path / "never")}}
    campaigns.apply("last", trials=2, trial=trial)
    campaigns.wait("last", lambda status: status.get("trials", {}).get("running"), "a running trial")
    out, _ = tenant("delete", "last", "--data", "--yes")
    assert out == f"deleted last in namespace {tenant.namespace}, and its data: 2 trials\n"
    campaigns.until(lambda: not campaigns.pods("last"), "its pods to go")
    _, err = tenant("results", "last", status=2, COREBOUND_DATABASE_URL=database)
    assert "no campaign 'last' in this ledger" in err
    _, err = tenant("delete", "last", status=2)
    assert "no campaign 'last' in namespace" in err


def test_a_deletion_whose_data_cannot_be_reached_waits_and_goes_on(tenant: User, campaigns: Campaigns) -> None:
    for name in ("poles", "given-back"):
        campaigns.apply(name, trials=1)
        campaigns.phase(name, "Succeeded")
        _, err = tenant("delete", name, "--data", "--yes", "--image", "trail:test", status=1)
        assert "does not start: ErrImagePull" in err
        assert f"{name} waits to be deleted until its data is: repeat the command" in err
        assert tenant("watch", name, "--once")[0].startswith(f"{name}: being deleted, ")
    assert "and its data: 1 trial\n" in tenant("delete", "poles", "--data", "--yes")[0]
    assert "its results stay in the ledger" in tenant("delete", "given-back")[0]
    assert json.loads(campaigns.plane.kubectl("get", "sc", "-n", tenant.namespace, "-o", "json"))["items"] == []
