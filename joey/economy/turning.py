"""Monday, 00:00 UTC: the new week's rate, the offers at it, and the invoices of the week that ended."""

from __future__ import annotations

from collections.abc import Sequence

from joey.core.crypto.keys import PrivateKey
from joey.core.ledger.invoices import Invoice
from joey.core.ledger.weeks import compute_week
from joey.core.offers.offer import ServiceOffer
from joey.economy.catalog import publish_offers
from joey.economy.fixings import fix_week
from joey.economy.invoicing import close_week
from joey.ports.chain import Chain
from joey.ports.clock import Clock
from joey.ports.rates import RateSource
from joey.ports.stores import Invoices, Journal, Prices

__all__ = ["WeekTurner"]


class WeekTurner:
    """Turns weeks for the collector; each step may be repeated, so a turn cut short is made again.

    `owner` is the key that owns the services of `offers`.
    """

    def __init__(
        self,
        *,
        chain: Chain,
        journal: Journal,
        invoices: Invoices,
        prices: Prices,
        source: RateSource,
        clock: Clock,
        offers: Sequence[ServiceOffer],
        owner: PrivateKey,
    ) -> None:
        self._chain = chain
        self._journal = journal
        self._invoices = invoices
        self._prices = prices
        self._source = source
        self._clock = clock
        self._offers = offers
        self._owner = owner

    async def begin(self, week: str) -> None:
        """Fix a week's rate and, when it is the week that it is now, list the offers at it.

        A collector that catches up begins weeks that are over: offers are not repriced for those.
        Raises as `fix_week` and `publish_offers` do.
        """
        fixing = await fix_week(week, source=self._source, invoices=self._invoices)
        if week == compute_week(self._clock.now()):
            await publish_offers(
                self._offers, fixing, owner=self._owner, chain=self._chain, prices=self._prices
            )

    async def turn(self, ended: str, begun: str) -> tuple[Invoice, ...]:
        """Begin a week and close the one before. Raises as `begin` and `close_week` do."""
        await self.begin(begun)
        return await close_week(ended, journal=self._journal, invoices=self._invoices, time=self._clock.now())
