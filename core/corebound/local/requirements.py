"""What a campaign needs that may not be installed: found out before anything starts, with the command that installs it.

Asked by ``corebound run``, and by each worker before its first claim, since on a cluster only the trial's image knows. What
could go wrong: a package that is there but broken; then each trial fails with its own error.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Final

from corebound.api.errors import MissingRequirementError
from corebound.local.artifacts import is_url, protocols

if TYPE_CHECKING:
    from corebound.api.spec import CampaignSpec

SAMPLER_MODULES: Final = {"cmaes": ("cmaes",), "gp": ("scipy", "torch"), "qmc": ("scipy",)}
_EXTRAS: Final = {"cmaes": "trial", "scipy": "trial", "torch": "neuro", "fsspec": "artifacts"}


def check_requirements(spec: CampaignSpec) -> None:
    """Raise :class:`MissingRequirementError` that names every missing package and its remedy."""
    sampler = spec.search.sampler.kind
    needed = [(f"the {sampler} sampler", module) for module in SAMPLER_MODULES.get(sampler, ())]
    if spec.trial.workload is not None:
        needed.append(("trial.workload", "torch"))
    artifacts = spec.trial.artifacts
    if artifacts is not None and is_url(artifacts):
        needed.append((f"trial.artifacts {artifacts}", "fsspec"))
    missing = [(what, module) for what, module in needed if importlib.util.find_spec(module) is None]
    if missing:
        extras = ",".join(sorted({_EXTRAS[module] for _, module in missing}))
        said = "; ".join(f"{what} needs {module}, which is not installed" for what, module in missing)
        raise MissingRequirementError(f"{said}; install it with: pip install 'corebound[{extras}]'")
    if artifacts is not None and is_url(artifacts):
        _check_protocols(artifacts)


def _check_protocols(url: str) -> None:
    """fsspec finds most of its file systems in other packages."""
    import fsspec

    for protocol in protocols(url):
        try:
            fsspec.get_filesystem_class(protocol)
        except (ImportError, ValueError) as error:
            raise MissingRequirementError(f"trial.artifacts {url}: {error}") from error
