"""Money: what nodes cost while they are held, and what the CPU time that was really used is worth. Pure, in Decimal.

A price is always an input, per hour of one node; nothing is rounded here, only where it is shown. What could go wrong:
binary fractions of a price, which is why times enter through their decimal text.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from corebound.api.records import LedgerSummary

SECONDS_PER_HOUR: Final = Decimal(3600)


def node_cost(*, nodes: int, seconds: float, price_per_hour: Decimal) -> Decimal:
    """What ``nodes`` cost that are held for ``seconds``, busy or idle."""
    return nodes * _decimal(seconds) / SECONDS_PER_HOUR * price_per_hour


def price_per_core_hour(*, price_per_hour: Decimal, cores: float) -> Decimal:
    """A node's price shared out among the cores that can be used on it."""
    return price_per_hour / _decimal(cores)


def cpu_cost(*, cpu_seconds: float, price_per_hour: Decimal, cores: float) -> Decimal:
    """What the CPU time that trials really used is worth: core-seconds at the node's price per usable core."""
    return _decimal(cpu_seconds) / SECONDS_PER_HOUR * price_per_core_hour(price_per_hour=price_per_hour, cores=cores)


def reserved_cost(summary: LedgerSummary) -> Decimal | None:
    """What the cores cost that a campaign's workers had for themselves, over all its runs; None without a price."""
    price, cores = summary.campaign.price_per_hour, summary.campaign.cores
    if price is None or cores is None:
        return None
    return cpu_cost(cpu_seconds=summary.worker_seconds, price_per_hour=price, cores=cores)


def _decimal(number: float) -> Decimal:
    """The shortest decimal that means this float: 0.1 becomes exactly 0.1."""
    return Decimal(repr(float(number)))
