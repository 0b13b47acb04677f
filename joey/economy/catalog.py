"""Offers on the chain: at which price, with which card, and since when.

An offer is listed as a service whose compute units per relay come nearest to its dollar price at
the week's fixing, and whose card is the offer itself. What was agreed is kept with the session
start height from which the chain charges it, so that every claim is measured against the price of
its own session.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from joey.core.crypto.keys import PrivateKey
from joey.core.ledger.agreements import AgreedPrice
from joey.core.ledger.invoices import Fixing
from joey.core.offers.offer import ServiceOffer
from joey.core.offers.pricing import RelayPrice, compute_offer_price
from joey.core.protocol.checks import compute_next_session_start
from joey.core.protocol.params import SharedParams
from joey.core.units import Height
from joey.core.wire.messages import AddService
from joey.core.wire.session import Service
from joey.ports.chain import Chain
from joey.ports.stores import Prices

__all__ = ["Listing", "agree_price", "compute_listing", "publish_offers"]

_log = logging.getLogger(__name__)
_HEIGHT_FIRST = Height(1)
_HEIGHT_LAST = Height(2**62)


@dataclass(frozen=True, slots=True)
class Listing:
    """An offer as the chain shall know it: the `service` to stake, and how its `price` came about."""

    service: Service
    price: RelayPrice
    week: str


def compute_listing(offer: ServiceOffer, fixing: Fixing, owner_address: str, shared: SharedParams) -> Listing:
    """Return how an offer is listed at a fixing. Raises `ConfigError` for a price the chain cannot charge."""
    price = compute_offer_price(offer, fixing.price, shared)
    service = Service(
        id=offer.service_id,
        name=offer.name,
        compute_units_per_relay=price.compute_units,
        owner_address=owner_address,
        card=offer.card(),
    )
    return Listing(service, price, fixing.week)


async def publish_offers(
    offers: Sequence[ServiceOffer], fixing: Fixing, *, owner: PrivateKey, chain: Chain, prices: Prices
) -> tuple[Listing, ...]:
    """Put offers on the chain, or change what the chain has of them, and keep what is agreed.

    Nothing is sent for an offer that is listed as it should be, so this may be repeated at will.
    Raises `ConfigError` for a price the chain cannot charge, before anything is sent, and
    `TransactionRejected` when the chain refuses.
    """
    head = await chain.head()
    shared = (await chain.params_at(head.height)).shared
    listings = tuple(compute_listing(offer, fixing, owner.address, shared) for offer in offers)
    for listing in listings:
        height = head.height
        if await chain.service(listing.service.id) != listing.service:
            height = (await chain.submit([AddService(owner.address, listing.service)], owner)).height
        await agree_price(listing, height, shared=shared, prices=prices)
    return listings


async def agree_price(listing: Listing, height: Height, *, shared: SharedParams, prices: Prices) -> None:
    """Keep a listing that the chain has had since the block at `height`.

    A service's first price holds for whatever came before, a later one from the next session on:
    the chain charges a session what held at its start. An agreement that stands is not kept again.
    """
    service_id, price = listing.service.id, listing.price
    last = await prices.price_at(service_id, _HEIGHT_LAST)
    if last is None:
        start = _HEIGHT_FIRST
    elif (last.price, last.rate, last.compute_units) == (price.price, price.rate, price.compute_units):
        return
    else:
        start = Height(max(compute_next_session_start(height, shared), last.height + 1))
    agreed = AgreedPrice(service_id, start, listing.week, price.price, price.rate, price.compute_units)
    await prices.save_price(agreed)
    _log.info("%s costs %s compute units a relay from height %s on", service_id, price.compute_units, start)
