"""Whose each core of this machine is: campaigns that run at once share the machine without sharing a core.

One lock file per core below ``COREBOUND_HOME``. A worker holds the locks of its cores by inherited descriptors, so the
kernel drops them when it ends, whoever was killed. What could go wrong: two campaigns that each take half of what both need
(one at a time chooses, and takes all or nothing), a CPU quota below the number of cores (only that many cores are given away,
the same ones to everybody), a file that cannot be opened (said by its name).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from corebound.api.errors import StorageError
from corebound.local.home import ensured, home
from corebound.local.machine import core_sets, this_machine
from corebound.planning.pools import whole_cores

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from corebound.local.machine import Machine

UNKNOWN: Final = "another campaign"


@dataclass(frozen=True, kw_only=True)
class HeldCores:
    """Cores of this campaign's own, until they are let go and every worker that was given them is gone."""

    ids: tuple[int, ...]
    descriptors: tuple[int, ...]

    def let_go(self) -> None:
        """This process needs them no longer."""
        for descriptor in self.descriptors:
            os.close(descriptor)


@dataclass(frozen=True, kw_only=True)
class CorePool:
    """The cores that campaigns of this user share on this machine."""

    folder: Path
    campaign: str
    machine: Machine

    @classmethod
    def of_this_machine(cls, campaign: str) -> CorePool:
        """The one below this user's ``COREBOUND_HOME``."""
        return cls(folder=home() / "cores", campaign=campaign, machine=this_machine())

    def take(self, threads: int) -> HeldCores | None:
        """``threads`` cores that nobody has, hyper-threads of one core together; None when fewer are free."""
        with self._choosing():
            free = {core: descriptor for core in self._shared() if (descriptor := self._locked(core)) is not None}
            chosen: tuple[int, ...] = ()
            if len(free) >= threads:
                [chosen] = core_sets(self.machine, threads=threads, workers=1, among=tuple(free))
            for core, descriptor in free.items():
                if core not in chosen:
                    os.close(descriptor)
                else:
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, json.dumps({"campaign": self.campaign}).encode(), 0)
        return HeldCores(ids=chosen, descriptors=tuple(free[core] for core in chosen)) if chosen else None

    def holders(self) -> dict[int, str]:
        """The campaign of each core that somebody else has now."""
        found = {}
        with self._choosing():
            for core in self._shared():
                descriptor = self._locked(core)
                if descriptor is not None:
                    os.close(descriptor)
                elif (name := self._written(core)) != self.campaign:
                    found[core] = name
        return found

    def _shared(self) -> tuple[int, ...]:
        """As many cores as may be used at once: with a quota below their number the same ones for everybody."""
        whole = whole_cores(self.machine.cores)
        return tuple(core for (core,) in core_sets(self.machine, threads=1, workers=whole))

    def _locked(self, core: int) -> int | None:
        """The lock of that core; None when somebody has it."""
        descriptor = self._opened(f"core-{core}")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def _written(self, core: int) -> str:
        try:
            return str(json.loads((self.folder / f"core-{core}").read_text(encoding="utf-8"))["campaign"])
        except (OSError, ValueError, KeyError, TypeError):
            return UNKNOWN

    @contextlib.contextmanager
    def _choosing(self) -> Iterator[None]:
        """One campaign at a time chooses; the lock goes with this process should it be killed."""
        descriptor = self._opened("choosing")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _opened(self, name: str) -> int:
        path = ensured(self.folder) / name
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(
                f"{path} cannot be opened: {error.strerror}. Campaigns share this machine's cores by locks there; set "
                "COREBOUND_HOME to a folder you may write to"
            ) from error


def waiting_line(holders: dict[int, str], *, waiting: int, workers: int) -> str:
    """What to say of workers that have no cores yet."""
    by_campaign: dict[str, list[int]] = {}
    for core, campaign in holders.items():
        by_campaign.setdefault(campaign, []).append(core)
    named = [
        f"{campaign} (core{'s' if len(cores) > 1 else ''} {', '.join(map(str, sorted(cores)))})"
        for campaign, cores in by_campaign.items()
    ]
    return (
        f"{waiting} of {workers} workers wait{'s' if waiting == 1 else ''} for cores that are in use by "
        f"{', '.join(named) or UNKNOWN}; each starts when enough are free (corebound watch shows all campaigns)"
    )
