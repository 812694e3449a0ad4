"""Waves, money, words and pools: the small pure parts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebound.api.errors import PlanError
from corebound.planning.cost import cpu_cost, node_cost
from corebound.planning.pools import described_pool, machine_pool, packing_sizes
from corebound.planning.waves import adaptive_rounds, waves, workers_for_rounds
from corebound.planning.wording import bytes_text, duration_text, money_text


@given(trials=st.integers(1, 10**6), workers=st.integers(1, 10**4))
def test_waves_hold_all_trials_and_no_wave_is_empty(trials: int, workers: int) -> None:
    count = waves(trials=trials, workers=workers)
    assert (count - 1) * workers < trials <= count * workers


@given(trials=st.integers(1, 10**6), rounds=st.integers(1, 50))
def test_workers_for_rounds_are_the_most_that_leave_them(trials: int, rounds: int) -> None:
    workers = workers_for_rounds(trials=trials, rounds=rounds)
    if trials >= rounds:
        assert adaptive_rounds(trials=trials, workers=workers) >= rounds
        assert adaptive_rounds(trials=trials, workers=workers + 1) < rounds
    else:
        assert workers == 1


def test_money_is_decimal_to_the_last_place() -> None:
    assert node_cost(nodes=3, seconds=1800, price_per_hour=Decimal("0.20")) == Decimal("0.30")
    assert node_cost(nodes=1, seconds=0.1, price_per_hour=Decimal(36000)) == Decimal(1)
    assert cpu_cost(cpu_seconds=7200, price_per_hour=Decimal("3.50"), cores=3.5) == Decimal(2)


def test_the_sequential_baseline_costs_what_it_cost() -> None:
    """100 trials of 11.4 minutes one after the other at 0.20 an hour: 19 hours, 3.80."""
    assert node_cost(nodes=1, seconds=100 * 11.4 * 60, price_per_hour=Decimal("0.20")) == Decimal("3.80")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (12.34, "12.3 s"),
        (59.96, "60 s"),
        (60, "1 min"),
        (200.4, "3 min 20 s"),
        (6840, "1 h 54 min"),
        (7199.9, "2 h"),
        (172800, "2 d"),
        (187200, "2 d 4 h"),
    ],
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_bytes_and_money_are_readable() -> None:
    assert [bytes_text(count) for count in (5, 1024, 2**30, 3 * 2**29)] == ["5 bytes", "1Ki", "1Gi", "1.5Gi"]
    assert [money_text(Decimal(amount), "USD") for amount in ("3.795", "0.00126", "0")] == [
        "3.80 USD",
        "0.0013 USD",
        "0.0000 USD",
    ]


@given(cores=st.floats(1, 300))
def test_packing_sizes_are_each_the_largest_for_their_count(cores: float) -> None:
    sizes = packing_sizes(cores)
    assert sizes[0] == (int(cores + 1e-9), 1)
    for threads, count in sizes:
        assert threads * count <= cores + 1e-9
        assert int(cores + 1e-9) // (threads + 1) < count


def test_packing_of_a_large_node_matches_the_known_sizes() -> None:
    known = {(62, 2), (41, 3), (31, 4), (25, 5), (15, 8), (7, 17), (4, 31), (2, 62), (1, 125)}
    assert known <= set(packing_sizes(125))


def test_a_quota_is_named_as_the_source() -> None:
    assert (
        "its CPU quota (2 cores in the affinity mask)"
        in machine_pool(core_ids=(0, 1), cores=1.5, memory_bytes=None).source
    )
    assert "its affinity mask" in machine_pool(core_ids=(0, 1), cores=2.0, memory_bytes=None).source


def test_flags_describe_a_pool() -> None:
    assert described_pool(cores=128).cores == 128
    node = described_pool(cores=128, allocatable=126.62, nodes=3, price_per_hour=Decimal("3.50"))
    assert (node.cores, node.nodes, node.price_per_hour) == (126.62, 3, Decimal("3.50"))


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ({"cores": 0}, "--cores is 0"),
        ({"cores": float("nan")}, "--cores is nan"),
        ({"cores": float("inf")}, "--cores is inf"),
        ({"cores": 4, "nodes": 0}, "--nodes is 0"),
        ({"cores": 4, "pods": -1}, "--pods is -1"),
        ({"cores": 4, "memory_bytes": 0}, "--memory is 0"),
        ({"cores": 4, "price_per_hour": Decimal(-1)}, "--price is -1"),
        ({"cores": 4, "allocatable": 4.5}, r"--allocatable 4\.5 is more than --cores 4"),
    ],
)
def test_impossible_nodes_are_refused(flags: dict[str, float], text: str) -> None:
    with pytest.raises(PlanError, match=text):
        described_pool(**flags)
