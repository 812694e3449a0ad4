"""An image that must run as root: what is missing is said where people look, and what is said works."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..apiserver.conftest import Campaigns

AS_ROOT = {"runAsNonRoot": False, "runAsUser": 0, "runAsGroup": 0}
WHO = {"command": ["sh", "-c", "echo loss=$(id -u)"]}


def test_the_user_0_alone_is_answered_with_what_it_takes(campaigns: Campaigns) -> None:
    enforce = "pod-security.kubernetes.io/enforce=baseline"
    campaigns.plane.kubectl("label", "namespace", campaigns.namespace, enforce, "--overwrite")
    campaigns.apply("alone", trials=1, trial={**WHO, "template": {"securityContext": {"runAsUser": 0}}})
    reason = "CreateContainerConfigError"
    campaigns.wait("alone", lambda _: campaigns.condition("alone", "Running")["reason"] == reason, "it said")
    message = campaigns.condition("alone", "Running")["message"]
    assert all(field in message for field in AS_ROOT), message
    campaigns.delete("alone")

    campaigns.apply("root", trials=1, trial={**WHO, "template": {"securityContext": AS_ROOT}})
    status = campaigns.phase("root", "Succeeded", "Failed")
    assert float(status["best"]["value"]) == 0.0, status
