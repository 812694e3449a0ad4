"""Writes crds/searchcampaigns.yaml, and its copy in the chart, from the models of core/corebound/api.

A chart holds only what lies in its folder, so Helm needs a copy.

python crds/write.py           write it (make crds)
python crds/write.py --check   status 1 when it is stale; the tests ask this
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from corebound.api.crd import definition
from corebound.api.writing import yaml_text

FILE: Final = Path(__file__).parent / "searchcampaigns.yaml"
COPY: Final = Path(__file__).parents[1] / "charts" / "corebound" / "files" / "searchcampaigns.yaml"
HEAD: Final = "# Written by crds/write.py from core/corebound/api: change the models, then run `make crds`.\n"


def main() -> int:
    """Write or check; the exit status."""
    wanted = HEAD + yaml_text(definition())
    stale = [file for file in (FILE, COPY) if not file.is_file() or file.read_text(encoding="utf-8") != wanted]
    if "--check" not in sys.argv[1:]:
        for file in stale:
            file.write_text(wanted, encoding="utf-8")
        return 0
    for file in stale:
        sys.stderr.write(f"{file} is stale; write it anew with: make crds\n")
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
