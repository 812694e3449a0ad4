"""Process trees that are really there: their CPU time, their threads at work, their memory."""

import os
import signal
import subprocess
import time

import pytest

from corebound_trial.binding.breach import Breach, BreachWatch
from corebound_trial.binding.telemetry import Meter, TreeSample, TreeSampler

from .children import child, eventually, line_of

pytestmark = pytest.mark.alone


def under_a_parent(code: str) -> str:
    """A snippet whose process only starts ``code`` as its child, as a worker's parent does."""
    return f"import subprocess, sys\nsys.exit(subprocess.call([sys.executable, '-c', {code!r}]))"


def samples(root: int, count: int) -> list[TreeSample]:
    sampler = TreeSampler(root)
    found = [sampler.sample()]
    for _ in range(count):
        time.sleep(0.6)
        found.append(sampler.sample())
    return found[1:]


def test_eight_busy_threads_with_one_allowed_are_a_breach() -> None:
    burn = (
        "import os, time\n"
        "for _ in range(7):\n"
        "    if os.fork() == 0: break\n"
        "os.write(1, b'up\\n')\n"
        "end = time.monotonic() + 20\n"
        "while time.monotonic() < end: pass\n"
    )
    with child(under_a_parent(burn)) as process:
        assert [line_of(process) for _ in range(8)] == ["up"] * 8
        watch = BreachWatch(threads=1)
        found = samples(process.pid, 3)
        verdicts = [watch.judge_sample(sample) for sample in found]
        end_all(process)
    # On a loaded machine some of the eight may get less than the share that counts.
    counts = [len(sample.busy or ()) for sample in found]
    assert all(2 <= count <= 8 for count in counts), counts
    assert isinstance(verdicts[-1], Breach)
    wanted = f"{counts[-1]} threads at work in 3 samples in a row, spec.threads is 1: python"
    assert verdicts[-1].message.startswith(wanted)


def test_so_many_threads_on_one_core_that_each_gets_next_to_nothing_are_a_breach() -> None:
    burn = (
        "import os, time\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "for _ in range(63):\n"
        "    if os.fork() == 0: break\n"
        "os.write(1, b'up\\n')\n"
        "end = time.monotonic() + 60\n"
        "while time.monotonic() < end: pass\n"
    )
    with child(under_a_parent(burn)) as process:
        assert [line_of(process) for _ in range(64)] == ["up"] * 64
        watch = BreachWatch(threads=1)
        found = samples(process.pid, 3)
        verdicts = [watch.judge_sample(sample) for sample in found]
        end_all(process)
    counts = [len(sample.busy or ()) for sample in found]
    assert all(16 <= count <= 64 for count in counts), counts
    assert isinstance(verdicts[-1], Breach)


def test_a_correct_torch_child_with_two_threads_is_no_breach() -> None:
    code = (
        "import torch, time\n"
        "a = torch.rand(1024, 256); b = torch.rand(256, 256)\n"
        "a @ b; print('up', flush=True)\n"
        "end = time.monotonic() + 20\n"
        "while time.monotonic() < end: a @ b\n"
    )
    with child(under_a_parent(code), threads=2) as process:
        assert line_of(process) == "up"
        found = samples(process.pid, 3)
        end_all(process)
    assert {len(sample.busy or ()) for sample in found} == {2}
    assert all(sample.threads >= 2 for sample in found)


def test_a_sleeping_pool_is_no_thread_at_work() -> None:
    code = (
        "import threading, time\n"
        "[threading.Thread(target=time.sleep, args=(20,), daemon=True).start() for _ in range(16)]\n"
        "print('up', flush=True); time.sleep(20)\n"
    )
    with child(under_a_parent(code)) as process:
        assert line_of(process) == "up"
        (sample,) = samples(process.pid, 1)
        end_all(process)
    assert sample.threads == 17
    assert sample.busy == ()


def test_short_subprocesses_one_after_another_are_one_thread_at_work() -> None:
    code = (
        "import subprocess, sys, time\n"
        "print('up', flush=True)\n"
        "end = time.monotonic() + 20\n"
        "while time.monotonic() < end:\n"
        "    until = time.monotonic() + 0.15\n"
        "    while time.monotonic() < until: pass\n"
        "    subprocess.run([sys.executable, '-c', 'import time\\nend = time.monotonic() + 0.2\\n"
        "while time.monotonic() < end: pass'])\n"
    )
    with child(under_a_parent(code)) as process:
        assert line_of(process) == "up"
        found = samples(process.pid, 5)
        end_all(process)
    watch = BreachWatch(threads=1)
    assert not any(isinstance(watch.judge_sample(sample), Breach) for sample in found)
    assert max(len(sample.busy or ()) for sample in found) == 1


def test_cpu_of_hundreds_of_short_lived_processes_is_counted() -> None:
    code = (
        "import os, time, resource\n"
        "for _ in range(200):\n"
        "    if os.fork() == 0:\n"
        "        while time.process_time() < 0.01: pass\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_utime + used.ru_stime, flush=True); time.sleep(20)\n"
    )
    with child(under_a_parent(code)) as process:
        sampler = TreeSampler(process.pid)
        told = float(line_of(process))
        counted = sampler.sample().cpu_seconds
        end_all(process)
    assert told > 1.9
    assert told <= counted + 0.05
    assert counted < told + 2.0, "counted twice"


def test_cpu_of_children_nobody_waits_for_is_kept_and_never_falls() -> None:
    code = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "if os.fork() == 0:\n"
        "    while time.process_time() < 1.0: pass\n"
        "    print('burnt', flush=True); time.sleep(1); os._exit(0)\n"
        "time.sleep(20)\n"
    )
    with child(code) as process:
        sampler = TreeSampler(process.pid)
        assert line_of(process) == "burnt"
        before = sampler.sample()
        assert eventually(lambda: sampler.sample().processes == 1)
        after = sampler.sample()
    assert before.cpu_seconds >= 0.95
    assert after.cpu_seconds >= before.cpu_seconds


def test_cpu_does_not_fall_when_the_whole_tree_ends() -> None:
    with child(
        under_a_parent("import time\nwhile time.process_time() < 0.5: pass\nprint('up', flush=True)")
    ) as process:
        sampler = TreeSampler(process.pid)
        totals = [sampler.sample().cpu_seconds]
        assert line_of(process) == "up"
        process.wait()
        totals += [sampler.sample().cpu_seconds for _ in range(3)]
    assert totals == sorted(totals)


def test_a_daemon_is_followed_out_of_the_tree() -> None:
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid(); print(os.getpid(), flush=True)\n"
        "    time.sleep(20)\n"
        "time.sleep(1.0); os._exit(0)\n"
    )
    with child(under_a_parent(code + "\n")) as process:
        daemon = int(line_of(process))
        sampler = TreeSampler(process.pid)
        sampler.sample()
        assert daemon in sampler.pids()
        process.wait()
        sampler.sample()
        assert sampler.pids() == (daemon,)
        os.kill(daemon, signal.SIGKILL)


def test_memory_of_the_tree_and_its_true_share() -> None:
    code = (
        "import os, time\n"
        "block = bytearray(os.urandom(1) * (64 << 20))\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0: break\n"
        "os.write(1, b'up\\n'); time.sleep(20)\n"
    )
    with child(under_a_parent(code)) as process:
        assert [line_of(process) for _ in range(4)] == ["up"] * 4
        sampler = TreeSampler(process.pid)
        plain = sampler.sample().memory_bytes
        shared_once = sampler.proportional_memory()
        end_all(process)
    assert plain > 4 * (64 << 20)
    assert 64 << 20 < shared_once < 2 * (64 << 20)


def test_the_root_does_not_count_as_a_thread_at_work() -> None:
    with child("import time\nprint('up', flush=True)\nwhile time.monotonic(): pass") as process:
        assert line_of(process) == "up"
        (sample,) = samples(process.pid, 1)
    assert (sample.threads, sample.busy) == (0, ())
    assert sample.cpu_seconds > 0.0


def test_a_look_too_soon_after_another_is_not_judged() -> None:
    with child("import time; print('up', flush=True); time.sleep(20)") as process:
        assert line_of(process) == "up"
        sampler = TreeSampler(process.pid)
        assert [sampler.sample().busy for _ in range(3)] == [None] * 3


def test_a_root_that_is_gone_is_an_empty_tree() -> None:
    with child("pass") as process:
        process.wait()
        sample = TreeSampler(process.pid).sample()
    assert (sample.processes, sample.threads, sample.cpu_seconds) == (0, 0, 0.0)


def test_processes_that_vanish_while_being_read_are_no_error() -> None:
    code = (
        "import os\n"
        "print('up', flush=True)\n"
        "while True:\n"
        "    for _ in range(5):\n"
        "        if os.fork() == 0: os._exit(0)\n"
        "    for _ in range(5): os.wait()\n"
    )
    with child(under_a_parent(code)) as process:
        assert line_of(process) == "up"
        sampler = TreeSampler(process.pid)
        totals = [sampler.sample().cpu_seconds for _ in range(300)]
        end_all(process)
    assert totals == sorted(totals)


def test_meter_adds_up_to_a_heartbeat() -> None:
    throttled = iter([10.0, 10.5, 11.0])
    with child(under_a_parent("import time\nprint('up', flush=True)\nwhile time.monotonic(): pass")) as process:
        assert line_of(process) == "up"
        sampler, meter = TreeSampler(process.pid), Meter(throttled=lambda: next(throttled))
        meter.add(sampler.sample())
        time.sleep(0.6)
        meter.add(sampler.sample())
        first = meter.telemetry()
        meter.add(sampler.sample())
        second = meter.telemetry()
        end_all(process)
    assert (first.threads, first.threads_at_work, first.most_threads_at_work) == (1, 1, 1)
    assert first.interval_cpu_seconds == first.cpu_seconds > 0.0
    assert first.throttled_seconds == 0.5
    assert (second.threads_at_work, second.most_threads_at_work) == (0, 1)
    assert second.interval_cpu_seconds == pytest.approx(second.cpu_seconds - first.cpu_seconds)
    assert second.throttled_seconds == 1.0


def end_all(process: subprocess.Popen[str]) -> None:
    """Kill what the parent of :func:`under_a_parent` started; the parent then ends by itself."""
    from corebound_trial.binding.process import end_tree

    assert end_tree([process.pid], grace=0) == ()
