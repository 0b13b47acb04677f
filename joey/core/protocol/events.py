"""What the chain says happened, as values: the books and the trail are made from these alone.

Names and fields follow pocket.proof and pocket.tokenomics events. One field is ours:
`ClaimSettled.validators`, because the network pays validators from a claim without saying how much
of it in the claim's own event.
"""

from __future__ import annotations

from dataclasses import dataclass

from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.session import SessionHeader

__all__ = [
    "ApplicationOverserviced",
    "ChainEvent",
    "ClaimCreated",
    "ClaimDiscarded",
    "ClaimExpired",
    "ClaimSettled",
    "Reward",
    "SupplyChanged",
]


@dataclass(frozen=True, slots=True)
class Reward:
    """One payment out of a claim. `reason` is the network's `SettlementOpReason` name."""

    recipient: str
    reason: str
    amount: Upokt


@dataclass(frozen=True, slots=True)
class ClaimCreated:
    """A claim entered the chain's state, or replaced (`updated`) the one before it."""

    header: SessionHeader
    supplier_address: str
    root: bytes
    num_relays: int
    claimed_compute_units: ComputeUnits
    claimed: Upokt
    updated: bool = False


@dataclass(frozen=True, slots=True)
class ClaimSettled:
    """A claim was paid.

    `settled` upokt left the application's stake by burning, plus `reimbursed` where the global
    mint is on; `minted` were created by the claim, `inflation` by the global mint. `rewards` and
    `validators` together are `minted + inflation`; `reimbursed` moves stake to the DAO and is
    neither minted nor burned.
    """

    header: SessionHeader
    supplier_address: str
    supplier_owner_address: str
    num_relays: int
    num_estimated_relays: int
    claimed_compute_units: ComputeUnits
    estimated_compute_units: ComputeUnits
    claimed: Upokt
    settled: Upokt
    minted: Upokt
    inflation: Upokt
    reimbursed: Upokt
    overservicing_loss: Upokt
    deflation_loss: Upokt
    mint_ratio: str
    rewards: tuple[Reward, ...]
    validators: Upokt


@dataclass(frozen=True, slots=True)
class ClaimExpired:
    """A claim ended unpaid: `reason` is PROOF_MISSING or PROOF_INVALID."""

    header: SessionHeader
    supplier_address: str
    claimed: Upokt
    reason: str
    slashed: Upokt


@dataclass(frozen=True, slots=True)
class ClaimDiscarded:
    """A claim was dropped by an error of settlement; nobody was paid."""

    header: SessionHeader
    supplier_address: str
    claimed: Upokt
    error: str


@dataclass(frozen=True, slots=True)
class ApplicationOverserviced:
    """A supplier did more than the application's budget for it: `expected` was due, `effective` paid."""

    header: SessionHeader
    supplier_address: str
    expected: Upokt
    effective: Upokt
    spend_limit_exceeded: bool


@dataclass(frozen=True, slots=True)
class SupplyChanged:
    """What one block minted and burned in all, and the supply after it."""

    height: Height
    minted: Upokt
    burned: Upokt
    supply: Upokt


ChainEvent = (
    ClaimCreated | ClaimSettled | ClaimExpired | ClaimDiscarded | ApplicationOverserviced | SupplyChanged
)
