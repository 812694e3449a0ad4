"""``delete --data --local``: a campaign out of this machine's ledger, unless it is being run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

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
