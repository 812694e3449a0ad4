"""The commands that need no file: a search from a preset, one configuration by itself; and what its network is."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from .campaigns import Corebound, ran, rows, written

if TYPE_CHECKING:
    import pytest

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
    assert "set them back, give this campaign another name, or start a new study with --fresh" in other.stderr


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


def test_the_best_network_is_drawn_exported_and_replayed(corebound: Corebound, tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "poles",
        trials=1,
        objectives=[{"metric": "fitness", "direction": "maximize"}],
        trial={"workload": {"mode": "neat", "task": "cartpole", "population": 32, "generations": 3}},
    )
    ran(corebound, path)
    page, network = tmp_path / "poles.html", tmp_path / "network.json"
    assert corebound("show", "poles", "-o", str(page)).stdout == f"wrote {page}\n"
    assert page.read_text(encoding="utf-8").count("<svg ") == 3
    exported = corebound("export", "poles", "-o", str(network), "--json")
    assert exported.returncode == 0, exported.stderr
    assert json.loads(exported.stdout)["written"] == [str(network), str(tmp_path / "network.pt")]
    assert (tmp_path / "network.pt").stat().st_size > 1000
    same = corebound("replay", str(network), "--json")
    assert (same.returncode, json.loads(same.stdout)["same"]) == (0, True), same.stderr
    changed = json.loads(network.read_text(encoding="utf-8"))
    network.write_text(json.dumps({**changed, "fitness": 2.0}), encoding="utf-8")
    differs = corebound("replay", str(network))
    assert differs.returncode == 1
    assert "kept was 2.0" in differs.stdout
    network.write_text(json.dumps({**changed, "task": "cartpol"}), encoding="utf-8")
    wrong = corebound("replay", str(network))
    assert (wrong.returncode, "did you mean 'cartpole'?" in wrong.stderr) == (2, True)


TASK = """
class Walker:
    inputs, outputs, solved = 1, 1, None

    def evaluate(self, networks):
        import torch

        return torch.full((networks.lanes,), 0.25)


class Broken(Walker):
    def __init__(self):
        raise RuntimeError("no legs")
"""


def test_a_task_of_ones_own_is_replayed_as_export_says(
    corebound: Corebound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_task, elsewhere = tmp_path / "of task", tmp_path / "elsewhere"
    of_task.mkdir()
    elsewhere.mkdir()
    (of_task / "walker.py").write_text(TASK, encoding="utf-8")
    ran(
        corebound,
        written(
            of_task,
            "walker",
            trials=1,
            objectives=[{"metric": "fitness", "direction": "maximize"}],
            trial={"workload": {"task": "walker.py:Walker", "population": 4, "generations": 1}},
        ),
    )
    monkeypatch.chdir(of_task)
    here = corebound("export", "walker", "-o", "network.json", "--no-torchscript").stdout.splitlines()[-1]
    assert here == "run it again with: corebound replay network.json"
    monkeypatch.chdir(elsewhere)
    there = corebound("export", "walker", "-o", "network.json", "--no-torchscript").stdout.splitlines()[-1]
    command = there.removeprefix("run it again with: ")
    assert command == f"corebound replay network.json --folder '{os.path.realpath(of_task)}'"
    same = corebound(*shlex.split(command)[1:])
    assert same.returncode == 0, same.stderr
    wrong = corebound("replay", "network.json")
    assert wrong.returncode == 2
    assert f"{elsewhere}/walker.py does not exist" in wrong.stderr
    assert f"name that folder with --folder (searched was {elsewhere})" in wrong.stderr
    genome = json.loads(Path("network.json").read_text(encoding="utf-8"))
    # Found in this folder before the real one: what is wrong is said without torch, whose import takes longest.
    Path("torch.py").write_text("raise RuntimeError", encoding="utf-8")
    for task, status in (("wolker.walk:Walker", 2), ("walker.py:Wolker", 2), ("walker.py:Broken", 1)):
        Path("network.json").write_text(json.dumps({**genome, "task": task}), encoding="utf-8")
        assert corebound("replay", "network.json", "--folder", str(of_task)).returncode == status


def test_files_of_a_slot_replace_their_own_and_nothing_else(
    corebound: Corebound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = {"workload": {"mode": "neat", "task": "xor", "population": 32, "generations": 2}}
    objectives = [{"metric": "fitness", "direction": "maximize"}]
    for name in ("exported", "exported-too"):
        ran(corebound, written(tmp_path, name, trials=1, objectives=objectives, trial=trial))
    monkeypatch.chdir(tmp_path)
    for command, name in (("show", "exported-0.html"), ("export", "exported-0.json"), ("export", "exported-0.pt")):
        (tmp_path / name).write_text("mine", encoding="utf-8")
        done = corebound(command, "exported", "0")
        assert done.returncode == 2
        assert f"{name} exists already and is no " in done.stderr
        assert "of exported, slot 0; choose another place with -o FILE" in done.stderr
        assert (tmp_path / name).read_text(encoding="utf-8") == "mine"
        assert len(list(tmp_path.glob("exported-0.*"))) == 1, "nothing is half written"
        (tmp_path / name).unlink()
    assert corebound("show", "exported").stdout == f"wrote {tmp_path}/exported-0.html\n"
    assert corebound("show", "exported").stdout == f"replaced {tmp_path}/exported-0.html\n"
    assert corebound("export", "exported").stdout.startswith("wrote exported-0.json and exported-0.pt: ")
    (tmp_path / "exported-0.pt").unlink()
    assert corebound("export", "exported").stdout.startswith("wrote exported-0.pt, replaced exported-0.json: ")
    again = json.loads(corebound("export", "exported", "--json").stdout)
    assert again["replaced"] == again["written"] == ["exported-0.json", "exported-0.pt"]
    for command, name in (("show", "exported-0.html"), ("export", "exported-0.json")):
        before = (tmp_path / name).read_bytes()
        done = corebound(command, "exported-too", "0", "-o", name)
        assert (done.returncode, "is no " in done.stderr) == (2, True), "another campaign's"
        assert (tmp_path / name).read_bytes() == before


def test_what_has_no_genome_says_why(corebound: Corebound, tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("def objective(trial):\n    return 1.0\n", encoding="utf-8")
    ran(corebound, written(tmp_path, "plain", trials=1, trial={"entrypoint": "plain.py:objective"}))
    for command in ("show", "export"):
        done = corebound(command, "plain", "0")
        assert done.returncode == 2
        assert "its trials run code of your own" in done.stderr
    assert "has no slot 7" in corebound("show", "plain", "7").stderr
