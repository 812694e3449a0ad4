"""Any program is a trial: real programs, really ended."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy
import optuna
import pytest

from corebound.api.errors import ObjectiveError
from corebound_trial.objectives.checkpoint_folder import contents, pack, unpack
from corebound_trial.objectives.command import CommandObjective, filled
from corebound_trial.objectives.program import Program
from corebound_trial.objectives.protocol import MOST_CHECKPOINT_BYTES, CommandLost, Stopped

from .attempts import Ledger, attempt_context


class AfterReports:
    """Prunes once the trial has reported a step."""

    def __init__(self, step: int) -> None:
        self._step = step

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        return trial.last_step is not None and trial.last_step >= self._step


def a_trial(pruner: Any = None, directions: int = 1, **params: Any) -> optuna.Trial:
    study = optuna.create_study(directions=["minimize"] * directions, pruner=pruner or optuna.pruners.NopPruner())
    study.enqueue_trial(params)
    trial = study.ask()
    for name in params:
        trial.suggest_float(name, -1, 1)
    return trial


def run(command: list[str], folder: Path, trial: optuna.Trial | None = None, **more: Any) -> object:
    metrics = more.pop("metrics", ["value"])
    return CommandObjective(command, metrics=metrics, folder=folder).run(trial or a_trial(), attempt_context(**more))


def shell(script: str, folder: Path, trial: optuna.Trial | None = None, **more: Any) -> object:
    return run(["sh", "-c", script], folder, trial, **more)


def python(script: str, folder: Path, trial: optuna.Trial | None = None, **more: Any) -> object:
    (folder / "program.py").write_text(script, encoding="utf-8")
    return run([sys.executable, "-u", "program.py"], folder, trial, **more)


def kept(trial: optuna.Trial) -> optuna.trial.FrozenTrial:
    return trial.study.trials[trial.number]


def test_only_declared_parameters_are_replaced() -> None:
    assert filled("--x={x} {y} {{x}} {}", {"x": 0.5}) == "--x=0.5 {y} {0.5} {}"
    assert filled("{a}{b}", {"a": True, "b": False}) == "truefalse"
    assert filled("{x}", {"x": 0.1 + 0.2}) == "0.30000000000000004"
    assert filled("{x} {n} {c}", {"x": numpy.float64(1e-7), "n": numpy.int64(3), "c": "{x}"}) == "1e-07 3 {x}"


@pytest.mark.parametrize(
    ("script", "metrics", "expected"),
    [
        ("echo value=1; echo value=2.5", ["value"], [2.5]),
        ("printf 'value = 3'", ["value"], [3.0]),
        ("printf 'half\\rvalue=4\\r\\n'", ["value"], [4.0]),
        ("echo value=-inf", ["value"], [float("-inf")]),
        ("echo value=1; echo other=5; echo xvalue=6; echo value=x; echo value=7 more", ["value"], [1.0]),
        ("echo value=1; echo value=2 >&2", ["value"], [1.0]),
        ("echo 'val loss=0.5'", ["val loss"], [0.5]),
        ("echo 'a.b=1'; echo aXb=2", ["a.b"], [1.0]),
        ("echo b=2; echo a=1", ["a", "b"], [1.0, 2.0]),
        ('echo value=1; echo \'{"values": {"value": 7}}\' > $COREBOUND_RESULT', ["value"], [7.0]),
        ('echo \'{"values": {"value": "-inf"}}\' > $COREBOUND_RESULT', ["value"], [float("-inf")]),
        ("echo value=1; echo '{}' > $COREBOUND_RESULT", ["value"], [1.0]),
    ],
)
def test_results(tmp_path: Path, script: str, metrics: list[str], expected: list[float]) -> None:
    assert shell(script, tmp_path, metrics=metrics) == expected


def test_a_program_finds_its_place_and_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COREBOUND_DATABASE_URL", "postgresql://me:secret@somewhere/db")
    monkeypatch.setenv("OF_THE_USER", "here")
    script = (
        "import json, os\n"
        "print(json.dumps(dict(os.environ)), file=open('environment.json', 'w'))\n"
        "print('value', json.load(open(os.environ['COREBOUND_PARAMETERS']))['x'], sep='=')\n"
    )
    assert python(script, tmp_path, a_trial(x=0.25)) == [0.25]
    found = json.loads((tmp_path / "environment.json").read_text())
    expected = {"CAMPAIGN": "mine", "SLOT": "3", "ATTEMPT": "1", "TRIAL": "0", "SEED": "11", "THREADS": "1"}
    assert {name: found[f"COREBOUND_{name}"] for name in expected} == expected
    assert found["OF_THE_USER"] == "here"
    assert "secret" not in json.dumps(found)
    assert not Path(found["COREBOUND_CHECKPOINT_DIR"]).exists()


def test_attributes_and_constraints_come_from_the_result_file(tmp_path: Path) -> None:
    result = {"values": {"value": 1}, "user_attrs": {"layers": [1, 2]}, "constraints": {"memory": -0.5}}
    trial = a_trial()
    assert shell(f"echo '{json.dumps(result)}' > $COREBOUND_RESULT", tmp_path, trial) == [1.0]
    assert kept(trial).user_attrs == {"layers": [1, 2]}
    assert kept(trial).constraints == {"memory": -0.5}


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("{", "Expecting"),
        ("[1]", "it is [1], no object"),
        ('{"value": 1}', "no key 'value'; did you mean 'values'?"),
        ('{"values": {"valeu": 1}}', "no metric 'valeu'; did you mean 'value'?"),
        ('{"values": {"value": null}}', "values.value is null"),
        ('{"values": {"value": "0.5"}}', 'values.value is "0.5"'),
        ('{"values": {"value": true}}', "values.value is true"),
        ('{"values": {"value": 1}, "constraints": {"c": "x"}}', "could not convert"),
    ],
)
def test_a_result_file_of_another_shape_is_refused(tmp_path: Path, result: str, said: str) -> None:
    with pytest.raises(ObjectiveError, match="COREBOUND_RESULT") as raised:
        shell(f"echo value=1; echo '{result}' > $COREBOUND_RESULT", tmp_path)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo value=1; echo so far; exit 3", "so far\nthe command ended with status 3, expected 0"),
        ("echo broken >&2; exit 1", "broken\nthe command ended with status 1"),
        ("echo valeu=1", "printed no result for value, expected a line value=VALUE"),
        ("echo value=1 step=1", "printed no result for value (its 1 lines with step=K are reports)"),
        ("exit 7", "(nothing)"),
    ],
)
def test_a_program_without_result_is_a_failure_with_its_last_words(tmp_path: Path, script: str, said: str) -> None:
    with pytest.raises(ObjectiveError) as raised:
        shell(script, tmp_path)
    assert said in str(raised.value)


def test_death_by_a_signal_is_lost_not_failed(tmp_path: Path) -> None:
    with pytest.raises(CommandLost, match="words\nthe command was killed by SIGKILL"):
        shell("echo value=1; echo words; kill -9 $$", tmp_path)
    with pytest.raises(CommandLost, match="killed by signal 40"):
        shell("kill -40 $$", tmp_path)


def test_what_cannot_be_started_says_why_and_what_is_near(tmp_path: Path) -> None:
    (tmp_path / "text.sh").write_text("echo value=1")
    (tmp_path / "orphan.sh").write_text("#!/nowhere/python\n")
    (tmp_path / "strange").write_bytes(b"\x00\x01")
    for name in ("orphan.sh", "strange"):
        (tmp_path / name).chmod(0o755)
    for program, said in {
        "pyhton3": "did you mean 'python3",
        "./txet.sh": "did you mean 'text.sh'?",
        "./text.sh": "chmod +x",
        "./orphan.sh": "interpreter",
        "./strange": "neither a program",
        "/tmp": "is a folder",
    }.items():
        with pytest.raises(ObjectiveError, match="cannot be started") as raised:
            run([program], tmp_path)
        assert said in str(raised.value), program


def test_reports_reach_optuna_while_the_program_runs_and_in_order(tmp_path: Path) -> None:
    ledger, trial = Ledger(), a_trial()
    shell("for k in 1 2 3; do echo value=0.$k step=$k; done; echo value=9", tmp_path, trial, ledger=ledger)
    assert kept(trial).intermediate_values == {1: 0.1, 2: 0.2, 3: 0.3}
    assert ledger.progress == [(1, None), (2, None), (3, None)]


def test_several_objectives_show_steps_without_reporting_them(tmp_path: Path) -> None:
    ledger, trial = Ledger(), a_trial(directions=2)
    script = "echo a=0.5 step=1; echo b=0.5 step=2; echo a=1; echo b=2"
    assert shell(script, tmp_path, trial, metrics=["a", "b"], ledger=ledger) == [1.0, 2.0]
    assert ledger.progress == [(1, None)]


LOYAL = """
import os, signal, sys, time
def leave(*_):
    open(os.path.join(os.environ["COREBOUND_CHECKPOINT_DIR"], "state"), "w").write("at the end")
    print("value=3 step=3")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
open(os.path.join(os.environ["COREBOUND_CHECKPOINT_DIR"], "state"), "w").write("begun")
print("value=2 step=2")
time.sleep(600)
"""


def test_pruning_ends_the_program(tmp_path: Path) -> None:
    trial = a_trial(AfterReports(2))
    with pytest.raises(optuna.TrialPruned):
        python(LOYAL, tmp_path, trial)
    assert kept(trial).intermediate_values == {2: 2.0, 3: 3.0}


def test_stopping_stores_what_the_program_left_with_its_last_reports(tmp_path: Path) -> None:
    ledger, trial = Ledger(), a_trial()
    with pytest.raises(Stopped):
        python(LOYAL, tmp_path, trial, ledger=ledger, stop=lambda: bool(ledger.progress))
    assert kept(trial).intermediate_values == {2: 2.0, 3: 3.0}
    unpack(ledger.saved[-1], tmp_path)
    assert (tmp_path / "state").read_text() == "at the end"


def test_the_next_attempt_finds_the_folder_as_it_was(tmp_path: Path) -> None:
    ledger = Ledger()
    script = "mkdir -p $COREBOUND_CHECKPOINT_DIR/a/b; cd $COREBOUND_CHECKPOINT_DIR; cat a/b/n; echo 1 >> a/b/n; ln -s / link;"
    with pytest.raises(Stopped):
        shell(f"{script} echo value=1 step=1; sleep 600", tmp_path, ledger=ledger, stop=lambda: bool(ledger.progress))
    ledger.progress.clear()
    with pytest.raises(Stopped):
        shell(f"{script} echo value=1 step=1; sleep 600", tmp_path, ledger=ledger, stop=lambda: bool(ledger.progress))
    with tarfile.open(fileobj=io.BytesIO(ledger.saved[-1])) as archive:
        assert archive.getnames() == ["a/b/n"]
    assert shell("echo value=$(wc -l < $COREBOUND_CHECKPOINT_DIR/a/b/n)", tmp_path, ledger=ledger) == [2.0]


def test_a_checkpoint_is_stored_when_due_and_only_when_something_changed(tmp_path: Path) -> None:
    ledger = Ledger()
    script = (
        "import os, time\nfrom pathlib import Path\nfolder = Path(os.environ['COREBOUND_CHECKPOINT_DIR'])\n"
        "time.sleep(0.5)\n(folder / 'state').write_text('1')\n"
        "time.sleep(1.5)\n(folder / 'state').write_text('12')\ntime.sleep(1.5)\nprint('value=1')\n"
    )
    assert python(script, tmp_path, ledger=ledger, every=0.0) == [1.0]
    assert 1 <= len(ledger.saved) <= 3  # a file may be caught empty, before it is written


def test_a_folder_in_full_use_is_stored_or_left_for_the_next_time(tmp_path: Path) -> None:
    script = (
        "import os, time\nfrom pathlib import Path\nfolder = Path(os.environ['COREBOUND_CHECKPOINT_DIR'])\n"
        "end = time.monotonic() + 1.5\nwhile time.monotonic() < end:\n"
        "    for n in range(20): (folder / str(n)).write_bytes(b'x' * 5000)\n"
        "    for n in range(20): (folder / str(n)).unlink()\nprint('value=1')\n"
    )
    assert python(script, tmp_path, every=0.0) == [1.0]


def test_a_checkpoint_that_no_row_could_hold_is_refused_by_name(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MOST_CHECKPOINT_BYTES + 1)
    with pytest.raises(ObjectiveError, match=r"COREBOUND_CHECKPOINT_DIR holds 256\.0 MiB in 1 files, expected at most"):
        pack(tmp_path, contents(tmp_path))


@pytest.mark.parametrize(
    ("name", "kind", "size"),
    [
        ("../outside", tarfile.REGTYPE, 0),
        ("/absolute/../../outside", tarfile.REGTYPE, 0),
        ("link", tarfile.SYMTYPE, 0),
        ("device", tarfile.CHRTYPE, 0),
    ],
)
def test_an_archive_that_reaches_outside_is_refused(tmp_path: Path, name: str, kind: bytes, size: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, "/etc"
        archive.addfile(entry)
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(ObjectiveError, match=r"no regular file|cannot be unpacked"):
        unpack(buffer.getvalue(), inside)
    assert list(inside.iterdir()) == []
    assert list(tmp_path.iterdir()) == [inside]


def test_a_damaged_archive_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ObjectiveError, match="cannot be unpacked"):
        unpack(b"no archive", tmp_path)


def test_output_without_end_needs_no_memory_and_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tracemalloc

    with (tmp_path / "ours").open("w") as ours:
        monkeypatch.setattr(sys, "stdout", ours)
        tracemalloc.start()
        try:
            assert shell("head -c 20000000 /dev/zero; echo; echo value=7; echo value=4", tmp_path) == [4.0]
            assert shell("yes value | head -c 20000000; echo; echo value=5", tmp_path) == [5.0]
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 3_000_000
    assert (tmp_path / "ours").stat().st_size > 40_000_000


def test_a_line_without_end_is_never_a_metric(tmp_path: Path) -> None:
    endless = "import sys\nfor _ in range(3):\n    sys.stdout.write('x' * 4096); sys.stdout.flush()\n"
    script = endless + "print('value=7')\nprint('value=3')\n" + endless + "print('value=7')"
    assert python(script, tmp_path) == [3.0]


def test_nothing_of_the_program_is_left(tmp_path: Path) -> None:
    assert shell("sleep 600 & echo $! > pid; echo value=1", tmp_path) == [1.0]
    pid = int((tmp_path / "pid").read_text())
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_program_that_ignores_sigterm_is_killed_and_its_last_words_are_read(tmp_path: Path) -> None:
    script = "trap '' TERM; echo value=1; while :; do sleep 0.05; echo value=2; done"
    with Program(["sh", "-c", script], folder=tmp_path, environment=dict(os.environ), metrics=["value"]) as program:
        assert program.read(30.0)
        assert program.end(grace=0.5)[-1].value == 2.0
    assert program.status == -9


def test_an_error_of_ours_while_it_runs_ends_the_program_too(tmp_path: Path) -> None:
    started: list[int] = []
    with (
        pytest.raises(ZeroDivisionError),
        Program(["sleep", "600"], folder=tmp_path, environment=dict(os.environ), metrics=[]) as program,
    ):
        started.append(program._process.pid)
        raise ZeroDivisionError
    assert not Path(f"/proc/{started[0]}").exists()
