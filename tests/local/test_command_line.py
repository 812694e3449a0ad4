"""A search without a file, the file that it writes, exit statuses, and ``--json``: one value on stdout, always."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import yaml

from corebound.ledger.schema import prepare_database
from corebound.local.postgres import EmbeddedPostgres

from .campaigns import Corebound, X, opened_study, rows, written

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    import pytest

    from corebound.ledger.ledger import Ledger

SEARCH = "def objective(trial):\n    return trial.suggest_float('x', 0, 1)\n"


def objects(done: subprocess.CompletedProcess[str]) -> list[Any]:
    """Every JSON value on stdout; nothing else may be there."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_search_without_a_file_and_the_file_it_writes_are_one_campaign(
    corebound: Corebound, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nofile.py").write_text(SEARCH)
    command = ("run", "nofile.py:objective", "-n", "6", "--direction", "maximize", "-t", "1")
    name = "nofile-py-objective"
    wrote = corebound(*command, "--write-yaml", "saved.yaml", "--json")
    assert (wrote.returncode, objects(wrote)) == (0, [{"written": "saved.yaml", "campaign": name}])
    assert ledger.campaigns.find(name) is None, "only written"
    saved = yaml.safe_load((tmp_path / "saved.yaml").read_text())["spec"]
    assert (saved["trials"], saved["threads"]) == (6, 1)
    again = corebound(*command, "--write-yaml", "saved.yaml")
    assert (again.returncode, again.stderr) == (2, "error: saved.yaml exists already; choose a new file\n")

    done = corebound(*command, "--json")
    assert done.returncode == 0, done.stderr
    (outcome,) = objects(done)
    assert outcome["counts"] == {"succeeded": 6}
    found = rows(ledger, name)
    assert outcome["best"]["value"] == max(row["values"]["value"] for row in found)
    with opened_study(ledger, name) as study:
        assert study.direction.name == "MAXIMIZE"
    # The file is the same campaign: nothing of it is refused as edited, and there is nothing left to do.
    finished = corebound("run", "-f", "saved.yaml")
    assert finished.returncode == 0
    assert finished.stderr == f"{name} is finished already (6/6); --fresh starts a new study\n", "no advice any more"
    # And it begins one by itself.
    begun = corebound("run", "-f", "saved.yaml", "--fresh", "--json")
    assert objects(begun)[0]["counts"] == {"succeeded": 6}
    # The study's own number seeds it, as nothing was said: other points than before.
    assert [row["params"] for row in rows(ledger, name)] != [row["params"] for row in found]
    assert [row["params"] for row in rows(ledger, f"{name}@1")] == [row["params"] for row in found]


def test_json_is_one_value_whatever_is_asked(corebound: Corebound, tmp_path: Path) -> None:
    search = {"sampler": {"name": "random", "seed": 1}, "parameters": [X]}
    trial = {"command": ["sh", "-c", "echo seen; [ $COREBOUND_SLOT = 0 ] && exit 4; echo loss=inf"]}
    path = str(written(tmp_path, "spoken", trials=2, search=search, trial=trial))
    asked: dict[tuple[str, ...], set[str]] = {
        ("plan", "-f", path): {"campaign", "threads", "workers", "waves", "warnings"},
        ("run", "-f", path): {"campaign", "phase", "reason", "message", "counts", "best", "front_size", "warnings"},
        ("watch", "spoken", "--once"): {"campaigns"},
        ("logs", "spoken", "1"): {"campaign", "slot", "attempt", "attempts", "running", "output"},
        ("storage", "spoken"): {"url", "study", "password_hidden", "warnings"},
        ("storage", "spoken", "--export", str(tmp_path / "study.db")): {"exported", "study", "trials", "warnings"},
    }
    for arguments, keys in asked.items():
        done = corebound(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        (value,) = objects(done)
        assert keys <= value.keys(), arguments
    (listed,) = objects(corebound("results", "spoken", "--json"))
    assert [(row["slot"], row["state"], row["values"]) for row in listed] == [
        (0, "failed", None),
        (1, "succeeded", {"loss": "inf"}),
    ]
    # Refused: one object too, with the status that the process ends with, and the reason for people on stderr.
    # tests/unit/cli/test_options.py has all the others.
    for refused in (("logs", "spoken", "7"), ("no-such-command",)):
        done = corebound(*refused, "--json")
        (value,) = objects(done)
        assert (done.returncode, value["exit_code"]) == (2, 2), refused
        assert value["error"].split("\n")[0] in done.stderr, refused
        assert "Traceback" not in done.stderr


def test_warnings_are_said_whatever_is_asked_and_are_in_the_json(corebound: Corebound, tmp_path: Path) -> None:
    search = {"sampler": {"name": "random", "seed": 1}, "parameters": [{**X, "name": "lr"}]}
    trial = {"command": ["sh", "-c", "echo loss={learning_rate} >/dev/null; echo loss=1"]}
    path = str(written(tmp_path, "misspelt", trials=1, search=search, trial=trial))
    text = corebound("plan", "-f", path)
    assert text.stderr == "", "they are in the text"
    for arguments in (("plan", "-f", path), ("run", "-f", path, "--fresh")):
        quiet = corebound(*arguments, "--quiet")
        said = [line.removeprefix("warning: ") for line in quiet.stderr.splitlines()]
        assert said[0].startswith("{learning_rate} in spec.trial.command is no parameter"), quiet.stderr
        assert f"Warning: {said[0]}" in text.stdout
        (value,) = objects(done := corebound(*arguments, "--json"))
        assert value["warnings"] == said, arguments
        assert done.stderr == quiet.stderr
    (finished,) = objects(corebound("run", "-f", path, "--json"))
    assert finished["warnings"] == [], "nothing is run any more"


def test_a_database_that_is_none_has_a_status_of_its_own(
    corebound: Corebound, home: Path, ledger: Ledger, tmp_path: Path
) -> None:
    del ledger  # it has started the server
    path = str(written(tmp_path, "unplaced", trials=1, trial={"command": ["true"]}))
    nobody = f"postgresql://corebound@/postgres?host={quote(str(tmp_path), safe='')}"
    for arguments in (("run", "-f", path), ("watch", "--once")):
        done = corebound(*arguments, "--storage", nobody, "--json")
        (value,) = objects(done)
        assert (done.returncode, value["exit_code"], value["kind"]) == (75, 75, "StorageUnreachableError"), done.stderr

    server = EmbeddedPostgres(home / "postgres-18")
    host = str(server.socket_folder)
    with psycopg.connect(host=host, user="corebound", dbname="postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE newer")
    newer = f"postgresql+psycopg://corebound@/newer?host={quote(host, safe='')}"
    prepare_database(newer)
    with psycopg.connect(host=host, user="corebound", dbname="newer", autocommit=True) as connection:
        connection.execute("UPDATE corebound_alembic_version SET version_num = '9999'")
    for arguments in (("run", "-f", path), ("results", "unplaced")):
        done = corebound(*arguments, "--storage", newer, "--json")
        (value,) = objects(done)
        assert (done.returncode, value["kind"]) == (78, "SchemaMismatchError"), done.stderr
        assert "9999" in value["error"]
    # One that answers and refuses.
    done = corebound("watch", "--once", "--storage", newer.replace("/newer", "/never"), "--json")
    (value,) = objects(done)
    assert (done.returncode, value["kind"]) == (1, "StorageError"), done.stderr
    assert "never" in value["error"]


def test_what_is_asked_in_the_wrong_way_is_answered_with_the_right_one(corebound: Corebound) -> None:
    for arguments, answer in {
        (): "Usage: corebound [OPTIONS] COMMAND [ARGS]...\n",
        ("rnu",): "error: No such command 'rnu'. Did you mean 'run'?\ntry: corebound --help\n",
        ("run", "--direktion", "maximize"): "error: No such option '--direktion'. Did you mean '--direction'?",
    }.items():
        done = corebound(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(answer), done.stderr


def test_an_objective_whose_file_is_not_there_is_refused_before_anything_is_made(
    corebound: Corebound, ledger: Ledger, tmp_path: Path
) -> None:
    trial = {"entrypoint": "trian.py:objective", "callbacks": ["code/callbacks.py:note"]}
    path = written(tmp_path, "misplaced", trial=trial)
    (tmp_path / "train.py").write_text(SEARCH)
    done = corebound("run", "-f", str(path), "--json")
    (value,) = objects(done)
    assert done.returncode == 2
    assert value["error"].splitlines() == [
        f"spec.trial.entrypoint: {tmp_path}/trian.py does not exist; did you mean 'train.py'?",
        f"spec.trial.callbacks[0]: {tmp_path}/code/callbacks.py does not exist; "
        "it is searched from the campaign file's folder",
    ]
    assert ledger.campaigns.find("misplaced") is None
