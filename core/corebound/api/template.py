"""``spec.trial.template``: what a cluster adds to the pods of a campaign.

The twelve fields are closed; inside them stand Kubernetes' own objects, which are handed on as they are. Their outer
shape is checked here, because a cluster would tell a mistake only when the first pod is made. What could go wrong: a
misspelt key, a volume without a source, a mount of a volume that is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, Field, StrictStr, model_validator

from corebound.api.model import Model, refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Labels = dict[StrictStr, StrictStr]
Object = dict[str, Any]

_TOLERATION: Final = ("key", "operator", "value", "effect", "tolerationSeconds")
_AFFINITY: Final = ("nodeAffinity", "podAffinity", "podAntiAffinity")
_ENV_SOURCE: Final = ("prefix", "configMapRef", "secretRef")
_MOUNT: Final = (
    "name",
    "mountPath",
    "subPath",
    "subPathExpr",
    "readOnly",
    "recursiveReadOnly",
    "mountPropagation",
)


def _check_toleration(toleration: Object) -> None:
    refuse_unknown(toleration, _TOLERATION, "field of a toleration")
    _check_word(toleration, "operator", ("Exists", "Equal"))
    _check_word(toleration, "effect", ("NoSchedule", "PreferNoSchedule", "NoExecute"))


def _check_env_source(source: Object) -> None:
    refuse_unknown(source, _ENV_SOURCE, "field of an envFrom entry")
    named = [kind for kind in ("configMapRef", "secretRef") if kind in source]
    if len(named) != 1:
        raise ValueError(f"found {' and '.join(named) or 'neither'}, expected exactly one of configMapRef, secretRef")
    if not isinstance(source[named[0]], dict):
        raise ValueError(f"found {source[named[0]]!r} as {named[0]}, expected a mapping such as {{name: my-settings}}")
    _check_texts(source[named[0]], "name")


def _check_volume(volume: Object) -> None:
    _check_texts(volume, "name")
    sources = sorted(key for key in volume if key != "name")
    if len(sources) != 1:
        raise ValueError(
            f"volume {volume['name']!r} has {' and '.join(sources) or 'no source'}, expected exactly one source such as "
            "emptyDir: {} or persistentVolumeClaim: {claimName: data}"
        )


def _check_mount(mount: Object) -> None:
    refuse_unknown(mount, _MOUNT, "field of a volume mount")
    _check_texts(mount, "name", "mountPath")


def _check_secret_name(secret: Object) -> None:
    refuse_unknown(secret, ("name",), "field of an image pull secret")
    _check_texts(secret, "name")


def _check_texts(found: Mapping[str, Any], *names: str) -> None:
    """Each of ``names`` is there and a text that is not empty. Raises ValueError."""
    for name in names:
        if name not in found:
            raise ValueError(f"{name} is missing; add it")
        if not isinstance(found[name], str) or not found[name]:
            raise ValueError(f"found {name} {found[name]!r}, expected a text that is not empty")


def _check_word(found: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> None:
    if name in found:
        refuse_unknown([found[name]], allowed, name)


def _checked(check: Callable[[Object], None]) -> AfterValidator:
    def checked(value: Object) -> Object:
        check(value)
        return value

    return AfterValidator(checked)


def _check_affinity(affinity: Object) -> None:
    refuse_unknown(affinity, _AFFINITY, "field of an affinity")


class PodTemplate(Model):
    """What a cluster adds to the campaign's pods. It counts on a cluster only; on this machine it changes nothing."""

    node_selector: Labels = Field(
        {}, description="Labels a node must have to run these pods, for example {pool: cpu}. Counts on a cluster only."
    )
    tolerations: list[Annotated[Object, _checked(_check_toleration)]] = Field(
        [],
        description="Kubernetes tolerations: the taints that these pods accept, for example [{key: spot, operator: Exists}]. "
        "Counts on a cluster only.",
    )
    affinity: Annotated[Object, _checked(_check_affinity)] = Field(
        {},
        description="Kubernetes affinity (nodeAffinity, podAffinity, podAntiAffinity) in place of the operator's preference "
        "for the campaign's own nodes. Counts on a cluster only.",
    )
    env_from: list[Annotated[Object, _checked(_check_env_source)]] = Field(
        [],
        description="ConfigMaps and Secrets whose keys become environment variables, for example [{secretRef: {name: "
        "my-credentials}}]. Counts on a cluster only.",
    )
    volumes: list[Annotated[Object, _checked(_check_volume)]] = Field(
        [],
        description="Kubernetes volumes, for example [{name: data, persistentVolumeClaim: {claimName: data}}]. Counts on a "
        "cluster only.",
    )
    volume_mounts: list[Annotated[Object, _checked(_check_mount)]] = Field(
        [],
        description="Where these volumes appear in the trial's container, for example [{name: data, mountPath: /data}]. "
        "Counts on a cluster only.",
    )
    labels: Labels = Field({}, description="Labels added to each pod. Counts on a cluster only.")
    annotations: Labels = Field({}, description="Annotations added to each pod. Counts on a cluster only.")
    image_pull_secrets: list[Annotated[Object, _checked(_check_secret_name)]] = Field(
        [],
        description="Secrets with which the trial's image is pulled, for example [{name: registry}]. Counts on a cluster "
        "only.",
    )
    priority_class_name: StrictStr | None = Field(
        None, description="PriorityClass of the pods; default: that of the cluster. Counts on a cluster only."
    )
    service_account_name: StrictStr | None = Field(
        None,
        description="Service account of the pods, for a cloud's workload identity; no token of the Kubernetes API is "
        "mounted. Default: that of the namespace. Counts on a cluster only.",
    )
    security_context: Object = Field(
        {}, description="The pod's security context, for example {runAsUser: 1000}. Counts on a cluster only."
    )

    @model_validator(mode="after")
    def _check(self) -> PodTemplate:
        names = [volume["name"] for volume in self.volumes]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"volumes name {name!r} twice; rename one")
        for mount in self.volume_mounts:
            refuse_unknown([mount["name"]], tuple(names), "volume of this template")
        return self
