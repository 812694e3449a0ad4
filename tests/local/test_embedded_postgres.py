"""The embedded server after crashes: whatever was left behind, the next start gets a server that runs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from corebound.api.errors import StorageError
from corebound.local import postgres
from corebound.local.postgres import EmbeddedPostgres

from .campaigns import started, wait_until

pytestmark = pytest.mark.needs("user-namespaces")


def answers(server: EmbeddedPostgres) -> bool:
    with psycopg.connect(host=str(server.socket_folder), user="corebound", dbname="postgres") as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_a_crashed_servers_number_may_be_another_programs_by_now(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    pid_file = server.data_folder / "postmaster.pid"
    with server.used():
        crashed, *others = pid_file.read_text().splitlines()
        os.kill(int(crashed), signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{crashed}").exists(), "the end of the server")
    with started("sleep", "600", environment=dict(os.environ)) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *others, ""]))
        assert not server.running
        with server.used():
            assert answers(server)
        assert stranger.poll() is None, "it was not taken for the server and stopped"


def initdbs(folder: Path) -> set[int]:
    """Those at work for ``folder``: each has a session of its own, which whatever it forks belongs to."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if words and words[0].endswith(b"/initdb") and os.fsencode(folder / "data.making") in words:
            with contextlib.suppress(ProcessLookupError):
                found.add(os.getsid(int(entry.name)))
    return found


def test_who_starts_after_a_killed_starter_waits_for_its_initdb(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    script = "import sys; from pathlib import Path; from corebound.local.postgres import EmbeddedPostgres as E; "
    script += "E(Path(sys.argv[1])).start(connections=1)"
    with started(sys.executable, "-c", script, str(tmp_path), environment=dict(os.environ)) as first:
        wait_until(lambda: (tmp_path / "data.making" / "PG_VERSION").exists(), "an initdb at work")
        [orphan] = initdbs(tmp_path)
        os.kill(orphan, signal.SIGSTOP)  # at work for as long as it takes to see who else is
        first.kill()
        first.wait()
    at_once: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            at_once.append(len(initdbs(tmp_path)))
            if len(at_once) == 40 and orphan in initdbs(tmp_path):
                os.kill(orphan, signal.SIGCONT)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        with server.used():
            assert answers(server)
    finally:
        over.set()
        watcher.join()
    assert max(at_once) == 1
    assert not (tmp_path / "data.making").exists()


@pytest.mark.needs("root")
@pytest.mark.needs("namespaces")
def test_root_on_a_machine_with_few_users_has_its_server(tmp_path: Path) -> None:
    """As a new Debian, whose only users have numbers below 1000."""
    users = tmp_path / "passwd"
    users.write_text(
        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n", encoding="utf-8"
    )
    program = (
        "import sys; from pathlib import Path; from corebound.local.postgres import EmbeddedPostgres\n"
        "with EmbeddedPostgres(Path(sys.argv[1])).used() as url: print('runs')"
    )
    script = f'mount --bind "{users}" /etc/passwd && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", program, str(tmp_path / "server")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "runs\n", done.stderr


ELSEWHERE = """
import sys, time
from pathlib import Path
from corebound.api.errors import StorageError
from corebound.local import postgres
from corebound.local.postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])).used():
    print("up", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.needs("root")
def test_a_server_that_cannot_be_seen_from_here_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one of another machine with the same network drive, or of another container: it has another space of numbers."""
    monkeypatch.setattr(postgres, "LEAVING_SECONDS", 1.0)
    server = EmbeddedPostgres(tmp_path / "postgres-18")
    command = [
        "unshare",
        "--fork",
        "--pid",
        "--mount-proc",
        "--kill-child",
        sys.executable,
        "-c",
        ELSEWHERE,
        str(server.folder),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as elsewhere:
        assert elsewhere.stdout is not None
        assert elsewhere.stdout.readline() == "up\n"
        before = (server.data_folder / "postmaster.pid").read_text()
        with pytest.raises(StorageError, match="cannot be seen from here"), server.used():
            pass
        assert (server.data_folder / "postmaster.pid").read_text() == before
        elsewhere.kill()
    with server.used() as url, psycopg.connect(url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_with_a_long_path_is_found_whatever_tmpdir_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("a" * 100)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    server = EmbeddedPostgres(folder)
    with server.used():
        assert answers(server)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        assert answers(EmbeddedPostgres(folder))


@pytest.mark.needs("root")
def test_a_folder_of_somebody_else_gets_no_socket(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / ("a" * 100))
    server.socket_folder.mkdir()
    try:
        os.chown(server.socket_folder, os.getuid() + 1, -1)
        with pytest.raises(StorageError, match="belongs to another user"), server.used():
            pass
    finally:
        server.socket_folder.rmdir()
