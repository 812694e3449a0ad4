"""The life of a campaign on a real control plane, with the real operator and real workers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from corebound.cluster.resources import JOBS, PODS, SECRETS

from ..cluster.operator_process import RULES

if TYPE_CHECKING:
    from pathlib import Path

    from ..cluster.nodes import ProcessNode
    from .conftest import Campaigns


def container(job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = job["spec"]["template"]["spec"]["containers"][0]
    return found


def waiting(flag: Path, **more: Any) -> dict[str, Any]:
    """A trial that lasts until the file is there."""
    return {"entrypoint": "objectives.py:until", "arguments": {"flag": str(flag)}, **more}


def test_a_campaign_is_created_runs_and_succeeds(campaigns: Campaigns) -> None:
    campaigns.apply("poles", trials=5, parallelism=2)
    status = campaigns.phase("poles", "Succeeded", "Failed")
    assert status["phase"] == "Succeeded"
    assert status["trials"] == {
        "progress": "5/5",
        "of": 5,
        "done": 5,
        "succeeded": 5,
        "pruned": 0,
        "failed": 0,
        "skipped": 0,
        "running": 0,
    }
    assert float(status["best"]["value"]) == float(status["best"]["parameters"]["x"]) ** 2
    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "Accepted": "True",
        "StorageReady": "True",
        "Running": "False",
        "ThreadsExact": "True",
        "Complete": "True",
        "Failed": "False",
    }
    assert status["plan"]["threads"] == 1
    assert status["plan"]["workers"] == 2
    [job] = campaigns.jobs("poles")
    assert job["metadata"]["name"] == "poles-r1"
    assert job["spec"]["parallelism"] == job["spec"]["completions"] == 2


def test_pods_carry_the_contract_and_nothing_they_do_not_need(campaigns: Campaigns, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    campaigns.apply("poles", trials=2, threads=2, trial=waiting(flag, memory="512Mi"))
    campaigns.wait("poles", lambda status: status.get("trials", {}).get("running") == 2, "two running trials")
    [job] = campaigns.jobs("poles")
    pod = job["spec"]["template"]["spec"]
    resources = container(job)["resources"]
    assert resources["requests"] == resources["limits"] == {"cpu": "2", "memory": str(512 * 2**20)}
    environment = {each["name"]: each.get("value") for each in container(job)["env"]}
    assert environment["OMP_NUM_THREADS"] == environment["COREBOUND_THREADS"] == "2"
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert pod["automountServiceAccountToken"] is False
    assert pod["restartPolicy"] == "Never"
    assert job["spec"]["backoffLimitPerIndex"]
    rules = job["spec"]["podFailurePolicy"]["rules"]
    assert [rule["action"] for rule in rules] == ["FailJob", "FailIndex", "FailIndex"]
    assert rules[0]["onExitCodes"]["values"] == [78]
    assert "topologySpreadConstraints" not in pod
    annotations = job["spec"]["template"]["metadata"]["annotations"]
    assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    # The password is nowhere but in the Secret.
    secret = campaigns.cluster.get(SECRETS, "corebound-database", namespace=campaigns.namespace)
    assert secret is not None
    assert "postgresql" not in json.dumps(job)
    flag.touch()
    campaigns.phase("poles", "Succeeded")


def test_a_bad_spec_that_the_schema_cannot_see_is_refused_with_the_arithmetic(campaigns: Campaigns) -> None:
    campaigns.apply("greedy", threads=4, parallelism=50)
    campaigns.wait("greedy", lambda status: status.get("conditions"), "conditions")
    accepted = campaigns.condition("greedy", "Accepted")
    assert accepted["status"] == "False"
    assert "4 workers x 4 threads = 16 cores" in accepted["message"]
    assert campaigns.jobs("greedy") == []
    assert campaigns.status("greedy")["phase"] == "Pending"


def test_suspend_writes_checkpoints_and_resume_goes_on_from_them(campaigns: Campaigns) -> None:
    trial = {"entrypoint": "objectives.py:steps", "arguments": {"seconds": 6}}
    campaigns.apply("paused", trials=2, parallelism=2, trial=trial)
    campaigns.wait("paused", lambda status: status.get("trials", {}).get("running") == 2, "two running trials")
    campaigns.patch("paused", suspend=True)
    status = campaigns.phase("paused", "Suspended")
    assert status["trials"]["done"] == 0
    campaigns.until(lambda: not campaigns.pods("paused"), "no pods")
    campaigns.patch("paused", suspend=False)
    campaigns.phase("paused", "Succeeded")
    assert [job["metadata"]["name"] for job in campaigns.jobs("paused")] == ["paused-r1"]


def test_a_campaign_made_suspended_makes_nothing_until_it_is_resumed(campaigns: Campaigns) -> None:
    campaigns.apply("later", suspend=True)
    campaigns.phase("later", "Suspended")
    assert campaigns.jobs("later") == []
    campaigns.patch("later", suspend=False)
    campaigns.phase("later", "Succeeded")


def test_more_trials_on_a_finished_campaign_make_another_round(campaigns: Campaigns) -> None:
    campaigns.apply("grows", trials=2, parallelism=2)
    campaigns.phase("grows", "Succeeded")
    campaigns.until(lambda: campaigns.jobs("grows")[0]["status"].get("completionTime"), "the first Job's end")
    campaigns.patch("grows", trials=5)
    status = campaigns.wait("grows", lambda found: found.get("trials", {}).get("done") == 5, "5 trials")
    assert campaigns.phase("grows", "Succeeded")["trials"]["of"] == 5
    assert status["trials"]["succeeded"] == 5
    assert sorted(job["metadata"]["name"] for job in campaigns.jobs("grows")) == ["grows-r1", "grows-r2"]


def test_fewer_and_more_workers_while_it_runs_leave_the_others_alone(campaigns: Campaigns, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    campaigns.apply("elastic", trials=8, parallelism=2, trial=waiting(flag))
    campaigns.wait("elastic", lambda status: status.get("trials", {}).get("running") == 2, "two running trials")
    first = {pod["metadata"]["uid"] for pod in campaigns.pods("elastic")}
    campaigns.patch("elastic", parallelism=4)
    campaigns.wait("elastic", lambda status: status.get("trials", {}).get("running") == 4, "four running trials")
    assert first <= {pod["metadata"]["uid"] for pod in campaigns.pods("elastic")}
    campaigns.patch("elastic", parallelism=1)
    campaigns.until(lambda: len(campaigns.pods("elastic")) == 1, "one pod")
    campaigns.wait("elastic", lambda status: status.get("trials", {}).get("running") == 1, "one running trial")
    [job] = campaigns.jobs("elastic")
    assert (job["spec"]["parallelism"], job["spec"]["completions"]) == (1, 4)
    campaigns.patch("elastic", parallelism=3)
    campaigns.wait("elastic", lambda status: status.get("trials", {}).get("running") == 3, "three running trials")
    flag.touch()
    assert campaigns.phase("elastic", "Succeeded", "Failed")["trials"]["succeeded"] == 8


def test_slots_that_come_back_do_not_leave_cores_idle_while_one_trial_runs_on(
    campaigns: Campaigns, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    trial = {"entrypoint": "objectives.py:first_is_long", "arguments": {"flag": str(flag)}}
    campaigns.apply("tail", trials=4, parallelism=2, trial=trial)
    campaigns.wait("tail", lambda status: status.get("trials", {}).get("done") == 3, "three trials")
    campaigns.until(lambda: campaigns.jobs("tail")[0]["status"].get("succeeded") == 1, "one worker to leave")
    campaigns.patch("tail", trials=6)
    campaigns.wait("tail", lambda status: status.get("trials", {}).get("done") == 5, "the two new trials")
    [job] = campaigns.jobs("tail")
    assert job["spec"]["parallelism"] == job["spec"]["completions"] > 2
    flag.touch()
    campaigns.phase("tail", "Succeeded")


def test_a_deadline_ends_it_and_running_trials_are_told_why(campaigns: Campaigns, tmp_path: Path) -> None:
    campaigns.apply("late", trials=4, parallelism=2, activeDeadlineSeconds=6, trial=waiting(tmp_path / "never"))
    status = campaigns.phase("late", "Failed")
    assert campaigns.condition("late", "Failed")["reason"] == "DeadlineExceeded"
    assert status["trials"]["failed"] + status["trials"]["skipped"] == 4
    campaigns.until(lambda: not any(pod["status"]["phase"] == "Running" for pod in campaigns.pods("late")), "no pods")


def test_a_target_ends_it_early_as_succeeded(campaigns: Campaigns, tmp_path: Path) -> None:
    trial = {"entrypoint": "objectives.py:first_is_long", "arguments": {"flag": str(tmp_path / "never")}}
    objectives = [{"metric": "loss", "direction": "maximize", "target": 1}]
    campaigns.apply("aimed", trials=6, parallelism=2, objectives=objectives, trial=trial)
    status = campaigns.phase("aimed", "Succeeded", "Failed")
    assert status["phase"] == "Succeeded"
    assert campaigns.condition("aimed", "Complete")["reason"] == "TargetReached"
    assert status["trials"]["done"] == 6


def test_trials_that_all_fail_end_it_with_their_own_words(campaigns: Campaigns) -> None:
    # Many of them: the operator looks now and then, and hundreds may have failed by then.
    campaigns.apply("wrong", trials=2000, parallelism=1, trial={"entrypoint": "objectives.py:raises"})
    status = campaigns.phase("wrong", "Failed")
    failed = campaigns.condition("wrong", "Failed")
    assert failed["reason"] == "FirstTrialsFailed"
    assert "no data for Zoë in /data" in failed["message"]
    assert status["trials"]["failed"] >= 5


def test_more_threads_at_work_than_promised_fail_it_by_name(campaigns: Campaigns) -> None:
    campaigns.apply("spins", trials=4, parallelism=1, trial={"entrypoint": "objectives.py:breaks_contract"})
    status = campaigns.phase("spins", "Failed")
    assert campaigns.condition("spins", "Failed")["reason"] == "ThreadContractBroken"
    assert campaigns.condition("spins", "ThreadsExact")["status"] == "False"
    assert "threads" in status["message"]


def test_a_finished_campaign_goes_after_its_time_with_everything_but_its_results(campaigns: Campaigns) -> None:
    campaigns.apply("brief", trials=1, ttlSecondsAfterFinished=3)
    campaigns.phase("brief", "Succeeded")

    def gone() -> bool:
        return not campaigns.plane.kubectl("get", "searchcampaigns", "-n", campaigns.namespace, "-o", "name")

    campaigns.until(gone, "the object to go")
    campaigns.until(lambda: not campaigns.jobs("brief") and not campaigns.pods("brief"), "its Jobs and pods to go")

    def secret_is_gone() -> bool:
        return campaigns.cluster.get(SECRETS, "corebound-database", namespace=campaigns.namespace) is None

    campaigns.until(secret_is_gone, "the last campaign's Secret to go")


def test_deleting_a_running_campaign_takes_everything_and_a_new_one_starts_afresh(
    campaigns: Campaigns, tmp_path: Path, machine: ProcessNode
) -> None:
    campaigns.apply("again", trials=4, parallelism=2, trial=waiting(tmp_path / "never"))
    campaigns.wait("again", lambda status: status.get("trials", {}).get("running") == 2, "two running trials")
    campaigns.delete("again")
    campaigns.until(lambda: not campaigns.jobs("again") and not campaigns.pods("again"), "Jobs and pods to go")
    assert not [name for name in machine.processes() if name.startswith("again-")]
    campaigns.apply("again", trials=3)
    status = campaigns.phase("again", "Succeeded")
    assert status["trials"]["succeeded"] == 3
    assert status["best"]["trial"] in (0, 1, 2)


def test_a_job_deleted_by_hand_is_made_again_and_no_slot_is_lost(campaigns: Campaigns, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    campaigns.apply("robbed", trials=4, parallelism=2, trial=waiting(flag))
    campaigns.wait("robbed", lambda status: status.get("trials", {}).get("running") == 2, "two running trials")
    before = campaigns.jobs("robbed")[0]["metadata"]["uid"]
    campaigns.cluster.delete(JOBS, "robbed-r1", namespace=campaigns.namespace)
    campaigns.until(lambda: any(job["metadata"]["uid"] != before for job in campaigns.jobs("robbed")), "a new Job")
    flag.touch()
    status = campaigns.phase("robbed", "Succeeded")
    assert status["trials"]["succeeded"] == 4


def test_a_pod_deleted_by_hand_is_replaced_and_its_trial_goes_on(campaigns: Campaigns) -> None:
    trial = {"entrypoint": "objectives.py:steps", "arguments": {"seconds": 5}}
    campaigns.apply("robbed", trials=2, parallelism=2, trial=trial)
    campaigns.wait("robbed", lambda status: status.get("trials", {}).get("running") == 2, "two running trials")
    victim = campaigns.pods("robbed")[0]["metadata"]["name"]
    campaigns.cluster.delete(PODS, victim, namespace=campaigns.namespace)
    status = campaigns.phase("robbed", "Succeeded")
    assert status["trials"]["succeeded"] == 2


def test_a_worker_that_dies_is_replaced_and_exactly_n_trials_are_made(
    campaigns: Campaigns, machine: ProcessNode
) -> None:
    import os
    import signal

    trial = {"entrypoint": "objectives.py:steps", "arguments": {"seconds": 4}}
    campaigns.apply("killed", trials=3, parallelism=2, trial=trial)
    campaigns.wait("killed", lambda status: status.get("trials", {}).get("running") == 2, "two running trials")
    victim = next(pid for name, pid in machine.processes().items() if name.startswith("killed-"))
    os.kill(victim, signal.SIGKILL)
    status = campaigns.phase("killed", "Succeeded")
    assert status["trials"]["succeeded"] == 3


def test_two_campaigns_of_one_name_in_two_namespaces_know_nothing_of_each_other(campaigns: Campaigns) -> None:
    from dataclasses import replace

    other = f"{campaigns.namespace}-b"
    campaigns.plane.kubectl("create", "namespace", other)
    there = replace(campaigns, namespace=other)
    campaigns.apply("twin", trials=2)
    there.apply("twin", trials=3)
    assert campaigns.phase("twin", "Succeeded")["trials"]["of"] == 2
    assert there.phase("twin", "Succeeded")["trials"]["of"] == 3
    campaigns.plane.kubectl("delete", "namespace", other, "--wait=false")


def test_every_verb_of_the_operators_rules_has_its_reason() -> None:
    for line in RULES.read_text(encoding="utf-8").splitlines():
        if line.startswith("      - "):
            assert " # " in line, line


def test_ten_thousand_trials_have_a_status_of_the_same_size(campaigns: Campaigns, tmp_path: Path) -> None:
    campaigns.apply("vast", trials=10_000, parallelism=2, trial=waiting(tmp_path / "never"))
    status = campaigns.wait("vast", lambda found: found.get("trials", {}).get("running") == 2, "two running trials")
    assert status["trials"]["of"] == 10_000
    assert len(json.dumps(campaigns.status("vast"))) < 4000
    campaigns.delete("vast")


def test_a_budget_that_is_used_up_suspends_and_a_larger_one_resumes(campaigns: Campaigns) -> None:
    pool = {"pricePerHour": "36000", "nodeSelector": {"kubernetes.io/hostname": "node-1"}}
    trial = {"entrypoint": "objectives.py:steps", "arguments": {"seconds": 6}}
    budget = {"amount": "4", "currency": "EUR"}
    campaigns.apply("costly", trials=2, parallelism=2, pool=pool, budget=budget, trial=trial)
    status = campaigns.phase("costly", "Suspended", "Succeeded", "Failed")
    assert status["phase"] == "Suspended"
    assert status["cost"].endswith("EUR")
    assert "raise spec.budget.amount" in status["message"]
    campaigns.patch("costly", budget={"amount": "4000", "currency": "EUR"})
    assert campaigns.phase("costly", "Succeeded", "Failed")["trials"]["succeeded"] == 2


def test_too_many_failed_trials_end_it(campaigns: Campaigns) -> None:
    policy = {"maxFailedTrials": 1}
    campaigns.apply(
        "limit", trials=2000, parallelism=1, failurePolicy=policy, trial={"entrypoint": "objectives.py:raises"}
    )
    status = campaigns.phase("limit", "Failed")
    assert campaigns.condition("limit", "Failed")["reason"] == "TooManyFailedTrials"
    assert status["trials"]["skipped"] > 0


def test_workers_that_cannot_start_end_it_with_their_last_words(campaigns: Campaigns) -> None:
    """A command that is no worker at all, as in an image without Corebound."""
    template = {"envFrom": [{"secretRef": {"name": "hides-python", "optional": True}}]}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "hides-python"},
        "stringData": {"PYTHONPATH": "/nothing", "PYTHONHOME": "/nothing"},
    }
    campaigns.plane.kubectl("apply", "-n", campaigns.namespace, "-f", "-", text=json.dumps(secret))
    trial = {"entrypoint": "objectives.py:quick", "template": template}
    campaigns.apply("broken", trials=3, parallelism=3, trial=trial)
    status = campaigns.phase("broken", "Failed")
    assert campaigns.condition("broken", "Failed")["reason"] == "WorkersKeepDying"
    assert "pods in a row" in status["message"]
