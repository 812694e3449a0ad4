"""Library pools in a real child: set to the contract whenever torch comes, and watched from the main thread."""

import json

from .children import child, line_of

REPORT = "print(json.dumps({pool.library: pool.threads for pool in read_pools()}), flush=True)\n"
IMPORTS = "import json, sys\nfrom corebound_trial.binding.pools import limit_pools, read_pools\n"


def pools_of(code: str, *, threads: int = 1) -> dict[str, int]:
    with child(IMPORTS + code + REPORT, threads=threads) as process:
        found: dict[str, int] = json.loads(line_of(process))
    return found


def test_nothing_is_imported_for_the_asking() -> None:
    code = "limit_pools(2)\nread_pools()\nassert not {'torch', 'numpy'} & set(sys.modules)\n"
    assert pools_of(code, threads=2) == {}


def test_torch_imported_later_is_limited() -> None:
    found = pools_of("import os\nlimit_pools(2)\nos.environ['MKL_NUM_THREADS'] = '1'\nimport torch\n", threads=2)
    assert (found["torch"], found["torch inter-op"]) == (2, 1)


def test_torch_imported_before_is_limited() -> None:
    found = pools_of("import torch, numpy\ntorch.set_num_threads(7)\nlimit_pools(2)\n", threads=1)
    assert (found["torch"], found["torch inter-op"], found["openblas"]) == (2, 1, 2)


def test_the_hook_leaves_the_import_system_as_it_was() -> None:
    code = (
        "import importlib.util\n"
        "before = list(sys.meta_path)\n"
        "limit_pools(1)\n"
        "assert importlib.util.find_spec('torch') is not None and 'torch' not in sys.modules\n"
        "assert importlib.util.find_spec('no_such_module_anywhere') is None\n"
        "import torch, torch.nn\n"
        "assert sys.meta_path == before\n"
        "assert 'exec_module' not in vars(torch.__loader__)\n"
        "import inspect; inspect.getsource(torch.nn.Module)\n"
    )
    assert pools_of(code)["torch"] == 1


def test_a_script_that_sets_interop_threads_itself_still_runs() -> None:
    code = "limit_pools(1)\nimport torch\ntorch.set_num_interop_threads(1)\ntorch.set_num_interop_threads(4)\n"
    assert pools_of(code)["torch inter-op"] == 1


WATCH = """
import sys, time
from corebound_trial.binding.pools import limit_pools
from corebound_trial.binding.watch import PoolWatch
limit_pools(1)
told = []
watch = PoolWatch(threads=1, on_breach=lambda breach: told.append(breach.message), interval=0.05)
watch.start()
"""


def test_the_watch_sees_what_the_main_thread_set() -> None:
    code = WATCH + (
        "import torch\n"
        "end = time.monotonic() + 0.5\n"
        "while time.monotonic() < end: pass\n"
        "assert told == [], told\n"
        "torch.set_num_threads(64)\n"
        "end = time.monotonic() + 10\n"
        "while not told and time.monotonic() < end: pass\n"
        "time.sleep(0.3)\n"
        "watch.stop(); print(told, flush=True)\n"
    )
    with child(code) as process:
        told = line_of(process)
    assert told.count("torch.set_num_threads(64) was called") == 1, "told once, and only once"
    assert "spec.threads is 1" in told


def test_the_watch_does_not_cut_system_calls_short() -> None:
    code = WATCH + (
        "import ctypes\n"
        "libc = ctypes.CDLL(None)\n"
        "for _ in range(3):\n"
        "    assert libc.usleep(300_000) == 0, 'EINTR'\n"
        "for _ in range(10000): pass\n"
        "print('whole', watch.failure, flush=True)\n"
    )
    with child(code) as process:
        assert line_of(process) == "whole None"


def test_an_exception_of_a_signal_handler_reaches_the_objective_through_a_look() -> None:
    code = WATCH + (
        "import os, signal\n"
        "class Ended(BaseException): pass\n"
        "def end(*_): raise Ended\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "watch._look._reader.read = lambda: os.kill(os.getpid(), signal.SIGTERM) or ()\n"
        "try:\n"
        "    while True: time.sleep(0.01)\n"
        "except Ended: print('reached', flush=True)\n"
    )
    with child(code) as process:
        assert line_of(process) == "reached"
