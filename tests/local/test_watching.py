"""Watching: what ``watch``, ``results`` and ``logs`` show of real runs, while they go on and afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
from typing import TYPE_CHECKING, Any

import pytest

from corebound.api.records import Phase

from .campaigns import Corebound, started, wait_until, written

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.ledger.ledger import Ledger

STEPS = ["sh", "-c", "for step in 1 2 3 4; do echo loss=0.5 step=$step; sleep 0.2; done; sleep 300; echo loss=1"]


def watched(corebound: Corebound, *arguments: str) -> dict[str, Any]:
    done = corebound("watch", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def is_running(ledger: Ledger, name: str) -> bool:
    found = ledger.campaigns.find(name)
    return found is not None and bool(ledger.slots.running(found.campaign_id))


def test_a_slot_shows_itself_long_before_its_first_heartbeat(
    corebound: Corebound, command: list[str], environment: dict[str, str], ledger: Ledger, tmp_path: Path
) -> None:
    path = written(tmp_path, "early", trials=2, parallelism=2, trial={"command": STEPS})
    never = {**environment, "COREBOUND_HEARTBEAT_SECONDS": "3600"}
    with started(*command, "run", "-f", str(path), environment=never) as process:
        wait_until(lambda: is_running(ledger, "early"), "a running slot")
        campaign = ledger.campaigns.get("early")

        def shown() -> bool:
            slots = ledger.slots.running(campaign.campaign_id)
            return len(slots) == 2 and all(slot.step and slot.last_value == 0.5 for slot in slots)

        wait_until(shown, "both slots' steps")
        (seen,) = watched(corebound, "early", "--once")["campaigns"]
        assert [(slot["slot"], slot["attempt"]) for slot in seen["running"]] == [(0, 1), (1, 1)]
        assert all(slot["cpu_seconds"] > 0 and slot["step"] and slot["claimed_at"] for slot in seen["running"])
        plain = corebound("watch", "--once").stdout
        assert "early: 0/2 done, 2 running" in plain
        assert "\x1b" not in plain
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def test_watching_ends_with_what_is_watched(
    corebound: Corebound, command: list[str], environment: dict[str, str], ledger: Ledger, tmp_path: Path
) -> None:
    trial = {"command": ["sh", "-c", "sleep 1; echo loss={x}"]}
    search = {"parameters": [{"name": "x", "type": "float", "low": 0, "high": 1}]}
    path = written(tmp_path, "short", trials=3, trial=trial, search=search)
    with started(*command, "run", "-f", str(path), environment=environment) as process:
        wait_until(lambda: is_running(ledger, "short"), "a running slot")
        done = corebound("watch", "short")
        assert done.returncode == 0, done.stderr
        assert "short: Succeeded, 3/3 done" in done.stdout.splitlines()[-1]
        assert ledger.campaigns.get("short").phase is Phase.SUCCEEDED
        assert process.wait(timeout=60) == 0
    assert corebound("watch", "short", "--quiet").stdout.count("\n") == 1


def test_a_terminal_is_redrawn_and_ctrl_c_leaves_quietly(
    command: list[str], environment: dict[str, str], ledger: Ledger, tmp_path: Path
) -> None:
    path = written(tmp_path, "on-a-terminal", trials=1, trial={"command": STEPS})
    with started(*command, "run", "-f", str(path), environment=environment) as process:
        wait_until(lambda: is_running(ledger, "on-a-terminal"), "a running slot")
        control, side = pty.openpty()
        shown = b""
        variables = {**environment, "TERM": "xterm"}
        streams = {"stdin": side, "stdout": side, "stderr": side}
        with started(*command, "watch", "on-a-terminal", environment=variables, **streams) as watching:
            os.close(side)
            while shown.count(b"on-a-terminal: ") < 3:
                shown += os.read(control, 65536)
            watching.send_signal(signal.SIGINT)
            assert watching.wait(timeout=30) == 130
        while piece := _rest(control):
            shown += piece
        os.close(control)
        assert shown.count(b"\x1b[J") >= 2
        assert b"Traceback" not in shown
        assert shown.rstrip(b"\r\n").endswith(b"\x1b[J"), "the display is taken away"
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def _rest(control: int) -> bytes:
    try:
        return os.read(control, 65536)
    except OSError:
        return b""


def test_a_campaign_that_nobody_runs_any_more_is_over(
    corebound: Corebound, command: list[str], environment: dict[str, str], ledger: Ledger, tmp_path: Path
) -> None:
    path = written(tmp_path, "left-alone", trials=1, trial={"command": STEPS})
    with started(*command, "run", "-f", str(path), environment=environment) as process:
        wait_until(lambda: is_running(ledger, "left-alone"), "a running slot")
        assert watched(corebound, "left-alone", "--once")["campaigns"][0]["attended"]
        process.kill()
    done = corebound("watch", "left-alone")
    assert "left-alone: nobody runs it now (corebound run goes on with it)" in done.stdout
    assert ledger.campaigns.get("left-alone").phase is Phase.RUNNING


ATTEMPTS = """
import os, signal, sys
def objective(trial, context):
    print("attempt", context.attempt, "of slot", context.slot, flush=True)
    if context.attempt < 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return 1.0
"""


def test_an_attempt_has_one_number_everywhere(corebound: Corebound, tmp_path: Path) -> None:
    (tmp_path / "attempts.py").write_text(ATTEMPTS)
    path = written(tmp_path, "attempts", trials=1, trial={"entrypoint": "attempts.py:objective"})
    assert corebound("run", "-f", str(path), "--quiet").returncode == 0
    (row,) = json.loads(corebound("results", "attempts", "--json").stdout)
    assert (row["attempts"], row["state"]) == (3, "succeeded")
    for attempt in (1, 2, 3):
        done = corebound("logs", "attempts", "0", "--attempt", str(attempt))
        assert done.stdout == f"attempt {attempt} of slot 0\n"
    assert corebound("logs", "attempts", "0").stdout == "attempt 3 of slot 0\n"
    assert corebound("logs", "attempts", "0", "-f", "--attempt", "1").stdout == "attempt 1 of slot 0\n"
    found = json.loads(corebound("logs", "attempts", "0", "--json").stdout)
    assert found == {
        "campaign": "attempts",
        "slot": 0,
        "attempt": 3,
        "attempts": 3,
        "running": False,
        "output": "attempt 3 of slot 0\n",
        "error": None,
    }


RAISES = """
def objective(trial, context):
    if context.slot == 0:
        print("before it", end="")
        raise ValueError("bad shape for input:\\n  expected (3, 4)\\nfound (4, 3)")
    return 1.0
"""


def test_logs_end_with_the_whole_error_and_run_points_there(
    corebound: Corebound, ledger: Ledger, tmp_path: Path
) -> None:
    (tmp_path / "raises.py").write_text(RAISES)
    path = written(tmp_path, "raising", trials=2, trial={"entrypoint": "raises.py:objective"})
    outcome = corebound("run", "-f", str(path)).stdout.splitlines()
    assert "slot 0: ValueError: bad shape for input: …" in outcome
    assert outcome[-1] == "  errors      corebound logs raising 0 shows the whole error"
    shown = corebound("logs", "raising", "0").stdout
    begin = "before it\ncorebound: slot 0 is failed, its error:\nTraceback (most recent call last):\n"
    assert shown.startswith(begin)
    assert shown.endswith("ValueError: bad shape for input:\n  expected (3, 4)\nfound (4, 3)\n")
    found = json.loads(corebound("logs", "raising", "0", "--json").stdout)
    assert (found["output"], found["error"].splitlines()[-1]) == ("before it", "found (4, 3)")
    quiet = corebound("logs", "raising", "1")
    assert (quiet.stdout, quiet.stderr) == ("", "attempt 1 of slot 1 printed nothing\n")
    elsewhere = {"COREBOUND_HOME": str(tmp_path), "COREBOUND_DATABASE_URL": ledger.optuna_url}
    lost = corebound("logs", "raising", "0", **elsewhere)
    assert lost.returncode == 2
    assert lost.stderr.endswith("found (4, 3)\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["0", "--attempt", "2"], "slot 0 of 'silent' had 1 attempt, there is no attempt 2"),
        (["7"], "'silent' has no slot 7; its slots are 0 to 1"),
        (["-1"], "No such option"),
    ],
)
def test_logs_say_why_there_are_none(corebound: Corebound, tmp_path: Path, arguments: list[str], text: str) -> None:
    path = written(tmp_path, "silent", trials=2, trial={"command": ["sh", "-c", 'echo "{}" > $COREBOUND_RESULT']})
    corebound("run", "-f", str(path), "--quiet")
    refused = corebound("logs", "silent", *arguments)
    assert refused.returncode == 2
    assert text in refused.stderr
    empty = corebound("logs", "silent", "0")
    assert empty.returncode == 0
    assert empty.stdout.startswith("corebound: slot 0 is failed, its error:\n")
    assert empty.stderr == "attempt 1 of slot 0 printed nothing\n"


def test_output_that_is_elsewhere_is_said_to_be(
    corebound: Corebound, ledger: Ledger, environment: dict[str, str], tmp_path: Path
) -> None:
    path = written(tmp_path, "elsewhere", trials=1, trial={"command": ["sh", "-c", "echo loss=1"]})
    corebound("run", "-f", str(path), "--quiet")
    refused = corebound(
        "logs", "elsewhere", "0", COREBOUND_HOME=str(tmp_path), COREBOUND_DATABASE_URL=ledger.optuna_url
    )
    assert refused.returncode == 2
    assert "has left no output in" in refused.stderr
    assert "it ran with another COREBOUND_HOME" in refused.stderr


def test_following_goes_on_until_the_attempt_ends(
    command: list[str], environment: dict[str, str], ledger: Ledger, tmp_path: Path
) -> None:
    script = f"echo first; until [ -e {tmp_path}/go ]; do sleep 0.1; done; echo loss=1"
    path = written(tmp_path, "followed", trials=2, trial={"command": ["sh", "-c", script]})
    with (
        started(*command, "run", "-f", str(path), environment=environment) as process,
        contextlib.ExitStack() as stack,
    ):
        wait_until(lambda: is_running(ledger, "followed"), "a running slot")
        # Slot 1 is not begun before slot 0 has ended: following waits for it.
        both = [
            stack.enter_context(started(*command, "logs", "followed", slot, "-f", environment=environment))
            for slot in ("0", "1")
        ]
        assert both[0].stdout is not None
        assert both[0].stdout.readline() == "first\n"
        (tmp_path / "go").touch()
        assert both[0].communicate(timeout=60)[0] == "loss=1\n"
        assert both[1].communicate(timeout=60)[0] == "first\nloss=1\n"
        assert process.wait(timeout=60) == 0


def test_the_output_of_a_study_stays_its_own(corebound: Corebound, tmp_path: Path) -> None:
    for word in ("old", "new"):
        path = written(tmp_path, "again", trials=1, trial={"command": ["sh", "-c", f"echo {word}; echo loss=1"]})
        assert corebound("run", "-f", str(path), "--fresh", "--quiet").returncode == 0
    assert corebound("logs", "again", "0").stdout.splitlines()[0] == "new"
    assert corebound("logs", "again@1", "0").stdout.splitlines()[0] == "old"
    assert len(json.loads(corebound("results", "again@1", "--json").stdout)) == 1
    assert "again@1: Succeeded" in corebound("watch", "--once").stdout
    assert "study: again@1" in corebound("storage", "again@1").stdout
