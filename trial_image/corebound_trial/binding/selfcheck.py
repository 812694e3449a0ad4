"""Is what the worker finds what it was told? Asked before the first slot; a no ends the worker with status 78.

Facts (gathered by :func:`gather_facts`, the only part that looks at the machine) and the expectation flow in, findings
flow out. What could go wrong: a check that is too strict fails a sound campaign. So a quota is compared only where it
is the worker's own (a pod's), and a missing quota is none of our business: a node with the static CPU manager gives
whole cores instead.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from corebound.api.contract import BINDING_VARIABLES, thread_environment
from corebound.api.errors import ThreadContractError
from corebound.local.cgroups import cpu_quota
from corebound_trial.binding.affinity import bound_cores, format_cores
from corebound_trial.binding.pools import TORCH, PoolReport

if TYPE_CHECKING:
    from collections.abc import Mapping

CHOSEN_BY_USER: Final = ("OMP_WAIT_POLICY",)
"""Variables of the contract whose value a campaign may choose; only their absence is a finding."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What the worker was told."""

    threads: int
    core_ids: tuple[int, ...] | None = None
    """The cores of its own, None where it has none (a pod on shared cores)."""
    own_quota: bool = False
    """Whether the CPU quota is this worker's alone (a pod), so that it must equal ``threads``."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the worker finds."""

    quota_cores: float | None
    core_ids: tuple[int, ...]
    environment: Mapping[str, str]
    """The variables of the contract that are set, and no others."""
    pools: tuple[PoolReport, ...] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One difference: what was found, what was expected, and who may have done it."""

    found: str
    expected: str
    culprit: str

    def __str__(self) -> str:
        return f"{self.found}, expected {self.expected}; {self.culprit}"


def gather_facts(*, threads: int, pools: tuple[PoolReport, ...] = ()) -> Facts:
    """The facts of this process; ``pools`` as :func:`.pools.read_pools` gave them in the objective's thread."""
    names = {*thread_environment(threads), *thread_environment(2), *BINDING_VARIABLES}
    return Facts(
        quota_cores=cpu_quota().cores,
        core_ids=bound_cores(),
        environment={name: os.environ[name] for name in names if name in os.environ},
        pools=pools,
    )


def require(expectation: Expectation, *, pools: tuple[PoolReport, ...] = ()) -> None:
    """Look at this process now. Raises :class:`ThreadContractError` with all that differs."""
    findings = check(expectation, gather_facts(threads=expectation.threads, pools=pools))
    if findings:
        raise ThreadContractError(one_line(findings))


def check(expectation: Expectation, facts: Facts) -> list[Finding]:
    """Every difference between what was told and what is; empty when the contract holds."""
    return [
        *_quota_findings(expectation, facts),
        *_core_findings(expectation, facts),
        *_environment_findings(expectation, facts),
        *_pool_findings(expectation, facts),
    ]


def one_line(findings: list[Finding]) -> str:
    """The line a worker prints, and leaves as its termination message, before it exits 78.

    Says the first two findings whole (most broken contracts have one cause) and counts the others.
    """
    shown = " | ".join(str(finding) for finding in findings[:2])
    more = f" | and {len(findings) - 2} more" if len(findings) > 2 else ""
    return f"thread contract broken: {shown}{more}".replace("\n", " ")


def _quota_findings(expectation: Expectation, facts: Facts) -> list[Finding]:
    quota, threads = facts.quota_cores, expectation.threads
    if quota is None or math.isclose(quota, threads, abs_tol=0.01):
        return []
    if quota < threads:
        culprit = (
            "a LimitRange, an admission webhook or a resize lowered the container's CPU limit"
            if expectation.own_quota
            else "the container this runs in has a smaller CPU limit; lower spec.threads or raise that limit"
        )
        return [Finding(found=f"the CPU quota is {quota:g} cores", expected=_told(threads), culprit=culprit)]
    if expectation.own_quota:
        return [
            Finding(
                found=f"the CPU quota is {quota:g} cores",
                expected=_told(threads),
                culprit="an admission webhook or a resize raised the container's CPU limit: cores paid for, not used",
            )
        ]
    return []


def _core_findings(expectation: Expectation, facts: Facts) -> list[Finding]:
    told, found, threads = expectation.core_ids, facts.core_ids, expectation.threads
    if told is not None and set(told) != set(found):
        return [
            Finding(
                found=f"this process may run on cores {format_cores(found)}",
                expected=f"{format_cores(told)} (its own cores)",
                culprit="taskset, numactl or a cpuset changed it; start the worker without",
            )
        ]
    if len(found) < threads:
        return [
            Finding(
                found=f"this process may run on {len(found)} core{'s' if len(found) != 1 else ''} "
                f"({format_cores(found)})",
                expected=f"at least {_told(threads)}",
                culprit="taskset, OMP_PROC_BIND or the node's cpuset narrowed it",
            )
        ]
    return []


def _environment_findings(expectation: Expectation, facts: Facts) -> list[Finding]:
    findings = []
    for name, wanted in thread_environment(expectation.threads).items():
        value = facts.environment.get(name)
        if value is None:
            findings.append(
                Finding(
                    found=f"{name} is not set in the worker's environment",
                    expected=f"{wanted} (spec.threads is {expectation.threads})",
                    culprit="an entry point or the image's shell profile unset it; remove that",
                )
            )
        elif name not in CHOSEN_BY_USER and value.strip().lower() != wanted:
            findings.append(
                Finding(
                    found=f"{name} is {value[:24]} in the worker's environment",
                    expected=f"{wanted} (spec.threads is {expectation.threads})",
                    culprit="an entry point or the image's shell profile changed it; remove that",
                )
            )
    findings += [
        Finding(
            found=f"{name} is set in the worker's environment",
            expected="it unset, because it binds every worker to the same first cores",
            culprit="the image, an entry point or a shell profile set it; remove that",
        )
        for name in BINDING_VARIABLES
        if name in facts.environment
    ]
    return findings


def _pool_findings(expectation: Expectation, facts: Facts) -> list[Finding]:
    """Larger pools of any library; smaller ones of torch only, since OpenBLAS and others have ceilings of their own."""
    return [
        Finding(
            found=f"{pool.library}'s pool is {pool.threads}",
            expected=_told(expectation.threads),
            culprit="the objective's module, or a library it imports, sets the number itself at import; remove that",
        )
        for pool in facts.pools
        if pool.threads > expectation.threads or (pool.library == TORCH and pool.threads < expectation.threads)
    ]


def _told(threads: int) -> str:
    return f"{threads} (spec.threads)"
