"""What the chain says happened, as values: the books and the trail are made from these alone.

Names and fields follow pocket.proof and pocket.tokenomics events. One field is ours:
`ClaimSettled.validators`, because the network pays validators from a claim without saying how much
of it in the claim's own event.
"""

from __future__ import annotations

from dataclasses import dataclass

from joey.core.protocol.claims import ProofRequirement, ProofStatus
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.session import SessionHeader

__all__ = [
    "ApplicationOverserviced",
    "ChainEvent",
    "ClaimCreated",
    "ClaimDiscarded",
    "ClaimExpired",
    "ClaimSettled",
    "DifficultyUpdated",
    "ParamsUpdated",
    "ProofChecked",
    "ProofSubmitted",
    "RevenueShareFellBack",
    "Reward",
    "SettlementBatch",
    "SupplierSlashed",
    "SupplyChanged",
    "ValidatorsRewarded",
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
    num_estimated_relays: int = 0


@dataclass(frozen=True, slots=True)
class ProofSubmitted:
    """A proof came in for a claim that needs one, or replaced (`updated`) one of the same block."""

    header: SessionHeader
    supplier_address: str
    num_relays: int
    num_estimated_relays: int
    claimed_compute_units: ComputeUnits
    estimated_compute_units: ComputeUnits
    claimed: Upokt
    status: ProofStatus
    updated: bool = False


@dataclass(frozen=True, slots=True)
class ProofChecked:
    """A proof was verified at the end of its block; `failure` is empty when it holds."""

    header: SessionHeader
    supplier_address: str
    height: Height
    status: ProofStatus
    failure: str = ""


@dataclass(frozen=True, slots=True)
class ClaimSettled:
    """A claim was paid.

    `settled` upokt left the application's stake by burning, plus `reimbursed` where the global
    mint is on; `minted` were created by the claim, `inflation` by the global mint. `rewards`, in the
    order in which the network queues them, and `validators` together are `minted + inflation`;
    `reimbursed` moves stake to the DAO, at `reimbursed_to`, and is neither minted nor burned. The
    network's event lists that last transfer among its rewards, too.
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
    proof_requirement: ProofRequirement = ProofRequirement.NOT_REQUIRED
    proof_status: ProofStatus = ProofStatus.PENDING
    reimbursed_to: str = ""


@dataclass(frozen=True, slots=True)
class ClaimExpired:
    """A claim ended unpaid: `reason` is PROOF_MISSING or PROOF_INVALID."""

    header: SessionHeader
    supplier_address: str
    claimed: Upokt
    reason: str
    slashed: Upokt
    num_relays: int = 0
    num_estimated_relays: int = 0
    claimed_compute_units: ComputeUnits = ComputeUnits(0)
    estimated_compute_units: ComputeUnits = ComputeUnits(0)
    proof_status: ProofStatus = ProofStatus.PENDING


@dataclass(frozen=True, slots=True)
class ClaimDiscarded:
    """A claim was dropped by an error of settlement; nobody was paid."""

    header: SessionHeader
    supplier_address: str
    claimed: Upokt
    error: str
    proof_status: ProofStatus = ProofStatus.PENDING


@dataclass(frozen=True, slots=True)
class ApplicationOverserviced:
    """A supplier did more than the application's budget for it: `expected` was due, `effective` paid."""

    header: SessionHeader
    supplier_address: str
    expected: Upokt
    effective: Upokt
    spend_limit_exceeded: bool


@dataclass(frozen=True, slots=True)
class SupplierSlashed:
    """A supplier lost `penalty` of its stake for a missing or invalid proof; `stake` is what is left."""

    header: SessionHeader
    supplier_address: str
    penalty: Upokt
    stake: Upokt
    proof_status: ProofStatus


@dataclass(frozen=True, slots=True)
class RevenueShareFellBack:
    """A supplier's revenue shares were unusable: its owner got the whole `amount`."""

    header: SessionHeader
    supplier_address: str
    supplier_owner_address: str
    amount: Upokt
    reason: str
    observed_sum: int
    problem: str


@dataclass(frozen=True, slots=True)
class SettlementBatch:
    """One movement of upokt by a block's settlement, summed over its claims.

    `height_session_end` is that of the first claim that was paid, whatever the others'. `operation`
    is `mint`, `mod_to_mod`, `mod_to_acct` or `burn`; `sender` is the name of a module, `recipient`
    another, an address, or empty.
    """

    height_session_end: Height
    sender: str
    recipient: str
    reason: str
    amount: Upokt
    num_claims: int
    operation: str


@dataclass(frozen=True, slots=True)
class ValidatorsRewarded:
    """What one validator got of the proposers' part. Stake is the validator's own: nobody delegates here."""

    height_session_end: Height
    reason: str
    validator_address: str
    amount: Upokt
    stake: Upokt


@dataclass(frozen=True, slots=True)
class ParamsUpdated:
    """A module's parameters were changed, and from which height on sessions go by them."""

    module: str
    height_effective: Height


@dataclass(frozen=True, slots=True)
class DifficultyUpdated:
    """A service's target moves with the next session. Targets are 32 bytes."""

    service_id: str
    previous_target: bytes
    target: bytes
    previous_num_relays_ema: int
    num_relays_ema: int


@dataclass(frozen=True, slots=True)
class SupplyChanged:
    """What one block minted and burned in all, and the supply after it."""

    height: Height
    minted: Upokt
    burned: Upokt
    supply: Upokt


ChainEvent = (
    ClaimCreated
    | ProofSubmitted
    | ProofChecked
    | ClaimSettled
    | ClaimExpired
    | ClaimDiscarded
    | ApplicationOverserviced
    | SupplierSlashed
    | RevenueShareFellBack
    | SettlementBatch
    | ValidatorsRewarded
    | ParamsUpdated
    | DifficultyUpdated
    | SupplyChanged
)
