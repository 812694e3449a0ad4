"""``python -m corebound.cli.relay COMMAND ...``: runs ``corebound COMMAND ...`` in a pod, and its answer goes into the log.

The pod is a one-shot one in a campaign's namespace, which has the namespace's own login; see ``cluster/one_shot.py``.
"""

from __future__ import annotations

import os
import subprocess
import sys

from corebound.cluster.relay import Answer, packed


def main() -> None:
    """Always status 0: that of the command is part of the answer."""
    command = [sys.executable, "-m", "corebound", *sys.argv[1:]]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    for line in packed(Answer(status=done.returncode, output=done.stdout, errors=done.stderr)):
        rest = line
        while rest:
            rest = rest[os.write(1, rest) :]


if __name__ == "__main__":
    main()
