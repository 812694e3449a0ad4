"""Presets: campaign files that come with the package, and the campaigns that ``corebound search`` and ``run -c`` make.

Each is an ordinary campaign file, so that what ``corebound presets NAME`` prints can be edited and run. What could go wrong:
no preset of that name (the nearest is named), numbers that a campaign file would not allow either (told as its fields).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from corebound.api.errors import UsageError
from corebound.api.loading import campaign_of, load_campaign_text
from corebound.api.model import nearest
from corebound.api.workload import MODES, TASKS

if TYPE_CHECKING:
    from corebound.api.spec import SearchCampaign

DEFAULT: Final = "default"
_OF_MODE: Final = {"pure": DEFAULT, "neat": "neat"}
"""Whose parameters are searched when another mode is asked for than a preset's own."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the command line asks for; None leaves the preset's own."""

    mode: str | None = None
    task: str | None = None
    trials: int | None = None
    generations: int | None = None
    seeds: int | None = None
    population: int | None = None
    workers: int | None = None
    threads: int | None = None


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One file."""

    name: str
    text: str

    @property
    def summary(self) -> str:
        """Its first line."""
        return self.text.splitlines()[0].removeprefix("# ")

    @property
    def campaign(self) -> SearchCampaign:
        """What it says."""
        return load_campaign_text(self.text, file=f"preset {self.name}")


def presets() -> dict[str, Preset]:
    """All of them, by name, in order."""
    files = [file for file in resources.files("corebound").joinpath("presets").iterdir() if file.name.endswith(".yaml")]
    found = [Preset(name=file.name.removesuffix(".yaml"), text=file.read_text(encoding="utf-8")) for file in files]
    return {each.name: each for each in sorted(found, key=lambda each: (each.name != DEFAULT, each.name))}


def preset(name: str) -> Preset:
    """Raises :class:`UsageError` with the nearest name."""
    known = presets()
    if name not in known:
        raise UsageError(f"found {name!r}, expected a preset{nearest(name, known)} (there are: {', '.join(known)})")
    return known[name]


def search_of(name: str, *, preset_name: str | None, wishes: Wishes) -> SearchCampaign:
    """The campaign ``name``: the preset of that name, or the one that is named, else ``default``; with the wishes."""
    chosen = preset(preset_name or (name if name in presets() else DEFAULT))
    specification = _wished(chosen.campaign.to_mapping()["spec"], wishes)
    return campaign_of(name, specification)


def run_of(preset_name: str, *, wishes: Wishes) -> SearchCampaign:
    """One trial with the preset's settings, nothing searched; it leaves the preset's own name to a search."""
    specification = _wished(preset(preset_name).campaign.to_mapping()["spec"], wishes)
    name = preset_name.replace("_", "-")
    if not name.endswith("-baseline"):
        name += "-run"
    return campaign_of(name, {**specification, "trials": 1, "search": {}})


def _wished(specification: dict[str, Any], wishes: Wishes) -> dict[str, Any]:
    """The preset's ``spec`` with the wishes in it."""
    trial = specification["trial"]
    workload = trial["workload"]
    own_mode, own_task = workload.get("mode", "pure"), workload["task"]
    sizes = {"population": wishes.population, "generations": wishes.generations, "seeds": wishes.seeds}
    named = {"mode": wishes.mode, "task": wishes.task, **sizes}
    workload = {**workload, **{name: value for name, value in named.items() if value is not None}}
    wished = {**specification, "trial": {**trial, "workload": workload}}
    mode = workload.get("mode", own_mode)
    if mode != own_mode and mode in MODES:
        # Settings and searched parameters are of a mode; what is searched otherwise stays.
        workload.pop("settings", None)
        standard = preset(_OF_MODE[mode]).campaign.to_mapping()["spec"]
        wished["search"] = {**specification.get("search", {}), "parameters": standard["search"]["parameters"]}
        wished["search"].pop("enqueue", None)
    if workload["task"] != own_task:
        # They are the other task's; and a task of one's own need not say what solves it.
        wished["trial"].pop("arguments", None)
        if workload["task"] not in TASKS:
            wished["objectives"] = [{"metric": "fitness", "direction": "maximize"}]
    others = {"trials": wishes.trials, "parallelism": wishes.workers, "threads": wishes.threads}
    return {**wished, **{name: value for name, value in others.items() if value is not None}}
