"""``delete --data --local``: a campaign out of this machine's ledger, unless it is being run."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

from .campaigns import Corebound, started, wait_until, written

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
    done = corebound("delete", "old", "--data", "--local", "--json")
    assert json.loads(done.stdout) == {"deleted": "old", "data": True, "trials": 2}
    assert ledger.campaigns.find("old") is None
    assert "no campaign 'old' in this ledger" in corebound("delete", "old", "--data", "--local").stderr
