"""Optuna's dashboard of the chart answers whatever login its namespace has; on a node ``tests/node`` has the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from ..cluster.control_plane import free_port
from .conftest import Chart, Manifest, of_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.needs("helm")

ENABLED = ("--set", "optunaDashboard.enabled=true,optunaDashboard.namespace=team-a")
SECONDS = 60.0
SHOWS_ITS_LOGIN = """
import pathlib
built = pathlib.Path(__file__).with_name("built")
def wsgi(url):
    with built.open("a") as file:
        print(url, file=file)
    if "refused" in url:
        raise OSError("password authentication failed")
    def answer(environ, start_response):
        start_response("500 Internal Server Error" if environ["PATH_INFO"] == "/api/defect" else "200 OK", [])
        return [(url + environ["PATH_INFO"]).encode()]
    return answer
"""
"""In the place of optuna_dashboard, which is in no environment of ours."""


@pytest.fixture
def pod(chart: Chart) -> Manifest:
    deployments = of_kind(chart.objects(*ENABLED), "Deployment")
    found = next(each for each in deployments if each["metadata"]["name"].endswith("-optuna-dashboard"))
    spec: Manifest = found["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def ask(pod: Manifest, tmp_path: Path) -> Iterator[Callable[[str], tuple[int, str]]]:
    """The container's own command, with its login in ``tmp_path``; asks it for a path."""
    (tmp_path / "optuna_dashboard.py").write_text(SHOWS_ITS_LOGIN, encoding="utf-8")
    [container] = pod["containers"]
    python, option = container["command"]
    script, _, _, namespace = container["args"]
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, option, script, str(tmp_path / "url"), str(port), namespace],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert python == "python"

    def answer(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=SECONDS) as found:
                return found.status, found.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    try:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                answer("/healthz")
                break
            except urllib.error.URLError:
                assert process.poll() is None and time.monotonic() < deadline, "it does not listen"
                time.sleep(0.05)
        yield answer
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=SECONDS) == 0
    finally:
        process.kill()
        process.wait()


def test_the_login_may_come_change_and_go(ask: Callable[[str], tuple[int, str]], tmp_path: Path) -> None:
    login, waiting = tmp_path / "url", "The namespace team-a has no database login yet"
    assert ask("/healthz") == (200, "ok\n")
    status, page = ask("/dashboard")
    assert (status, page.split(":")[0]) == (503, waiting)
    login.write_text("postgresql+psycopg://one@db/x", encoding="utf-8")
    assert ask("/dashboard") == ask("/dashboard") == (200, "postgresql+psycopg2://one@db/x/dashboard")
    login.write_text("postgresql+psycopg://two@db/x", encoding="utf-8")
    assert ask("/api/studies") == (200, "postgresql+psycopg2://two@db/x/api/studies")
    login.unlink()
    assert ask("/dashboard")[0] == 503
    login.write_text("postgresql+psycopg://two@db/x", encoding="utf-8")
    assert ask("/") == (200, "postgresql+psycopg2://two@db/x/")
    built = (tmp_path / "built").read_text(encoding="utf-8").split()
    assert [url.split("@")[0].rpartition("/")[2] for url in built] == ["one", "two", "two"]


def test_a_login_that_is_no_longer_one_is_waited_for(ask: Callable[[str], tuple[int, str]], tmp_path: Path) -> None:
    """Kubernetes brings the new one later than the server refuses the old."""
    login, waiting = (
        tmp_path / "url",
        "The database does not answer, or refuses the login that the namespace team-a had",
    )
    login.write_text("postgresql+psycopg://refused@db/x", encoding="utf-8")
    status, page = ask("/dashboard")
    assert (status, page.split(":")[0]) == (503, waiting)
    login.write_text("postgresql+psycopg://one@db/x", encoding="utf-8")
    assert ask("/dashboard")[0] == 200
    assert ask("/api/defect") == (500, "postgresql+psycopg2://one@db/x/api/defect"), "its own trouble stays its own"
    built = (tmp_path / "built").read_text(encoding="utf-8").split()
    assert [url.split("@")[0].rpartition("/")[2] for url in built] == ["refused", "one", "one"]


def test_its_pod_gets_ready_before_there_is_a_login(pod: Manifest) -> None:
    [container] = pod["containers"]
    assert not any("valueFrom" in each for each in container.get("env", []))
    probes = ("startupProbe", "livenessProbe", "readinessProbe")
    assert {container[probe]["httpGet"]["path"] for probe in probes} == {"/healthz"}
    login = next(each for each in pod["volumes"] if "secret" in each)
    assert login["secret"]["optional"] is True
    assert login["secret"]["secretName"] == "corebound-database"
    [mount] = [each for each in container["volumeMounts"] if each["name"] == login["name"]]
    assert container["args"][1] == f"{mount['mountPath']}/{login['secret']['items'][0]['path']}"
    assert container["args"][2] == str(container["ports"][0]["containerPort"])
