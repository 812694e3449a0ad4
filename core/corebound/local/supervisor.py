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
from typing import TYPE_CHECKING, Final

from corebound.api.contract import ExitCode
from corebound.api.errors import CampaignConflictError, StorageError, StorageUnreachableError, refusal
from corebound.api.loading import campaign_from_mapping
from corebound.api.reasons import ReasonWord
from corebound.api.records import Phase, SlotState
from corebound.ledger.patience import grace_seconds
from corebound.local.clock_watch import ClockWatch
from corebound.local.environment import worker_environment
from corebound.local.home import ensured, output_folder
from corebound.local.nursery import ORPHANED
from corebound.local.seats import Seats
from corebound.planning.cost import reserved_cost
from corebound.planning.ending import Ending, campaign_ending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from corebound.api.plan import Plan
    from corebound.api.records import CampaignRecord, LedgerSummary
    from corebound.api.spec import CampaignSpec
    from corebound.ledger.ledger import Ledger
    from corebound.ledger.patience import Answer
    from corebound.ledger.supervision import Supervision
    from corebound.local.cores import CorePool

TURN_SECONDS: Final = 0.25
LOOK_SECONDS: Final = 1.0
MOST_DEATHS_IN_A_ROW: Final = 10
NOBODYS_FAULT: Final = (ExitCode.LEDGER_UNREACHABLE, ORPHANED)
"""However often workers end so, the campaign does not fail for it."""
AT_ONCE_SECONDS: Final = 5.0
"""How long the end may take that was asked for twice: a database that hangs answers nobody."""
SAME_INTERRUPT_SECONDS: Final = 0.3
"""One Ctrl-C can arrive twice: from the terminal, and from a program that started us and passes it on."""
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
    grace: float = field(default_factory=grace_seconds)
    """Seconds for which an embedded database that does not start again is tried; workers wait as long."""
    interrupted_by: int | None = None
    """The signal that stopped the campaign."""
    _at_once: bool = False
    _interrupted_at: float = 0.0
    _leaving: threading.Timer | None = None
    _seats: Seats = field(init=False)
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
        self._seats = Seats(
            campaign=self.campaign.name,
            workers=self.plan.workers,
            threads=self.plan.threads,
            cores=self.cores,
            folder=self.folder,
            output=ensured(output_folder(self.campaign)),
            environment=environment,
            say=self.say,
        )
        with self._stoppable():
            ending = self._until_over(spec)
            return self._finish(ending) if ending is not None else self._suspend()

    def _until_over(self, spec: CampaignSpec) -> Ending | None:
        """How the campaign ends; None when the user stops it before."""
        looked, more_to_seat = float("-inf"), False
        clock = ClockWatch(self.campaign.heartbeat_seconds)
        summary = self._summary()
        while not self._is_interrupted():
            ending = self._reap(summary)
            soon = more_to_seat or not (self._seats.occupied or self._seats.is_waiting)
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
            at_work = summary.counts.get(SlotState.RUNNING, 0)
            # After a jump of time the leases of workers that live look expired.
            claimable = summary.counts.get(SlotState.OPEN, 0) if clock.is_settling() else summary.claimable
            more_to_seat = self._seats.fill(claimable=claimable, at_work=at_work)
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
            self._seats.end()
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
            self._seats.kill()
            self._leave_soon(128 + self.interrupted_by)

    def _leave_soon(self, status: int) -> None:
        """The workers are gone; a call to a database that hangs is the only thing left that can keep us."""

        def leave() -> None:
            self._seats.remove_scratch()
            self.say("stopped, but the database does not answer: what it holds is kept; the same command goes on")
            os._exit(status)

        self._leaving = threading.Timer(AT_ONCE_SECONDS, leave)
        self._leaving.daemon = True
        self._leaving.start()

    def _summary(self) -> LedgerSummary:
        def look() -> LedgerSummary:
            self._stay_the_only_one()
            campaign = self.ledger.campaigns.get(self.campaign.name)
            return self.ledger.summaries.of(campaign)

        return self._patiently(look)

    def _stay_the_only_one(self) -> None:
        """A cut connection took our lock along; by now the campaign may be another one's."""
        try:
            self.supervision.hold()
        except CampaignConflictError as error:
            raise CampaignConflictError(
                f"this corebound lost its connection, and meanwhile another one began to run the campaign; {error}"
            ) from error

    def _patiently(self, call: Callable[[], Answer]) -> Answer:
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
                self._seats.stop(at_once=lambda: self._at_once)
                raise StorageUnreachableError(f"gave up after {self.grace:.0f} s: {error}") from error
            return failing_since
        return None

    def _reap(self, summary: LedgerSummary) -> Ending | None:
        """Act on the ends of workers; an ending when they cannot work at all."""
        for name, status in self._seats.ended():
            if status == ExitCode.CONTRACT_BROKEN:
                return self._cannot_work(name)
            # Nobody has asked it to stop: that comes after the last turn.
            if status != ExitCode.NOTHING_LEFT:
                if status not in NOBODYS_FAULT:
                    self._deaths = 1 if summary.done > self._closed_before else self._deaths + 1
                self._closed_before = summary.done
                self.say(f"{name} ended with status {status}; another one takes its place")
                self._seats.end_strays()
                with contextlib.suppress(StorageUnreachableError):
                    self.ledger.workers.bury(
                        self.campaign.campaign_id, name=name, exit_code=status, message="gone without a word"
                    )
            if self._deaths >= MOST_DEATHS_IN_A_ROW:
                place = output_folder(self.campaign)
                message = f"{self._deaths} workers in a row ended without closing a slot; see {place}"
                return Ending(
                    phase=Phase.FAILED, reason=ReasonWord.WORKERS_KEEP_DYING, message=message, stops_running=True
                )
        return None

    def _cannot_work(self, name: str) -> Ending:
        """A worker has refused to work here, and so would all others."""
        rows = self._patiently(lambda: self.ledger.workers.rows(self.campaign.campaign_id))
        refused = [row.message for row in rows if row.name == name and row.exit_code == ExitCode.CONTRACT_BROKEN]
        log = output_folder(self.campaign) / f"{name}.log"
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
        self._seats.stop(at_once=lambda: self._at_once)
        self._patiently(
            lambda: self.ledger.campaigns.finish(
                campaign_id, ending.phase, reason=ending.reason, message=ending.message
            )
        )
        return self._summary()

    def _suspend(self) -> LedgerSummary:
        self.say("stopping: every trial writes a checkpoint at its next step; once more ends it at once")
        self._seats.stop(at_once=lambda: self._at_once)
        campaign_id = self.campaign.campaign_id
        self._patiently(lambda: self.ledger.campaigns.take_slots_back(campaign_id))
        self._patiently(
            lambda: self.ledger.campaigns.finish(
                campaign_id, Phase.SUSPENDED, reason=ReasonWord.INTERRUPTED, message="stopped by the user"
            )
        )
        return self._summary()


def _is_hang_up_ignored(number: int) -> bool:
    """Whether nohup, or a shell, has us survive the closing of the terminal."""
    return number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN
