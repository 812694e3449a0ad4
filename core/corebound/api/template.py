"""``spec.trial.template``: what a cluster adds to the pods of a campaign.

The twelve fields are closed; inside them stand Kubernetes' own objects, small ones with their own fields, large ones
handed on as they are. They are checked here, because a cluster would tell a mistake only when the first pod is made.
What could go wrong: a misspelt key, a volume without a source, a mount of a volume that is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr

from corebound.api.model import Model, nearest, shown, sound, unknown
from corebound.api.structural import FREE, Structural
from corebound.api.values import Annotations, KubernetesObject, Labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.model import Finding, Path, Rule

MOST_ENTRIES: Final = 100
LONGEST_TEXT: Final = 1000

Text = Annotated[StrictStr, Field(max_length=LONGEST_TEXT)]
FilledText = Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_TEXT)]
VOLUME_SOURCES: Final = (
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cinder",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "fc",
    "flexVolume",
    "gcePersistentDisk",
    "hostPath",
    "image",
    "iscsi",
    "nfs",
    "persistentVolumeClaim",
    "portworxVolume",
    "projected",
    "secret",
    "vsphereVolume",
)
Volume = Annotated[
    KubernetesObject,
    Structural(
        {
            "type": "object",
            "properties": {
                "name": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": LONGEST_TEXT,
                    "description": "Name of the volume, by which volumeMounts ask for it.",
                },
                **{
                    source: {**FREE, "description": f"Kubernetes' volume source {source}, handed on as it is."}
                    for source in VOLUME_SOURCES
                },
            },
            "required": ["name"],
            "minProperties": 2,
            "maxProperties": 2,
        }
    ),
]


class Toleration(Model):
    """A taint of nodes that these pods accept."""

    key: Text | None = Field(None, description="Key of the taint; none with operator Exists accepts all.")
    operator: Literal["Exists", "Equal"] | None = Field(
        None, description="How the taint is compared: Exists, or Equal (the default)."
    )
    value: Text | None = Field(None, description="Value of the taint, with the operator Equal.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="Effect of the taint; none accepts each effect."
    )
    toleration_seconds: StrictInt | None = Field(
        None, description="How long a taint with the effect NoExecute is accepted; default: for ever."
    )


class Affinity(Model):
    """Which nodes and neighbours these pods prefer or need."""

    node_affinity: KubernetesObject | None = Field(None, description="Kubernetes nodeAffinity: which nodes.")
    pod_affinity: KubernetesObject | None = Field(None, description="Kubernetes podAffinity: near which pods.")
    pod_anti_affinity: KubernetesObject | None = Field(
        None, description="Kubernetes podAntiAffinity: far from which pods."
    )


class KeysFrom(Model):
    """A ConfigMap or a Secret."""

    name: FilledText = Field(description="Name of the ConfigMap or Secret in the campaign's namespace.")
    optional: StrictBool | None = Field(None, description="Whether pods start without it, too.")


class EnvFrom(Model):
    """A ConfigMap or a Secret whose keys become environment variables."""

    prefix: Text | None = Field(None, description="Put before each key to make the variable's name.")
    config_map_ref: KeysFrom | None = Field(None, description="The ConfigMap with the variables.")
    secret_ref: KeysFrom | None = Field(None, description="The Secret with the variables.")

    def rules(self) -> tuple[Rule, ...]:
        """One source."""
        return (self._one_source,)

    def _one_source(self) -> Iterator[Finding]:
        named = [
            name
            for name, source in (("configMapRef", self.config_map_ref), ("secretRef", self.secret_ref))
            if source is not None
        ]
        if len(named) != 1:
            yield (), f"found {' and '.join(named) or 'neither'}, expected one of configMapRef and secretRef"


class VolumeMount(Model):
    """Where a volume appears in the trial's container."""

    name: FilledText = Field(description="Name of a volume of this template.")
    mount_path: FilledText = Field(description="Where it appears in the container, for example /data.")
    sub_path: Text | None = Field(None, description="Which folder or file of the volume; default: all of it.")
    sub_path_expr: Text | None = Field(None, description="As subPath, with variables such as $(NAME).")
    read_only: StrictBool | None = Field(None, description="Whether the trial may only read it.")
    recursive_read_only: Literal["Disabled", "IfPossible", "Enabled"] | None = Field(
        None, description="Whether mounts inside of it are read-only, too."
    )
    mount_propagation: Literal["None", "HostToContainer", "Bidirectional"] | None = Field(
        None, description="Whether mounts made later are seen on the other side."
    )


class PullSecret(Model):
    """A Secret with which an image is pulled."""

    name: FilledText = Field(description="Name of the Secret in the campaign's namespace.")


class PodTemplate(Model):
    """What a cluster adds to the campaign's pods. It counts on a cluster only; on this machine it changes nothing."""

    node_selector: Labels = Field(
        {}, description="Labels a node must have to run these pods, for example {pool: cpu}. Counts on a cluster only."
    )
    tolerations: list[Toleration] = Field(
        [],
        max_length=MOST_ENTRIES,
        description="Kubernetes tolerations: the taints that these pods accept, for example [{key: spot, operator: Exists}]. "
        "Counts on a cluster only.",
    )
    affinity: Affinity = Field(
        Affinity(),
        description="Kubernetes affinity (nodeAffinity, podAffinity, podAntiAffinity) in place of the operator's preference "
        "for the campaign's own nodes. Counts on a cluster only.",
    )
    env_from: list[EnvFrom] = Field(
        [],
        max_length=MOST_ENTRIES,
        description="ConfigMaps and Secrets whose keys become environment variables, for example [{secretRef: {name: "
        "my-credentials}}]. Counts on a cluster only.",
    )
    volumes: list[Volume] = Field(
        [],
        max_length=MOST_ENTRIES,
        description="Kubernetes volumes, for example [{name: data, persistentVolumeClaim: {claimName: data}}]. Counts on a "
        "cluster only.",
    )
    volume_mounts: list[VolumeMount] = Field(
        [],
        max_length=MOST_ENTRIES,
        description="Where these volumes appear in the trial's container, for example [{name: data, mountPath: /data}]. "
        "Counts on a cluster only.",
    )
    labels: Labels = Field({}, description="Labels added to each pod. Counts on a cluster only.")
    annotations: Annotations = Field({}, description="Annotations added to each pod. Counts on a cluster only.")
    image_pull_secrets: list[PullSecret] = Field(
        [],
        max_length=MOST_ENTRIES,
        description="Secrets with which the trial's image is pulled, for example [{name: registry}]. Counts on a cluster "
        "only.",
    )
    priority_class_name: Text | None = Field(
        None, description="PriorityClass of the pods; default: that of the cluster. Counts on a cluster only."
    )
    service_account_name: Text | None = Field(
        None,
        description="Service account of the pods, for a cloud's workload identity; no token of the Kubernetes API is "
        "mounted. Default: that of the namespace. Counts on a cluster only.",
    )
    security_context: KubernetesObject = Field(
        {}, description="The pod's security context, for example {runAsUser: 1000}. Counts on a cluster only."
    )

    def rules(self) -> tuple[Rule, ...]:
        """Volumes with a name and a source; mounts of volumes that are there."""
        return self._volumes, self._mounts

    def _volumes(self) -> Iterator[Finding]:
        seen: set[str] = set()
        for index, volume in enumerate(self.volumes):
            place = ("volumes", index)
            yield from _named(volume, at=place)
            yield from _sources(volume, at=place)
            sources = sorted(key for key in volume if key != "name")
            if len(sources) != 1:
                found = " and ".join(sources) or "no source"
                yield (
                    place,
                    f"found {found}, expected one source such as emptyDir: {{}} or persistentVolumeClaim: {{...}}",
                )
            if (name := str(volume.get("name"))) in seen:
                yield (*place, "name"), f"found {name!r} twice, expected each volume once; rename one"
            seen.add(name)

    def _mounts(self) -> Iterator[Finding]:
        names = [str(volume.get("name")) for volume in self.volumes]
        for index, mount in sound(self.volume_mounts, "name"):
            if mount.name not in names:
                yield (
                    ("volumeMounts", index, "name"),
                    f"found {mount.name!r}, expected a volume of this template ({', '.join(names) or 'there is none'})"
                    f"{nearest(mount.name, names)}",
                )


def _sources(volume: KubernetesObject, *, at: Path) -> Iterator[Finding]:
    yield from unknown(volume, ("name", *VOLUME_SOURCES), what="field of a volume", at=at)
    for source in VOLUME_SOURCES:
        if source in volume and not isinstance(volume[source], dict):
            yield (*at, source), f"found {shown(volume[source])}, expected a mapping"


def _named(volume: KubernetesObject, *, at: Path) -> Iterator[Finding]:
    if "name" not in volume:
        yield (*at, "name"), "is missing; add it"
    elif not isinstance(name := volume["name"], str) or not 0 < len(name) <= LONGEST_TEXT:
        yield (*at, "name"), f"found {shown(name)}, expected a text of 1 to {LONGEST_TEXT} characters"
