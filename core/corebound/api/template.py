"""``spec.trial.template``: what a cluster adds to the pods of a campaign.

The twelve fields are closed; inside them stand Kubernetes' own objects, which are handed on as they are. Their outer
shape is checked here, because a cluster would tell a mistake only when the first pod is made. What could go wrong: a
misspelt key, a volume without a source, a mount of a volume that is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field, StrictStr

from corebound.api.model import Model, nearest, not_among, shown, unknown
from corebound.api.values import KubernetesObject, Labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from corebound.api.model import Finding, Path, Rule

_TOLERATION: Final = ("key", "operator", "value", "effect", "tolerationSeconds")
_OPERATORS: Final = ("Exists", "Equal")
_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_AFFINITY: Final = ("nodeAffinity", "podAffinity", "podAntiAffinity")
_ENV_KINDS: Final = ("configMapRef", "secretRef")
_MOUNT: Final = (
    "name",
    "mountPath",
    "subPath",
    "subPathExpr",
    "readOnly",
    "recursiveReadOnly",
    "mountPropagation",
)


class PodTemplate(Model):
    """What a cluster adds to the campaign's pods. It counts on a cluster only; on this machine it changes nothing."""

    node_selector: Labels = Field(
        {}, description="Labels a node must have to run these pods, for example {pool: cpu}. Counts on a cluster only."
    )
    tolerations: list[KubernetesObject] = Field(
        [],
        description="Kubernetes tolerations: the taints that these pods accept, for example [{key: spot, operator: Exists}]. "
        "Counts on a cluster only.",
    )
    affinity: KubernetesObject = Field(
        {},
        description="Kubernetes affinity (nodeAffinity, podAffinity, podAntiAffinity) in place of the operator's preference "
        "for the campaign's own nodes. Counts on a cluster only.",
    )
    env_from: list[KubernetesObject] = Field(
        [],
        description="ConfigMaps and Secrets whose keys become environment variables, for example [{secretRef: {name: "
        "my-credentials}}]. Counts on a cluster only.",
    )
    volumes: list[KubernetesObject] = Field(
        [],
        description="Kubernetes volumes, for example [{name: data, persistentVolumeClaim: {claimName: data}}]. Counts on a "
        "cluster only.",
    )
    volume_mounts: list[KubernetesObject] = Field(
        [],
        description="Where these volumes appear in the trial's container, for example [{name: data, mountPath: /data}]. "
        "Counts on a cluster only.",
    )
    labels: Labels = Field({}, description="Labels added to each pod. Counts on a cluster only.")
    annotations: Labels = Field({}, description="Annotations added to each pod. Counts on a cluster only.")
    image_pull_secrets: list[KubernetesObject] = Field(
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
    security_context: KubernetesObject = Field(
        {}, description="The pod's security context, for example {runAsUser: 1000}. Counts on a cluster only."
    )

    def rules(self) -> tuple[Rule, ...]:
        """The outer shape of each Kubernetes object."""
        return (
            self._tolerations,
            self._affinity,
            self._sources_of_variables,
            self._volumes,
            self._mounts,
            self._pull_secrets,
        )

    def _tolerations(self) -> Iterator[Finding]:
        for index, toleration in enumerate(self.tolerations):
            place = ("tolerations", index)
            yield from unknown(toleration, _TOLERATION, what="field of a toleration", at=place)
            for name, allowed in (("operator", _OPERATORS), ("effect", _EFFECTS)):
                if name in toleration:
                    yield from not_among(toleration[name], allowed, at=(*place, name))

    def _affinity(self) -> Iterator[Finding]:
        yield from unknown(self.affinity, _AFFINITY, what="field of an affinity", at=("affinity",))

    def _sources_of_variables(self) -> Iterator[Finding]:
        for index, source in enumerate(self.env_from):
            place = ("envFrom", index)
            yield from unknown(source, ("prefix", *_ENV_KINDS), what="field of an envFrom entry", at=place)
            named = [kind for kind in _ENV_KINDS if kind in source]
            if len(named) != 1:
                yield place, f"found {' and '.join(named) or 'neither'}, expected one of {' and '.join(_ENV_KINDS)}"
            for kind in named:
                if isinstance(source[kind], dict):
                    yield from _texts(source[kind], "name", at=(*place, kind))
                else:
                    yield (*place, kind), f"found {shown(source[kind])}, expected a mapping such as {{name: settings}}"

    def _volumes(self) -> Iterator[Finding]:
        seen: set[str] = set()
        for index, volume in enumerate(self.volumes):
            place = ("volumes", index)
            yield from _texts(volume, "name", at=place)
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
        for index, mount in enumerate(self.volume_mounts):
            place = ("volumeMounts", index)
            yield from unknown(mount, _MOUNT, what="field of a volume mount", at=place)
            yield from _texts(mount, "name", "mountPath", at=place)
            if (name := mount.get("name")) not in names and isinstance(name, str):
                yield (
                    (*place, "name"),
                    f"found {name!r}, expected a volume of this template ({', '.join(names) or 'there is none'})"
                    f"{nearest(name, names)}",
                )

    def _pull_secrets(self) -> Iterator[Finding]:
        for index, secret in enumerate(self.image_pull_secrets):
            place = ("imagePullSecrets", index)
            yield from unknown(secret, ("name",), what="field of an image pull secret", at=place)
            yield from _texts(secret, "name", at=place)


def _texts(found: KubernetesObject, *names: str, at: Path) -> Iterator[Finding]:
    """Each of ``names`` is there and a text that is not empty."""
    for name in names:
        if name not in found:
            yield (*at, name), "is missing; add it"
        elif not isinstance(found[name], str) or not found[name]:
            yield (*at, name), f"found {shown(found[name])}, expected a text that is not empty"
