"""The chart: refuses what it does not know, and every object that it makes is accepted by a real API server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from corebound.api.crd import definition
from corebound.api.jobs import MANAGED_BY, MANAGER
from corebound_operator.build.settings import load_settings

from ..cluster.definitions import definitions
from ..cluster.operator_process import RULES
from .conftest import CHART, NAMESPACE, RELEASE, VERSION, Chart, listed, of_kind

if TYPE_CHECKING:
    from pathlib import Path

    from corebound.cluster.client import Cluster
    from corebound_operator.build.settings import Settings

    from ..cluster.control_plane import ControlPlane

Manifest = dict[str, Any]

EXTERNAL = ("--set", "database.external.existingSecret=mine")
MONITORING = (
    "--set",
    "metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true,metrics.dashboard.enabled=true",
)
COMBINATIONS = {
    "defaults": (),
    "one namespace": ("--set", "namespaces={team-a,team-b}"),
    "external database": EXTERNAL,
    "external database somewhere": (*EXTERNAL, "--set", "database.external.ipBlock.cidr=10.1.2.0/24"),
    "embedded secret": ("--set", "database.embedded.existingSecret=mine"),
    "other ports": (
        *EXTERNAL,
        "--set",
        "database.external.port=6432,networkPolicies.apiServerPorts={16443},networkPolicies.dns.ports={53,5353}",
        "--set-json",
        'networkPolicies.dns.ipBlocks=[{"cidr":"169.254.20.10/32"}]',
        "--set-string",
        "trialDefaults.scratch=1000000000",
    ),
    "authority": (*EXTERNAL, "--set", "database.external.authorityConfigMap=authority"),
    "monitoring": MONITORING,
    "aks": ("--values", str(CHART / "values-aks.yaml")),
    "bare": ("--set", "networkPolicies.enabled=false,priorityClass.create=false,crds.enabled=false"),
    "everything": (
        *MONITORING,
        "--set",
        "database.isolation=shared,database.embedded.storageClassName=fast,images.pullSecrets={registry},"
        "optunaDashboard.enabled=true",
        "--set-json",
        'trialDefaults.egress=[{"ports":[{"port":443,"protocol":"TCP"}]}]',
        "--set-json",
        'operator.tolerations=[{"key":"system","operator":"Exists"}]',
        "--set-json",
        'defaultPool={"cpu":126.62,"maxNodes":4,"pricePerHour":"3.50"}',
    ),
}
combinations = pytest.mark.parametrize("options", COMBINATIONS.values(), ids=COMBINATIONS.keys())
sent_combinations = pytest.mark.parametrize(
    "options",
    [
        pytest.param(options, id=name, marks=pytest.mark.needs("definitions") if MONITORING[1] in options else ())
        for name, options in COMBINATIONS.items()
    ],
)
"""Where a Prometheus operator's objects are among them, its own definitions are needed."""
pytestmark = pytest.mark.needs("helm")


@combinations
def test_lint(chart: Chart, options: tuple[str, ...]) -> None:
    done = chart.helm("lint", "--strict", str(CHART), *options)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def restricted(plane: ControlPlane, cluster: Cluster) -> ControlPlane:
    """Namespaces that warn of every pod that the Pod Security Standard "restricted" forbids."""
    for name in (NAMESPACE, "team-a", "team-b"):
        plane.kubectl("create", "namespace", name, check=False)
        plane.kubectl("label", "namespace", name, "pod-security.kubernetes.io/warn=restricted", "--overwrite")
    return plane


@pytest.fixture(scope="module")
def accepted() -> list[Manifest]:
    """What the API server has been seen to accept: most objects are the same in every combination."""
    return []


@sent_combinations
def test_the_api_server_accepts_everything(
    chart: Chart, restricted: ControlPlane, accepted: list[Manifest], options: tuple[str, ...]
) -> None:
    if MONITORING[1] in options:
        for each in definitions():
            restricted.install(each)
    found = [each for each in chart.objects(*options) if each not in accepted]
    # A pod that names one is looked at with it.
    if accounts := of_kind(found, "ServiceAccount"):
        restricted.kubectl("apply", "-f", "-", text=listed(accounts))
    said = dry_run(restricted, found)
    assert said.count("(server dry run)") == len(found), said
    assert "would violate PodSecurity" not in said, said
    accepted += found


def test_a_pod_that_is_not_restricted_is_seen(chart: Chart, restricted: ControlPlane) -> None:
    """So that the test above can fail: the server only warns, of a Deployment's pods as of a Pod."""
    for found in chart.objects():
        if found["kind"] in ("Deployment", "Pod"):
            pod = found["spec"] if found["kind"] == "Pod" else found["spec"]["template"]["spec"]
            pod.pop("serviceAccountName", None)
            del pod["securityContext"]["seccompProfile"]
            assert "would violate PodSecurity" in dry_run(restricted, [found])


def test_an_object_that_is_refused_is_seen(chart: Chart, restricted: ControlPlane) -> None:
    """In the same way: of several the others are accepted."""
    service, account = (of_kind(chart.objects(), kind)[0] for kind in ("Service", "ServiceAccount"))
    service["spec"]["ports"][0]["port"] = 0
    said = dry_run(restricted, [service, account])
    assert said.count("(server dry run)") == 1
    assert "spec.ports[0].port: Invalid value" in said


def dry_run(plane: ControlPlane, objects: list[Manifest]) -> str:
    """A line of the API server's for each object, with its warnings, which kubectl writes to stderr."""
    options = ("--dry-run=server", "--validate=strict")
    return plane.kubectl("apply", *options, "-f", "-", text=listed(objects), check=False)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("operater.logFormat=json", "operater"),
        ("operator.logFormat=xml", "logFormat"),
        ("database.embedded.storage=10 GB", "storage"),
        ("database.embedded.storage=10m", "storage"),
        ("database.embedded.storage=0Gi", "storage"),
        ("database.embedded.storage=0.0", "storage"),
        ("trialDefaults.scratch=0Mi", "scratch"),
        ("trialDefaults.runAsUser=root", "runAsUser"),
        ("trialDefaults.runAsUser=0", "runAsUser"),
        ("namespaces=team-a", "namespaces"),
        ("images.trial.digest=sha256:12", "digest"),
        ("defaultPool.maxNodes=4", "cpu"),
        ("database.external.port=0", "port"),
        ("networkPolicies.apiServerPorts=443", "apiServerPorts"),
    ],
)
def test_a_typo_is_refused(chart: Chart, option: str, said: str) -> None:
    done = chart.helm("template", "x", str(CHART), *VERSION, "--set", option)
    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.parametrize("size", ["10Gi", "0.5Ti", "1.05Gi"])
def test_a_size_may_have_a_fraction(chart: Chart, size: str) -> None:
    [postgresql] = of_kind(chart.objects("--set", f"database.embedded.storage={size}"), "StatefulSet")
    [claim] = postgresql["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"] == {"storage": size}


def test_an_upgrade_asks_for_no_storage_class(chart: Chart, plane: ControlPlane) -> None:
    """The volume of a release that is there has its class already; this cluster has no default one."""
    looking = ("template", RELEASE, str(CHART), *VERSION, "--dry-run=server", "--kubeconfig", str(plane.kubeconfig))
    refused = chart.helm(*looking)
    assert refused.returncode != 0
    assert "found no default StorageClass" in refused.stderr
    upgraded = chart.helm(*looking, "--is-upgrade")
    assert upgraded.returncode == 0, upgraded.stderr


def test_releases_of_one_name_stand_side_by_side(chart: Chart, plane: ControlPlane) -> None:
    """As the README says, but for the CRD, which other tests may have left here."""
    access = ("--kubeconfig", str(plane.kubeconfig), "--namespace")
    for namespace in ("left", "right"):
        options = (*EXTERNAL, "--set", f"namespaces={{{namespace}}},crds.enabled=false", "--create-namespace")
        done = chart.helm("install", RELEASE, str(CHART), *access, namespace, *options)
        assert done.returncode == 0, done.stderr
    classes = plane.kubectl("get", "priorityclasses", "-l", f"app.kubernetes.io/instance={RELEASE}", "-o", "name")
    for namespace in ("left", "right"):
        done = chart.helm("uninstall", RELEASE, *access, namespace)
        assert done.returncode == 0, done.stderr
        plane.kubectl("delete", "namespace", namespace, "--wait=false")
    prefix = f"priorityclass.scheduling.k8s.io/{RELEASE}-corebound"
    assert classes.split() == [f"{prefix}.left", f"{prefix}.right"]


def test_policies_have_the_ports_that_are_given(chart: Chart) -> None:
    found = of_kind(chart.objects(*COMBINATIONS["other ports"]), "NetworkPolicy")
    egress = {each["metadata"]["name"].rpartition("-")[2]: each["spec"]["egress"] for each in found}
    dns, database, server = egress["operator"]
    assert [port["port"] for port in dns["ports"]] == [53, 53, 5353, 5353]
    assert dns["to"][1] == {"ipBlock": {"cidr": "169.254.20.10/32"}}
    assert [port["port"] for port in database["ports"]] == [6432]
    assert [port["port"] for port in server["ports"]] == [16443]
    assert egress["trials"] == [dns, database]


def test_without_a_cluster_to_look_into_a_given_secret_makes_each_rendering_the_same(chart: Chart) -> None:
    options = ("--set", "database.embedded.existingSecret=mine")
    objects = chart.rendered(*options)
    assert objects == chart.rendered(*options)
    assert of_kind(objects, "Secret") == []
    [postgresql] = of_kind(objects, "StatefulSet")
    [container] = postgresql["spec"]["template"]["spec"]["containers"]
    [operator] = of_kind(objects, "Deployment")
    references = [
        each["valueFrom"]["secretKeyRef"]
        for found in (container, operator["spec"]["template"]["spec"]["containers"][0])
        for each in found["env"]
        if "secretKeyRef" in each.get("valueFrom", {})
    ]
    assert references == [{"name": "mine", "key": "password"}, {"name": "mine", "key": "url"}]


def operators_settings(chart: Chart, options: tuple[str, ...], folder: Path) -> Settings:
    found = next(each for each in of_kind(chart.objects(*options), "ConfigMap") if "operator.yaml" in each["data"])
    path = folder / "operator.yaml"
    path.write_text(found["data"]["operator.yaml"], encoding="utf-8")
    return load_settings(path)


def test_a_digest_wins_over_the_tag(chart: Chart, tmp_path: Path) -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    options = ("--set", f"images.operator.digest={digest},images.trial.digest={digest},images.trial.tag=ignored")
    [operator] = of_kind(chart.objects(*options), "Deployment")
    [container] = operator["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"ghcr.io/corebound/operator@{digest}"
    assert operators_settings(chart, options, tmp_path).trial_defaults.image == f"ghcr.io/corebound/trial@{digest}"


def test_a_release_alone_is_ready_for_the_operator(chart: Chart, tmp_path: Path) -> None:
    for options in COMBINATIONS.values():
        operators_settings(chart, options, tmp_path)


def test_rights_are_those_of_the_list(chart: Chart) -> None:
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    operators = [
        each for each in of_kind(chart.objects(), "ClusterRole") if each["metadata"]["name"].endswith("-operator")
    ]
    assert [each["rules"] for each in operators] == [[*rules["namespaced"], *rules["cluster"]]]
    listed = chart.objects(*COMBINATIONS["one namespace"])
    assert of_kind(listed, "ClusterRole") == []
    roles = [each for each in of_kind(listed, "Role") if each["metadata"]["name"].endswith("-operator")]
    assert [each["metadata"]["namespace"] for each in roles] == ["team-a", "team-b"]
    assert all(each["rules"] == rules["namespaced"] for each in roles)


def test_the_crd_is_the_models_and_stays(chart: Chart) -> None:
    [found] = of_kind(chart.objects(), "CustomResourceDefinition")
    assert found["spec"] == definition()["spec"]
    assert found["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    [leaving] = of_kind(chart.objects("--set", "crds.keep=false"), "CustomResourceDefinition")
    assert "annotations" not in leaving["metadata"]


def test_selectors_find_what_they_mean(chart: Chart) -> None:
    objects = chart.objects(*MONITORING, "--set", "optunaDashboard.enabled=true")
    pods = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for each in objects
        if "template" in each.get("spec", {})
    }
    operator = next(labels for name, labels in pods.items() if name.endswith("-operator"))
    database = next(labels for name, labels in pods.items() if name.endswith("-postgresql"))
    for service in of_kind(objects, "Service"):
        labels = next(pods[name] for name in pods if name == service["metadata"]["name"])
        assert service["spec"]["selector"].items() <= labels.items()
    [monitor] = of_kind(objects, "ServiceMonitor")
    service = next(each for each in of_kind(objects, "Service") if each["metadata"]["name"].endswith("-operator"))
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] in [port["name"] for port in service["spec"]["ports"]]
    policies = {each["metadata"]["name"].rsplit("-", 1)[1]: each["spec"] for each in of_kind(objects, "NetworkPolicy")}
    assert policies["operator"]["podSelector"]["matchLabels"].items() <= operator.items()
    assert policies["postgresql"]["podSelector"]["matchLabels"].items() <= database.items()
    assert policies["trials"]["podSelector"]["matchLabels"] == {MANAGED_BY: MANAGER}
    to_database = [rule for rule in policies["trials"]["egress"] if rule["ports"][0]["port"] == 5432]
    assert to_database[0]["to"][0]["podSelector"]["matchLabels"].items() <= database.items()


def test_every_value_is_described() -> None:
    """Each value has a comment of its own or stands below one that speaks of it."""
    lines = (CHART / "values.yaml").read_text(encoding="utf-8").splitlines()
    assert sum(line.lstrip().startswith("#") for line in lines) > 30
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load("\n".join(lines))
    assert set(schema["properties"]) - {"global"} == set(values)


def test_the_chart_works_with_the_version_of_the_package() -> None:
    import tomllib

    project = tomllib.loads((CHART.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert found["appVersion"] == project["version"]
