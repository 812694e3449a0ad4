"""A database whose certificate a private authority signed: operator, workers and one-shot pods check it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..apiserver.cli_user import User
from ..cluster.real_node import ADDRESS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..apiserver.conftest import Campaigns
    from ..cluster.real_node import RealNode
    from .release import Release

PORT = 5433
PASSWORD = "geheim-4711"
MOUNTED = "/etc/corebound/ca"
QUICK = {"command": ["sh", "-c", "echo loss=1"]}


@dataclass(frozen=True)
class Server:
    """Debian's PostgreSQL on the node, which takes TLS only."""

    authority: str
    url: str


@pytest.fixture
def server(node: RealNode) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="corebound-tls-"))
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    data = folder / "data"
    as_postgres = (*node.enter, "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
    certify(folder)
    (folder / "password").write_text(PASSWORD)
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, "postgres", "postgres")
    made = [binaries / "initdb", "--pgdata", data, "--username=corebound", f"--pwfile={folder / 'password'}"]
    subprocess.run([*as_postgres, *made, "--auth=scram-sha-256"], check=True, capture_output=True)
    (data / "pg_hba.conf").write_text("hostssl all all all scram-sha-256\n")
    settings = {
        "listen_addresses": ADDRESS,
        "port": str(PORT),
        "unix_socket_directories": "",
        "ssl": "on",
        "ssl_cert_file": str(folder / "server.crt"),
        "ssl_key_file": str(folder / "server.key"),
    }
    options = [f"-c{name}={value}" for name, value in settings.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*as_postgres, binaries / "postgres", "-D", data, *options], stdout=log, stderr=log)
    try:
        until_it_listens(process, folder / "log")
        query = f"sslmode=verify-full&sslrootcert={MOUNTED}/ca.crt"
        yield Server(
            authority=(folder / "ca.crt").read_text(),
            url=f"postgresql://corebound:{PASSWORD}@{ADDRESS}:{PORT}/postgres?{query}",
        )
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder)


def certify(folder: Path) -> None:
    """An authority, and a certificate of the node's address signed by it."""
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    by_authority = ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", f"subjectAltName=IP:{ADDRESS}"]
    for options in (
        ["-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt"],
        ["-subj", "/CN=server", *by_authority, "-keyout", "server.key", "-out", "server.crt"],
    ):
        subprocess.run([*new, *options], cwd=folder, check=True, capture_output=True)


def until_it_listens(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while b"ready to accept connections" not in log.read_bytes():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


@pytest.mark.needs("own-node")
@pytest.mark.needs("postgresql")
@pytest.mark.needs("openssl")
def test_everybody_checks_the_servers_certificate(
    campaigns: Campaigns, release: Release, server: Server, tmp_path: Path
) -> None:
    kubectl = campaigns.plane.kubectl
    for namespace in (release.namespace, campaigns.namespace):
        kubectl("create", "configmap", "authority", "-n", namespace, f"--from-literal=ca.crt={server.authority}")
    kubectl("create", "secret", "generic", "address", "-n", release.namespace, f"--from-literal=url={server.url}")
    external = {"existingSecret": "address", "authorityConfigMap": "authority", "port": PORT}
    template = {
        "volumes": [{"name": "authority", "configMap": {"name": "authority"}}],
        "volumeMounts": [{"name": "authority", "mountPath": MOUNTED}],
    }
    try:
        release.upgrade(database={"external": external})
        campaigns.apply("checked", trials=2, trial={**QUICK, "template": template})
        assert campaigns.phase("checked", "Succeeded", "Failed")["phase"] == "Succeeded"
        user = User(campaigns.plane.kubeconfig, campaigns.namespace, tmp_path)
        assert [row["state"] for row in user.json("results", "checked", "--pod")] == ["succeeded"] * 2

        campaigns.apply("blind", trials=1, trial=QUICK)
        campaigns.wait("blind", lambda _: "certificate" in said(campaigns, "blind"), "a worker without it to say so")
    finally:
        kubectl("delete", "searchcampaigns", "--all", "-n", campaigns.namespace)
        release.upgrade()
        for kind, name in (("configmap", "authority"), ("secret", "address")):
            kubectl("delete", kind, name, "-n", release.namespace)


def said(campaigns: Campaigns, name: str) -> str:
    """What its workers printed."""
    pods = json.dumps([pod["status"].get("containerStatuses") for pod in campaigns.pods(name)])
    labels = f"corebound.dev/campaign={name}"
    logs = campaigns.plane.kubectl("logs", "-n", campaigns.namespace, "-l", labels, "--tail=-1", check=False)
    return pods + logs
