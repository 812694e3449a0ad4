"""The decision whether what is there is what was told, and the line that names the culprit."""

from dataclasses import replace

import pytest

from corebound.api.contract import thread_environment
from corebound_trial.binding.pools import PoolReport
from corebound_trial.binding.selfcheck import Expectation, Facts, check, one_line

POD = Expectation(threads=2, own_quota=True)
HERE = Expectation(threads=2, core_ids=(2, 3))
SOUND = Facts(quota_cores=2.0, core_ids=(2, 3), environment=thread_environment(2))


def test_a_sound_worker_has_no_findings() -> None:
    pools = tuple(PoolReport(library=name, threads=2) for name in ("torch", "openmp", "openblas"))
    facts = replace(SOUND, pools=(*pools, PoolReport(library="torch inter-op", threads=1)))
    assert check(POD, facts) == []
    assert check(HERE, replace(facts, quota_cores=None)) == []
    assert check(HERE, replace(facts, quota_cores=16.0)) == [], "a quota shared with others is not this worker's"
    assert check(POD, replace(facts, quota_cores=None)) == [], "a static CPU manager sets cores, not a quota"


@pytest.mark.parametrize("quota", [1.0, 1.5, 3.0, 64.0])
def test_a_pods_quota_must_be_the_threads(quota: float) -> None:
    (finding,) = check(POD, replace(SOUND, quota_cores=quota))
    assert finding.found == f"the CPU quota is {quota:g} cores"
    assert ("lowered" in finding.culprit) == (quota < 2)


def test_a_container_too_small_for_a_local_worker() -> None:
    (finding,) = check(HERE, replace(SOUND, quota_cores=1.5))
    assert "lower spec.threads" in finding.culprit


@pytest.mark.parametrize(
    ("expectation", "cores", "words"),
    [
        (HERE, (0, 1), "cores 0-1, expected 2-3"),
        (HERE, (2,), "cores 2, expected 2-3"),
        (HERE, (0, 1, 2, 3), "cores 0-3, expected 2-3"),
        (POD, (5,), "1 core (5), expected at least 2"),
    ],
)
def test_cores(expectation: Expectation, cores: tuple[int, ...], words: str) -> None:
    (finding,) = check(expectation, replace(SOUND, core_ids=cores))
    assert words in str(finding)


@pytest.mark.parametrize("name", sorted({*thread_environment(2)} - {"OMP_WAIT_POLICY"}))
def test_each_variable_is_checked_for_absence_and_value(name: str) -> None:
    environment = thread_environment(2)
    changed = check(POD, replace(SOUND, environment={**environment, name: "64"}))
    assert one_line(changed).startswith(f"thread contract broken: {name} is 64 in the worker's environment, expected ")
    del environment[name]
    (absent,) = check(POD, replace(SOUND, environment=environment))
    assert absent.found == f"{name} is not set in the worker's environment"


def test_wait_policy_may_be_chosen_but_not_missing() -> None:
    environment = thread_environment(2)
    assert check(POD, replace(SOUND, environment={**environment, "OMP_WAIT_POLICY": "ACTIVE"})) == []
    del environment["OMP_WAIT_POLICY"]
    assert len(check(POD, replace(SOUND, environment=environment))) == 1


def test_binding_variables_are_a_finding() -> None:
    (finding,) = check(POD, replace(SOUND, environment={**thread_environment(2), "OMP_PROC_BIND": "true"}))
    assert "OMP_PROC_BIND is set" in finding.found


@pytest.mark.parametrize(
    ("library", "threads", "broken"),
    [
        ("torch", 64, True),
        ("torch", 1, True),
        ("openblas", 64, True),
        ("openblas", 1, False),
        ("torch inter-op", 1, False),
        ("torch inter-op", 64, True),
    ],
)
def test_pools(library: str, threads: int, broken: bool) -> None:
    findings = check(POD, replace(SOUND, pools=(PoolReport(library=library, threads=threads),)))
    assert len(findings) == broken


def test_the_line_stays_one_line_and_counts_the_rest() -> None:
    findings = check(POD, replace(SOUND, environment={"OMP_NUM_THREADS": "6\n4"}))
    line = one_line(findings)
    assert "\n" not in line
    assert line.endswith(f"| and {len(findings) - 2} more")
