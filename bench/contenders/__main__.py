"""Start one contender, inside the control group that counts what it uses: ``python -m contenders NAME REQUEST``."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from contenders.request import Request


def main() -> None:
    # Before anything heavy is imported, so that start-up counts as well.
    if group := os.environ.get("COMPARE_GROUP"):
        (Path(group) / "cgroup.procs").write_text(str(os.getpid()), encoding="utf-8")
    importlib.import_module(f"contenders.{sys.argv[1]}").main(Request.read(Path(sys.argv[2])))


if __name__ == "__main__":  # the processes of a spawning pool import this module, too
    main()
