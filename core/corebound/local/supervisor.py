"""Runs a campaign on this machine: one worker process per T cores, watched until the campaign is over.

Level-triggered: each turn looks at the workers and at one ledger summary, and acts. What could go wrong: a worker dies
(its lease is ended, another one is started), other campaigns have the cores (workers wait for them), the embedded database
dies (it is started again), the user stops (workers checkpoint and release their slots; a second time they are ended at
once), the database stays away while the user stops (what it holds is kept, nothing is waited for), workers cannot keep to
the thread contract (the campaign fails with the reason).
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from corebound.api.contract import ExitCode
from corebound.api.errors import CampaignConflictError, StorageError, StorageUnreachableError, refusal
from corebound.api.loading import campaign_from_mapping
from corebound.api.records import Phase, SlotState
from corebound.local.cores import waiting_line
from corebound.local.environment import worker_environment
from corebound.local.home import ensured, output_folder
from corebound.local.nursery import Nursery
from corebound.planning.cost import reserved_cost
from corebound.planning.ending import Ending, campaign_ending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from corebound.api.plan import Plan
    from corebound.api.records import CampaignRecord, LedgerSummary
    from corebound.api.spec import CampaignSpec
    from corebound.ledger.ledger import Ledger
    from corebound.ledger.supervision import Supervision
    from corebound.local.cores import CorePool, HeldCores
    from corebound.local.nursery import WorkerProcess

TURN_SECONDS: Final = 0.25
LOOK_SECONDS: Final = 1.0
STOP_SECONDS: Final = 20.0
STARTING_AT_ONCE: Final = 4
"""Workers that may be on their way to their first slot, for each core that there really is."""
MOST_DEATHS_IN_A_ROW: Final = 10
AT_ONCE_SECONDS: Final = 5.0
"""How long the end may take that was asked for twice: a database that hangs answers nobody."""
SAME_INTERRUPT_SECONDS: Final = 0.3
"""One Ctrl-C can arrive twice: from the terminal, and from a program that started us and passes it on."""
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(kw_only=True)
class _Seat:
    """The place of one worker: its cores stay while there is work for it, processes come and go."""

    name: str
    cores: HeldCores | None = None
    process: WorkerProcess | None = None

    def leave(self) -> None:
        """Its cores may be another campaign's."""
        if self.cores is not None:
            self.cores.let_go()
            self.cores = None


@dataclass(kw_only=True)
class Supervisor:
    """Supervises one campaign; ``run`` returns its last summary."""

    ledger: Ledger
    supervision: Supervision
    campaign: CampaignRecord
    plan: Plan
    cores: CorePool | None
    """None for a pretended pool: no affinity, and nobody else is asked."""
    folder: Path
    storage_url: str
    start_database: Callable[[], None]
    show: Callable[[LedgerSummary], None]
    say: Callable[[str], None]
    grace: float = 600.0
    """Seconds for which an embedded database that does not start again is tried; workers wait as long."""
    interrupted_by: int | None = None
    """The signal that stopped the campaign."""
    _at_once: bool = False
    _interrupted_at: float = 0.0
    _leaving: threading.Timer | None = None
    _seats: list[_Seat] = field(default_factory=list)
    _nursery: Nursery | None = None
    _told_of_waiting: bool = False
    _deaths: int = 0
    _closed_before: int = 0

    def run(self) -> LedgerSummary:
        """Until the campaign is over or the user stops it.

        Raises :class:`StorageUnreachableError` when it is stopped, or the embedded database has failed for the grace, and
        :class:`CampaignConflictError` when another one runs the campaign by now.
        """
        spec = campaign_from_mapping(self.campaign.specification).spec
        environment, lines = worker_environment(
            threads=self.plan.threads, shell=os.environ, campaign={each.name: each.value for each in spec.trial.env}
        )
        for line in lines:
            self.say(line)
        environment["COREBOUND_DATABASE_URL"] = self.storage_url
        self._seats = [_Seat(name=f"worker-{index}") for index in range(self.plan.workers)]
        with self._stoppable():
            ending = self._until_over(spec, environment)
            return self._finish(ending) if ending is not None else self._suspend()

    def _until_over(self, spec: CampaignSpec, environment: dict[str, str]) -> Ending | None:
        """How the campaign ends; None when the user stops it before."""
        looked, more_to_seat = float("-inf"), False
        summary = self._summary()
        while not self._is_interrupted():
            ending = self._reap(summary)
            soon = more_to_seat or not (self._alive() or self._told_of_waiting)
            if soon or time.monotonic() - looked >= LOOK_SECONDS:
                looked = time.monotonic()
                try:
                    summary = self._summary()
                except StorageUnreachableError:
                    if not self._is_interrupted():
                        raise
                    return None
                self.show(summary)
                ending = ending or campaign_ending(spec, summary, cost_so_far=reserved_cost(summary))
            if ending is not None:
                return ending
            more_to_seat = self._seat_workers(summary, environment)
            time.sleep(TURN_SECONDS)
        return None

    @contextlib.contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Signals stop the campaign meanwhile; afterwards no worker is left."""
        heeded = [number for number in STOP_SIGNALS if not _is_hang_up_ignored(number)]
        before = {number: signal.signal(number, self._interrupt) for number in heeded}
        try:
            yield
        finally:
            self._end_workers()
            if self._leaving is not None:
                self._leaving.cancel()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _is_interrupted(self) -> bool:
        return self.interrupted_by is not None

    def _interrupt(self, number: int, _: object) -> None:
        """Only remembers; a second one ends the workers at once, whatever we are waiting for."""
        now = time.monotonic()
        if self.interrupted_by is None:
            self.interrupted_by, self._interrupted_at = number, now
        # A closing terminal hangs up twice: itself, and through its shell.
        elif number != signal.SIGHUP and not self._at_once and now - self._interrupted_at > SAME_INTERRUPT_SECONDS:
            self._at_once = True
            for seat in self._seats:
                if seat.process is not None:
                    seat.process.kill()
            self._leave_soon(128 + self.interrupted_by)

    def _leave_soon(self, status: int) -> None:
        """The workers are gone; a call to a database that hangs is the only thing left that can keep us."""

        def leave() -> None:
            self.say("stopped, but the database does not answer: what it holds is kept; the same command goes on")
            os._exit(status)

        self._leaving = threading.Timer(AT_ONCE_SECONDS, leave)
        self._leaving.daemon = True
        self._leaving.start()

    def _summary(self) -> LedgerSummary:
        def look() -> LedgerSummary:
            self._stay_the_only_one()
            campaign = self.ledger.campaigns.get(self.campaign.name)
            return self.ledger.summaries.of(campaign, maximize=campaign.maximize)

        found: LedgerSummary = self._patiently(look)
        return found

    def _stay_the_only_one(self) -> None:
        """A cut connection took our lock along; by now the campaign may be another one's."""
        try:
            self.supervision.hold()
        except CampaignConflictError as error:
            raise CampaignConflictError(
                f"this corebound lost its connection, and meanwhile another one began to run the campaign; {error}"
            ) from error

    def _patiently(self, call: Callable[[], Any]) -> Any:
        """``call`` again and again while the database is away, until the user stops us.

        An embedded one that cannot be started any more is waited for, too, but not beyond the grace of our workers.
        """
        waiting, failing_since = False, None
        while True:
            try:
                return call()
            except StorageUnreachableError as error:
                if self._at_once:
                    raise
                if not waiting:
                    self.say(f"waiting for the database: {error}")
                waiting = True
                failing_since = self._restart_database(failing_since)
                if self.interrupted_by is not None:
                    return call()
                time.sleep(1.0)

    def _restart_database(self, failing_since: float | None) -> float | None:
        """Since when it has failed to start; None when it has started, or is somebody else's to start."""
        try:
            self.start_database()
        except StorageUnreachableError:
            return failing_since
        except StorageError as error:
            now = time.monotonic()
            if failing_since is None:
                self.say(f"it cannot be started; trying again for {self.grace:.0f} s: {error}")
                return now
            if now - failing_since > self.grace:
                self._stop_workers()
                raise StorageUnreachableError(f"gave up after {self.grace:.0f} s: {error}") from error
            return failing_since
        return None

    def _seat_workers(self, summary: LedgerSummary, environment: dict[str, str]) -> bool:
        """Start a worker on each empty seat while there are slots and cores for it; whether others are to follow soon.

        A few at a time for each core: 130 that start at once on 2 cores are all ready late, one after the other the
        first soon.
        """
        empty = [seat for seat in self._seats if seat.process is None]
        at_work = summary.counts.get(SlotState.RUNNING, 0)
        starting = len(self._seats) - len(empty) - at_work
        wanted = min(summary.claimable - max(starting, 0), len(empty))
        at_once = max(0, min(wanted, STARTING_AT_ONCE * len(os.sched_getaffinity(0)) - starting))
        for seated, seat in enumerate(empty[:at_once]):
            if not self._gets_cores(seat):
                self._say_who_has_the_cores(wanted - seated)
                return False
            seat.process = self._start(seat, environment)
        self._told_of_waiting = self._told_of_waiting and wanted > at_once
        return wanted > at_once

    def _gets_cores(self, seat: _Seat) -> bool:
        if self.cores is None or seat.cores is not None:
            return True
        seat.cores = self.cores.take(self.plan.threads)
        return seat.cores is not None

    def _say_who_has_the_cores(self, waiting: int) -> None:
        """Once for each time that workers have to wait."""
        if self.cores is not None and not self._told_of_waiting:
            self._told_of_waiting = True
            self.say(waiting_line(self.cores.holders(), waiting=waiting, workers=len(self._seats)))

    def _start(self, seat: _Seat, environment: dict[str, str]) -> WorkerProcess:
        output = ensured(output_folder(self.campaign))
        arguments = ["--name", seat.name, "--threads", str(self.plan.threads), "--folder", str(self.folder)]
        arguments += ["--output", str(output), "--enforce-memory"]
        held: tuple[int, ...] = ()
        if seat.cores is not None:
            arguments += ["--cores", ",".join(map(str, seat.cores.ids))]
            held = seat.cores.descriptors
        return self._living_nursery(environment).start(arguments, log=output / f"{seat.name}.log", held=held)

    def _living_nursery(self, environment: dict[str, str]) -> Nursery:
        if self._nursery is not None and self._nursery.is_gone:
            self._nursery.close()
            self._nursery = None
        if self._nursery is None:
            log = ensured(output_folder(self.campaign)) / "workers.log"
            self._nursery = Nursery(campaign=self.campaign.name, environment=environment, log=log)
        return self._nursery

    def _reap(self, summary: LedgerSummary) -> Ending | None:
        """Empty the seats of workers that have gone; an ending when they cannot work at all."""
        for seat in self._seats:
            if seat.process is None or (status := seat.process.poll()) is None:
                continue
            seat.process = None
            if status == ExitCode.NOTHING_LEFT:
                seat.leave()
            if status == ExitCode.CONTRACT_BROKEN:
                return self._cannot_work(seat)
            # Nobody has asked it to stop: that comes after the last turn.
            if status != ExitCode.NOTHING_LEFT:
                if status != ExitCode.LEDGER_UNREACHABLE:  # an outage is nobody's fault, however often
                    self._deaths = 1 if summary.done > self._closed_before else self._deaths + 1
                self._closed_before = summary.done
                self.say(f"{seat.name} ended with status {status}; another one takes its place")
                with contextlib.suppress(StorageUnreachableError):
                    self.ledger.workers.bury(
                        self.campaign.campaign_id, name=seat.name, exit_code=status, message="gone without a word"
                    )
            if self._deaths >= MOST_DEATHS_IN_A_ROW:
                place = output_folder(self.campaign)
                message = f"{self._deaths} workers in a row ended without closing a slot; see {place}"
                return Ending(phase=Phase.FAILED, reason="WorkersKeepDying", message=message, stops_running=True)
        return None

    def _cannot_work(self, seat: _Seat) -> Ending:
        """A worker has refused to work here, and so would all others."""
        rows = self._patiently(lambda: self.ledger.workers.rows(self.campaign.campaign_id))
        refused = [row.message for row in rows if row.name == seat.name and row.exit_code == ExitCode.CONTRACT_BROKEN]
        log = output_folder(self.campaign) / f"{seat.name}.log"
        if refused and refused[-1]:
            last_line = refused[-1]
        elif log.exists():  # it could not even register
            last_line = log.read_text(errors="replace").strip().rsplit("\n", 1)[-1]
        else:
            last_line = "no reason was left"
        reason, message = refusal(last_line)
        return Ending(phase=Phase.FAILED, reason=reason, message=message, stops_running=True)

    def _finish(self, ending: Ending) -> LedgerSummary:
        campaign_id = self.campaign.campaign_id
        if ending.stops_running:
            stop = f"{ending.reason}: {ending.message}"
            self._patiently(lambda: self.ledger.campaigns.request_stop(campaign_id, stop))
        self._stop_workers()
        self._patiently(
            lambda: self.ledger.campaigns.finish(
                campaign_id, ending.phase, reason=ending.reason, message=ending.message
            )
        )
        return self._summary()

    def _suspend(self) -> LedgerSummary:
        self.say("stopping: every trial writes a checkpoint at its next step; once more ends it at once")
        self._stop_workers()
        campaign_id = self.campaign.campaign_id
        self._patiently(lambda: self.ledger.campaigns.take_slots_back(campaign_id))
        self._patiently(
            lambda: self.ledger.campaigns.finish(
                campaign_id, Phase.SUSPENDED, reason="Interrupted", message="stopped by the user"
            )
        )
        return self._summary()

    def _alive(self) -> bool:
        return any(seat.process is not None and seat.process.poll() is None for seat in self._seats)

    def _stop_workers(self) -> None:
        """Ask, and wait; whoever is still there after that is ended."""
        for seat in self._seats:
            if seat.process is not None:
                seat.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while self._alive() and time.monotonic() < deadline and not self._at_once:
            time.sleep(0.05)
        self._end_workers()

    def _end_workers(self) -> None:
        left = [seat.process for seat in self._seats if seat.process is not None and seat.process.poll() is None]
        for process in left:
            process.kill()
        for process in left:
            process.wait()
        if self._nursery is not None:
            self._nursery.close()
            self._nursery = None
        for seat in self._seats:
            seat.leave()


def _is_hang_up_ignored(number: int) -> bool:
    """Whether nohup, or a shell, has us survive the closing of the terminal."""
    return number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN
