"""The SearchCampaigns of one namespace, as their users handle them: submitted, looked at, suspended, deleted.

Objects flow in and out as plain JSON. What could go wrong is told for people: no right (the missing verb is named), a CRD
that is not installed, a field that cannot change, a field that another program manages, no object of that name.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, NoReturn

from corebound.api.errors import (
    CampaignConflictError,
    ClusterConflictError,
    ClusterRefusedError,
    MissingRequirementError,
    Problem,
    SpecError,
    UnknownCampaignError,
)
from corebound.cluster.resources import CAMPAIGNS
from corebound.cluster.rights import needing

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from corebound.cluster.client import Cluster

Manifest = dict[str, Any]

MANAGER: Final = "corebound"
PEOPLES_MANAGERS: Final = ("corebound", "kubectl")
"""Field managers behind which the same person sits as behind this command; taking fields over from them surprises nobody."""
HOLDER: Final = "corebound.dev/data"
"""A finalizer: the object waits until its data in the ledger is deleted. Only ``delete --data`` sets and removes it."""
TRIES: Final = 5
INSTALL: Final = (
    "install Corebound on it (its chart brings the CRD), or only the CRD: kubectl apply --server-side -f crds/"
)


class Campaigns:
    """The door to one namespace's campaigns."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace

    def find(self, name: str) -> Manifest | None:
        """The object of that name, if any."""
        with self._explained("get"):
            found = self.cluster.get(CAMPAIGNS, name, namespace=self.namespace)
        if found is None and not self.cluster.serves(CAMPAIGNS):
            self._not_installed()
        return found

    def get(self, name: str) -> Manifest:
        """The object of that name. Raises :class:`UnknownCampaignError`."""
        found = self.find(name)
        if found is None:
            raise UnknownCampaignError(
                f"no campaign {name!r} in namespace {self.namespace}; there are: {self._names()}; another namespace is "
                "named with -n"
            )
        return found

    def all(self) -> list[Manifest]:
        """All of the namespace."""
        with self._explained("list"):
            return self.cluster.list(CAMPAIGNS, namespace=self.namespace)

    def apply(self, manifest: Manifest, *, force: bool, dry_run: bool) -> Manifest:
        """Create or change a campaign so that it has the manifest's fields.

        Raises :class:`CampaignConflictError` for fields that another program manages, unless ``force``, and
        :class:`SpecError` with every field that the server refuses.
        """
        placed = {**manifest, "metadata": {**manifest["metadata"], "namespace": self.namespace}}
        with self._explained("patch"):
            try:
                return self.cluster.apply(CAMPAIGNS, placed, manager=MANAGER, force=force, dry_run=dry_run)
            except ClusterConflictError as error:
                others = [cause for cause in error.causes if not _is_a_persons(cause)]
                if others or not error.causes:
                    fields = "; ".join(f"{cause.field.lstrip('.')} ({cause.message})" for cause in others)
                    raise CampaignConflictError(
                        f"other programs manage fields that the file sets: {fields or error.said}; change them there, or "
                        "take them over with --force"
                    ) from error
            return self.cluster.apply(CAMPAIGNS, placed, manager=MANAGER, force=True, dry_run=dry_run)

    def set_suspended(self, name: str, suspended: bool) -> Manifest:
        """Write ``spec.suspend``."""
        with self._explained("patch"):
            change = {"spec": {"suspend": suspended}}
            found = self.cluster.patch(CAMPAIGNS, name, change, namespace=self.namespace, manager=MANAGER)
        return found if found is not None else self.get(name)

    def delete(self, found: Manifest) -> None:
        """Delete this very object and what it owns in the cluster."""
        metadata = found["metadata"]
        with self._explained("delete"):
            self.cluster.delete(CAMPAIGNS, metadata["name"], namespace=self.namespace, uid=metadata["uid"])

    def hold(self, found: Manifest) -> None:
        """From now on the object stays, when it is deleted, until :meth:`release`: the operator lets go of it meanwhile."""
        self._change_finalizers(found, add=True)

    def release(self, found: Manifest) -> None:
        """The object need not wait any more."""
        self._change_finalizers(found, add=False)

    def watch(self, name: str | None, *, seconds: float) -> Generator[tuple[str, Manifest]]:
        """``(ADDED | MODIFIED | DELETED, object)`` for ``seconds``, beginning with what is there."""
        fields = "" if name is None else f"metadata.name={name}"
        with self._explained("watch"):
            yield from self.cluster.watch(CAMPAIGNS, namespace=self.namespace, fields=fields, seconds=seconds)

    def _change_finalizers(self, found: Manifest, *, add: bool) -> None:
        name, uid = found["metadata"]["name"], found["metadata"]["uid"]
        for attempt in range(TRIES):
            current = self.find(name)
            if current is None or current["metadata"]["uid"] != uid:
                return
            before = current["metadata"].get("finalizers") or []
            after = [each for each in before if each != HOLDER] + ([HOLDER] if add else [])
            if sorted(after) == sorted(before):
                return
            guarded = {"resourceVersion": current["metadata"]["resourceVersion"], "finalizers": after}
            try:
                with self._explained("patch"):
                    self.cluster.patch(CAMPAIGNS, name, {"metadata": guarded}, namespace=self.namespace)
                return
            except ClusterConflictError:
                if attempt == TRIES - 1:
                    raise

    def _names(self) -> str:
        try:
            names = sorted(each["metadata"]["name"] for each in self.all())
        except ClusterRefusedError:
            return "(you may not list them)"
        return ", ".join(names) or "none"

    @contextlib.contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        """What the server refuses, in words that help."""
        try:
            with needing(verb, "searchcampaigns", namespace=self.namespace):
                yield
        except ClusterConflictError:
            raise
        except ClusterRefusedError as error:
            if error.status == 401:
                raise ClusterRefusedError(
                    f"{self.cluster.server} does not accept your login: {error.said}; log in again, or name another context "
                    "with --context",
                    status=error.status,
                    reason=error.reason,
                    said=error.said,
                ) from error
            if error.status == 404 and error.reason != "NotFound":
                self._not_installed()
            if error.status == 404 and not self.cluster.serves(CAMPAIGNS):
                self._not_installed()
            if error.status == 404:
                raise UnknownCampaignError(f"{error.said}; another namespace is named with -n") from error
            if error.status == 422 and error.causes:
                raise SpecError(list(error.causes)) from error
            if error.status in (400, 422):
                raise SpecError([Problem(message=f"the cluster refused it: {error.said}")]) from error
            raise

    def _not_installed(self) -> NoReturn:
        raise MissingRequirementError(f"the cluster {self.cluster.server} knows no SearchCampaigns; {INSTALL}")


def _is_a_persons(conflict: Problem) -> bool:
    """``conflict with "kubectl-client-side-apply" using ...`` are the server's words."""
    _, _, manager = conflict.message.partition('"')
    return manager.startswith(PEOPLES_MANAGERS)
