"""Who quotes POKT in dollars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from joey.core.units import NanoUsd

__all__ = ["Quote", "RateSource"]


@dataclass(frozen=True, slots=True)
class Quote:
    """`price` is nano-dollars for one POKT (10^6 upokt); $0.25 is 250,000,000."""

    price: NanoUsd
    source: str
    time: datetime


class RateSource(Protocol):
    """One source of quotes."""

    async def quote(self) -> Quote:
        """Return the newest quote."""
        ...
