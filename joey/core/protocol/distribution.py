"""Who gets what of an amount that settlement mints: shares, revenue splits, validators.

Each share is rounded down and the DAO takes what is left; within a supplier's part what rounding
leaves goes to the shareholder listed first; among validators it goes by the largest remainder.
Sources: poktroll x/tokenomics/token_logic_module/{tlm_relay_burn_equals_mint,tlm_global_mint}.go and
distribution_{supplier,validator,sorting}.go there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from joey.core.protocol.events import RevenueShareFellBack, Reward
from joey.core.protocol.movements import (
    GLOBAL_MINT,
    RELAY_MINT,
    SUPPLIER_MODULE,
    TOKENOMICS_MODULE,
    Movement,
    Operation,
)
from joey.core.protocol.params import Shares
from joey.core.units import Upokt
from joey.core.wire.session import RevenueShare, SessionHeader

__all__ = [
    "GLOBAL_MINTING",
    "RELAY_MINTING",
    "Distribution",
    "Minting",
    "Payees",
    "Unsettleable",
    "ceil_product",
    "distribute",
    "find_split_fault",
    "floor_product",
    "is_revenue_split_usable",
    "split_by_stake",
    "split_revenue",
]


class Unsettleable(Exception):
    """Settlement of one claim cannot go on; its claim is dropped and nobody is paid."""


@dataclass(frozen=True, slots=True)
class Minting:
    """One of the two ways in which a claim mints, as the network names it.

    `transfer` is the reason of moving the supplier's part to the supplier module, `order` that in
    which the others are paid.
    """

    prefix: str
    mint: str
    transfer: str
    order: tuple[str, ...]

    @property
    def validators(self) -> str:
        """The reason of the proposer's part, which all validators share."""
        return f"{self.prefix}VALIDATOR_REWARD_DISTRIBUTION"

    @property
    def shareholders(self) -> str:
        """The reason of the supplier's part."""
        return f"{self.prefix}SUPPLIER_SHAREHOLDER_REWARD_DISTRIBUTION"


RELAY_MINTING = Minting(
    prefix=RELAY_MINT,
    mint=f"{RELAY_MINT}TOKENOMICS_CLAIM_DISTRIBUTION_MINT",
    transfer=f"{RELAY_MINT}SUPPLIER_SHAREHOLDER_REWARD_DISTRIBUTION",
    order=("SOURCE_OWNER", "DAO", "APPLICATION"),
)
"""What is minted for what the application's stake burned."""

GLOBAL_MINTING = Minting(
    prefix=GLOBAL_MINT,
    mint=f"{GLOBAL_MINT}INFLATION",
    # The network names this transfer so, though nothing is reimbursed by it.
    transfer=f"{GLOBAL_MINT}REIMBURSEMENT_REQUEST_ESCROW_MODULE_TRANSFER",
    order=("APPLICATION", "SOURCE_OWNER", "DAO"),
)
"""Inflation."""


@dataclass(frozen=True, slots=True)
class Payees:
    """Whom a claim can pay. `revenue_shares` is `None` without an active config for the service."""

    header: SessionHeader
    supplier_address: str
    supplier_owner_address: str
    revenue_shares: tuple[RevenueShare, ...] | None
    service_owner_address: str
    dao_reward_address: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """An amount split: `rewards` and `validators` sum to it; `movements` are what it takes to pay."""

    rewards: tuple[Reward, ...]
    validators: Upokt
    movements: tuple[Movement, ...]
    fallback: RevenueShareFellBack | None = None


def distribute(amount: Upokt, shares: Shares, minting: Minting, payees: Payees) -> Distribution:
    """Split what one claim mints, at least one upokt. Parts of zero are left out.

    Raises `Unsettleable` when the supplier's part can be paid to nobody.
    """
    supplier = floor_product(amount, shares.supplier)
    validators = floor_product(amount, shares.proposer)
    source_owner = floor_product(amount, shares.source_owner)
    application = floor_product(amount, shares.application)
    dao = Upokt(amount - supplier - validators - source_owner - application)
    parts = {
        "SOURCE_OWNER": (payees.service_owner_address, source_owner),
        "APPLICATION": (payees.header.application_address, application),
        "DAO": (payees.dao_reward_address, dao),
    }
    holders, fallback = _pay_shareholders(supplier, minting, payees)
    others = [
        Reward(recipient, f"{minting.prefix}{name}_REWARD_DISTRIBUTION", part)
        for name in minting.order
        for recipient, part in (parts[name],)
        if part > 0
    ]
    movements = [Movement(Operation.MINT, TOKENOMICS_MODULE, "", minting.mint, amount)]
    if supplier > 0:
        movements.append(
            Movement(Operation.TO_MODULE, TOKENOMICS_MODULE, SUPPLIER_MODULE, minting.transfer, supplier)
        )
    for module, rewards in ((SUPPLIER_MODULE, holders), (TOKENOMICS_MODULE, others)):
        for reward in rewards:
            movements.append(
                Movement(Operation.TO_ACCOUNT, module, reward.recipient, reward.reason, reward.amount)
            )
    return Distribution((*holders, *others), validators, tuple(movements), fallback)


def _pay_shareholders(
    amount: Upokt, minting: Minting, payees: Payees
) -> tuple[list[Reward], RevenueShareFellBack | None]:
    """Return the shareholders' rewards by address; with an unusable list the owner gets them all."""
    if amount == 0:
        return [], None
    shares = payees.revenue_shares
    if not shares:
        raise Unsettleable("the supplier has no active revenue shares for the service")
    problem = find_split_fault(shares)
    if problem is None:
        return [Reward(to, minting.shareholders, part) for to, part in split_revenue(amount, shares)], None
    fallback = RevenueShareFellBack(
        payees.header,
        payees.supplier_address,
        payees.supplier_owner_address,
        amount,
        minting.shareholders,
        sum(share.percentage for share in shares),
        problem,
    )
    return [Reward(payees.supplier_owner_address, minting.shareholders, amount)], fallback


def find_split_fault(shares: Sequence[RevenueShare]) -> str | None:
    """Return why a list of revenue shares cannot be used: an address comes twice, or the sum is not 100."""
    seen: set[str] = set()
    for share in shares:
        if share.address in seen:
            return f"{share.address} has more than one revenue share"
        seen.add(share.address)
    total = sum(share.percentage for share in shares)
    return None if total == 100 else f"the revenue shares sum to {total} percent, not 100"


def is_revenue_split_usable(shares: Sequence[RevenueShare]) -> bool:
    """Tell whether a supplier may be staked with the list: percentages are also 1 to 100 each."""
    return find_split_fault(shares) is None and all(1 <= share.percentage <= 100 for share in shares)


def split_revenue(amount: Upokt, shares: Sequence[RevenueShare]) -> list[tuple[str, Upokt]]:
    """Split a supplier's part among its shareholders, by address; parts of zero are left out.

    What rounding leaves goes to the first *listed*. The list is one without a fault.
    """
    parts = {share.address: amount * share.percentage // 100 for share in shares}
    parts[shares[0].address] += amount - sum(parts.values())
    return [(address, Upokt(parts[address])) for address in sorted(parts) if parts[address] > 0]


def split_by_stake(amount: Upokt, stakes: Sequence[tuple[str, Upokt]]) -> list[tuple[str, Upokt]]:
    """Split by stake with the method of the largest remainder; equal remainders go by address.

    Parts of zero are left out; the parts sum to `amount`. Raises `ValueError` when nobody has a stake.
    """
    total = sum(stake for _, stake in stakes)
    if total <= 0:
        raise ValueError("nobody has a stake to split by")
    parts = {address: amount * stake // total for address, stake in stakes}
    left = amount - sum(parts.values())
    by_remainder = sorted(stakes, key=lambda holder: (-(amount * holder[1] % total), holder[0]))
    for address, _ in by_remainder[:left]:
        parts[address] += 1
    return [(address, Upokt(part)) for address, part in parts.items() if part > 0]


def floor_product(amount: int, ratio: Fraction) -> Upokt:
    """Return an amount times a ratio, rounded down."""
    return Upokt(amount * ratio.numerator // ratio.denominator)


def ceil_product(amount: int, ratio: Fraction) -> Upokt:
    """Return an amount times a ratio, rounded up."""
    return Upokt(-(-amount * ratio.numerator // ratio.denominator))
