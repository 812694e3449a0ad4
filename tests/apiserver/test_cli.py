"""The command line on a cluster, as a user who may get, list, watch, create and patch searchcampaigns, and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

from corebound.api.errors import MissingRequirementError
from corebound.cluster.campaigns import Campaigns
from corebound.cluster.resources import Resource

from ..cluster.control_plane import free_port
from .cli_user import User, bind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.cluster.client import Cluster

    from ..cluster.control_plane import ControlPlane
    from .conftest import Campaigns as Applied

FEW_RIGHTS = [
    {
        "apiGroups": ["corebound.dev"],
        "resources": ["searchcampaigns"],
        "verbs": ["get", "list", "watch", "create", "patch"],
    },
]


@pytest.fixture
def user(plane: ControlPlane, campaigns: Applied, tmp_path: Path) -> User:
    return User(bind(plane, campaigns.namespace, "user", FEW_RIGHTS), campaigns.namespace, tmp_path)


def waiting(flag: Path) -> dict[str, Any]:
    return {"entrypoint": "objectives.py:until", "arguments": {"flag": str(flag)}}


def test_submit_and_watch_until_the_end(user: User, campaigns: Applied) -> None:
    """It grows before the workers of its first trials have left."""
    trial = {"entrypoint": "objectives.py:leaves_late"}
    out, err = user("submit", "-f", user.file("poles", trials=3, trial=trial), "--watch")
    assert "poles created in namespace" in err
    assert "poles: 1 thread x " in err
    assert "poles: Succeeded, 3/3 done" in out.splitlines()[-1]
    grown = user.json("submit", "-f", user.file("poles", trials=5, trial=trial), "--wait")
    [outcome] = grown["campaigns"]
    assert (outcome["phase"], outcome["counts"]) == ("Succeeded", {"succeeded": 5})
    assert outcome["best"]["value"] == outcome["best"]["params"]["x"] ** 2
    again, _ = user("submit", "-f", user.file("poles", trials=5, trial=trial))
    assert again.splitlines()[0] == f"poles unchanged in namespace {user.namespace}"
    assert f"corebound watch poles -n {user.namespace}" in again
    seen, _ = user("watch", "poles", program="kubectl-corebound")
    assert "poles: Succeeded, 5/5 done" in seen


def test_a_fixed_field_is_refused_by_name_and_all_problems_of_a_file_at_once(user: User) -> None:
    user("submit", "-f", user.file("poles", suspend=True))
    out, err = user("submit", "-f", user.file("poles", suspend=True, threads=2), status=2)
    assert "spec.threads (from auto to 2)" in err
    assert out == ""
    _, err = user("submit", "-f", user.file("poles", trials=2), status=2)
    assert "spec.trials (from 4 to 2, it can only grow)" in err
    problems = user.json("submit", "-f", user.file("bad", trials=0, threads="many"), status=2)["problems"]
    assert {each["field"] for each in problems} == {"spec.trials", "spec.threads"}


def test_a_dry_run_changes_nothing(user: User, campaigns: Applied) -> None:
    out, _ = user("submit", "-f", user.file("poles"), "--dry-run")
    assert "poles created (dry run: nothing was changed)" in out
    _, err = user("watch", "poles", "--once", status=2)
    assert "no campaign 'poles' in namespace" in err
    assert "there are: none" in err


def test_a_name_that_no_parameter_has_is_told(user: User, campaigns: Applied) -> None:
    search = {"parameters": [{"name": "lr", "type": "float", "low": 0, "high": 1}]}
    trial = {"command": ["sh", "-c", "echo loss={learning_rate}"]}
    file = user.file("poles", search=search, trial=trial)
    out, err = user("submit", "-f", file, "--dry-run", "--quiet")
    assert err.startswith("warning: {learning_rate} in spec.trial.command is no parameter")
    assert "poles created" in out
    found = user.json("submit", "-f", file, "--dry-run")
    assert [f"warning: {text}" for text in found["warnings"]] == err.splitlines()
    [waited] = user.json(
        "submit", "-f", user.file("poles", search=search, trial=trial, suspend=True), "--wait", status=3
    )["warnings"]
    assert waited == found["warnings"][0]


def test_fields_of_other_programs_are_theirs_those_of_kubectl_are_the_users(user: User, campaigns: Applied) -> None:
    campaigns.apply("poles", trials=4, suspend=True)  # kubectl apply
    assert "grows from 4 to 6" in user("submit", "-f", user.file("poles", trials=6))[0]
    bot = {"apiVersion": "corebound.dev/v1alpha1", "kind": "SearchCampaign", "metadata": {"name": "poles"}}
    text = json.dumps({**bot, "spec": {"parallelism": 1}})
    apply = ("apply", "--server-side", "--field-manager=gitops-bot", "-n", user.namespace, "-f", "-")
    campaigns.plane.kubectl(*apply, text=text)
    _, err = user("submit", "-f", user.file("poles", trials=6, parallelism=2), status=2)
    assert "spec.parallelism" in err
    assert "gitops-bot" in err
    assert "--force" in err
    user("submit", "-f", user.file("poles", trials=6, parallelism=2), "--force")
    assert campaigns.get("poles")["spec"]["parallelism"] == 2


def test_suspend_waits_for_the_workers_and_resume_for_new_ones(user: User, campaigns: Applied, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    user("submit", "-f", user.file("poles", trials=2, parallelism=2, trial=waiting(flag)))
    campaigns.wait("poles", lambda status: status.get("trials", {}).get("running") == 2, "two running trials")
    out, err = user("suspend", "poles")
    assert out.startswith("poles: Suspended, 0/2 done")
    assert f"corebound resume poles -n {user.namespace}" in err
    assert campaigns.status("poles")["trials"]["running"] == 0
    assert user.json("watch", "poles", status=3)["campaigns"][0]["phase"] == "Suspended"
    out, err = user("resume", "poles")
    assert "Suspended" not in out
    flag.touch()
    assert user.json("watch", "poles")["campaigns"][0]["counts"] == {"succeeded": 2}
    out, err = user("suspend", "poles")
    assert "it was over already" in err


def test_a_campaign_that_cannot_run_says_why_and_ends_with_its_status(user: User) -> None:
    out, _ = user("submit", "-f", user.file("greedy", threads=4, parallelism=50), "--wait", status=1)
    assert "greedy: Pending" in out
    assert "4 workers x 4 threads = 16 cores" in out
    trial = {"entrypoint": "objectives.py:raises"}
    out, _ = user("submit", "-f", user.file("failing", trials=2, trial=trial), "--wait", status=1)
    assert "failing: Failed" in out
    everything, _ = user("watch")
    assert len(everything.splitlines()) >= 2


def test_all_campaigns_are_watched_and_redrawn_on_a_terminal(user: User, campaigns: Applied, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    user("submit", "-f", user.file("slow", trials=1, trial=waiting(flag)))
    user("submit", "-f", user.file("quick", trials=1))
    with on_terminal(user, "watch", "-n", user.namespace, program="kubectl-corebound") as (process, screen):
        wait_for(lambda: b"slow: 0/1 done, 1 running" in screen(), "the running one")
        flag.touch()
        wait_for(lambda: process.poll() is not None, "the end")
        assert process.returncode == 0, screen()
    shown = screen()
    assert b"\x1b[" in shown
    assert b"slow: " in shown
    assert b"quick: " in shown


def test_watching_outlives_an_api_server_that_is_away(
    user: User, plane: ControlPlane, campaigns: Applied, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    user("submit", "-f", user.file("poles", trials=1, trial=waiting(flag)))
    with Passage(plane.url) as passage:
        behind = tmp_path / "behind"
        behind.write_text(user.kubeconfig.read_text().replace(plane.url, passage.url))
        watcher = User(behind, user.namespace, tmp_path)
        with watcher.start("watch", "poles", "-n", user.namespace) as process:
            assert process.stdout is not None
            wait_for_line(process.stdout, "poles: 1 thread x")
            passage.close()
            wait_for_line(process.stdout, "waiting for the cluster: ")
            flag.touch()
            campaigns.phase("poles", "Succeeded")
            passage.open()
            wait_for_line(process.stdout, "poles: Succeeded, 1/1 done")
            assert process.wait(60) == 0


def test_kubectl_finds_it_as_its_plugin(user: User, plane: ControlPlane, tmp_path: Path) -> None:
    user("submit", "-f", user.file("poles", suspend=True))
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [str(plane.program("kubectl")), "corebound", "watch", "-n", user.namespace, "--once"],
        env={**os.environ, "KUBECONFIG": str(user.kubeconfig), "PATH": programs},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("poles: ")


def test_a_missing_right_a_missing_cluster_and_a_missing_namespace_are_said(
    user: User, plane: ControlPlane, campaigns: Applied
) -> None:
    poor = User(bind(plane, user.namespace, "poor", FEW_RIGHTS[:0]), user.namespace, user.folder)
    _, err = poor("watch", status=1)
    assert "you lack the right to list searchcampaigns" in err
    assert "that verb" in err
    _, err = poor("suspend", "poles", status=1)
    assert "the right to patch searchcampaigns" in err
    away = user.folder / "away"
    away.write_text(user.kubeconfig.read_text().replace(plane.url, "https://127.0.0.1:1"))
    _, err = User(away, user.namespace, user.folder)("watch", "poles", status=75)
    assert "does not answer" in err
    _, err = User(user.folder / "none", user.namespace, user.folder)("watch", status=75)
    assert "no cluster is configured" in err
    _, err = user("watch", "--context", "nowhere", status=75)
    assert "nowhere" in err
    garbage = user.folder / "garbage"
    for text in ("a: [b", "[1, 2]", "contexts: 3\ncurrent-context: x", "\x00"):
        garbage.write_text(text)
        _, err = User(garbage, user.namespace, user.folder)("watch", status=75)
        assert "no cluster is configured" in err
    stranger = plane.kubeconfig_of("no-such-token", name="stranger-at-the-command-line")
    _, err = User(stranger, user.namespace, user.folder)("watch", status=1)
    assert "does not accept your login" in err
    admin = User(plane.kubeconfig, "no-such-namespace", user.folder)
    _, err = admin("submit", "-f", admin.file("poles"), status=2)
    assert 'namespaces "no-such-namespace" not found' in err


def test_a_cluster_without_the_crd_says_how_to_install_it(
    cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is real; the kind that is asked for is one that nobody has installed."""
    nowhere = Resource(group="not-installed.dev", version="v1alpha1", plural="searchcampaigns")
    monkeypatch.setattr("corebound.cluster.campaigns.CAMPAIGNS", nowhere)
    found = Campaigns(cluster, namespace)
    manifest = {"apiVersion": "not-installed.dev/v1alpha1", "kind": "SearchCampaign", "metadata": {"name": "poles"}}
    for call in (
        lambda: found.get("poles"),
        lambda: found.all(),
        lambda: found.apply(manifest, force=False, dry_run=False),
        lambda: found.set_suspended("poles", True),
        lambda: list(found.watch(None, seconds=1)),
    ):
        with pytest.raises(MissingRequirementError, match="knows no SearchCampaigns; install Corebound on it"):
            call()


class Passage:
    """A port through which the API server is reached, until it is closed."""

    def __init__(self, url: str) -> None:
        self._target = ("127.0.0.1", int(url.rpartition(":")[2]))
        self._port = free_port()
        self.url = f"https://127.0.0.1:{self._port}"
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.open()

    def __enter__(self) -> Passage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def close(self) -> None:
        with self._lock:
            for each in [self._server, *self._open]:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
            self._open.clear()

    def _accept(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = server.accept()
                theirs = socket.create_connection(self._target)
                with self._lock:
                    self._open += [ours, theirs]
                for pair in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)


def wait_for_line(stream: IO[str], text: str) -> None:
    """The test's own limit ends a wait for a line that never comes."""
    seen = []
    for line in stream:
        seen.append(line)
        if text in line:
            return
    raise AssertionError(f"{text!r} is not in {seen}")


@contextlib.contextmanager
def on_terminal(user: User, *words: str, program: str) -> Iterator[tuple[subprocess.Popen[bytes], Any]]:
    import pty
    import select

    control, side = pty.openpty()
    environment = {**os.environ, "KUBECONFIG": str(user.kubeconfig), "TERM": "xterm"}
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name(program)), *words], env=environment, stdin=side, stdout=side, stderr=side
    )
    os.close(side)
    seen = bytearray()

    def screen() -> bytes:
        while select.select([control], [], [], 0)[0]:
            try:
                piece = os.read(control, 65536)
            except OSError:
                break
            seen.extend(piece)
        return bytes(seen)

    try:
        yield process, screen
    finally:
        process.kill()
        process.wait()


def wait_for(holds: Any, what: str) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.1)
