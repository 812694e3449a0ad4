"""Campaign files for end-to-end tests, what ``corebound results`` says of them, and runs that go on beside a test."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna

from corebound.reporting.results import row_mapping

if TYPE_CHECKING:
    from corebound.ledger.ledger import Ledger

Corebound = Callable[..., "subprocess.CompletedProcess[str]"]
X: dict[str, Any] = {"name": "x", "type": "float", "low": 0, "high": 1}


def written(folder: Path, name: str, **spec: Any) -> Path:
    """A campaign file; its objective minimizes ``loss`` unless ``spec`` says otherwise."""
    campaign = {
        "apiVersion": "corebound.dev/v1alpha1",
        "kind": "SearchCampaign",
        "metadata": {"name": name},
        "spec": {
            "trials": 3,
            "parallelism": 1,  # a second worker's imports are most of what these tests cost
            "objectives": [{"metric": "loss", "direction": "minimize"}],
            **spec,
        },
    }
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(campaign), encoding="utf-8")
    return path


def ran(corebound: Corebound, path: Path, *options: str, status: int = 0, **variables: str) -> dict[str, Any]:
    """Run the campaign of ``path``; its outcome."""
    done = corebound("run", "-f", str(path), "--json", *options, **variables)
    assert done.returncode == status, done.stderr + done.stdout
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def said(corebound: Corebound, path: Path, *options: str, status: int = 0, **variables: str) -> str:
    """Run the campaign of ``path``; what was said on the way."""
    done = corebound("run", "-f", str(path), *options, **variables)
    assert done.returncode == status, done.stderr + done.stdout
    return done.stderr


def rows(ledger: Ledger, name: str) -> list[dict[str, Any]]:
    """The campaign's slots, as ``corebound results --json`` prints them."""
    campaign = ledger.campaigns.get(name)
    metrics = [objective["metric"] for objective in campaign.specification["spec"]["objectives"]]
    return [row_mapping(row, metrics) for row in ledger.slots.rows(campaign.campaign_id)]


@contextlib.contextmanager
def opened_study(ledger: Ledger, name: str) -> Iterator[optuna.Study]:
    """The campaign's study as Optuna's own tools open it."""
    storage = optuna.storages.RDBStorage(ledger.optuna_url)
    try:
        yield optuna.load_study(study_name=name, storage=storage)
    finally:
        storage.remove_session()
        storage.engine.dispose()


@contextlib.contextmanager
def started(*command: str, environment: dict[str, str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A program that runs beside the test, and never longer than it."""
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **{**pipe, **options}) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
    """Return when the condition holds; after so many seconds the test has failed."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited too long for: {what}"
        time.sleep(0.1)


def processes_of(campaign: str) -> dict[int, str]:
    """Processes at work for the campaign, and what each is called: ``worker-0`` for a worker and its child alike."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0") if folder.name.isdigit() else []
            if b"corebound_trial" in words and campaign.encode() in words:
                found[int(folder.name)] = (folder / "comm").read_text().strip()
        except OSError:
            continue
    return found
