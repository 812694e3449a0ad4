"""Seeds that depend on (campaign seed, slot) alone, so that results do not depend on which worker ran what before.

Each use of a seed has its own stream: a sampler and an objective that shared one would draw the same numbers, and the noise
of a trial would follow its parameters.
"""

from __future__ import annotations

import hashlib
import random
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_last_seed: int | None = None
"""Of this process, as all that is seeded with it."""


def slot_seed(campaign_seed: int, slot: int) -> int:
    """The slot's own seed, what its objective is given: the first 32 bits of SHA-256 of ``campaign_seed:slot``."""
    return _hashed(f"{campaign_seed}:{slot}")


def sampler_seed(slot_seed: int) -> int:
    """The seed of what draws a slot's parameters, independent of what the slot's objective draws."""
    return _hashed(f"sampler:{slot_seed}")


def campaign_seed(chosen: int | None, study_id: int) -> int:
    """The campaign's own seed; without one a seed per study, so that ``--fresh`` draws other points."""
    return chosen if chosen is not None else slot_seed(study_id, 0)


def seed_everything(seed: int) -> None:
    """Seed ``random``, numpy, and torch: at once, or when it is imported (:func:`seed_torch`)."""
    global _last_seed
    _last_seed = seed
    random.seed(seed)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(seed)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(seed)


def seed_torch(torch: Any) -> None:
    """Seed torch as all else was last; to be called right after its import.

    An objective that imports it in its body would else draw from torch's own seed in the first trial of each process.
    """
    if _last_seed is not None:
        torch.manual_seed(_last_seed)


def _hashed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
