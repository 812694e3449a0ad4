"""The places of a campaign's workers on this machine: each has cores of its own while there is work for it.

Processes come and go, cores are let go when nothing is left for their seat. What could go wrong: other campaigns have the
cores (the seat stays empty, and it is said once whom it waits for), the process that workers are forked from is gone (another
one is made, its workers were asked to stop by the kernel), a worker is killed (what it started is ended, and its temporary
files are removed: they are below one folder of this run).
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from corebound.api.contract import ExitCode
from corebound.api.errors import StorageError
from corebound.local.cores import waiting_line
from corebound.local.nursery import Nursery
from corebound.local.strays import MARK, end_strays, new_mark
from corebound.planning.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from corebound.local.cores import CorePool, HeldCores
    from corebound.local.nursery import WorkerProcess

AT_ONCE: Final = 4
"""Workers that may be on their way to their first slot, for each core that there really is."""
STARTING_SECONDS: Final = 60.0
"""A worker without a slot is on its way for so long; one that hangs must not keep others from their seats."""
STOP_SECONDS: Final = 20.0


@dataclass(kw_only=True)
class Seat:
    """The place of one worker."""

    name: str
    cores: HeldCores | None = None
    process: WorkerProcess | None = None
    taken_at: float = 0.0

    def leave(self) -> None:
        """Its cores may be another campaign's."""
        if self.cores is not None:
            self.cores.let_go()
            self.cores = None


@dataclass(kw_only=True)
class Seats:
    """All seats of one campaign."""

    campaign: str
    workers: int
    threads: int
    cores: CorePool | None
    """None for a pretended pool: no affinity, and nobody else is asked."""
    folder: Path
    output: Path
    environment: Mapping[str, str]
    say: Callable[[str], None]
    is_waiting: bool = False
    """Whether some stay empty because other campaigns have the cores."""
    _seats: list[Seat] = field(init=False)
    _nursery: Nursery | None = None
    _scratch: Path | None = None
    _mark: str = field(default_factory=new_mark)

    def __post_init__(self) -> None:
        self._seats = [Seat(name=f"worker-{index}") for index in range(self.workers)]

    @property
    def occupied(self) -> bool:
        """Whether any worker runs."""
        return any(process.poll() is None for process in self._processes())

    def fill(self, *, claimable: int, at_work: int) -> bool:
        """Start a worker on each empty seat while there are slots and cores for it; whether others are to follow soon.

        A few at a time for each core: 130 that start at once on 2 cores are all ready late, one after the other the
        first soon.
        """
        now = time.monotonic()
        empty = [seat for seat in self._seats if seat.process is None]
        young = sum(seat.process is not None and now - seat.taken_at < STARTING_SECONDS for seat in self._seats)
        starting = min(young, max(0, len(self._seats) - len(empty) - at_work))
        wanted = min(claimable - starting, len(empty))
        at_once = max(0, min(wanted, AT_ONCE * len(os.sched_getaffinity(0)) - starting))
        for seated, seat in enumerate(empty[:at_once]):
            if not self._gets_cores(seat):
                self._say_who_has_the_cores(wanted - seated)
                return False
            seat.process, seat.taken_at = self._start(seat), now
        self.is_waiting = self.is_waiting and wanted > at_once
        return wanted > at_once

    def ended(self) -> Iterator[tuple[str, int]]:
        """Empty the seats of workers that have gone; their names and exit statuses."""
        for seat in self._seats:
            if seat.process is not None and (status := seat.process.poll()) is not None:
                seat.process = None
                self.remove_scratch(seat.name)
                if status == ExitCode.NOTHING_LEFT:
                    seat.leave()
                yield seat.name, status

    def end_strays(self) -> None:
        """After a worker that was killed, which could not end what its trial had started."""
        if self._nursery is None or self._nursery.is_gone:
            return  # its other workers are stopping, and descend from nobody
        if (strays := end_strays(self._mark, below=self._nursery.pid)) > 0:
            self.say(f"ended {count_text(strays, 'stray')} of its trial")

    def stop(self, *, at_once: Callable[[], bool]) -> None:
        """Ask all workers to stop, and wait; whoever is still there after that, or ``at_once``, is ended."""
        for process in self._processes():
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while self.occupied and time.monotonic() < deadline and not at_once():
            time.sleep(0.05)
        self.end()

    def kill(self) -> None:
        """End all workers without waiting; for signal handlers."""
        for process in self._processes():
            process.kill()

    def end(self) -> None:
        """End all workers, and what they were forked from; their cores are free."""
        self.kill()
        for process in self._processes():
            process.wait()
        if self._nursery is not None:
            self._nursery.close()
            self._nursery = None
            end_strays(self._mark, below=None)
        self.remove_scratch()
        for seat in self._seats:
            seat.leave()

    def remove_scratch(self, name: str = "") -> None:
        """The temporary files of the worker that had this name, or of all; one that was not killed has left none."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch / name, ignore_errors=True)

    def _processes(self) -> list[WorkerProcess]:
        return [seat.process for seat in self._seats if seat.process is not None]

    def _gets_cores(self, seat: Seat) -> bool:
        if self.cores is None or seat.cores is not None:
            return True
        seat.cores = self.cores.take(self.threads)
        return seat.cores is not None

    def _say_who_has_the_cores(self, waiting: int) -> None:
        """Once for each time that workers have to wait."""
        if self.cores is not None and not self.is_waiting:
            self.is_waiting = True
            self.say(waiting_line(self.cores.holders(), waiting=waiting, workers=len(self._seats)))

    def _start(self, seat: Seat) -> WorkerProcess:
        arguments = ["--name", seat.name, "--threads", str(self.threads), "--folder", str(self.folder)]
        arguments += ["--output", str(self.output), "--enforce-memory"]
        arguments += ["--scratch", str(self._living_scratch() / seat.name)]
        held: tuple[int, ...] = ()
        if seat.cores is not None:
            arguments += ["--cores", ",".join(map(str, seat.cores.ids))]
            held = seat.cores.descriptors
        return self._living_nursery().start(arguments, log=self.output / f"{seat.name}.log", held=held)

    def _living_scratch(self) -> Path:
        """Where the workers' own temporary files would be; made again when a cleaner of old files has taken it."""
        if self._scratch is None or not self._scratch.is_dir():
            named = self.environment.get("TMPDIR")
            place = Path(named).absolute() if named and Path(named).is_dir() else None
            try:
                made = tempfile.mkdtemp(prefix="corebound-run-", dir=place)
            except OSError as error:
                raise StorageError(
                    f"no folder for temporary files can be made: {error}; make room there, or set TMPDIR to a folder you "
                    "may write to"
                ) from error
            self._scratch = Path(made)
        return self._scratch

    def _living_nursery(self) -> Nursery:
        if self._nursery is not None and self._nursery.is_gone:
            self._nursery.close()
            self._nursery = None
        if self._nursery is None:
            log = self.output / "workers.log"
            environment = {**self.environment, MARK: self._mark}
            self._nursery = Nursery(campaign=self.campaign, environment=environment, log=log)
        return self._nursery
