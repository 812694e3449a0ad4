"""Seeds that depend on (campaign seed, slot) alone, so that results do not depend on which worker ran what before."""

from __future__ import annotations

import hashlib
import random
import sys


def slot_seed(campaign_seed: int, slot: int) -> int:
    """A stable 32-bit seed."""
    return int.from_bytes(hashlib.sha256(f"{campaign_seed}:{slot}".encode()).digest()[:4], "big")


def campaign_seed(chosen: int | None, study_id: int) -> int:
    """The campaign's own seed; without one a seed per study, so that ``--fresh`` draws other points."""
    return chosen if chosen is not None else slot_seed(study_id, 0)


def seed_everything(seed: int) -> None:
    """Seed ``random``, numpy, and torch where it is imported already."""
    random.seed(seed)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(seed)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(seed)
