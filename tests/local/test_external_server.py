"""A PostgreSQL server that asks for a password: it is used, and its password is seen nowhere."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import psycopg
import pytest

from corebound.local.postgres import EmbeddedPostgres

from .campaigns import Corebound, started, wait_until, written

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

PASSWORD = "geheim-4711"


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The embedded binaries, as an administrator would run them: on TCP, with SCRAM."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("server"))
    server.start(connections=100)
    server._control("stop", "-m", "fast")
    hba = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    (server.data_folder / "pg_hba.conf").write_text(hba)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = str(server.folder / "start.log")
    server._control("start", "-w", "-l", log, "-o", f"-c listen_addresses=127.0.0.1 -c port={port}")
    try:
        with psycopg.connect(
            host=str(server.socket_folder), port=port, user="corebound", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE ROLE tuner LOGIN PASSWORD '{PASSWORD}'")
            connection.execute("CREATE DATABASE tuning OWNER tuner")
        yield f"postgresql://tuner:{PASSWORD}@127.0.0.1:{port}/tuning"
    finally:
        server.stop()


def seen_in_processes() -> list[str]:
    """Command lines that hold the password, of whatever runs on this machine."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            line = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
        except OSError:
            continue
        if PASSWORD.encode() in line:
            found.append(line.replace(b"\0", b" ").decode())
    return found


def test_a_password_is_seen_nowhere(
    corebound: Corebound, command: list[str], environment: dict[str, str], server_url: str, tmp_path: Path
) -> None:
    own = {**environment, "COREBOUND_HOME": str(tmp_path / "home")}
    script = f"env; until [ -e {tmp_path}/go ]; do sleep 0.1; done; echo loss=1"
    path = written(tmp_path, "secretive", trials=1, trial={"command": ["sh", "-c", script]})
    printed: list[str] = []

    def told(*arguments: str, url: str = server_url) -> subprocess.CompletedProcess[str]:
        done = corebound(*arguments, "--storage", url, COREBOUND_HOME=own["COREBOUND_HOME"])
        printed.extend([done.stdout, done.stderr])
        return done

    with started(*command, "run", "-f", str(path), "--storage", server_url, environment=own) as process:
        wait_until(lambda: any((tmp_path / "home").rglob("slot-*.log")), "an attempt")
        assert seen_in_processes() == []
        assert told("watch", "--once").returncode == 0
        (tmp_path / "go").touch()
        printed += process.communicate(timeout=120)
        assert process.returncode == 0, printed[-1]
    for arguments in (["results", "secretive"], ["logs", "secretive", "0"], ["watch"], ["plan", "-f", str(path)]):
        assert told(*arguments).returncode == 0, printed[-1]
        assert told(*arguments, "--json").returncode == 0, printed[-1]
    shown = told("storage", "secretive")
    assert "url:   postgresql+psycopg://tuner:***@127.0.0.1:" in shown.stdout
    assert shown.stderr == "warning: the password is not shown; --show-password prints it\n"
    assert json.loads(told("storage", "secretive", "--json").stdout)["password_hidden"]
    assert told("results", "nobody").returncode == 2
    refused = told("results", "secretive", url=server_url.replace("/tuning", "/nowhere"))
    assert "refused: " in refused.stderr
    assert told("results", "secretive", url=server_url.replace("127.0.0.1:", "127.0.0.1:1")).returncode in (1, 75)
    assert PASSWORD not in "".join(printed)
    for file in (tmp_path / "home").rglob("*"):
        assert not file.is_file() or PASSWORD.encode() not in file.read_bytes(), file

    wrong = corebound("results", "secretive", "--storage", server_url.replace(PASSWORD, "wrong-4712"))
    assert wrong.returncode == 1
    assert "password authentication failed" in wrong.stderr
    assert "wrong-4712" not in wrong.stderr

    url, name = (
        line.split()[1]
        for line in corebound("storage", "secretive", "--show-password", "--storage", server_url).stdout.splitlines()
    )
    storage = optuna.storages.RDBStorage(url)
    assert optuna.load_study(study_name=name, storage=storage).best_value == 1
    storage.remove_session()
    storage.engine.dispose()
