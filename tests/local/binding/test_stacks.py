"""Stacks of real hung children."""

import signal
from pathlib import Path

from corebound_trial.binding.stacks import ask

from .children import child, line_of


def hanging(path: Path, body: str, before: str = "pass") -> str:
    return (
        "import ctypes, pathlib, sys, threading, time\n"
        "from corebound_trial.binding.stacks import install\n"
        f"install(pathlib.Path({str(path)!r}))\n"
        f"def objective():\n    {before}\n    print('up', flush=True)\n    {body}\n"
        "objective()\n"
    )


def test_a_child_that_holds_the_gil_in_c_shows_its_stack(tmp_path: Path) -> None:
    path = tmp_path / "stacks"
    with child(hanging(path, "while True: ctypes.PyDLL(None).sleep(30)  # the signal ends one sleep")) as process:
        assert line_of(process) == "up"
        found = ask(process.pid, path, timeout=5)
        assert "in objective" in found
        again = ask(process.pid, path, timeout=5)
        assert again.count("in objective") == 1, "only what was added since"
        assert process.poll() is None


def test_all_threads_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "stacks"
    thread = "threading.Thread(target=time.sleep, args=(30,), name='loader', daemon=True).start()"
    with child(hanging(path, "time.sleep(30)", before=thread)) as process:
        assert line_of(process) == "up"
        found = ask(process.pid, path, timeout=5)
    assert found.count("most recent call first") == 2


def test_a_child_without_the_handler_is_not_killed_by_the_question(tmp_path: Path) -> None:
    with child("import time; print('up', flush=True); time.sleep(30)") as process:
        assert line_of(process) == "up"
        assert "replaced the handler" in ask(process.pid, tmp_path / "stacks", timeout=1)
        assert process.poll() is None


def test_a_stopped_child_does_not_answer_and_the_reason_is_told(tmp_path: Path) -> None:
    path = tmp_path / "stacks"
    with child(hanging(path, "time.sleep(30)")) as process:
        assert line_of(process) == "up"
        process.send_signal(signal.SIGSTOP)
        assert "did not answer SIGUSR2 within 0.3 s and is in state T" in ask(process.pid, path, timeout=0.3)


def test_a_child_that_is_gone(tmp_path: Path) -> None:
    with child("pass") as process:
        process.wait()
        assert ask(process.pid, tmp_path / "stacks", timeout=1).startswith("(no stacks: process")
