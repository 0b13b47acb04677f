"""Dollars to upokt to compute units: what an offer's price becomes on the network.

An offer is priced in dollars. A week's fixing makes that an exact number of upokt per relay, which
is *agreed*. The network charges whole compute units, so what it really takes for a relay is
*charged*; the difference is the *residue* of rounding, and it is booked, never lost. Nothing here
rounds but the compute units themselves: the amounts are exact fractions, and settlement rounds a
whole claim once.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from joey.core.errors import ConfigError
from joey.core.offers.offer import ServiceOffer
from joey.core.protocol.claims import compute_relay_price
from joey.core.protocol.params import SharedParams
from joey.core.protocol.services import COMPUTE_UNITS_PER_RELAY_MAX
from joey.core.units import (
    UPOKT_PER_POKT,
    ComputeUnits,
    NanoUsd,
    format_usd,
    round_half_down,
)

__all__ = ["RelayPrice", "compute_agreed_price", "compute_offer_price"]


@dataclass(frozen=True, slots=True)
class RelayPrice:
    """One relay of a service in all its units. `price` is the offer's, `rate` nano-dollars per POKT.

    `agreed` and `charged` are exact upokt per relay; the weight of a relay is `compute_units`.
    """

    service_id: str
    price: NanoUsd
    rate: NanoUsd
    compute_units: ComputeUnits
    agreed: Fraction
    charged: Fraction

    @property
    def residue(self) -> Fraction:
        """What rounding to whole compute units leaves per relay, in upokt: agreed less charged.

        Negative when the network charges more than was agreed. Never more, either way, than half of
        what one compute unit costs.
        """
        return self.agreed - self.charged


def compute_agreed_price(price: NanoUsd, rate: NanoUsd) -> Fraction:
    """Return the exact upokt of an amount of dollars at a rate in nano-dollars per POKT.

    $0.00075 at $0.25 is 3,000 upokt. Raises `ValueError` when the rate is not positive.
    """
    if rate <= 0:
        raise ValueError(f"a POKT cannot cost {format_usd(rate)} dollars")
    return Fraction(price * UPOKT_PER_POKT, rate)


def compute_offer_price(offer: ServiceOffer, rate: NanoUsd, shared: SharedParams) -> RelayPrice:
    """Return the price of one relay of an offer, with the compute units that come nearest to it.

    `rate` is the week's fixing; `shared` holds CUTTM and granularity. Of two equally near numbers of
    compute units the lesser is taken, so that a tie never charges more than was agreed. With a
    granularity of 10^6 and a CUTTM of 10^6, 3,000 upokt are 3,000 units exactly; with a CUTTM of
    145,990 they are 20,549 units, which cost 2,999.94851 upokt.

    Raises `ConfigError`, naming the offer, when the price is not positive or is not within 1 and
    the most compute units that the network lets a relay weigh, 2^21.
    """
    if offer.price <= 0:
        raise _refuse(offer, "is not a price: it must be more than 0")
    if rate <= 0:
        raise _refuse(offer, f"cannot be converted: a POKT cannot cost {format_usd(rate)} dollars")
    agreed = compute_agreed_price(offer.price, rate)
    unit_cost = compute_relay_price(ComputeUnits(1), shared)
    if unit_cost <= 0:
        raise _refuse(offer, "cannot be charged: the network's compute units cost nothing")
    units = ComputeUnits(round_half_down(agreed / unit_cost))
    if units < 1:
        raise _refuse(offer, "is less than half a compute unit at this rate: the network cannot charge it")
    if units > COMPUTE_UNITS_PER_RELAY_MAX:
        raise _refuse(
            offer,
            f"is {units} compute units at this rate, and a relay may weigh at most "
            f"{COMPUTE_UNITS_PER_RELAY_MAX}: lower it or sell smaller relays",
        )
    return RelayPrice(
        service_id=offer.service_id,
        price=offer.price,
        rate=rate,
        compute_units=units,
        agreed=agreed,
        charged=compute_relay_price(units, shared),
    )


def _refuse(offer: ServiceOffer, why: str) -> ConfigError:
    return ConfigError(
        f"offer {offer.service_id}: the price of {format_usd(offer.price)} dollars a relay {why}",
        service_id=offer.service_id,
        price=offer.price,
    )
