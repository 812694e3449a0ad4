"""Verdicts on a running worker."""

from corebound_trial.binding.breach import Breach, BreachWatch, Note, pool_breach
from corebound_trial.binding.pools import PoolReport
from corebound_trial.binding.telemetry import BusyThread, TreeSample


def sample(busy: int | None) -> TreeSample:
    threads = [
        BusyThread(pid=7, tid=70 + index, name="python", program="python train.py", share=0.9)
        for index in range(busy or 0)
    ]
    return TreeSample(
        at=0.0,
        interval=1.0,
        cpu_seconds=0.0,
        processes=1,
        threads=20,
        busy=None if busy is None else tuple(threads),
        memory_bytes=0,
        voluntary_switches=0,
        involuntary_switches=0,
    )


def verdicts(threads: int, *series: int | None) -> list[type | None]:
    watch = BreachWatch(threads=threads)
    found = [watch.judge_sample(sample(busy)) for busy in series]
    return [None if verdict is None else type(verdict) for verdict in found]


def test_third_sample_in_a_row_is_the_breach() -> None:
    assert verdicts(1, 5, 5, 5) == [Note, None, Breach]
    assert verdicts(1, 5, 5, 1, 5, 5, 1) == [Note, None, None, Note, None, None]
    assert verdicts(2, 2, 2, 2, 2) == [None] * 4, "twenty threads exist, two work: no fault"


def test_a_sample_without_judgement_neither_counts_nor_forgives() -> None:
    assert verdicts(1, 2, None, 2, None, 2) == [Note, None, None, None, Breach]


def test_the_message_names_who_works() -> None:
    watch = BreachWatch(threads=1)
    found = [watch.judge_sample(sample(5)) for _ in range(3)][-1]
    assert found is not None
    assert found.message.startswith(
        "5 threads at work in 3 samples in a row, spec.threads is 1: python x5 (python train.py, pid 7)"
    )


def test_a_pool_above_the_contract_is_a_breach_at_once_and_torch_is_named_first() -> None:
    found = pool_breach(
        [PoolReport(library="openmp", threads=64), PoolReport(library="torch", threads=64)],
        threads=1,
    )
    assert found is not None
    assert found.message.startswith("torch.set_num_threads(64) was called in the objective")
    assert "spec.threads is 1" in found.message


def test_pools_within_the_contract() -> None:
    pools = [PoolReport(library="torch", threads=2), PoolReport(library="openblas", threads=1)]
    assert pool_breach(pools, threads=2) is None


def test_a_lasting_small_pool_is_noted_once_and_a_passing_one_not() -> None:
    watch = BreachWatch(threads=2)
    small, full = [PoolReport(library="torch", threads=1)], [PoolReport(library="torch", threads=2)]
    assert [watch.judge_pools(pools) for pools in (small, small, full, small, small)] == [None] * 5
    assert isinstance(watch.judge_pools(small), Note)
    assert watch.judge_pools(small) is None
