"""Why pods do not run: the most specific reason wins, in the cluster's own words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import yaml

from corebound.api.loading import campaign_from_mapping
from corebound_operator.build.pod import pod_template
from corebound_operator.build.settings import TrialDefaults
from corebound_operator.decide.pods import broken_contract, failures_in_a_row, lost_pods, pod_trouble

from .worlds import NOW, UID, mapping

Manifest = dict[str, Any]


def pod(
    name: str = "poles-r1-0-abc", *, phase: str = "Pending", state: Manifest | None = None, **status: Any
) -> Manifest:
    containers = [{"name": "trial", "state": state}] if state is not None else []
    return {"metadata": {"name": name}, "status": {"phase": phase, "containerStatuses": containers, **status}}


def unschedulable(message: str) -> Manifest:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod(conditions=[condition])


def ended(code: int, *, message: str = "", ago: float = 1, reason: str = "Error", **status: Any) -> Manifest:
    at = (NOW - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    state = {"terminated": {"exitCode": code, "reason": reason, "message": message, "finishedAt": at}}
    return pod(phase="Failed", state=state, **status)


def failed_create(note: str, *, ago: float = 5) -> Manifest:
    at = (NOW - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"reason": "FailedCreate", "note": note, "metadata": {"creationTimestamp": at}}


def test_nothing_is_wrong() -> None:
    assert pod_trouble([pod(phase="Running", state={"running": {}})], [], now=NOW) is None


@pytest.mark.parametrize(
    ("pods", "events", "reason", "words"),
    [
        (
            [pod(state={"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}})],
            [],
            "ImagePullBackOff",
            "tag",
        ),
        (
            [pod(state={"waiting": {"reason": "CreateContainerConfigError"}})],
            [],
            "CreateContainerConfigError",
            "Config",
        ),
        ([unschedulable("0/3 nodes are available")], [], "Unschedulable", "0/3 nodes"),
        ([], [failed_create('pods "x" is forbidden: exceeded quota: small')], "QuotaExceeded", "small"),
        ([], [failed_create('violates PodSecurity "restricted:latest"')], "PodRejected", "PodSecurity"),
        ([], [failed_create("admission webhook denied it")], "PodRejected", "webhook"),
        ([ended(137, reason="OOMKilled")], [], "OOMKilled", "137"),
        ([ended(1, message="first\nno module named mine\n")], [], "WorkerFailed", "no module named mine"),
    ],
)
def test_each_reason(pods: list[Manifest], events: list[Manifest], reason: str, words: str) -> None:
    trouble = pod_trouble(pods, events, now=NOW)
    assert trouble is not None
    assert trouble.reason == reason
    assert words in trouble.message


def test_a_container_that_is_created_is_no_trouble() -> None:
    assert pod_trouble([pod(state={"waiting": {"reason": "ContainerCreating"}})], [], now=NOW) is None


def test_user_0_alone_is_told_with_the_remedy() -> None:
    said = 'container\'s runAsUser breaks non-root policy (pod: "poles-r1-0-abc_team(1f2e)", container: trial)'
    waiting = {"reason": "CreateContainerConfigError", "message": said}
    trouble = pod_trouble([pod(state={"waiting": waiting})], [], now=NOW)
    assert trouble is not None
    assert said in trouble.message
    remedy = trouble.message.partition("trial.template.securityContext: ")[2].partition("}")[0] + "}"
    template = {"securityContext": yaml.safe_load(remedy)}
    made = pod_template(
        campaign_from_mapping(mapping(trial={"command": ["true"], "template": template})),
        uid=UID,
        threads=1,
        defaults=TrialDefaults(),
        labels={},
    )
    security = made["spec"]["securityContext"]
    assert (security["runAsNonRoot"], security["runAsUser"], security["runAsGroup"]) == (False, 0, 0)


def test_another_trouble_with_the_container_is_told_without_it() -> None:
    waiting = {"reason": "CreateContainerConfigError", "message": 'secret "cloud" not found'}
    trouble = pod_trouble([pod(state={"waiting": waiting})], [], now=NOW)
    assert trouble is not None
    assert "securityContext" not in trouble.message


def test_old_events_do_not_count() -> None:
    assert pod_trouble([], [failed_create("exceeded quota", ago=600)], now=NOW) is None


def test_an_image_is_more_specific_than_a_place() -> None:
    waiting = pod(state={"waiting": {"reason": "ErrImagePull"}})
    trouble = pod_trouble([unschedulable("no room"), waiting], [], now=NOW)
    assert trouble is not None
    assert trouble.reason == "ErrImagePull"


def lived(*, made: float, gone: float, code: int = 1, **status: Any) -> Manifest:
    """One that was made and ended so many seconds ago."""
    failed = ended(code, ago=gone)
    failed["status"].update(status)
    at = (NOW - timedelta(seconds=made)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {**failed, "metadata": {**failed["metadata"], "creationTimestamp": at}}


def test_failures_since_the_last_closed_slot_count_and_evictions_do_not() -> None:
    evicted = lived(made=30, gone=25, conditions=[{"type": "DisruptionTarget", "status": "True"}])
    pods = [lived(made=7, gone=5), lived(made=60, gone=50), evicted, pod(phase="Succeeded")]
    assert failures_in_a_row(pods, NOW - timedelta(seconds=20)) == 1
    assert failures_in_a_row(pods, None) == 2


@pytest.mark.parametrize(
    "words",
    [
        'Usage of EmptyDir volume "corebound-tmp" exceeds the limit "1Gi". ',
        'Container trial exceeded its local ephemeral storage limit "2Gi". ',
        "Pod ephemeral local storage usage exceeds the total limit of containers 2Gi. ",
    ],
)
def test_pods_that_are_evicted_for_what_they_have_written_count_and_say_so(words: str) -> None:
    disrupted = {"conditions": [{"type": "DisruptionTarget", "status": "True"}], "reason": "Evicted"}
    full = lived(made=9, gone=5, code=143, message=words, **disrupted)
    assert failures_in_a_row([full], None) == 1
    trouble = pod_trouble([full], [], now=NOW)
    assert trouble is not None
    assert (trouble.reason, words.strip() in trouble.message) == ("Evicted", True)
    low = lived(made=9, gone=5, code=143, message="The node was low on resource: memory. ", **disrupted)
    assert failures_in_a_row([low], None) == 0
    assert pod_trouble([low], [], now=NOW) is None


def test_pods_that_die_with_their_node_are_one_failure() -> None:
    at_once = [lived(made=3600 + index, gone=100 + index % 3, code=137) for index in range(128)]
    assert failures_in_a_row(at_once, None) == 1
    again = [lived(made=80, gone=50 + index % 3, code=255) for index in range(128)]
    assert failures_in_a_row([*at_once, *again], None) == 2


def test_the_longest_row_counts_among_many_workers() -> None:
    dying = [lived(made=100 - 10 * place, gone=95 - 10 * place) for place in range(10)]
    alongside = [lived(made=101, gone=4), lived(made=99, gone=94), lived(made=500, gone=97)]
    assert failures_in_a_row([*alongside, *dying], None) == 10


def test_a_pod_that_is_made_in_the_second_in_which_another_ends_comes_after_it() -> None:
    pods = [lived(made=30 - 5 * place, gone=25 - 5 * place) for place in range(4)]
    assert failures_in_a_row(pods, None) == 4


def test_pods_that_a_node_does_not_take_in_count_by_when_they_were_made() -> None:
    times = [f"2026-01-30T11:59:{second}Z" for second in (10, 10, 10, 20, 30)]
    refused = [{**pod(phase="Failed"), "metadata": {"name": "poles", "creationTimestamp": at}} for at in times]
    assert failures_in_a_row(refused, None) == 3


def leaving(*, ago: float, phase: str = "Running", job: str = "job-1") -> Manifest:
    """A pod whose grace ended so long ago."""
    at = (NOW - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = {"name": "poles-r1-0-abc", "deletionTimestamp": at, "ownerReferences": [{"uid": job}]}
    return {**pod(phase=phase), "metadata": metadata, "spec": {"nodeName": "node-7"}}


def test_a_pod_that_should_have_ended_long_ago_is_lost_with_its_node() -> None:
    pods = [leaving(ago=31), leaving(ago=5), leaving(ago=500, phase="Failed"), leaving(ago=500, job="job-0"), pod()]
    assert lost_pods(pods, job="job-1", now=NOW) == 1
    trouble = pod_trouble([leaving(ago=31)], [], now=NOW)
    assert trouble is not None
    assert (trouble.reason, "node-7" in trouble.message) == ("NodeLost", True)
    assert pod_trouble([leaving(ago=5)], [], now=NOW) is None


def test_the_words_of_a_broken_contract_are_the_workers_last_line() -> None:
    assert broken_contract([ended(1), ended(78, message="x\nquota 2, expected 1")], 78) == "quota 2, expected 1"
    assert "ended with status 78" in str(broken_contract([ended(78)], 78))
    assert broken_contract([ended(1)], 78) is None
