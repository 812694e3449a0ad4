"""Ending real processes: daemons, fork bombs, those that ignore SIGTERM; and leashes that hold."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from corebound_trial.binding.process import descendants, end_tree, leash, prefer_for_oom

from .children import child, eventually, exists, line_of

IMPORTS = "import os, signal, subprocess, sys, time\nfrom corebound_trial.binding.process import *\n"


def test_a_daemonized_grandchild_is_adopted_and_ended() -> None:
    code = IMPORTS + (
        "adopt_orphans()\n"
        "middle = subprocess.Popen([sys.executable, '-c', '''if True:\n"
        "    import os, time\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0:\n"
        "            print(os.getpid(), flush=True); time.sleep(60)\n"
        "        os._exit(0)\n"
        "    os.wait()'''], stdout=subprocess.PIPE, text=True)\n"
        "daemon = int(middle.stdout.readline()); middle.wait()\n"
        "print(daemon, descendants(os.getpid()) == [daemon], flush=True)\n"
        "print(end_tree([os.getpid()], grace=1), reap_adopted(), reap_adopted(), flush=True)\n"
    )
    with child(code) as process:
        daemon, adopted = line_of(process).split()
        assert adopted == "True"
        assert line_of(process) == "() 1 0"
    assert not exists(int(daemon))


def test_sigterm_first_then_sigkill_for_those_that_ignore_it() -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    with child(deaf) as process:
        assert line_of(process) == "up"
        assert end_tree([process.pid], grace=0.2) == ()
        assert process.wait() == -signal.SIGKILL


def test_sigterm_arrives_once_at_each_member_of_a_group() -> None:
    members = 40
    code = (
        "import os, signal, time\n"
        f"for _ in range({members - 1}):\n"
        "    if os.fork() == 0: break\n"
        "read, write = os.pipe(); os.set_blocking(write, False)\n"
        "signal.signal(signal.SIGTERM, lambda *_: None); signal.set_wakeup_fd(write)\n"
        "os.write(1, b'up\\n')\n"
        "count = len(os.read(read, 9))\n"
        "time.sleep(0.5); os.set_blocking(read, False)\n"
        "try: count += len(os.read(read, 9))\n"
        "except BlockingIOError: pass\n"
        "os.write(1, f'{count}\\n'.encode())\n"
    )
    with child(code, new_session=True) as process:
        assert [line_of(process) for _ in range(members)] == ["up"] * members
        assert end_tree([process.pid], grace=20) == ()
        assert [line_of(process) for _ in range(members)] == ["1"] * members


def test_a_stopped_process_is_ended_within_the_grace() -> None:
    with child("import time; print('up', flush=True); time.sleep(60)") as process:
        assert line_of(process) == "up"
        process.send_signal(signal.SIGSTOP)
        assert end_tree([process.pid], grace=5) == ()
        assert process.wait() == -signal.SIGTERM


def test_a_family_that_forks_all_the_time_is_ended() -> None:
    code = (
        "import os, time\n"
        "os.write(1, b'up\\n')\n"
        "end = time.monotonic() + 30\n"
        "while time.monotonic() < end:\n"
        "    time.sleep(0.005)\n"
        "    if os.fork(): os._exit(0)\n"
        "    os.setsid()\n"
    )
    parent = IMPORTS + (
        "adopt_orphans()\n"
        f"process = subprocess.Popen([sys.executable, '-c', {code!r}])\n"
        "process.wait(); time.sleep(0.2); family = [os.waitpid(-1, 0)[0] for _ in range(5)]\n"
        "print(len(set(family)), flush=True)\n"
        "print(end_tree([os.getpid()], grace=0), descendants(os.getpid()), flush=True)\n"
    )
    with child(parent) as process:
        assert line_of(process) == "up"
        assert line_of(process) == "5", "it lives on in ever new processes"
        assert line_of(process) == "() []"


def test_ending_what_is_gone_already_is_no_error() -> None:
    with child("pass") as process:
        process.wait()
        assert end_tree([process.pid], grace=1) == ()


def test_a_child_dies_with_its_parent() -> None:
    inner = "import os, sys, time; from corebound_trial.binding.process import die_with_parent; "
    inner += "die_with_parent(int(sys.argv[1])); print(os.getpid(), flush=True); time.sleep(60)"
    outer = f"import os, subprocess, sys\nsubprocess.run([sys.executable, '-c', {inner!r}, str(os.getpid())])\n"
    with child(outer) as process:
        grandchild = int(line_of(process))
        assert exists(grandchild)
        process.kill()
        process.wait()
        assert eventually(lambda: not exists(grandchild))


def test_a_parent_that_was_gone_before_the_leash_is_noticed() -> None:
    code = IMPORTS + "die_with_parent(1 << 22)\nprint('alive', flush=True)\n"
    with child(code) as process:
        assert line_of(process) == ""
        assert process.wait() == -signal.SIGKILL


def test_a_leashed_program_dies_with_us() -> None:
    code = IMPORTS + (
        "program = subprocess.Popen(['sleep', '60'], preexec_fn=leash())\n"
        "print(program.pid, flush=True); time.sleep(60)\n"
    )
    with child(code) as process:
        program = int(line_of(process))
        assert exists(program)
        process.kill()
        process.wait()
        assert eventually(lambda: not exists(program))


def test_a_leash_does_not_disturb_a_program_that_ends_by_itself() -> None:
    done = subprocess.run([sys.executable, "-c", "print('ok')"], preexec_fn=leash(), capture_output=True, check=True)
    assert done.stdout == b"ok\n"


def test_descendants_are_listed_without_zombies() -> None:
    code = (
        "import os, time\n"
        "if os.fork() == 0: os._exit(0)\n"
        "pid = os.fork()\n"
        "if pid: print(pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with child(code) as process:
        pid = int(line_of(process))
        assert eventually(lambda: descendants(process.pid) == [pid])
        end_tree([process.pid], grace=0)


def test_a_worker_is_preferred_by_the_oom_killer() -> None:
    code = IMPORTS + "print(prefer_for_oom(500), flush=True); time.sleep(60)\n"
    with child(code) as process:
        assert line_of(process) == "True"
        assert Path(f"/proc/{process.pid}/oom_score_adj").read_text().strip() == "500"


def test_a_score_the_kernel_refuses_is_no_error() -> None:
    assert prefer_for_oom(5000) is False


def test_leash_of_a_parent_that_ends_at_once(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = IMPORTS + (
        f"program = subprocess.Popen(['sh', '-c', 'echo $$ > {file}; exec sleep 60'], preexec_fn=leash())\n"
        f"\nwhile not os.path.exists({str(file)!r}): time.sleep(0.01)\nos._exit(0)\n"
    )
    with child(code) as process:
        process.wait()
        assert eventually(lambda: bool(file.read_text()) and not exists(int(file.read_text())))


@pytest.mark.parametrize("grace", [0, 1])
def test_the_caller_itself_is_never_signalled(grace: int) -> None:
    with child("import time; time.sleep(60)") as process:
        assert process.pid in descendants(os.getpid())
        assert end_tree([os.getpid()], grace=grace) == ()
        assert process.wait() != 0
