"""The environment of a trial's container: the thread contract, the campaign's own variables, and the way to the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from corebound.api.contract import thread_environment
from corebound.api.jobs import DATABASE_KEY, DATABASE_SECRET

if TYPE_CHECKING:
    from corebound.api.trial import TrialSpec

USER: Final = "corebound"


def environment(trial: TrialSpec, *, threads: int, home: str) -> list[dict[str, Any]]:
    """Variables of the container; a campaign's own come last and were checked against the contract when it was accepted."""
    # Where an image knows no user of that number, Python's getpass (and so torch) would fail without USER.
    fixed = {**thread_environment(threads), "HOME": home, "USER": USER, "PYTHONUNBUFFERED": "1"}
    own = {each.name: each.value for each in trial.env}
    variables: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in {**fixed, **own}.items()]
    variables.append({"name": "COREBOUND_WORKER", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}})
    reference = {"name": DATABASE_SECRET, "key": DATABASE_KEY}
    variables.append({"name": "COREBOUND_DATABASE_URL", "valueFrom": {"secretKeyRef": reference}})
    return variables
