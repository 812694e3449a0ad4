"""Writes crds/searchcampaigns.yaml from the models of core/corebound/api.

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
HEAD: Final = "# Written by crds/write.py from core/corebound/api: change the models, then run `make crds`.\n"


def main() -> int:
    """Write or check; the exit status."""
    wanted = HEAD + yaml_text(definition())
    if "--check" not in sys.argv[1:]:
        FILE.write_text(wanted, encoding="utf-8")
        return 0
    if not FILE.is_file() or FILE.read_text(encoding="utf-8") != wanted:
        sys.stderr.write(f"{FILE.name} is stale; write it anew with: make crds\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
