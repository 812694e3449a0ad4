"""A worker's environment: the contract over the shell, and nothing secret in what is said about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebound.api.contract import BINDING_VARIABLES, thread_environment
from corebound.api.errors import ThreadContractError
from corebound.local.environment import worker_environment


def test_shell_is_inherited_and_overridden_with_one_line() -> None:
    shell = {"PATH": "/bin", "OMP_NUM_THREADS": "64", "MKL_NUM_THREADS": "1", "OMP_DYNAMIC": "true"}
    environment, lines = worker_environment(threads=1, shell=shell, campaign={"SEED": "3"})
    assert environment == {"PATH": "/bin", "SEED": "3", **thread_environment(1)}
    assert lines == [
        "OMP_NUM_THREADS=64 of your shell is overridden with 1; OMP_DYNAMIC=true of your shell is overridden with false"
    ]


def test_an_agreeing_shell_is_not_mentioned() -> None:
    assert worker_environment(threads=2, shell=thread_environment(2), campaign={})[1] == []


def test_binding_variables_are_removed_and_named() -> None:
    shell = {"OMP_PROC_BIND": "true", "KMP_AFFINITY": "compact"}
    environment, lines = worker_environment(threads=2, shell=shell, campaign={})
    assert not set(BINDING_VARIABLES) & set(environment)
    assert len(lines) == 1
    assert lines[0].startswith("OMP_PROC_BIND, KMP_AFFINITY of your shell are removed")


def test_wait_policy_is_the_campaigns_choice() -> None:
    environment, lines = worker_environment(threads=2, shell={}, campaign={"OMP_WAIT_POLICY": "ACTIVE"})
    assert environment["OMP_WAIT_POLICY"] == "ACTIVE"
    assert lines == []


def test_a_campaign_that_contradicts_is_refused_by_name() -> None:
    with pytest.raises(ThreadContractError, match="OMP_NUM_THREADS=8"):
        worker_environment(threads=1, shell={}, campaign={"OMP_NUM_THREADS": "8"})


@given(
    threads=st.integers(1, 256),
    shell=st.dictionaries(
        st.one_of(st.text("ABC_", min_size=1), st.sampled_from([*thread_environment(2), *BINDING_VARIABLES])),
        st.just("s3cr3t-" * 5),
    ),
)
def test_contract_always_holds_and_no_value_of_a_secret_is_told(threads: int, shell: dict[str, str]) -> None:
    environment, lines = worker_environment(threads=threads, shell=shell, campaign={})
    assert thread_environment(threads).items() <= environment.items()
    assert not set(BINDING_VARIABLES) & set(environment)
    assert "s3cr3t" not in "".join(lines)
