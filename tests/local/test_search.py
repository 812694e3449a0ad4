"""The commands that need no file: a search from a preset, and one configuration by itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .campaigns import Corebound, rows

if TYPE_CHECKING:
    from corebound.ledger.ledger import Ledger

SMALL = ("-g", "3", "-s", "2", "-p", "32")


def test_a_search_from_a_preset_runs_and_grows(corebound: Corebound, ledger: Ledger) -> None:
    begun = corebound("search", "test", "-m", "neat", "-n", "1", *SMALL, "--n-jobs", "1", "--limit-threads")
    assert begun.returncode == 0, begun.stderr
    assert "--limit-threads is always on" in begun.stderr
    grown = corebound("search", "test", "-m", "neat", "-n", "2", *SMALL, "-w", "1", "--json")
    assert grown.returncode == 0, grown.stderr
    assert json.loads(grown.stdout)["counts"] == {"succeeded": 2}
    assert set(rows(ledger, "test")[1]["params"]) >= {"mutation_power", "add_node"}
    other = corebound("search", "test", "-m", "pure", "-n", "2", *SMALL)
    assert other.returncode == 2
    assert "these fields cannot change" in other.stderr


def test_one_configuration_is_a_new_run_each_time(corebound: Corebound, ledger: Ledger) -> None:
    names = []
    for _ in range(2):
        done = corebound("run", "-c", "neat_baseline", "-g", "2", "-s", "1", "-p", "32", "--json")
        assert done.returncode == 0, done.stderr
        names.append(json.loads(done.stdout)["campaign"])
    assert names == ["neat-baseline", "neat-baseline-2"]
    first, second = (rows(ledger, name) for name in names)
    assert len(first) == len(second) == 1
    assert first[0]["params"] == {}
    # Other random numbers: another seed's networks.
    assert first[0]["user_attrs"]["corebound:genome"]["seed"] != second[0]["user_attrs"]["corebound:genome"]["seed"]
