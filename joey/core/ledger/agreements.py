"""What a relay was sold for: the dollar price and the rate that held when its session began.

An agreement is written once, when an offer is published or repriced, and holds for every session
that starts at its height or later, until the next one of the service. It is what the residue of
rounding is measured against.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from joey.core.ledger.accounts import FEMTO_USD_PER_NANO_USD
from joey.core.units import UPOKT_PER_POKT, ComputeUnits, Height, NanoUsd

__all__ = ["AgreedPrice", "Terms"]


@dataclass(frozen=True, slots=True)
class AgreedPrice:
    """The price of one relay of a service, from a session start height on.

    `price` is nano-dollars a relay and `rate`, the fixing of `week`, nano-dollars per POKT;
    `compute_units` is what the chain weighs a relay with. Raises `ValueError` unless both amounts
    are positive.
    """

    service_id: str
    height: Height
    week: str
    price: NanoUsd
    rate: NanoUsd
    compute_units: ComputeUnits

    def __post_init__(self) -> None:
        if self.price <= 0 or self.rate <= 0:
            raise ValueError(f"the price and the rate of {self.service_id} must be more than 0")

    @property
    def upokt(self) -> Fraction:
        """The exact upokt agreed for one relay."""
        return Fraction(self.price * UPOKT_PER_POKT, self.rate)

    def compute_sale(self, relays: int) -> int:
        """Return what `relays` relays are worth, in femto-dollars, exactly."""
        return relays * self.price * FEMTO_USD_PER_NANO_USD


@dataclass(frozen=True, slots=True)
class Terms:
    """What the chain does not say of a claim: which portal operator pays, and what was agreed.

    `agreement` is `None` for a service nobody here has an offer for. An application of no operator
    we know is its own: `operator` is then its address, so that every settlement has a payer.
    """

    operator: str
    agreement: AgreedPrice | None = None
