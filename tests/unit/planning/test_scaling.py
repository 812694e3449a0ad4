"""The law of threads: fitted from few measurements, and never a reason for more threads while trials are enough."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebound.planning.scaling import Measurement, Scaling, best_threads, fit_scaling, throughput

shares = st.floats(0, 1)
costs = st.floats(0, 0.1)


def measured(scaling: Scaling, *threads: int) -> list[Measurement]:
    return [Measurement(threads=count, seconds=scaling.seconds(count)) for count in threads]


@given(single=st.floats(0.01, 1e5), contention=shares, coherency=costs)
def test_exact_measurements_give_their_law_back(single: float, contention: float, coherency: float) -> None:
    law = Scaling(single_seconds=single, contention=contention, coherency=coherency)
    fitted = fit_scaling(measured(law, 1, 2, 4, 8))
    assert math.isclose(fitted.contention, contention, abs_tol=1e-6)
    assert math.isclose(fitted.coherency, coherency, abs_tol=1e-6)
    assert math.isclose(fitted.seconds(6), law.seconds(6), rel_tol=1e-5)


@given(contention=shares, coherency=costs, cores=st.integers(1, 128))
def test_one_thread_has_the_best_throughput(contention: float, coherency: float, cores: int) -> None:
    law = Scaling(single_seconds=10, contention=contention, coherency=coherency)
    best = best_threads(law, places=lambda threads: cores // threads, most_threads=cores)
    chosen = throughput(law, threads=best, places=cores // best)
    assert math.isclose(chosen, throughput(law, threads=1, places=cores), rel_tol=1e-9)


@given(times=st.dictionaries(st.integers(2, 64), st.floats(0.01, 1e4), max_size=6), single=st.floats(0.01, 1e4))
def test_no_noise_gives_a_law_below_zero(times: dict[int, float], single: float) -> None:
    measurements = [Measurement(threads=1, seconds=single)]
    measurements += [Measurement(threads=threads, seconds=seconds) for threads, seconds in times.items()]
    fitted = fit_scaling(measurements)
    assert fitted.contention >= 0
    assert fitted.coherency >= 0
    assert math.isfinite(fitted.seconds(64))
    assert fitted.seconds(64) > 0


def test_a_published_scaling_is_fitted_within_six_percent() -> None:
    """Six points from 4 to 56 cores (intel/ipex-llm issue 6371), put on 1 thread by the law that fits them."""
    points = {1: 404.0, 4: 108.1, 8: 63.6, 14: 38.7, 28: 29.6, 42: 30.0, 56: 32.0}
    fitted = fit_scaling([Measurement(threads=threads, seconds=seconds) for threads, seconds in points.items()])
    assert fitted.peak_threads is not None
    assert 30 < fitted.peak_threads < 45
    for threads, seconds in points.items():
        assert fitted.seconds(threads) == pytest.approx(seconds, rel=0.1)


def test_few_trials_take_the_threads_that_fit() -> None:
    perfect = Scaling(single_seconds=100, contention=0, coherency=0)
    assert best_threads(perfect, places=lambda threads: 16 // threads, most_threads=16, trials=4) == 4
    peaked = Scaling(single_seconds=100, contention=0.02, coherency=0.00072)
    assert 20 < best_threads(peaked, places=lambda threads: 125 // threads, most_threads=125, trials=3) <= 41
    serial = Scaling(single_seconds=100, contention=1, coherency=0)
    assert best_threads(serial, places=lambda threads: 125 // threads, most_threads=125, trials=3) == 1


def test_memory_that_leaves_cores_idle_is_a_case_for_threads() -> None:
    law = Scaling(single_seconds=100, contention=0.05, coherency=0)
    assert best_threads(law, places=lambda threads: min(2, 16 // threads), most_threads=16) == 8


def test_a_peak_is_known_only_with_coherency() -> None:
    assert Scaling(single_seconds=1, contention=0.5, coherency=0).peak_threads is None
    assert Scaling(single_seconds=1, contention=0.19, coherency=0.01).peak_threads == pytest.approx(9)


def test_a_calibration_without_one_thread_is_refused() -> None:
    with pytest.raises(ValueError, match=r"measurement with 1 thread, found only \[2, 4\]"):
        fit_scaling([Measurement(threads=2, seconds=1), Measurement(threads=4, seconds=1)])
    with pytest.raises(ValueError, match="times above 0"):
        fit_scaling([Measurement(threads=1, seconds=0)])
