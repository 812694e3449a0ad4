"""The thread contract: one number, written into every variable that any maths library reads.

Pure. The operator writes these variables into pods, the local supervisor into processes, and the worker checks them
before its first slot. Source of the list: joblib's own, extended by what numexpr, polars, numba and torch.compile read.
What could go wrong: a variable that is missing here is a library that sizes its pool from the host.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class ExitCode(IntEnum):
    """What a worker's exit means; a Job's pod failure policy acts on exactly these."""

    NOTHING_LEFT = 0
    LEDGER_UNREACHABLE = 75
    CONTRACT_BROKEN = 78
    STOPPED = 143


THREAD_COUNT_VARIABLES: Final = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "NUMBA_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "TBB_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
    "PYTHON_CPU_COUNT",
    "COREBOUND_THREADS",
)

BINDING_VARIABLES: Final = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")
"""Refused in a campaign: they pin every process that shares a node to the same first cores."""

MOST_COMPILE_THREADS: Final = 4


def thread_environment(threads: int) -> dict[str, str]:
    """The variables a worker of ``threads`` threads must run with, before any library is loaded."""
    environment = dict.fromkeys(THREAD_COUNT_VARIABLES, str(threads))
    environment["TORCHINDUCTOR_COMPILE_THREADS"] = str(min(threads, MOST_COMPILE_THREADS))
    environment["OMP_DYNAMIC"] = "false"
    if threads > 1:
        environment["OMP_WAIT_POLICY"] = "PASSIVE"
    return environment


def contradictions(environment: Mapping[str, str], threads: int | None) -> list[str]:
    """Why each variable of a campaign's ``env`` that breaks the contract is refused, one sentence each.

    ``threads`` is None while it is still ``auto``: then no thread count may be set by hand at all.
    """
    expected = thread_environment(threads) if threads is not None else {}
    found: list[str] = []
    for name, value in environment.items():
        if name in BINDING_VARIABLES:
            found.append(f"{name} binds every worker to the same first cores; remove it, Corebound gives each its own")
        elif name in THREAD_COUNT_VARIABLES or name in {"TORCHINDUCTOR_COMPILE_THREADS", "OMP_DYNAMIC"}:
            wanted = expected.get(name)
            if wanted is None:
                found.append(f"{name}={value} sets by hand what spec.threads decides; remove it and set spec.threads")
            elif value.strip().lower() != wanted:
                found.append(f"{name}={value} contradicts spec.threads: it must be {wanted}; remove it")
    return found
