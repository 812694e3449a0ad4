"""``reconcile(key)``: read the world, decide, act, write the status once. Every turn does all of it, whatever woke it.

What could go wrong: anything, at any line; each turn begins from what is there, names are deterministic, and an object that
exists already counts as made. Storage that is away is a condition, not an error; an API server that is away makes the turn
fail, and the queue tries it again.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from corebound.api.errors import (
    CampaignConflictError,
    ClusterConflictError,
    ClusterRefusedError,
    ClusterUnreachableError,
    SchemaMismatchError,
    SpecError,
    StorageError,
    StorageUnreachableError,
    WarmStartError,
)
from corebound.api.loading import campaign_from_mapping
from corebound.api.reasons import ReasonWord
from corebound.cluster.resources import CAMPAIGNS
from corebound_operator.decide.decision import decide
from corebound_operator.decide.pods import refused_job
from corebound_operator.decide.workers import places_of
from corebound_operator.decide.world import (
    BeginCampaign,
    CountTime,
    CreateJob,
    DeleteCampaign,
    DeleteJob,
    FinishCampaign,
    KeepPlan,
    Obstacle,
    RequestStop,
    ResizeJob,
    SpecObstacle,
    SuspendJob,
    World,
)
from corebound_operator.loop.connections import Connections
from corebound_operator.loop.jobs import Jobs
from corebound_operator.loop.namespaces import GOING
from corebound_operator.loop.objects import GOOD_SECONDS, Objects
from corebound_operator.loop.plans import Plans
from corebound_operator.loop.pods import Pods
from corebound_operator.loop.queue import NEVER
from corebound_operator.loop.records import ledger_record
from corebound_operator.loop.statuses import Statuses

if TYPE_CHECKING:
    from collections.abc import Callable

    from corebound.api.jobs import JobView, PodTrouble
    from corebound.api.plan import Plan
    from corebound.api.records import CampaignRecord, LedgerSummary
    from corebound.api.spec import SearchCampaign
    from corebound.cluster.client import Cluster
    from corebound.ledger.ledger import Ledger
    from corebound_operator.build.settings import Settings
    from corebound_operator.decide.world import Action, Decision
    from corebound_operator.loop.databases import Databases
    from corebound_operator.loop.namespaces import Namespaces
    from corebound_operator.loop.pools import Pools
    from corebound_operator.loop.queue import Key
    from corebound_operator.loop.recorder import Recorder

Manifest = dict[str, Any]

REFUSED_SECONDS: Final = 10.0
LOGIN_SECONDS: Final = 30.0
AWAITED_LOGIN_SECONDS: Final = 5.0
"""While no worker runs: one may be waiting for the Secret that somebody has deleted."""


class Reconciler:
    """Everything a turn needs; safe for several threads with different keys."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        databases: Databases,
        namespaces: Namespaces,
        pools: Pools,
        recorder: Recorder,
        settings: Settings,
        observe: Callable[[Key, LedgerSummary | None], None],
        looked: Callable[[float], None],
    ) -> None:
        self._cluster, self._databases = cluster, databases
        self._plans = Plans(databases=databases, pools=pools)
        self._namespaces, self._connections = namespaces, Connections()
        self._recorder, self._settings, self._observe = recorder, settings, observe
        self._jobs, self._pods, self._looked = Jobs(cluster, settings), Pods(cluster), looked
        self.objects = Objects(cluster, self._jobs)
        """Hears of what watches bring."""
        self._statuses = Statuses(cluster, self.objects, recorder)
        self._lock = threading.Lock()
        self._uids: dict[Key, str] = {}
        self._made: dict[str, int] = {}
        """The number of the last Job that was made for it."""

    def reconcile(self, key: Key) -> float | None:
        """One turn; returns after how many seconds the campaign should be looked at again at the latest."""
        read = self.objects.read(key)
        if read is not None and self._is_another(key, read.campaign["metadata"]["uid"]):
            # An event may be older than its object's end: which one there is now, the server says.
            self.objects.forget(key)
            read = self.objects.read(key)
        self._only(key, None if read is None else read.campaign["metadata"]["uid"])
        if read is None:
            # Its Jobs and its share of the Secret go by their owner references; the ledger's data stays.
            self._observe(key, None)
            return NEVER
        try:
            again_in = self._turn(key, read.campaign, read.jobs)
        except BaseException:
            self.objects.forget(key)
            raise
        if again_in is None or again_in > GOOD_SECONDS:
            self.objects.forget(key)  # nothing is to come for long: it is not held in memory
        return again_in

    def _turn(self, key: Key, found: Manifest, jobs: tuple[JobView, ...]) -> float | None:
        """Look at the ledger, decide, act, write the status."""
        namespace, uid = key[0], found["metadata"]["uid"]
        campaign = _campaign(found)
        taken = self._connections.of_others(uid)
        ledger, summary, plan = self._ledger(campaign, jobs, namespace=namespace, uid=uid, taken=taken)
        if isinstance(plan, SpecObstacle) and isinstance(summary, Obstacle):
            campaign = plan  # refused before it came into the ledger
        world = World(
            campaign=campaign,
            ledger=summary,
            plan=plan,
            jobs=jobs,
            trouble=None,
            broken_contract=None,
            failures_in_a_row=0,
            now=datetime.now(UTC),
        )
        if not isinstance(summary, Obstacle):
            self._observe(key, summary)
        world = self._with_pods(world, namespace=namespace, uid=uid)
        decision = decide(world, poll_seconds=self._settings.poll_seconds)
        if not self._holds(world, decision, namespace, uid, taken=taken):
            return 0.0  # another campaign was quicker: this one is planned anew
        grows = any(isinstance(action, CreateJob | ResizeJob) for action in decision.actions)
        if (grows or world.pods_leave) and self._namespaces.is_going(namespace):
            self._let_go(jobs, namespace=namespace)
            return None
        if decision.actions:
            self.objects.jobs_changed(key)
        refused = self._carry_out(decision, world, found, ledger)
        if refused is not None:
            decision = decide(replace(world, trouble=refused), poll_seconds=self._settings.poll_seconds)
            self._statuses.write(found, replace(world, trouble=refused), decision)
            return REFUSED_SECONDS
        if any(isinstance(action, FinishCampaign) or self._is_first(action, uid) for action in decision.actions):
            # Slots or Jobs are others now: the next turn shows what belongs together. New campaigns come before it: of a
            # hundred none waits for the others' status.
            return 0.0
        return self._statuses.write(found, world, decision)

    def _ledger(
        self,
        campaign: SearchCampaign | SpecObstacle,
        jobs: tuple[JobView, ...],
        *,
        namespace: str,
        uid: str,
        taken: int,
    ) -> tuple[Ledger | None, LedgerSummary | Obstacle, Plan | Obstacle | None]:
        """The namespace's ledger, the campaign in it, and the plan for what is left of it."""
        if isinstance(campaign, SpecObstacle):
            return None, Obstacle(reason=ReasonWord.NOT_ASKED, message=""), None
        try:
            ledger = self._databases.ledger(namespace, campaign_uid=uid)
            record = ledger_record(ledger, campaign, uid=uid, heartbeat_seconds=self._settings.heartbeat_seconds)
            began = time.monotonic()
            summary = ledger.summaries.of(record)
            self._looked(time.monotonic() - began)
            look_after = _login_is_good_for(record, jobs)
            if look_after is not None:
                self._databases.hand_out(namespace, campaign=campaign.metadata.name, uid=uid, look_after=look_after)
        except (CampaignConflictError, WarmStartError) as error:
            refused = SpecObstacle(reason=ReasonWord.SPEC_REFUSED, message=str(error))
            return None, Obstacle(reason=ReasonWord.NOT_ASKED, message=""), refused
        except StorageError as error:
            self._databases.forget(namespace)
            return None, Obstacle(reason=_storage_reason(error), message=str(error)), None
        return ledger, summary, self._plans.of(campaign, summary, jobs, namespace=namespace, taken=taken)

    def _holds(self, world: World, decision: Decision, namespace: str, uid: str, *, taken: int) -> bool:
        """Whether the database has a place for all workers that there are, or are to be made now."""
        if isinstance(world.ledger, Obstacle):
            return True
        left = world.ledger.campaign.trials - world.ledger.done
        wanted = 0 if world.plan is None or isinstance(world.plan, Obstacle) else min(world.plan.workers, left)
        places = places_of(world.jobs, decision.actions, wanted=wanted)
        return self._connections.hold(uid, workers=places, taken=taken, of=self._databases.connections(namespace))

    def _with_pods(self, world: World, *, namespace: str, uid: str) -> World:
        summary = world.ledger
        if isinstance(summary, Obstacle) or isinstance(world.plan, Obstacle) or world.plan is None:
            return world
        latest = max(world.jobs, key=lambda job: job.round, default=None)
        if latest is None or summary.campaign.phase.is_final:
            return world
        seen = self._pods.of(latest, uid=uid, namespace=namespace, last_close=summary.last_close_at, now=world.now)
        return replace(
            world,
            trouble=seen.trouble,
            broken_contract=seen.broken_contract,
            failures_in_a_row=seen.failures_in_a_row,
            pods_leave=seen.leave,
            pods_lost=seen.lost,
        )

    def _let_go(self, jobs: tuple[JobView, ...], *, namespace: str) -> None:
        """Pods of a namespace that is deleted go first, Jobs later, and an index that may be tried again keeps its last pod.

        New pods are refused there, so that the index would keep it for ever, or for as long as its back-off.
        """
        for job in jobs:
            if job.is_live:
                self._jobs.change(DeleteJob(name=job.name, uid=job.uid, why="its namespace goes"), namespace=namespace)

    def _carry_out(self, decision: Decision, world: World, found: Manifest, ledger: Ledger | None) -> PodTrouble | None:
        """What the cluster does not accept, to be said in the status; what else goes wrong is the turn's error."""
        try:
            for action in decision.actions:
                self._act(action, world, found, ledger)
        except (ClusterRefusedError, ClusterUnreachableError) as error:
            # Also when a webhook that has to be asked does not answer: the server says so with a status of 500.
            if isinstance(error, ClusterConflictError) or GOING in str(error):
                raise
            trouble = refused_job(getattr(error, "said", "") or str(error))
            self._recorder.refused(found, trouble)
            return trouble
        return None

    def _act(self, action: Action, world: World, found: Manifest, ledger: Ledger | None) -> None:
        namespace, uid = found["metadata"]["namespace"], found["metadata"]["uid"]
        campaign, summary = world.campaign, world.ledger
        if isinstance(campaign, Obstacle) or isinstance(summary, Obstacle) or ledger is None:
            return
        campaign_id = summary.campaign.campaign_id
        match action:
            case CreateJob():
                if world.plan is not None and not isinstance(world.plan, Obstacle):
                    self._jobs.create(action, found=found, campaign=campaign, plan=world.plan)
            case ResizeJob() | SuspendJob() | DeleteJob():
                self._jobs.change(action, namespace=namespace)
            case BeginCampaign(plan=plan):
                cores = plan.pool.cores * plan.pool.nodes
                ledger.campaigns.begin(campaign_id, threads=plan.threads, workers=plan.workers, cores=cores, plan=plan)
            case KeepPlan(plan=plan):
                ledger.campaigns.keep_plan(campaign_id, plan)
            case CountTime(counts=counts):
                ledger.campaigns.count_time(campaign_id, counts=counts)
            case RequestStop(reason=reason):
                ledger.campaigns.request_stop(campaign_id, reason)
            case FinishCampaign(phase=phase, reason=reason, message=message):
                ledger.campaigns.finish(campaign_id, phase, reason=reason, message=message)
            case DeleteCampaign():
                self._cluster.delete(CAMPAIGNS, found["metadata"]["name"], namespace=namespace, uid=uid)
        self._recorder.acted(found, action)

    def _is_first(self, action: Action, uid: str) -> bool:
        """Whether it made a Job that was not made before: one that somebody deletes at once is no reason to hurry."""
        if not isinstance(action, CreateJob):
            return False
        with self._lock:
            before, self._made[uid] = self._made.get(uid), action.number
        return before != action.number

    def _is_another(self, key: Key, uid: str) -> bool:
        with self._lock:
            return self._uids.get(key, uid) != uid

    def _only(self, key: Key, uid: str | None) -> None:
        """Nothing is kept of an object that had this name before."""
        with self._lock:
            before = self._uids.get(key)
            if before == uid:
                return
            if uid is None:
                del self._uids[key]
            else:
                self._uids[key] = uid
            if before is None:
                return
            self._made.pop(before, None)
        self._statuses.forget(before)
        self._pods.forget(before)
        self._connections.let_go(before)
        self._databases.leave(key[0], campaign_uid=before)


def _login_is_good_for(record: CampaignRecord, jobs: tuple[JobView, ...]) -> float | None:
    """Seconds: none before a Job is made, few until its workers run, then many; None at the end, when it is not needed."""
    live = [job for job in jobs if job.is_live]
    if record.phase.is_final and not live:
        return None
    working = [job for job in live if not job.suspended]
    if not working:
        return 0.0
    return LOGIN_SECONDS if any(job.ready for job in working) else AWAITED_LOGIN_SECONDS


def _campaign(found: Manifest) -> SearchCampaign | SpecObstacle:
    try:
        return campaign_from_mapping(found)
    except SpecError as error:
        return SpecObstacle(reason=ReasonWord.INVALID_SPEC, message=str(error))


def _storage_reason(error: StorageError) -> ReasonWord:
    if isinstance(error, StorageUnreachableError):
        return ReasonWord.DATABASE_UNREACHABLE
    return ReasonWord.SCHEMA_MISMATCH if isinstance(error, SchemaMismatchError) else ReasonWord.DATABASE_REFUSED
