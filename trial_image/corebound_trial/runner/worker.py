"""The worker's parent: claims a slot, watches its child run it, closes the slot, and again until nothing is left.

It has no torch and holds no lock that an objective could take: heartbeats (:mod:`.lifeline`) go out while the child hangs in
C. It alone decides exit codes. What could go wrong: the child dies, falls silent, grows too large or uses too many threads
(the slot gets the reason, the child is replaced, or the contract is declared broken); the ledger stays away (75); somebody
asks to stop (143).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from corebound.api.contract import ExitCode
from corebound.api.errors import FencedError, MissingRequirementError, StorageUnreachableError, ThreadContractError
from corebound.api.loading import campaign_from_mapping
from corebound.api.reasons import ReasonWord
from corebound.local.cgroups import throttled_seconds
from corebound.local.requirements import check_requirements
from corebound.planning.headline import STACKS
from corebound_trial.binding.breach import Breach, BreachWatch, Note
from corebound_trial.binding.kernel_kills import KernelKills
from corebound_trial.binding.pools import PoolReport
from corebound_trial.binding.process import reap_adopted
from corebound_trial.binding.selfcheck import Expectation, require
from corebound_trial.binding.telemetry import Meter, TreeSampler
from corebound_trial.runner.callback_wait import CALLBACK_SECONDS, CALLED_BACK, wait_for_callbacks
from corebound_trial.runner.childprocess import ChildProcess, ending_of
from corebound_trial.runner.closing import Closing
from corebound_trial.runner.connecting import connect_both
from corebound_trial.runner.last_words import say
from corebound_trial.runner.leftovers import tidy
from corebound_trial.runner.lifeline import Lifeline
from corebound_trial.runner.options import child_setup
from corebound_trial.runner.running_attempt import STOP_SECONDS, RunningAttempt, too_large
from corebound_trial.runner.starting import fresh_child

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.records import CampaignRecord, SlotClaim, SlotState
    from corebound.ledger.ledger import Ledger
    from corebound_trial.binding.telemetry import TreeSample
    from corebound_trial.runner.options import WorkerOptions
    from corebound_trial.runner.starting import StartedChild
    from corebound_trial.runner.wire import Message

SAMPLE_SECONDS: Final = 1.0
SIGN_OF_LIFE_SECONDS: Final = 0.05
"""CPU time between two samples that shows a silent trial at work."""


class Worker:
    """One worker of one campaign."""

    def __init__(
        self,
        ledger: Ledger,
        campaign: CampaignRecord,
        options: WorkerOptions,
        *,
        first_child: StartedChild | None = None,
    ) -> None:
        self._ledger, self._campaign, self._options = ledger, campaign, options
        self._first_child = first_child
        self._spec = campaign_from_mapping(campaign.specification).spec
        self._expectation = Expectation(threads=options.threads, core_ids=options.core_ids, own_quota=options.own_quota)
        self._child: ChildProcess | None = None
        # Rooted here, not in the child: what replaced children have used stays counted.
        self._sampler = TreeSampler(os.getpid())
        self._meter = Meter(throttled=throttled_seconds if options.own_quota else None)
        self._breaches = BreachWatch(threads=options.threads)
        self._lifeline = Lifeline(
            ledger.workers, campaign, meter=self._meter, measure=self._measure, grace=options.grace
        )
        self._patiently = self._lifeline.patiently
        self._closing = Closing(
            slots=ledger.slots,
            patiently=self._patiently,
            cpu_seconds=self._cpu_seconds,
            trial=self._spec.trial,
            kernel_kills=KernelKills(own_group=options.own_quota),
        )
        self._lost_by_trial: str | None = None
        self._stop: str | None = None
        self.message: str | None = None

    def ask_to_stop(self, *_: object) -> None:
        """SIGTERM: checkpoint, release, go."""
        if self._stop is None:
            self._stop = "asked to stop"
            self._lifeline.hurry()

    def run(self) -> int:
        """Slot after slot; returns the exit code."""
        try:
            check_requirements(self._spec)
            require(self._expectation)
            self._lifeline.begin(self._options)
            code = self._work()
            self._end_child(idle=True)
        except (MissingRequirementError, ThreadContractError) as error:
            self.message, code = error.last_line, ExitCode.CONTRACT_BROKEN
        except StorageUnreachableError as error:
            self.message, code = str(error), ExitCode.LEDGER_UNREACHABLE
        finally:
            if self._child is not None:
                self._child.end(grace=1.0)
        self._lifeline.end(code, self.message)
        return code

    def _work(self) -> int:
        # Before the first claim: nobody renews a lease while the child imports its libraries.
        child = self._replace_child()
        grace, turn = self._options.grace, self._lifeline.beat_between
        connect_both(self._ledger, child, grace=grace, turn=turn, give_up=lambda: self._stop is not None)
        while self._stop is None:
            claim = self._claim()
            if claim is None:
                return ExitCode.NOTHING_LEFT
            self._run_attempt(claim)
        return ExitCode.STOPPED

    def _claim(self) -> SlotClaim | None:
        self._lifeline.wait_until_settled(give_up=lambda: self._stop is not None)
        tries = itertools.count()
        campaign_id, slots = self._campaign.campaign_id, self._ledger.slots
        return self._patiently(
            lambda: slots.claim(campaign_id, self._lifeline.worker_id, again=next(tries) > 0, on_closed=self._call_back)
        )

    def _run_attempt(self, claim: SlotClaim) -> None:
        try:
            child = self._living_child(self._attempt(claim))
            self._measure()
            attempt = self._attempt(claim)
            if self._stop is not None:
                self._closing.give_back(attempt, campaign_ended=self._lifeline.ending)
                return
            with self._output_of(child, attempt):
                child.wire.send({"type": "run", "claim": asdict(claim)})
                state = self._watch(child, attempt)
                if state in CALLED_BACK:
                    self._call_back(claim.slot)
                self._tidy(child)
        except FencedError:
            self._end_child()

    @contextlib.contextmanager
    def _output_of(self, child: ChildProcess, attempt: RunningAttempt) -> Iterator[None]:
        """What the child prints is the attempt's, to the last word of a child that is ended for it."""
        child.begin_output(slot=attempt.claim.slot, attempt=attempt.claim.starts)
        try:
            yield
        except BaseException:
            self._end_child()
            raise
        finally:
            child.end_output(attempt.error)

    def _tidy(self, child: ChildProcess) -> None:
        """What an attempt has left behind is not the next one's."""
        if child is not self._child:
            return
        left = tidy(child.pid, threads=self._options.threads)
        if left.line is not None:
            child.note(left.line)
        if self._lost_by_trial is not None:
            child.note(f"corebound: this trial has spoilt {self._lost_by_trial}; another process takes its place\n")
        if left.too_many or self._lost_by_trial is not None:
            self._end_child(idle=True)

    def _attempt(self, claim: SlotClaim) -> RunningAttempt:
        now = time.monotonic()
        return RunningAttempt(claim=claim, started=now, active=now, cpu_before=self._cpu_seconds())

    def _living_child(self, attempt: RunningAttempt | None = None) -> ChildProcess:
        """The child, or one in its place; the lease of ``attempt``, which waits for it, is renewed meanwhile."""
        child = self._child
        return self._replace_child(attempt) if child is None or child.exit_status() is not None else child

    def _watch(self, child: ChildProcess, attempt: RunningAttempt) -> SlotState | None:
        """Until the attempt has ended, one way or another; the slot's state then, None where it was given back."""
        sampled = 0.0
        while True:
            try:
                message = child.receive(timeout=0.2)
            except EOFError:
                return self._child_gone(child, attempt)
            if message is not None and message["type"] == "ended":
                child.drain_output()
                return self._ended(attempt, message)
            if message is not None and message["type"] == "breach":
                self._break_contract(attempt, message["message"])
            elif message is not None:
                attempt.hear(message, now=time.monotonic())
            if time.monotonic() - sampled >= SAMPLE_SECONDS:
                sampled = time.monotonic()
                if (reason := self._sample(child, attempt)) is not None:
                    self._end_child()
                    return self._closing.lose(attempt, reason)
            if self._stop_attempt(child, attempt):
                return self._closing.give_back(attempt, campaign_ended=self._lifeline.ending)
            self._lifeline.beat(attempt)

    def _sample(self, child: ChildProcess, attempt: RunningAttempt) -> str | None:
        """Measure and judge; the reason to end the attempt, if there is one."""
        before = self._cpu_seconds()
        reap_adopted(managed={child.pid})
        sample = self._measure()
        attempt.active = max(attempt.active, child.output_at)
        if self._cpu_seconds() - before > SIGN_OF_LIFE_SECONDS or self._lifeline.is_unanswered:
            attempt.active = time.monotonic()  # without the database no trial can report
        self._judge(attempt, self._breaches.judge_sample(sample))
        # The sum counts shared pages in every process; the exact figure is dearer, so it is asked only when needed.
        trial = self._spec.trial
        if self._options.enforce_memory and sample.memory_bytes > trial.memory:
            reason = too_large(trial, used_bytes=self._sampler.proportional_memory())
            if reason is not None:
                return reason
        overdue = attempt.overdue(trial, now=time.monotonic())
        return None if overdue is None else f"{overdue}{STACKS}\n{child.stacks()}"

    def _stop_attempt(self, child: ChildProcess, attempt: RunningAttempt) -> bool:
        """Pass a wish to stop on to the child; True when the attempt was ended for it."""
        reason = self._lifeline.ending or self._stop
        if reason is None:
            return False
        if attempt.stopping_since is None:
            attempt.stopping_since = time.monotonic()
            child.wire.send({"type": "stop"})
        if time.monotonic() - attempt.stopping_since < STOP_SECONDS:
            return False
        self._end_child()
        return True

    def _ended(self, attempt: RunningAttempt, message: Message) -> SlotState | None:
        # Of trials of about a second this is the only sample that spans enough time to be judged.
        self._judge(attempt, self._breaches.judge_sample(self._measure()))
        pools = [PoolReport(library=library, threads=threads) for library, threads in message["pools"]]
        self._judge(attempt, self._breaches.judge_pools(pools))
        self._lost_by_trial = message["lost"]
        state: SlotState | None = None
        if message["study_stopped"]:
            self._end_campaign("the objective called study.stop()")
        match message["kind"]:
            case "told":
                state = self._closing.close(attempt, error=message["error"], artifacts=message["artifacts"])
            case "raised":
                state = self._closing.retry(attempt, message["error"])
            case "stopped":
                self._closing.give_back(attempt, campaign_ended=self._lifeline.ending)
                if self._stop is None and self._lifeline.ending is None:
                    # The objective stopped without being asked: it would do so for ever.
                    self._stop = "the objective stopped by itself"
            case "lost":
                state = self._closing.lose(attempt, message["error"])
            case "unreachable":
                self._closing.abandon(attempt)
                raise StorageUnreachableError(message["error"])
            case "fenced":
                pass
        self._lifeline.beat(None, now=True)
        return state

    def _child_gone(self, child: ChildProcess, attempt: RunningAttempt) -> SlotState:
        """A signal is a lost attempt; an exit in mid-trial is the objective's own doing and failed."""
        status = child.wait_for_exit()
        self._end_child()
        if status is None or status < 0 or attempt.storing is not None:
            reason = ending_of(status) if status is not None else "closed its connection to the worker"
            return self._closing.lose(attempt, reason)
        return self._closing.close(attempt, error=ending_of(status))

    def _end_campaign(self, why: str) -> None:
        reason = f"{ReasonWord.STOPPED_BY_OBJECTIVE}: {why}"
        self._patiently(lambda: self._ledger.campaigns.request_stop(self._campaign.campaign_id, reason))

    def _call_back(self, slot: int) -> None:
        """Let the child call ``trial.callbacks`` for the trial of a slot that this worker has closed."""
        if not self._spec.trial.callbacks:
            return
        trial_id = self._patiently(lambda: self._ledger.slots.trial_id(self._campaign.campaign_id, slot))
        if trial_id is None:
            return  # its worker died before it had made one
        called = wait_for_callbacks(
            self._living_child(),
            trial_id=trial_id,
            limit=self._spec.trial.timeout or CALLBACK_SECONDS,
            stopping=lambda: (self._stop or self._lifeline.ending) is not None,
            turn=self._lifeline.beat_between,
        )
        if called.breach is not None:
            self._end_child()
            raise ThreadContractError(f"thread contract broken in a callback after slot {slot}: {called.breach}")
        if called.problem is not None:
            self._end_child()
            say(f"after slot {slot}: {called.problem}; another process takes its place\n")
        if called.study_stopped:
            self._end_campaign(f"a callback called study.stop() after slot {slot}")

    def _judge(self, attempt: RunningAttempt, verdict: Breach | Note | None) -> None:
        if isinstance(verdict, Breach):
            self._break_contract(attempt, verdict.message)

    def _break_contract(self, attempt: RunningAttempt, message: str) -> None:
        self._end_child()
        with contextlib.suppress(FencedError):
            self._patiently(lambda: self._ledger.slots.release(attempt.claim))
        raise ThreadContractError(f"thread contract broken in slot {attempt.claim.slot}: {message}")

    def _replace_child(self, attempt: RunningAttempt | None = None) -> ChildProcess:
        self._end_child()
        started, self._first_child = self._first_child or fresh_child(), None
        child = ChildProcess(
            started,
            child_setup(self._campaign, self._options),
            output_folder=self._options.output_folder,
            scratch=self._options.scratch,
        )
        self._child = child
        self._breaches = BreachWatch(threads=self._options.threads)
        pools = child.wait_until_ready(
            stopping=lambda: self._stop is not None,
            turn=self._lifeline.beat_between if attempt is None else lambda: self._lifeline.beat(attempt),
        )
        require(self._expectation, pools=tuple(PoolReport(library=name, threads=threads) for name, threads in pools))
        return child

    def _end_child(self, *, idle: bool = False) -> None:
        if self._child is not None:
            with contextlib.suppress(Exception):
                self._measure()
            self._child.leave() if idle else self._child.end(grace=1.0)
            self._child = None

    def _measure(self) -> TreeSample:
        sample = self._sampler.sample()
        self._meter.add(sample)
        return sample

    def _cpu_seconds(self) -> float:
        return self._meter.cpu_seconds
