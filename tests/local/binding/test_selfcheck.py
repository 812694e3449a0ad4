"""The self-check on a real process: bound cores, its environment, its pools."""

import json
import os
import subprocess
import sys

from corebound.api.contract import thread_environment

CHECK = """
import json, os
from corebound_trial.binding.affinity import bind_to_cores
from corebound_trial.binding.pools import limit_pools, read_pools
from corebound_trial.binding.selfcheck import Expectation, check, gather_facts, one_line
core = min(os.sched_getaffinity(0))
bind_to_cores([core])
limit_pools(1)
{code}
findings = check(Expectation(threads=1, core_ids=(core,)), gather_facts(threads=1, pools=read_pools()))
print(json.dumps([one_line(findings)] if findings else []))
"""


def line(code: str = "", **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", CHECK.format(code=code)],
        env={**os.environ, **thread_environment(1), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str] = json.loads(done.stdout)
    return found


def test_a_sound_worker_with_torch_passes() -> None:
    assert line("import torch, numpy") == []


def test_an_entry_point_that_exports_another_number_is_named() -> None:
    (found,) = line(OMP_NUM_THREADS="64")
    assert found.startswith(
        "thread contract broken: OMP_NUM_THREADS is 64 in the worker's environment, expected 1 (spec.threads is 1); "
        "an entry point or the image's shell profile changed it"
    )


def test_a_library_that_sets_its_pool_at_import_is_named() -> None:
    (found,) = line("import torch; torch.set_num_threads(5)")
    assert "torch's pool is 5, expected 1 (spec.threads)" in found


def test_threads_started_before_binding_are_bound_too() -> None:
    code = (
        "import threading, time\n"
        "from corebound_trial.binding.affinity import bind_to_cores, bound_cores\n"
        "thread = threading.Thread(target=time.sleep, args=(1,)); thread.start()\n"
        "bound = bind_to_cores([min(bound_cores())])\n"
        "assert len(bound) == 1 and bound_cores(thread.native_id) == bound\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_cores_that_do_not_exist_are_refused_with_what_there_is() -> None:
    code = (
        "from corebound.api.errors import ThreadContractError\n"
        "from corebound_trial.binding.affinity import bind_to_cores\n"
        "for cores in ([4000], [0, 4000], []):\n"
        "    try: bind_to_cores(cores)\n"
        "    except ThreadContractError as error: assert 'plan again' in str(error), error\n"
        "    else: raise AssertionError(cores)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
