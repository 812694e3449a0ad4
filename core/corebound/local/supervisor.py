"""Runs a campaign on this machine: one worker process per T cores, watched until the campaign is over.

Level-triggered: each turn looks at the workers and at one ledger summary, and acts. What could go wrong: a worker dies
(its lease is ended, another one is started), the embedded database dies (it is started again), the user stops (workers
checkpoint and release their slots; a second time they are ended at once), workers cannot keep to the thread contract (the
campaign fails with the reason).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from corebound.api.contract import ExitCode
from corebound.api.errors import StorageUnreachableError
from corebound.api.loading import campaign_from_mapping
from corebound.api.records import Phase
from corebound.local.environment import worker_environment
from corebound.local.home import ensured, output_folder
from corebound.planning.cost import cpu_cost
from corebound.planning.ending import Ending, campaign_ending

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal
    from pathlib import Path

    from corebound.api.plan import Plan
    from corebound.api.records import CampaignRecord, LedgerSummary
    from corebound.ledger.ledger import Ledger

TURN_SECONDS: Final = 0.25
LOOK_SECONDS: Final = 1.0
STOP_SECONDS: Final = 20.0
MOST_DEATHS_IN_A_ROW: Final = 10


@dataclass(kw_only=True)
class _Seat:
    """The place of one worker: its cores stay, processes come and go."""

    name: str
    cores: tuple[int, ...]
    process: subprocess.Popen[bytes] | None = None


@dataclass(kw_only=True)
class Supervisor:
    """Supervises one campaign; ``run`` returns its last summary."""

    ledger: Ledger
    campaign: CampaignRecord
    plan: Plan
    core_sets: list[tuple[int, ...]]
    folder: Path
    storage_url: str
    start_database: Callable[[], None]
    show: Callable[[LedgerSummary], None]
    say: Callable[[str], None]
    _seats: list[_Seat] = field(default_factory=list)
    _interrupts: int = 0
    _deaths: int = 0
    _closed_before: int = 0

    def run(self) -> LedgerSummary:
        """Until the campaign is over or the user stops it."""
        spec = campaign_from_mapping(self.campaign.specification).spec
        environment, lines = worker_environment(
            threads=self.plan.threads, shell=os.environ, campaign={each.name: each.value for each in spec.trial.env}
        )
        for line in lines:
            self.say(line)
        environment["COREBOUND_DATABASE_URL"] = self.storage_url
        cores = self.core_sets or [()] * self.plan.workers
        self._seats = [_Seat(name=f"worker-{index}", cores=ids) for index, ids in enumerate(cores)]
        maximize = [objective.direction == "maximize" for objective in spec.objectives]
        started, looked = time.monotonic(), 0.0
        before = {number: signal.signal(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            summary = self._summary(maximize)
            while True:
                ending = self._reap(summary)
                if time.monotonic() - looked >= LOOK_SECONDS or not self._alive():
                    looked = time.monotonic()
                    summary = self._summary(maximize)
                    self.show(summary)
                    active = time.monotonic() - started
                    ending = ending or campaign_ending(
                        spec, summary, cost_so_far=self._cost(summary), active_seconds=active
                    )
                if ending is not None:
                    return self._finish(ending, maximize)
                if self._interrupts:
                    self._stop_workers()
                    return self._suspend(maximize)
                self._seat_workers(summary, environment)
                time.sleep(TURN_SECONDS)
        finally:
            self._kill()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _interrupt(self, *_: object) -> None:
        self._interrupts += 1
        if self._interrupts == 1:
            self.say("stopping: every trial writes a checkpoint; once more to end at once")
        else:
            self._kill()

    def _summary(self, maximize: list[bool]) -> LedgerSummary:
        waiting = False
        while True:
            try:
                campaign = self.ledger.campaigns.get(self.campaign.name)
                return self.ledger.summaries.of(campaign, maximize=maximize)
            except StorageUnreachableError as error:
                if not waiting:
                    self.say(f"waiting for the database: {error}")
                waiting = True
                time.sleep(1.0)
                with contextlib.suppress(StorageUnreachableError):
                    self.start_database()

    def _cost(self, summary: LedgerSummary) -> Decimal | None:
        pool = self.plan.pool
        if pool.price_per_hour is None:
            return None
        return cpu_cost(cpu_seconds=summary.worker_seconds, price_per_hour=pool.price_per_hour, cores=pool.cores)

    def _seat_workers(self, summary: LedgerSummary, environment: dict[str, str]) -> None:
        """Start a worker on each empty seat while there are slots for it."""
        wanted = summary.claimable
        for seat in self._seats:
            if seat.process is None and wanted > 0:
                wanted -= 1
                seat.process = self._start(seat, environment)

    def _start(self, seat: _Seat, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        output = ensured(output_folder(self.campaign.name))
        command = [sys.executable, "-m", "corebound_trial", self.campaign.name, "--name", seat.name]
        command += ["--threads", str(self.plan.threads), "--cores", ",".join(map(str, seat.cores))]
        command += [
            "--folder",
            str(self.folder),
            "--output",
            str(output),
            "--parent",
            str(os.getpid()),
            "--enforce-memory",
        ]
        with (output / f"{seat.name}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _reap(self, summary: LedgerSummary) -> Ending | None:
        """Empty the seats of workers that have gone; an ending when they cannot work at all."""
        for seat in self._seats:
            if seat.process is None or (status := seat.process.poll()) is None:
                continue
            seat.process = None
            if status == ExitCode.CONTRACT_BROKEN:
                return self._broken_contract(seat)
            if status not in (ExitCode.NOTHING_LEFT, ExitCode.STOPPED):
                self._deaths = 1 if summary.done > self._closed_before else self._deaths + 1
                self._closed_before = summary.done
                self.say(f"{seat.name} ended with status {status}; another one takes its place")
                with contextlib.suppress(StorageUnreachableError):
                    self.ledger.workers.bury(
                        self.campaign.campaign_id, name=seat.name, exit_code=status, message="gone without a word"
                    )
            if self._deaths >= MOST_DEATHS_IN_A_ROW:
                place = output_folder(self.campaign.name)
                message = f"{self._deaths} workers in a row ended without closing a slot; see {place}"
                return Ending(phase=Phase.FAILED, reason="WorkersKeepDying", message=message, stops_running=True)
        return None

    def _broken_contract(self, seat: _Seat) -> Ending:
        rows = [row for row in self.ledger.workers.rows(self.campaign.campaign_id) if row.name == seat.name]
        message = rows[-1].message if rows else None
        if not message:
            log = output_folder(self.campaign.name) / f"{seat.name}.log"
            message = (
                log.read_text(errors="replace").strip().rsplit("\n", 1)[-1] if log.exists() else "no reason was left"
            )
        return Ending(phase=Phase.FAILED, reason="ThreadContractBroken", message=message, stops_running=True)

    def _finish(self, ending: Ending, maximize: list[bool]) -> LedgerSummary:
        if ending.stops_running:
            self.ledger.campaigns.request_stop(self.campaign.campaign_id, f"{ending.reason}: {ending.message}")
        self._stop_workers()
        self.ledger.campaigns.finish(
            self.campaign.campaign_id, ending.phase, reason=ending.reason, message=ending.message
        )
        return self._summary(maximize)

    def _suspend(self, maximize: list[bool]) -> LedgerSummary:
        self.ledger.campaigns.finish(
            self.campaign.campaign_id, Phase.SUSPENDED, reason="Interrupted", message="stopped by the user"
        )
        return self._summary(maximize)

    def _alive(self) -> bool:
        return any(seat.process is not None and seat.process.poll() is None for seat in self._seats)

    def _stop_workers(self) -> None:
        """Ask, and wait; whoever is still there after that is ended."""
        for seat in self._seats:
            if seat.process is not None:
                seat.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while self._alive() and time.monotonic() < deadline and self._interrupts < 2:
            time.sleep(0.05)
        self._kill()

    def _kill(self) -> None:
        for seat in self._seats:
            if seat.process is not None and seat.process.poll() is None:
                seat.process.kill()
                seat.process.wait()
