"""What an administrator decides for all campaigns: one YAML file, mounted by the chart.

Closed like everything that people write. What could go wrong: a misspelt name, which is refused at the operator's start.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from corebound.api.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


class TrialDefaults(_Settings):
    """What pods of trials get where their campaign says nothing."""

    image: str = Field("corebound-trial:latest", description="Image of the trial's container.")
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        "IfNotPresent", description="When the image is pulled."
    )
    image_pull_secrets: list[str] = Field([], description="Names of Secrets in the campaign's namespace.")
    node_selector: dict[str, str] = Field({}, description="Labels that nodes must have.")
    tolerations: list[dict[str, Any]] = Field([], description="Taints that pods accept.")
    priority_class_name: str | None = Field(None, description="PriorityClass of the pods.")
    run_as_user: int = Field(65532, ge=0, description="User of the trial's process.")
    read_only_root: bool = Field(True, description="Read-only root file system, where the image is the default one.")
    scratch: str = Field("1Gi", description="Size limit of each writable emptyDir: /tmp, the home folder, /dev/shm.")


class DefaultPool(_Settings):
    """One node, for operators that may not list nodes, where a campaign has no pool of its own."""

    cpu: float = Field(description="Cores that a node has to give.", gt=0)
    memory_bytes: int | None = Field(None, description="Memory that a node has to give.")
    max_nodes: int = Field(1, ge=1, description="Nodes at most.")
    price_per_hour: Decimal | None = Field(None, description="Price of one node for one hour.")


class Settings(_Settings):
    """All of the operator's settings."""

    namespaces: list[str] = Field([], description="Namespaces to watch; empty means all of the cluster.")
    trial_defaults: TrialDefaults = Field(TrialDefaults(), description="Defaults of trial pods.")
    default_pool: DefaultPool | None = Field(None, description="The pool where nodes cannot be listed.")
    heartbeat_seconds: float = Field(10.0, gt=0, description="How often workers report; a lease is four of them.")
    resync_seconds: float = Field(300.0, gt=0, description="How often every campaign is looked at without a reason.")
    poll_seconds: float = Field(2.0, gt=0, description="How often a running campaign's ledger is looked at.")
    job_ttl_seconds: int = Field(86400, ge=0, description="How long a finished Job and its pods' logs stay.")
    ledger_retention_days: float = Field(
        90.0, gt=0, description="How long results stay in the database when their campaign's object is gone."
    )
    isolation: Literal["schema", "shared"] = Field(
        "schema", description="A schema and a role for each namespace, or one schema for all."
    )
    log_format: Literal["json", "text"] = Field("json", description="How log lines are written.")


def load_settings(path: Path | None) -> Settings:
    """The settings in ``path``, the defaults without one. Raises :class:`UsageError` with every problem."""
    if path is None:
        return Settings()
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return Settings.model_validate(found)
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: {error}; expected the operator's settings as YAML") from error
    except ValidationError as error:
        lines = [
            f"{path}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_url=False)
        ]
        raise UsageError("\n".join(lines)) from error
