"""``corebound run`` end to end on this machine: real processes, really killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.alone

Corebound = Callable[..., "subprocess.CompletedProcess[str]"]

OBJECTIVES = """
import ctypes, os, signal, sys, time

def everything(trial):
    kind = trial.params["kind"]
    print("this is", kind, flush=True)
    if kind == "nan": return float("nan")
    if kind == "none": return None
    if kind == "string": return "abc"
    if kind == "tuple": return (1.0, 2.0)
    if kind == "exit": sys.exit(3)
    if kind == "osexit": os._exit(0)
    if kind == "osexit78": os._exit(78)
    if kind == "segv": os.kill(os.getpid(), signal.SIGSEGV)
    if kind == "raise": raise ValueError("my error")
    if kind == "inf": return float("inf")
    if kind == "gil": ctypes.PyDLL(None).sleep(4)
    return 1.0

def curve(trial, context):
    state = context.load() or {"step": 0, "value": 0.0}
    for step in range(state["step"], 40):
        value = state["value"] + trial.suggest_float("x", 0, 1)
        trial.report(value, step)
        context.progress(step, 40)
        state = {"step": step + 1, "value": value}
        context.save(state, step)
        if step == 12 and context.attempt == 1 and os.environ.get("DIE"):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
    return state["value"]

def slow(trial):
    for step in range(600):
        trial.report(step, step)
        time.sleep(0.05)
    return trial.suggest_float("x", 0, 1)

def stoppable(trial, context):
    state = context.load() or {"step": 0}
    for step in range(state["step"], 60):
        if context.should_stop():
            context.save({"step": step}, step)
            from corebound_trial.objectives.protocol import Stopped
            raise Stopped
        trial.report(float(step), step)
        time.sleep(0.05)
    return trial.suggest_float("x", 0, 1)

def greedy(trial):
    import torch
    torch.set_num_threads(64)
    time.sleep(5)
    return 1.0

def enough(trial):
    trial.study.stop()
    return 1.0

def big(trial):
    keep = bytearray(500_000_000)
    time.sleep(20)

def hang(trial):
    time.sleep(600)
"""


def write(folder: Path, name: str, function: str = "everything", **spec: Any) -> Path:
    (folder / "objectives.py").write_text(OBJECTIVES, encoding="utf-8")
    campaign = {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": name},
        "spec": {
            "trials": 4,
            "objectives": [{"metric": "value", "direction": "maximize"}],
            "search": {"sampler": {"name": "random", "seed": 3}},
            "trial": {"entrypoint": f"objectives.py:{function}"},
            **spec,
        },
    }
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(campaign), encoding="utf-8")
    return path


def rows(corebound: Corebound, name: str) -> list[dict[str, Any]]:
    done = corebound("results", name, "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_whatever_an_objective_does_becomes_its_slots_reason(corebound: Corebound, tmp_path: Path) -> None:
    kinds = ["ok", "nan", "none", "string", "tuple", "exit", "osexit", "osexit78", "segv", "raise", "inf", "gil"]
    search = {
        "sampler": {"name": "grid"},
        "parameters": [{"name": "kind", "type": "categorical", "choices": kinds}],
    }
    path = write(tmp_path, "everything", trials=len(kinds), search=search, failurePolicy={"retries": 1})
    done = corebound("run", "-f", str(path), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {row["params"]["kind"]: row for row in rows(corebound, "everything")}
    assert {kind: row["state"] for kind, row in found.items() if row["state"] == "succeeded"}.keys() == {
        "ok",
        "inf",
        "gil",
    }
    assert found["inf"]["values"] == {"value": "inf"}
    for kind, text in {
        "nan": "NaN",
        "none": "None (NoneType)",
        "string": "'abc'",
        "tuple": "2 values",
        "exit": "SystemExit: 3",
        "osexit": "exited with status 0",
        "osexit78": "exited with status 78",
        "segv": "lost 2 times, the last: killed by SIGSEGV",
        "raise": "ValueError: my error",
    }.items():
        assert text in found[kind]["error"], kind
    assert found["segv"]["attempts"] == 2
    assert all(row["cpu_seconds"] >= 0 for row in found.values())
    assert corebound("logs", "everything", "4").stdout.splitlines()[0] == "this is tuple"


def test_a_killed_trial_is_carried_on_as_if_nothing_had_happened(corebound: Corebound, tmp_path: Path) -> None:
    import optuna

    curves = []
    for name, variables in (("undisturbed", {}), ("killed", {"DIE": "1"})):
        path = write(tmp_path, name, "curve", trials=2)
        done = corebound("run", "-f", str(path), "--json", **variables)
        assert done.returncode == 0, done.stderr
        printed = corebound("storage", name).stdout
        url, study_name = (line.split()[1] for line in printed.strip().splitlines())
        study = optuna.load_study(study_name=study_name, storage=url)
        curves.append([(trial.params, trial.intermediate_values, trial.values) for trial in study.trials])
        study._storage.remove_session()
        study._storage._backend.engine.dispose()
    assert [row["attempts"] for row in rows(corebound, "killed")] == [2, 2]
    assert sorted(curves[0], key=str) == sorted(curves[1], key=str)
    assert len(curves[0][0][1]) == 40


def start(command: list[str], environment: dict[str, str], path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*command, "run", "-f", str(path)], env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


def running(corebound: Corebound, name: str) -> bool:
    done = corebound("results", name, "--json")
    return done.returncode == 0 and any(row["state"] == "running" for row in json.loads(done.stdout))


def test_a_stopped_campaign_goes_on_where_it_was(
    corebound: Corebound, command: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    path = write(tmp_path, "stopped", "stoppable", trials=3)
    with start(command, environment, path) as process:
        wait_until(lambda: running(corebound, "stopped"))
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=40)
    assert process.returncode == 130, said
    assert all(row["state"] in ("open", "succeeded") for row in rows(corebound, "stopped"))
    done = corebound("run", "-f", str(path))
    assert done.returncode == 0, done.stderr
    assert "carrying on stopped" in done.stderr
    found = rows(corebound, "stopped")
    assert [row["state"] for row in found] == ["succeeded"] * 3
    assert sorted(row["number"] for row in found) == [0, 1, 2]


def test_a_killed_supervisor_leaves_nothing_behind(
    corebound: Corebound, command: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    waiting = f"until [ -e {tmp_path}/go ]; do sleep 0.2; done; echo value=1"
    path = write(tmp_path, "orphaned", trials=2, trial={"command": ["sh", "-c", waiting]})
    with start(command, environment, path) as process:
        wait_until(lambda: running(corebound, "orphaned"))
        refused = corebound("run", "-f", str(path))
        assert refused.returncode == 2
        assert "being run by another corebound" in refused.stderr
        process.kill()
    wait_until(lambda: not _processes_of("orphaned"))
    (tmp_path / "go").touch()
    done = corebound("run", "-f", str(path))
    assert done.returncode == 0, done.stderr
    assert [row["state"] for row in rows(corebound, "orphaned")] == ["succeeded"] * 2


def _processes_of(campaign: str) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"corebound_trial" in words and campaign.encode() in words:
                found.append(folder.name)
    return found


def test_a_thread_too_many_ends_the_campaign_by_name(corebound: Corebound, tmp_path: Path) -> None:
    done = corebound(
        "run",
        "-f",
        str(write(tmp_path, "greedy", "greedy", trial={"entrypoint": "objectives.py:greedy", "memory": "4Gi"})),
        "--json",
    )
    assert done.returncode == 1
    outcome = json.loads(done.stdout)
    assert (outcome["phase"], outcome["reason"]) == ("Failed", "ThreadContractBroken")
    assert "torch.set_num_threads(64)" in outcome["message"]


def test_an_objective_can_end_the_campaign(corebound: Corebound, tmp_path: Path) -> None:
    done = corebound("run", "-f", str(write(tmp_path, "enough", "enough", trials=50)), "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert (outcome["phase"], outcome["reason"]) == ("Succeeded", "StoppedByObjective")
    assert outcome["counts"]["skipped"] > 0
    assert sum(outcome["counts"].values()) == 50


def test_a_trial_beyond_its_memory_is_ended(corebound: Corebound, tmp_path: Path) -> None:
    trial = {"entrypoint": "objectives.py:big", "memory": "400Mi"}
    corebound("run", "-f", str(write(tmp_path, "big", trials=1, trial=trial, failurePolicy={"retries": 0})))
    (row,) = rows(corebound, "big")
    assert row["state"] == "failed"
    assert "MiB of memory, trial.memory is 400 MiB" in row["error"]


def test_a_database_that_dies_in_mid_run_costs_nothing(
    corebound: Corebound, command: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    own = {**environment, "COREBOUND_HOME": str(tmp_path / "home")}
    path = write(tmp_path, "outage", "stoppable", trials=2)
    with start(command, own, path) as process:
        pid_file = tmp_path / "home" / "postgres-18" / "data" / "postmaster.pid"
        output = tmp_path / "home" / "campaigns"
        wait_until(lambda: any(output.glob("outage-*/slot-*.log")))
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
        _, said = process.communicate(timeout=90)
    assert process.returncode == 0, said
    assert said.count("waiting for the database") == 1
    found = corebound("results", "outage", "--json", COREBOUND_HOME=own["COREBOUND_HOME"])
    assert [(row["state"], row["attempts"]) for row in json.loads(found.stdout)] == [("succeeded", 1)] * 2


def test_a_hanging_trial_is_ended_with_its_stacks(corebound: Corebound, tmp_path: Path) -> None:
    trial = {"entrypoint": "objectives.py:hang", "timeout": "2s"}
    corebound("run", "-f", str(write(tmp_path, "hanging", trials=1, trial=trial, failurePolicy={"retries": 0})))
    (row,) = rows(corebound, "hanging")
    assert row["state"] == "failed"
    assert "took longer than timeout 2 s" in row["error"]
    assert "in hang" in row["error"]


def test_a_program_whose_worker_ends_it_leaves_no_files(corebound: Corebound, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    script = 'head -c 1000000 /dev/zero > "$COREBOUND_CHECKPOINT_DIR/state"; sleep 600'
    trial = {"command": ["sh", "-c", script], "timeout": "2s"}
    path = write(tmp_path, "leaving-files", trials=1, trial=trial, failurePolicy={"retries": 0})
    corebound("run", "-f", str(path), TMPDIR=str(temporary))
    (row,) = rows(corebound, "leaving-files")
    assert "took longer than timeout 2 s" in row["error"]
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("command_line", "state", "text"),
    [
        (["sh", "-c", "echo value=1 step=1; echo value={x} {y}; echo value=2.5"], "succeeded", None),
        (["sh", "-c", 'echo value=1; echo \'{"values": {"value": 7}}\' > $COREBOUND_RESULT'], "succeeded", None),
        (["sh", "-c", "echo so far so good; exit 3"], "failed", "status 3"),
        (["sh", "-c", "kill -9 $$"], "failed", "SIGKILL"),
        (["sh", "-c", "true"], "failed", "printed no result for value"),
        (["no-such-program"], "failed", "cannot be started"),
        (["sh", "-c", "head -c 100000000 /dev/zero; echo; echo value=4"], "succeeded", None),
    ],
)
def test_any_program_is_a_trial(
    corebound: Corebound, tmp_path: Path, command_line: list[str], state: str, text: str | None
) -> None:
    search = {"parameters": [{"name": "x", "type": "float", "low": 0, "high": 1}]}
    path = write(
        tmp_path, "program", trials=1, trial={"command": command_line}, search=search, failurePolicy={"retries": 0}
    )
    corebound("run", "--fresh", "-f", str(path), "--quiet")
    (row,) = rows(corebound, "program")
    assert row["state"] == state, row["error"]
    assert text is None or text in row["error"]


def test_an_edited_campaign_is_refused_or_grows(corebound: Corebound, tmp_path: Path) -> None:
    trial = {"command": ["sh", "-c", "echo value=1"]}
    assert corebound("run", "-f", str(write(tmp_path, "edited", trials=2, trial=trial))).returncode == 0
    refused = corebound("run", "-f", str(write(tmp_path, "edited", trials=2, trial=trial, threads=2)))
    assert refused.returncode == 2
    assert "spec.threads" in refused.stderr
    assert "--fresh" in refused.stderr
    assert corebound("run", "-f", str(write(tmp_path, "edited", trials=3, trial=trial))).returncode == 0
    assert len(rows(corebound, "edited")) == 3
    fresh = corebound("run", "--fresh", "-f", str(write(tmp_path, "edited", trials=1, trial=trial)))
    assert "edited@1" in fresh.stderr
    assert len(rows(corebound, "edited@1")) == 3


def test_wrong_use_is_refused_before_anything_is_made(corebound: Corebound, tmp_path: Path) -> None:
    path = tmp_path / "typo.yaml"
    path.write_text(
        "apiVersion: corebound.dev/v1alpha1\nkind: SearchCampaign\nmetadata: {name: typo}\nspec:\n  trails: 3\n"
    )
    done = corebound("run", "-f", str(path))
    assert done.returncode == 2
    assert f"{path}:5: spec.trails: is no field; did you mean 'trials'?" in done.stderr
    assert "Traceback" not in done.stderr
    assert corebound("results", "typo").returncode == 2
