"""Ray on this machine alone, with files and processes that end with the session."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def ray_session(workers: int) -> Iterator[None]:
    """A Ray of ``workers`` logical CPUs, which is as many trials at once; all else as it comes."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is sent anywhere
    import ray

    folder = Path(f"/tmp/cb-ray-{os.getpid()}")  # the paths of its sockets must be short; the comparison knows it, too
    folder.mkdir(mode=0o700)
    try:
        ray.init(num_cpus=workers, _temp_dir=str(folder), include_dashboard=False, log_to_driver=False)
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
