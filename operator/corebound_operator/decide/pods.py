"""Why pods do not run, from the pods themselves and from the events of their Job, in the cluster's own words. Pure.

The most specific reason wins: what keeps a pod from being made at all, then what keeps it from starting, then where it could
be placed, then how it ended. What could go wrong: words that another version of Kubernetes uses; they are passed on as
they are.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from corebound.api.jobs import PodTrouble, moment
from corebound.api.reasons import ClusterWord, ReasonWord
from corebound_operator.build.names import CONTAINER
from corebound_operator.build.pod import BLAMELESS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Manifest = dict[str, Any]

NOT_STARTING: Final = frozenset(ClusterWord) - {ClusterWord.UNSCHEDULABLE, ClusterWord.OUT_OF_MEMORY}
REFUSED: Final = (("exceeded quota", ReasonWord.QUOTA_EXCEEDED), ("violates PodSecurity", ReasonWord.POD_REJECTED))
RECENT: Final = timedelta(minutes=5)
LOST: Final = timedelta(seconds=30)
"""How long after its grace a node that answers has killed a pod, and said so."""
OUTGROWN: Final = re.compile(r"exceeds the (total )?limit|exceeded its local ephemeral storage limit")
"""The kubelet's words where it evicts a pod for what the pod has written itself, not for the node's need."""
AS_ROOT: Final = "runAsUser breaks non-root policy"
"""The kubelet's words for user 0 in a pod that says runAsNonRoot. Each pod of ours names a user, so the kubelet never
asks for the image's own, for which it has other words.
"""
REMEDY: Final = (
    "; an image that must run as root needs all of trial.template.securityContext: "
    "{runAsNonRoot: false, runAsUser: 0, runAsGroup: 0}, any other a runAsUser above 0 or none at all"
)


def pod_trouble(pods: Sequence[Manifest], events: Sequence[Manifest], *, now: datetime) -> PodTrouble | None:
    """The reason, or None where nothing stands in the way."""
    found = [*_starting(pods), *_creating(events, now), *_placing(pods), *_losing(pods, now), *_ending(pods)]
    return found[0] if found else None


def refused_job(said: str) -> PodTrouble:
    """A Job that the cluster does not accept: a quota of Jobs, a policy, a right that is missing; ``said`` are its words."""
    reason = next((name for words, name in REFUSED if words in said), ReasonWord.JOB_REJECTED)
    return PodTrouble(reason=reason, message=f"the cluster refuses the campaign's Job: {said}")


def failures_in_a_row(pods: Sequence[Manifest], last_close: datetime | None) -> int:
    """Pods that ended badly after the last slot was closed, each of which was made when the one before had ended.

    Those that end together, as with their node, are one blow. Stopped ones do not count, nor evictions for the node's sake.
    """
    lives = (_life(pod) for pod in pods if _has_failed(pod))
    since = [life for life in lives if life is not None and (last_close is None or life[1] > last_close)]
    count, ended_before = 0, datetime.min.replace(tzinfo=UTC)
    # Of all rows the longest: that which goes on with whoever ends first. Times are whole seconds.
    for made, ended in sorted(since, key=lambda life: life[1]):
        if made > ended_before or made == ended_before < ended:
            count, ended_before = count + 1, ended
    return count


def lost_pods(pods: Sequence[Manifest], *, job: str, now: datetime) -> int:
    """Pods of the Job with that UID that should have ended by now, and of which their node says nothing."""
    return sum(_is_lost(pod, now) and _belongs_to(pod, job) for pod in pods)


def broken_contract(pods: Sequence[Manifest], exit_code: int) -> str | None:
    """The last line of a worker that ended with ``exit_code``."""
    for pod in pods:
        ended = _terminated(pod)
        if ended is not None and ended.get("exitCode") == exit_code:
            lines = str(ended.get("message") or "").strip().splitlines()
            return lines[-1] if lines else f"pod {pod['metadata']['name']} ended with status {exit_code}"
    return None


def _starting(pods: Sequence[Manifest]) -> Iterator[PodTrouble]:
    for pod in pods:
        waiting = _container(pod).get("state", {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        if reason in NOT_STARTING:
            message = waiting.get("message") or reason
            yield PodTrouble(reason=reason, message=_said(pod, message + (REMEDY if AS_ROOT in message else "")))


def _creating(events: Sequence[Manifest], now: datetime) -> Iterator[PodTrouble]:
    """``FailedCreate`` of the Job: no pod was made, so no pod can say why."""
    for event in sorted(events, key=_seen_at, reverse=True):
        note = str(event.get("note") or event.get("message") or "")
        seen = moment(_seen_at(event))
        if event.get("reason") != "FailedCreate" or (seen is not None and now - seen > RECENT):
            continue
        reason = next((name for words, name in REFUSED if words in note), ReasonWord.POD_REJECTED)
        yield PodTrouble(reason=reason, message=note)


def _placing(pods: Sequence[Manifest]) -> Iterator[PodTrouble]:
    for pod in pods:
        for condition in pod.get("status", {}).get("conditions") or []:
            if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
                reason = condition.get("reason") or ClusterWord.UNSCHEDULABLE
                yield PodTrouble(reason=reason, message=_said(pod, condition.get("message") or reason))


def _losing(pods: Sequence[Manifest], now: datetime) -> Iterator[PodTrouble]:
    for pod in pods:
        if _is_lost(pod, now):
            node = pod.get("spec", {}).get("nodeName", "")
            text = (
                f"was told to end, and its node {node} does not answer; another pod takes its place, and it goes when the "
                "node is back or its Node object is deleted"
            )
            yield PodTrouble(reason=ReasonWord.NODE_LOST, message=_said(pod, text))


def _ending(pods: Sequence[Manifest]) -> Iterator[PodTrouble]:
    for pod in pods:
        ended = _terminated(pod)
        if _has_outgrown(pod):
            yield PodTrouble(reason=ClusterWord.EVICTED, message=_said(pod, pod["status"]["message"].strip()))
        if ended is None or not _has_failed(pod):
            continue
        is_out_of_memory = ended.get("reason") == ClusterWord.OUT_OF_MEMORY
        reason = ClusterWord.OUT_OF_MEMORY if is_out_of_memory else ReasonWord.WORKER_FAILED
        lines = str(ended.get("message") or "").strip().splitlines()
        last = lines[-1] if lines else f"ended with status {ended.get('exitCode')}"
        yield PodTrouble(reason=reason, message=_said(pod, last))


def _is_lost(pod: Manifest, now: datetime) -> bool:
    # The time of deletion is that of the end of its grace.
    told = moment(pod["metadata"].get("deletionTimestamp"))
    has_ended = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    return told is not None and now - told > LOST and not has_ended


def _belongs_to(pod: Manifest, uid: str) -> bool:
    return any(each.get("uid") == uid for each in pod["metadata"].get("ownerReferences") or [])


def _has_failed(pod: Manifest) -> bool:
    return pod.get("status", {}).get("phase") == "Failed" and not _is_blameless(pod)


def _life(pod: Manifest) -> tuple[datetime, datetime] | None:
    """When it was made and when its container ended; one that a node did not take in has lived for a moment."""
    ended = moment((_terminated(pod) or {}).get("finishedAt"))
    made = moment(pod["metadata"].get("creationTimestamp")) or ended
    return None if made is None else (made, ended or made)


def _container(pod: Manifest) -> Manifest:
    statuses = pod.get("status", {}).get("containerStatuses") or []
    found: Manifest = next((each for each in statuses if each.get("name") == CONTAINER), {})
    return found


def _terminated(pod: Manifest) -> Manifest | None:
    found: Manifest | None = _container(pod).get("state", {}).get("terminated")
    return found


def _is_blameless(pod: Manifest) -> bool:
    """Evicted for its node's sake, stopped, or without its ledger."""
    if _has_outgrown(pod):
        return False
    if (_terminated(pod) or {}).get("exitCode") in BLAMELESS:
        return True
    conditions = pod.get("status", {}).get("conditions") or []
    return any(each.get("type") == "DisruptionTarget" and each.get("status") == "True" for each in conditions)


def _has_outgrown(pod: Manifest) -> bool:
    """Whether it has filled its disk: another pod in its place would do the same, again and again."""
    status = pod.get("status", {})
    return status.get("reason") == ClusterWord.EVICTED and OUTGROWN.search(status.get("message") or "") is not None


def _said(pod: Manifest, text: str) -> str:
    return f"pod {pod['metadata']['name']}: {text}"


def _seen_at(event: Manifest) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("deprecatedLastTimestamp"), event.get("eventTime"))
    created = event.get("metadata", {}).get("creationTimestamp")
    return next((str(each) for each in (*times, created) if each), "")
