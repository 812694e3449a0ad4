"""The environment a worker is started with on this machine.

The shell's environment flows in, the thread contract's variables are laid over it, then the campaign's own ``env``.
What could go wrong: a shell profile that exports ``OMP_NUM_THREADS=64`` would reach every worker, silently. It is
overridden here and said in one line; only names and values of contract variables are ever written into such a line, so
that a token in the environment cannot reach a log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corebound.api.contract import BINDING_VARIABLES, contradictions, thread_environment
from corebound.api.errors import ThreadContractError

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_SHOWN_VALUE: Final = 24
"""Characters of a shell's value that are repeated; a thread count is shorter, anything longer is not one."""


def worker_environment(
    *, threads: int, shell: Mapping[str, str], campaign: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """The whole environment of a worker of ``threads`` threads, and what to tell the user about it (0-2 lines).

    ``shell`` is what the supervisor was started with, ``campaign`` the campaign's ``trial.env`` (it wins where the
    contract leaves a choice: ``OMP_WAIT_POLICY``). Raises :class:`ThreadContractError` when ``campaign`` contradicts
    the contract; the loading of a campaign refuses that first.
    """
    refused = contradictions(campaign, threads)
    if refused:
        raise ThreadContractError("trial.env breaks the thread contract: " + "; ".join(refused))
    contract = thread_environment(threads)
    inherited = {name: value for name, value in shell.items() if name not in BINDING_VARIABLES}
    environment = {**inherited, **contract, **campaign}
    overridden = [name for name in contract if name in shell and shell[name] != environment[name]]
    removed = [name for name in BINDING_VARIABLES if name in shell]
    lines = []
    if overridden:
        lines.append(_overridden_line(overridden, shell=shell, environment=environment))
    if removed:
        lines.append(
            f"{', '.join(removed)} of your shell {_are(removed)} removed for the workers: binding by hand puts every "
            "process on the same first cores; each worker gets cores of its own"
        )
    return environment, lines


def _overridden_line(names: list[str], *, shell: Mapping[str, str], environment: Mapping[str, str]) -> str:
    """``OMP_NUM_THREADS=64 of your shell is overridden with 1``; grouped by the value that is put in its place."""
    by_value: dict[str, list[str]] = {}
    for name in names:
        by_value.setdefault(environment[name], []).append(name)
    parts = [
        f"{', '.join(f'{name}={_shown(shell[name])}' for name in group)} of your shell {_are(group)} "
        f"overridden with {value}"
        for value, group in by_value.items()
    ]
    return "; ".join(parts)


def _shown(value: str) -> str:
    return value if len(value) <= LONGEST_SHOWN_VALUE else f"({len(value)} characters)"


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
