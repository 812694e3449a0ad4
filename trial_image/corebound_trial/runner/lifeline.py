"""The worker's line to the ledger: it registers, its heartbeats keep the lease of what it runs alive, and it says goodbye.

Flows out: telemetry and the progress of the attempt. Flows in: whether the lease is still held, and whether the campaign is
to end. What could go wrong: the lease is somebody else's by now (FencedError, and nothing of the attempt counts any more);
the database is away (it is tried again until the grace is over, or until a wish to stop has waited long enough, then
StorageUnreachableError), time jumps (the lease is renewed at once, and none is claimed for one heartbeat).
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import socket
import time
from typing import TYPE_CHECKING, Final

from corebound.api.contract import ExitCode
from corebound.api.errors import FencedError, StorageUnreachableError
from corebound.ledger.patience import patiently
from corebound.local.clock_watch import ClockWatch
from corebound.local.runs_on import runs_on
from corebound_trial.runner.running_attempt import STOP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.api.records import CampaignRecord
    from corebound.ledger.patience import Answer
    from corebound.ledger.workers import Workers
    from corebound_trial.binding.telemetry import Meter
    from corebound_trial.runner.options import WorkerOptions
    from corebound_trial.runner.running_attempt import RunningAttempt

FAREWELL_SECONDS: Final = 10.0
"""How long the ledger is told that this worker goes; its slot is given back by then."""
SETTLING_LOOK: Final = 0.2
LONGEST_RETRY: Final = 1.0
"""Seconds between two heartbeats while the database is away."""


class Lifeline:
    """One worker's. ``measure`` takes a new sample into ``meter``; ``grace`` is the longest outage sat out, in seconds."""

    def __init__(
        self, workers: Workers, campaign: CampaignRecord, *, meter: Meter, measure: Callable[[], object], grace: float
    ) -> None:
        self._workers, self._campaign = workers, campaign
        self._meter, self._measure = meter, measure
        self._grace = grace
        self._stop_asked_at = math.inf
        self._beat_at = 0.0
        self._answered_at = time.monotonic()
        self._clock = ClockWatch(campaign.heartbeat_seconds)
        self.worker_id = -1
        self.is_unanswered = False
        """Whether the last heartbeat found no database."""
        self.ending: str | None = None
        """Why the campaign is to end, as the last heartbeat was answered."""

    def begin(self, options: WorkerOptions) -> None:
        """Register, as a worker with these options, and say what it runs on."""
        tries, found = itertools.count(), runs_on()
        self.worker_id = self.patiently(
            lambda: self._workers.register(
                self._campaign.campaign_id,
                name=options.name,
                host=socket.gethostname(),
                pid=os.getpid(),
                threads=options.threads,
                cores=",".join(map(str, options.core_ids or ())),
                runs_on=found,
                again=next(tries) > 0,
            )
        )

    def end(self, code: int, message: str | None) -> None:
        """Say goodbye, if anybody hears it: the exit code and the last line."""
        telemetry = self._meter.telemetry()
        grace = 0.0 if code == ExitCode.LEDGER_UNREACHABLE else min(FAREWELL_SECONDS, self._grace)
        with contextlib.suppress(Exception):
            patiently(
                lambda: self._workers.end(self.worker_id, exit_code=code, message=message, telemetry=telemetry),
                grace=grace,
            )

    def hurry(self) -> None:
        """Somebody waits for this worker to stop: a database that is away is not waited for much longer."""
        self._stop_asked_at = time.monotonic()

    def patiently(self, call: Callable[[], Answer]) -> Answer:
        """``call`` again and again while the database is away, for the grace; after a wish to stop not for long."""
        return patiently(
            call,
            grace=self._grace,
            give_up=lambda: time.monotonic() > self._stop_asked_at + STOP_SECONDS,
        )

    def wait_until_settled(self, *, give_up: Callable[[], bool]) -> None:
        """After a jump of time leases look expired whose workers live: nothing is claimed until they have said so."""
        while self._clock.is_settling() and not give_up():
            self.beat_between()
            time.sleep(SETTLING_LOOK)

    def beat_between(self) -> None:
        """A heartbeat that belongs to no attempt, when one is due."""
        if time.monotonic() - self._beat_at >= self._campaign.heartbeat_seconds:
            self._measure()
            self.beat(None)

    def beat(self, attempt: RunningAttempt | None, *, now: bool = False) -> None:
        """Telemetry and lease, when they are due or ``now``; a database that is away is tried again at the next turn."""
        moment = time.monotonic()
        due = self._campaign.heartbeat_seconds
        if attempt is not None:
            due = min(due, attempt.show_every(now=moment))
        if not (now or self._clock.has_jumped()) and moment - self._beat_at < due:
            return
        self._beat_at = moment
        try:
            beat = self._workers.beat(
                self.worker_id,
                self._meter.telemetry(),
                claim=attempt.claim if attempt else None,
                progress=attempt.progress(cpu_seconds=self._meter.cpu_seconds, now=moment) if attempt else None,
            )
        except StorageUnreachableError as error:
            if moment - self._answered_at > self._grace:
                raise StorageUnreachableError(f"{error} (tried for {self._grace:g} s)") from None
            # Again soon: once the database is back, a lease that ran out meanwhile is anybody's.
            heartbeat = self._campaign.heartbeat_seconds
            self._beat_at = moment - heartbeat + min(LONGEST_RETRY, heartbeat)
            self.is_unanswered = True
            return
        self._answered_at, self.is_unanswered = moment, False
        if not beat.lease_held:
            raise FencedError("the lease was lost")
        self.ending = beat.stop_requested
