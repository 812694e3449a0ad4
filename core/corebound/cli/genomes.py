"""What ``show``, ``export`` and ``replay`` share: the genome of a slot's trial, its files, and the program with torch.

A file says of which campaign and slot it is, so that the same command may replace it, and no other does. What could go wrong:
a slot without a finished trial, a trial of something else than the built-in workload, an installation without torch.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from corebound.api.genome import Genome
    from corebound.api.records import CampaignRecord, SlotRow


def genome_of(campaign: CampaignRecord, row: SlotRow) -> Genome:
    """Its best genome. Raises :class:`UnknownCampaignError` or :class:`ObjectiveError` with the reason why there is none."""
    from corebound.api.genome import GENOME, unpacked

    check_evolved(campaign, row)
    return unpacked(row.user_attrs[GENOME])


def check_evolved(campaign: CampaignRecord, row: SlotRow) -> None:
    """Raises :class:`UnknownCampaignError` unless the slot's trial has kept a genome."""
    from corebound.api.errors import UnknownCampaignError
    from corebound.api.genome import GENOME

    if GENOME in row.user_attrs:
        return
    if "workload" not in campaign.specification["spec"]["trial"]:
        reason = "its trials run code of your own; pictures and genomes are of the built-in workload's"
    elif row.state.is_closed:
        reason = f"slot {row.slot} is {row.state.value}, its trial ended without a genome"
    else:
        reason = f"slot {row.slot} is {row.state.value}; its genome is kept when its trial ends"
    raise UnknownCampaignError(f"{campaign.name!r} has no genome of slot {row.slot}: {reason}")


def is_exported(path: Path, origin: Mapping[str, Any]) -> bool:
    """Whether ``corebound export`` wrote the JSON file, of that campaign and slot."""
    from corebound.api.genome import FORMAT

    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        return False
    return isinstance(found, dict) and {"format": FORMAT, **origin}.items() <= found.items()


def is_torchscript(path: Path, origin: Mapping[str, Any]) -> bool:
    """Whether ``corebound export`` wrote the TorchScript, of that campaign and slot: it is a zip file that says so."""
    from corebound.api.genome import ORIGIN

    try:
        with zipfile.ZipFile(path) as archive:
            said = [name for name in archive.namelist() if name.endswith(f"/extra/{ORIGIN}")]
            return [json.loads(archive.read(name)) for name in said] == [origin]
    except (zipfile.BadZipFile, ValueError):
        return False


def asked_of_worker(*words: str) -> dict[str, Any]:
    """What ``corebound_trial.genomes`` answers. Raises :class:`NotThereError` or :class:`ObjectiveError` with its reason."""
    from corebound.api.errors import MissingRequirementError, NotThereError, ObjectiveError

    command = [sys.executable, "-m", "corebound_trial.genomes", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "No module named 'torch'" in done.stderr:
        raise MissingRequirementError(
            "networks are run by torch, which is not installed: pip install 'corebound[neuro]'"
        )
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise ObjectiveError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr.strip()}") from error
    if "error" in answer:
        raise (ObjectiveError if answer["is_there"] else NotThereError)(answer["error"])
    return answer


def replay_words(path: Path, genome: Genome, campaign: CampaignRecord) -> str:
    """The command that runs it again; a task of the user's own is searched where the campaign's files were."""
    import os

    command = ["corebound", "replay", str(path)]
    if ":" in genome.task and campaign.folder != os.path.realpath("."):
        command += ["--folder", campaign.folder or "FOLDER"]
    return shlex.join(command)


def read_genome(path: Path) -> Genome:
    """The genome in a file that ``corebound export`` wrote. Raises :class:`UsageError` or :class:`ObjectiveError`."""
    from corebound.api.errors import UsageError
    from corebound.api.genome import from_json

    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path} is no JSON ({error}); expected a file that corebound export wrote") from error
