"""Ray on this machine alone, with files and processes that end with the session."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

from contenders.request import ray_folder

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def ray_session(workers: int) -> Iterator[None]:
    """A Ray of ``workers`` logical CPUs, which is as many trials at once; all else as it comes."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is sent anywhere
    import ray

    folder = ray_folder(os.getpid())  # the comparison removes it where a killed Ray could not
    folder.mkdir(mode=0o700)
    try:
        ray.init(num_cpus=workers, _temp_dir=str(folder), include_dashboard=False, log_to_driver=False)
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
