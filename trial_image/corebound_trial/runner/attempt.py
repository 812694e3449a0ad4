"""In the child: one attempt at one slot, from the trial's creation (or continuation) to its ``tell``.

Flows in: a claim. Flows out: an :class:`AttemptEnding` that the parent acts on. What could go wrong: everything an objective
can do; each way of ending has its word here, and the parent decides what it means for the slot.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import optuna
from optuna.trial import TrialState

from corebound.api.errors import FencedError, ObjectiveError, StorageUnreachableError
from corebound.ledger.warm_start import WARM_START_ATTRIBUTE
from corebound_trial.objectives.entrypoint import user_traceback
from corebound_trial.objectives.protocol import AttemptContext, CommandLost, Stopped
from corebound_trial.objectives.result import values_of
from corebound_trial.runner.points import fixed_params
from corebound_trial.runner.reporting_trial import ReportingTrial
from corebound_trial.runner.sampling import make_pruner, make_sampler, suggest_declared
from corebound_trial.runner.seeds import campaign_seed, seed_everything, slot_seed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from corebound.api.records import SlotClaim
    from corebound.api.spec import CampaignSpec
    from corebound.ledger.checkpoints import Checkpoints
    from corebound.ledger.storage import CampaignStorage
    from corebound_trial.objectives.protocol import Objective
    from corebound_trial.runner.artifacts import Artifacts


@dataclass(frozen=True, kw_only=True)
class AttemptEnding:
    """How an attempt ended."""

    kind: Literal["told", "raised", "stopped", "lost", "fenced", "unreachable"]
    error: str | None = None
    study_stopped: bool = False
    artifacts: str | None = None
    """Where the files that the trial left are kept."""


@dataclass(kw_only=True)
class AttemptRunner:
    """Runs attempts of one campaign in this process."""

    spec: CampaignSpec
    campaign: str
    study_name: str
    study_id: int
    threads: int
    workers: int | None
    """At once, when the campaign was last begun; None where nobody said."""
    folder: Path
    storage: CampaignStorage
    checkpoints: Checkpoints
    objective: Objective | ObjectiveError
    artifacts: Artifacts
    on_storing: Callable[[str | None], None]
    """The trial is told, with this error if it failed; its files are being kept."""
    stop_requested: Callable[[], bool]
    on_progress: Callable[[int | None, int | None, float | None], None]
    last_trial_id: int = -1
    has_imported: bool = False
    """Whether the last attempt's objective has imported modules; what a sampler needs does not count."""
    _sampler: BaseSampler | None = None
    _running: AttemptContext | None = None

    @functools.cached_property
    def _pruner(self) -> BasePruner:
        """One for all slots, as in a process of Optuna's: Hyperband and the resources it works out stay what they were."""
        return make_pruner(self.spec.search)

    def run(self, claim: SlotClaim) -> AttemptEnding:
        """Never raises for what an objective does."""
        self.storage.bind(claim)
        self.artifacts.begin()
        self._running = None
        self.has_imported = False
        try:
            ending = self._run(claim)
        except FencedError:
            return AttemptEnding(kind="fenced")
        except StorageUnreachableError as error:
            return AttemptEnding(kind="unreachable", error=str(error))
        except Exception as error:  # noqa: BLE001 - a sampler's before_trial: its reason is the slot's
            return AttemptEnding(kind="told", error=user_traceback(error))
        return self._with_artifacts(ending, claim) if ending.kind == "told" else ending

    def _with_artifacts(self, ending: AttemptEnding, claim: SlotClaim) -> AttemptEnding:
        kept = self.artifacts.keep(claim.slot, on_progress=lambda: self.on_storing(ending.error))
        # The objective's own error last: a table shows the last line.
        errors = [error for error in (kept.failure, ending.error) if error]
        return replace(ending, artifacts=kept.place, error="\n".join(errors) or None)

    def _run(self, claim: SlotClaim) -> AttemptEnding:
        seed = campaign_seed(self.spec.search.sampler.seed, self.study_id)
        own_seed = slot_seed(seed, claim.slot)
        seed_everything(own_seed)
        self._sampler = make_sampler(
            self.spec.search,
            seed=seed,
            slot=claim.slot,
            slot_seed=own_seed,
            folder=self.folder,
            workers=self.workers,
            previous=self._sampler,
            warm_trials=self._warm_trials,
        )
        study = optuna.load_study(
            study_name=self.study_name,
            storage=self.storage,
            sampler=self._sampler,
            pruner=self._pruner,
        )
        trial = self._trial(study, claim)
        try:
            if isinstance(self.objective, ObjectiveError):
                raise self.objective
            suggest_declared(trial, self.spec.search.parameters)
            context = self._running = self._context(claim, own_seed, trial.number)
            # Optuna allows study.stop() only inside optimize(); here the worker is that loop.
            study._thread_local.in_optimize_loop = True
            returned = self._returned(self.objective, trial, context)
        except optuna.TrialPruned:
            return self._tell(study, trial, state=TrialState.PRUNED)
        except Stopped:
            return AttemptEnding(kind="stopped")
        except CommandLost as error:
            return AttemptEnding(kind="lost", error=str(error))
        except (FencedError, StorageUnreachableError):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a user's code raises, also SystemExit, is its result
            text = str(error) if isinstance(error, ObjectiveError) else user_traceback(error)
            return self._failed(study, trial, claim, text)
        judged = values_of(returned, metrics=[objective.metric for objective in self.spec.objectives])
        if isinstance(judged, str):
            return self._failed(study, trial, claim, judged)
        return self._tell(study, trial, values=judged)

    def _returned(self, objective: Objective, trial: optuna.Trial, context: AttemptContext) -> object:
        before, process = len(sys.modules), os.getpid()
        try:
            returned = objective.run(trial, context)
        except BaseException as error:
            if os.getpid() != process:
                _end_copy(error)
            raise
        finally:
            self.has_imported = len(sys.modules) > before
        if os.getpid() != process:
            _end_copy(None)
        return returned

    def _warm_trials(self) -> list[FrozenTrial]:
        trials = self.storage.get_all_trials(self.study_id, deepcopy=False)
        return [trial for trial in trials if WARM_START_ATTRIBUTE in trial.system_attrs]

    def _failed(self, study: optuna.Study, trial: optuna.Trial, claim: SlotClaim, text: str) -> AttemptEnding:
        if self.stop_requested():
            return AttemptEnding(kind="stopped")
        policy = self.spec.failure_policy
        if policy.retry_exceptions and claim.lost_attempts < policy.retries:
            return AttemptEnding(kind="raised", error=text, study_stopped=study._stop_flag)
        return self._tell(study, trial, state=TrialState.FAIL, error=text)

    def _tell(
        self,
        study: optuna.Study,
        trial: optuna.Trial,
        *,
        values: list[float] | None = None,
        state: TrialState | None = None,
        error: str | None = None,
    ) -> AttemptEnding:
        """Tell the trial; what a sampler raises then (``constraints_func``, ``after_trial``) does not keep Optuna from it."""
        try:
            if state is TrialState.PRUNED and not self.storage.get_trial(self.last_trial_id).intermediate_values:
                self.storage.carry_on(self.last_trial_id, study_id=self.study_id)  # a copy of it has reported
            study.tell(trial, values, state=state)
        except (FencedError, StorageUnreachableError):
            raise
        except BaseException as raised:  # noqa: BLE001 - as of the objective: it is this trial's result
            error = "\n".join(part for part in (user_traceback(raised), error) if part)
        return AttemptEnding(kind="told", error=error, study_stopped=study._stop_flag)

    def _trial(self, study: optuna.Study, claim: SlotClaim) -> ReportingTrial:
        if claim.trial_id is None:
            trial_id = self.storage.create_trial(
                claim, study_id=self.study_id, fixed_params=fixed_params(self.spec.search, claim.slot)
            )
        else:
            trial_id = claim.trial_id
            self.storage.carry_on(trial_id, study_id=self.study_id)
        self.last_trial_id = trial_id
        trial = ReportingTrial(study, trial_id)
        trial.on_report = lambda step, value: self.on_progress(step, None, value)
        return trial

    def _context(self, claim: SlotClaim, seed: int, number: int) -> AttemptContext:
        def load() -> bytes | None:
            return self.storage.patiently(lambda: self.checkpoints.load(claim)) if claim.has_checkpoint else None

        return AttemptContext(
            threads=self.threads,
            seed=seed,
            slot=claim.slot,
            attempt=claim.starts,
            campaign=self.campaign,
            trial_number=number,
            artifacts=self.artifacts.folder,
            checkpoint_every=self.spec.checkpoint.every,
            stop_requested=self.stop_requested,
            save_bytes=lambda payload, step: self._save(claim, payload, step),
            load_bytes=load,
            report_progress=lambda step, steps: self.on_progress(step, steps, None),
        )

    def store_kept(self) -> None:
        """Store the state that the running attempt has kept at hand; called by another thread than the attempt's."""
        if self._running is not None:
            self._running.store_kept()

    def _save(self, claim: SlotClaim, payload: bytes, step: int | None) -> None:
        """A checkpoint that cannot be written now is tried again; saving twice is harmless."""
        self.storage.patiently(lambda: self.checkpoints.save(claim, payload, step=step))


def _end_copy(error: BaseException | None) -> NoReturn:
    """The objective has forked, and this is the copy: it ends as in any program, and is no second runner of attempts."""
    status: object = 0
    if isinstance(error, SystemExit):
        status = error.code
    elif error is not None:
        status = user_traceback(error)
    if status is not None and not isinstance(status, int):
        sys.stderr.write(f"{status}\n")
        status = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit((status or 0) & 0xFF)


def ending_message(ending: AttemptEnding) -> dict[str, Any]:
    """The wire's form."""
    return {"type": "ended", **asdict(ending)}
