"""A rate that a person chose: for the embedded network, for tests, and where no market is asked."""

from __future__ import annotations

from joey.core.errors import ConfigError
from joey.core.units import NanoUsd, format_usd
from joey.ports.clock import Clock
from joey.ports.rates import Quote

__all__ = ["FixedRate"]


class FixedRate:
    """A `RateSource` that always quotes `price` nano-dollars for one POKT.

    Raises `ConfigError` when the price is not positive.
    """

    def __init__(self, price: NanoUsd, clock: Clock) -> None:
        if price <= 0:
            raise ConfigError(f"a POKT cannot cost {format_usd(price)} dollars: the rate must be more than 0")
        self._price = price
        self._clock = clock

    async def quote(self) -> Quote:
        """Return the chosen price, as of now."""
        return Quote(self._price, "fixed", self._clock.now())
