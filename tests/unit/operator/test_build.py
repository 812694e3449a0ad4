"""The Job of a campaign: the contract is in it, the template is laid over it, and nothing breaks the contract."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebound.api.contract import THREAD_COUNT_VARIABLES
from corebound.api.errors import SpecError, UsageError
from corebound.api.jobs import count_indexes
from corebound.api.loading import campaign_from_mapping
from corebound_operator.build.job import job_manifest
from corebound_operator.build.settings import Settings, load_settings

from .worlds import UID, mapping


def made(settings: Settings | None = None, *, threads: int = 2, workers: int = 3, **parts: Any) -> dict[str, Any]:
    campaign = campaign_from_mapping(mapping(**parts))
    return job_manifest(
        campaign,
        uid=UID,
        namespace="team",
        number=1,
        threads=threads,
        workers=workers,
        settings=settings or Settings(),
    )


def pod(job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = job["spec"]["template"]["spec"]
    return found


@given(threads=st.integers(1, 128), workers=st.integers(1, 1000))
def test_request_limit_and_every_variable_are_the_thread_count(threads: int, workers: int) -> None:
    job = made(threads=threads, workers=workers)
    container = pod(job)["containers"][0]
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert container["resources"]["limits"]["cpu"] == str(threads)
    environment = {each["name"]: each.get("value") for each in container["env"]}
    assert {environment[name] for name in THREAD_COUNT_VARIABLES} == {str(threads)}
    assert job["spec"]["parallelism"] == job["spec"]["completions"] == workers
    assert json.loads(json.dumps(job)) == job


def test_the_template_is_laid_over_what_we_choose() -> None:
    template = {
        "nodeSelector": {"pool": "cpu"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "labels": {"team": "a", "corebound.dev/campaign-uid": "forged"},
        "annotations": {"note": "x"},
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "envFrom": [{"secretRef": {"name": "cloud"}}],
        "imagePullSecrets": [{"name": "registry"}],
        "priorityClassName": "low",
        "serviceAccountName": "blob",
        "securityContext": {"runAsUser": 1000},
    }
    job = made(trial={"command": ["true"], "template": template})
    spec, metadata = pod(job), job["spec"]["template"]["metadata"]
    assert spec["nodeSelector"] == {"pool": "cpu"}
    assert spec["tolerations"] == template["tolerations"]
    assert spec["securityContext"]["runAsUser"] == 1000
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["priorityClassName"] == "low"
    assert spec["serviceAccountName"] == "blob"
    assert spec["automountServiceAccountToken"] is False
    assert {"name": "data", "mountPath": "/data"} in spec["containers"][0]["volumeMounts"]
    assert spec["containers"][0]["envFrom"] == template["envFrom"]
    assert metadata["labels"]["team"] == "a"
    assert metadata["labels"]["corebound.dev/campaign-uid"] == UID
    assert metadata["annotations"]["note"] == "x"


def test_only_our_own_image_has_a_read_only_root() -> None:
    assert pod(made())["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    own = pod(made(trial={"command": ["true"], "image": "mine:1"}))["containers"][0]
    assert "readOnlyRootFilesystem" not in own["securityContext"]
    assert own["image"] == "mine:1"


def test_a_variable_of_the_contract_is_refused_by_name() -> None:
    with pytest.raises(SpecError, match="OMP_NUM_THREADS"):
        made(trial={"command": ["true"], "env": [{"name": "OMP_NUM_THREADS", "value": "64"}]})


def test_a_queue_makes_the_job_wait_for_admission() -> None:
    queued = made(labels={"kueue.x-k8s.io/queue-name": "team"})
    assert queued["spec"]["suspend"] is True
    assert queued["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team"
    assert "suspend" not in made()["spec"]


def test_names_stay_within_a_host_name() -> None:
    job = made(name="a" * 52)
    assert len(f"{job['metadata']['name']}-{10**6}") <= 63


@pytest.mark.parametrize(("text", "count"), [("", 0), ("3", 1), ("1,3-5,7", 5), ("0-9", 10)])
def test_indexes_are_counted(text: str, count: int) -> None:
    assert count_indexes(text) == count


def test_settings_refuse_what_they_do_not_know(tmp_path: Any) -> None:
    path = tmp_path / "operator.yaml"
    path.write_text("trialDefaults: {imgae: x}\npollSeconds: -1\n")
    with pytest.raises(UsageError) as refused:
        load_settings(path)
    assert "trialDefaults.imgae" in str(refused.value)
    assert "pollSeconds" in str(refused.value)
    path.write_text("trialDefaults: {image: mine:1}\n")
    assert load_settings(path).trial_defaults.image == "mine:1"
    assert load_settings(None) == Settings()
