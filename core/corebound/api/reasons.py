"""Every reason that a condition, an event or an ending may have: one CamelCase word each, with its meaning. Pure.

Programs compare these words and people look them up in docs/operator.md, whose table is this one: a word that is released
is not renamed. Whatever keeps pods from running is passed on in the cluster's own words, also in those that are not here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

    from corebound.api.records import Phase


class _Word(StrEnum):
    """A word and what it means."""

    meaning: str

    def __new__(cls, word: str, meaning: str) -> Self:
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning = meaning
        return member


class ReasonWord(_Word):
    """Ours, in the order of the conditions in which they stand, then those of endings and of events."""

    SPEC_ACCEPTED = "SpecAccepted", "The specification can run."
    INVALID_SPEC = "InvalidSpec", "The specification is wrong by itself; the message names each field."
    PLAN_IMPOSSIBLE = (
        "PlanImpossible",
        "Threads, workers or memory do not fit the pool; the message has the arithmetic.",
    )
    SPEC_REFUSED = (
        "SpecRefused",
        "The database knows this campaign otherwise: a field that cannot change, a name that is taken, a study to start from "
        "of which nothing fits.",
    )

    LEDGER_READY = "LedgerReady", "The database has the campaign's study and slots."
    DATABASE_UNREACHABLE = "DatabaseUnreachable", "The database does not answer; workers wait for it."
    DATABASE_REFUSED = (
        "DatabaseRefused",
        "The database refuses the operator or lacks something, or the cluster refuses the Secret with its address.",
    )
    SCHEMA_MISMATCH = (
        "SchemaMismatch",
        "The database's tables are of another version than the operator or, where a campaign failed of it, the worker.",
    )
    NOT_ASKED = "NotAsked", "Not looked at: what comes before it is missing."

    WORKERS_RUNNING = "WorkersRunning", "Workers run."
    STARTING = "Starting", "Workers are being made, or wait for what the message says."
    NOT_ACCEPTED = "NotAccepted", "Nothing runs for a specification that is not accepted."
    WAITS_FOR_CONNECTIONS = (
        "WaitsForConnections",
        "Too few connections of the database are left beside those of other campaigns; it goes on when they end.",
    )
    QUOTA_EXCEEDED = "QuotaExceeded", "A ResourceQuota of the namespace leaves no room for a Job or a pod."
    JOB_REJECTED = "JobRejected", "The cluster refuses the Job: a policy, a webhook, a right that is missing."
    POD_REJECTED = "PodRejected", "The cluster refuses the Job's pods: Pod Security, a policy, a webhook."
    NODE_LOST = "NodeLost", "A pod's node no longer answers: the pod is removed, another takes its place."
    WORKER_FAILED = "WorkerFailed", "A pod ended badly; the message is the last line of its log, or its status."

    NOT_CHECKED_YET = "NotCheckedYet", "No worker has looked at its threads yet."
    CHECKED_BY_EACH_WORKER = "CheckedByEachWorker", "Each worker has found the threads that it was told."
    THREAD_CONTRACT_BROKEN = "ThreadContractBroken", "A worker found other threads, cores or a quota than it was told."

    IS_PENDING = "IsPending", "It is Pending, and so has not ended."
    IS_RUNNING = "IsRunning", "It is Running, and so has not ended."
    IS_SUSPENDED = "IsSuspended", "It is Suspended: nothing runs, and it has not ended."
    IS_SUCCEEDED = "IsSucceeded", "It has ended as Succeeded."
    IS_FAILED = "IsFailed", "It has ended as Failed."

    ALL_TRIALS_CLOSED = "AllTrialsClosed", "Succeeded: every trial is done with."
    TARGET_REACHED = "TargetReached", "Succeeded: a trial reached the objective's target."
    STOPPED_BY_OBJECTIVE = "StoppedByObjective", "Succeeded: the objective asked for the end of the search."
    ALL_TRIALS_FAILED = "AllTrialsFailed", "Failed: no trial brought a value."
    TOO_MANY_FAILED_TRIALS = "TooManyFailedTrials", "Failed: more trials failed than failurePolicy.maxFailedTrials."
    FIRST_TRIALS_FAILED = "FirstTrialsFailed", "Failed: the first five closed trials all failed."
    DEADLINE_EXCEEDED = "DeadlineExceeded", "Failed: it ran longer than activeDeadlineSeconds."
    WORKERS_KEEP_DYING = "WorkersKeepDying", "Failed: workers ended one after the other without closing a slot."
    MISSING_REQUIREMENT = "MissingRequirement", "Failed: the image lacks a package that the campaign needs."
    BUDGET_EXHAUSTED = "BudgetExhausted", "Suspended: the budget is spent; a higher one goes on."
    SUSPENDED_BY_SPEC = "SuspendedBySpec", "Suspended: spec.suspend is true."
    INTERRUPTED = "Interrupted", "Suspended: corebound run was stopped by its user."
    OBJECT_DELETED = "ObjectDeleted", "In the database only: the campaign's object was deleted before its end."
    REPLACED = "Replaced", "In the database only: the object was deleted and made again under the same name."

    JOB_CREATED = "JobCreated", "Event: a round of workers was made."
    JOB_RESIZED = "JobResized", "Event: a Job got another number of workers."
    JOB_SUSPENDED = "JobSuspended", "Event: a Job's workers write their checkpoints and go."
    JOB_RESUMED = "JobResumed", "Event: a Job's workers come again."
    JOB_DELETED = "JobDeleted", "Event: a Job was removed; the note says why."
    EXPIRED = "Expired", "Event: ttlSecondsAfterFinished has passed, and the object goes."
    RUNNING = "Running", "Event: the phase is Running now."
    SUSPENDED = "Suspended", "Event: the phase is Suspended now."
    SUCCEEDED = "Succeeded", "Event: the phase is Succeeded now."
    FAILED = "Failed", "Event: the phase is Failed now."

    @classmethod
    def of_standing(cls, phase: Phase) -> Self:
        """Why a condition does not hold that speaks of another phase than this one."""
        return cls[f"IS_{phase.name}"]


class ClusterWord(_Word):
    """Kubernetes' own, of those that decisions depend on."""

    UNSCHEDULABLE = "Unschedulable", "No node has room for the pod, or none that it may run on."
    EVICTED = "Evicted", "A pod used more of its node's disk than it may, and was removed."
    OUT_OF_MEMORY = "OOMKilled", "A pod used more than its memory and was killed."
    CONTAINER_CONFIG = (
        "CreateContainerConfigError",
        "What the container names is not there, or its user is not allowed.",
    )
    CONTAINER = "CreateContainerError", "The container could not be made."
    IMAGE_NEVER_PULLED = "ErrImageNeverPull", "The image is not on the node, and may not be pulled."
    IMAGE_PULL = "ErrImagePull", "The image could not be pulled."
    IMAGE_PULL_WAITS = "ImagePullBackOff", "The image could not be pulled and is tried again."
    IMAGE_INSPECTION = "ImageInspectError", "The image on the node cannot be read."
    IMAGE_NAME = "InvalidImageName", "The image's name is none."
    CONTAINER_RUN = "RunContainerError", "The container could not be started."
