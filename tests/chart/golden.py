"""What the chart makes of three sets of values, to be read by people: ``PYTHONPATH=. python -m tests.chart.golden``.

What differs from run to run (a password, a hash of the settings) is left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from .conftest import CHART, NAMESPACE, RELEASE, VERSION, Chart

FOLDER: Final = Path(__file__).parent / "golden"
SETS: Final = {
    "defaults": (),
    "aks": ("--values", str(CHART / "values-aks.yaml")),
    "two-namespaces": ("--set", "namespaces={team-a,team-b},metrics.serviceMonitor.enabled=true"),
}
CRD: Final = re.compile(r"^---\n# Source: corebound/templates/crd\.yaml\n.*?(?=^---\n)", re.MULTILINE | re.DOTALL)
"""It is a file of its own in ``crds/``."""


def rendered(chart: Chart, name: str) -> str:
    """All objects of one set."""
    done = chart.helm("template", RELEASE, str(CHART), "--namespace", NAMESPACE, *VERSION, *SETS[name])
    assert done.returncode == 0, done.stderr
    text = CRD.sub("", done.stdout)
    text = re.sub(r"(password: |corebound:)[A-Za-z0-9]{40}", r"\1...", text)
    return re.sub(r"(corebound.dev/settings: )[0-9a-f]{64}", r"\1...", text)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in SETS:
        (FOLDER / f"{name}.yaml").write_text(rendered(Chart(), name), encoding="utf-8")


if __name__ == "__main__":
    main()
