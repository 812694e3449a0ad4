"""What is refused while a campaign is being run: ``delete --data --local``, and to stop the server that it needs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

from corebound.local.postgres import EmbeddedPostgres

from .campaigns import Corebound, ran, started, wait_until, written

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.ledger.ledger import Ledger


def test_a_campaign_is_deleted_but_not_while_it_runs(
    corebound: Corebound, command: list[str], environment: dict[str, str], ledger: Ledger, tmp_path: Path
) -> None:
    path = written(tmp_path, "old", trials=2, trial={"command": ["sh", "-c", "sleep 300; echo loss=1"]})
    with started(*command, "run", "-f", str(path), environment=environment) as process:
        wait_until(lambda: ledger.campaigns.find("old") is not None, "the campaign")
        refused = corebound("delete", "old", "--data", "--local", "--yes")
        assert refused.returncode == 2
        assert "old is being run; stop it first" in refused.stderr
        stopping = corebound("storage", "--stop")
        assert stopping.returncode == 2
        assert stopping.stderr == "error: old is being run on the embedded server; stop it first, then the server\n"
        assert ledger.campaigns.find("old") is not None, "the server is there"
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    assert "add --data" in corebound("delete", "old", "--local").stderr
    for form in ((), ("--quiet",), ("--json",)):
        unasked = corebound("delete", "old", "--data", "--local", *form)
        assert unasked.returncode == 2
        assert "no terminal to ask at; add --yes" in unasked.stderr
    assert ledger.campaigns.find("old") is not None
    done = corebound("delete", "old", "--data", "--local", "--yes", "--json")
    assert json.loads(done.stdout) == {"deleted": "old", "data": True, "trials": 2}
    assert ledger.campaigns.find("old") is None
    assert "no campaign 'old' in this ledger" in corebound("delete", "old", "--data", "--local", "--yes").stderr


def test_at_a_terminal_a_person_is_asked(
    corebound: Corebound, command: list[str], environment: dict[str, str], ledger: Ledger, tmp_path: Path
) -> None:
    ran(corebound, written(tmp_path, "asked", trials=1, trial={"command": ["sh", "-c", "echo loss=1"]}))
    for answer, status, is_there in ((b"n\n", 130, True), (b"y\n", 0, False)):
        person, terminal = os.openpty()
        try:
            os.write(person, answer)
            words = [*command, "delete", "asked", "--data", "--local", "--json"]
            done = subprocess.run(words, env=environment, stdin=terminal, capture_output=True, text=True, check=False)
        finally:
            os.close(person)
            os.close(terminal)
        assert done.returncode == status, done.stderr
        assert "delete all trials and checkpoints of asked for good?" in done.stderr
        assert (ledger.campaigns.find("asked") is not None) == is_there


def test_a_server_that_nobody_uses_is_stopped_and_one_that_is_not_there_is_said(
    corebound: Corebound, tmp_path: Path
) -> None:
    home = str(tmp_path / "home")
    never = corebound("storage", "--stop", COREBOUND_HOME=home)
    assert (never.returncode, never.stdout) == (0, "no embedded server was running\n")
    server = EmbeddedPostgres(tmp_path / "home" / "postgres-18")
    with server.used():
        server.keep()  # without any ledger yet
    assert server.running
    stopped = corebound("storage", "--stop", COREBOUND_HOME=home)
    assert (stopped.returncode, stopped.stdout) == (0, "the embedded server is stopped\n")
    assert not server.running
    assert json.loads(corebound("storage", "--stop", "--json", COREBOUND_HOME=home).stdout) == {"stopped": False}
