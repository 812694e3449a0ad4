"""One campaign through both front doors: the loader of ``corebound run -f`` and the API server. No test."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from corebound.api.errors import SpecError
from corebound.api.loading import campaign_from_mapping, load_campaign_text

if TYPE_CHECKING:
    from ..cluster.control_plane import ControlPlane

Manifest = dict[str, Any]
COLLECTION = "/apis/corebound.dev/v1alpha1/namespaces/{}/searchcampaigns"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a door lets a campaign in, and what it says if not."""

    accepted: bool
    said: str = ""


def loader(campaign: Manifest | str) -> Verdict:
    """As ``corebound run -f`` and ``corebound plan -f`` read it."""
    try:
        if isinstance(campaign, str):
            load_campaign_text(campaign, file="campaign.yaml")
        else:
            campaign_from_mapping(campaign)
    except SpecError as error:
        return Verdict(accepted=False, said=str(error))
    return Verdict(accepted=True)


def kubectl(plane: ControlPlane, text: str, *, namespace: str) -> Verdict:
    """As ``kubectl apply -f`` sends it and the API server decides; nothing is stored."""
    options = ("apply", "--dry-run=server", "-n", namespace, "-f", "-")
    said = plane.kubectl(*options, text=text, check=False)
    return Verdict(accepted="created (server dry run)" in said, said=said)


CONFLICT = 409


class Door:
    """The API server itself, over one connection: for many campaigns, and for what kubectl would not send."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        parts = urlsplit(plane.url)
        context = ssl.create_default_context(cafile=str(plane.certificate))
        context.check_hostname = False
        self._connection = http.client.HTTPSConnection(str(parts.hostname), parts.port, context=context)
        self._authorization = f"Bearer {plane.token}"
        self._collection = COLLECTION.format(namespace)

    def close(self) -> None:
        self._connection.close()

    def verdict(self, campaign: Manifest) -> Verdict:
        """On creating it, strictly and without storing it."""
        status, answer = self.send("POST", "?dryRun=All&fieldValidation=Strict", campaign)
        return Verdict(accepted=status == 201, said=answer.get("message", ""))

    def create(self, campaign: Manifest) -> None:
        status, answer = self.send("POST", "?fieldValidation=Strict", campaign)
        assert status == 201, answer

    def change(self, campaign: Manifest) -> Verdict:
        """On replacing the stored one by it, without storing it."""
        place = f"/{campaign['metadata']['name']}"
        status, answer = CONFLICT, {}
        while status == CONFLICT:  # the operator of the session writes a status meanwhile
            _, stored = self.send("GET", place)
            whole = {**stored, "spec": campaign["spec"]}
            status, answer = self.send("PUT", f"{place}?dryRun=All&fieldValidation=Strict", whole)
        return Verdict(accepted=status == 200, said=answer.get("message", ""))

    def patch_status(self, name: str, status: Manifest) -> Verdict:
        code, answer = self.send(
            "PATCH", f"/{name}/status?fieldValidation=Strict", {"status": status}, kind="application/merge-patch+json"
        )
        return Verdict(accepted=code == 200, said=answer.get("message", ""))

    def get(self, name: str) -> Manifest:
        return self.send("GET", f"/{name}")[1]

    def send(
        self, method: str, rest: str, body: Manifest | None = None, *, kind: str = "application/json"
    ) -> tuple[int, Manifest]:
        headers = {"Authorization": self._authorization, "Content-Type": kind}
        text = None if body is None else json.dumps(body)
        self._connection.request(method, self._collection + rest, text, headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())
