"""A claim: what a supplier commits to, what it is worth, and what an application can still pay.

Worth is computed with the price and difficulty at the session's *start* height, and rounded once,
down, at the very end. What is really paid is capped by the application's stake: see
`joey.core.protocol.settlement`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction

from joey.core.protocol.difficulty import compute_multiplier
from joey.core.protocol.params import SharedParams
from joey.core.protocol.windows import compute_pending_sessions
from joey.core.trie.smst import read_root
from joey.core.units import ComputeUnits, Upokt, round_down
from joey.core.wire.codec import header_from_proto, header_to_proto, read_text
from joey.core.wire.gogo import marshal
from joey.core.wire.proto import proof_pb2
from joey.core.wire.session import SessionHeader

__all__ = [
    "Claim",
    "ProofRequirement",
    "ProofStatus",
    "claim_from_proto",
    "claim_to_proto",
    "compute_claimed",
    "compute_estimated_relays",
    "compute_estimated_units",
    "compute_relay_price",
    "compute_session_budget",
    "encode_claim",
]


class ProofStatus(IntEnum):
    """What became of a claim's proof. Source: pocket.proof.ClaimProofStatus."""

    PENDING = 0
    VALIDATED = 1
    INVALID = 2


class ProofRequirement(IntEnum):
    """Whether a claim needs a proof, and by which rule. Source: pocket.proof.ProofRequirementReason."""

    NOT_REQUIRED = 0
    PROBABILISTIC = 1
    THRESHOLD = 2


@dataclass(frozen=True, slots=True)
class Claim:
    """A supplier's commitment to a session's trie. `root` is digest (32), sum (8 BE), count (8 BE)."""

    supplier_address: str
    header: SessionHeader
    root: bytes
    proof_status: ProofStatus = ProofStatus.PENDING

    @property
    def compute_units(self) -> ComputeUnits:
        """What the leaves weigh together."""
        return ComputeUnits(read_root(self.root)[1])

    @property
    def relays(self) -> int:
        """How many leaves there are: mined relays, not estimated ones."""
        return read_root(self.root)[2]


def claim_to_proto(claim: Claim) -> proof_pb2.Claim:
    """Return `pocket.proof.Claim`."""
    return proof_pb2.Claim(
        supplier_operator_address=claim.supplier_address,
        session_header=header_to_proto(claim.header),
        root_hash=claim.root,
        proof_validation_status=proof_pb2.ClaimProofStatus.Name(int(claim.proof_status)),
    )


def claim_from_proto(message: proof_pb2.Claim) -> Claim:
    """Return a claim as a value. Raises `ValueError` for a status that is none."""
    return Claim(
        supplier_address=read_text(message.supplier_operator_address),
        header=header_from_proto(message.session_header),
        root=message.root_hash,
        proof_status=ProofStatus(message.proof_validation_status),
    )


def encode_claim(claim: Claim) -> bytes:
    """Return a claim as the network writes it: whether it needs a proof is drawn from these bytes.

    The status is part of them (`PENDING` is left out, being zero), so a claim whose proof was checked
    draws another number than before.
    """
    return marshal(claim_to_proto(claim))


def compute_estimated_units(root: bytes, target: bytes) -> ComputeUnits:
    """Return the compute units that the mined relays stand for, rounded down.

    `target` is the service's 32-byte difficulty target at the session's start height.
    Source: pocket.proof.Claim.GetEstimatedComputeUnits, x/proof/types/claim.go.
    """
    return ComputeUnits(round_down(read_root(root)[1] * compute_multiplier(target)))


def compute_estimated_relays(root: bytes, target: bytes) -> int:
    """Return the relays that the mined relays stand for. A trie without leaves stands for none."""
    _, units, relays = read_root(root)
    if relays == 0 or units < relays:
        return 0
    return compute_estimated_units(root, target) // (units // relays)


def compute_claimed(claim_root: bytes, target: bytes, shared: SharedParams) -> Upokt:
    """Return what a root is worth: sum x multiplier x CUTTM / granularity, rounded down once.

    `target` and `shared` are those at the session's start height.
    Source: pocket.proof.Claim.GetClaimeduPOKT, x/proof/types/claim.go.
    """
    multiplier = compute_multiplier(target)
    units = read_root(claim_root)[1]
    numerator = units * multiplier.numerator * shared.compute_units_to_tokens_multiplier
    return Upokt(numerator // (multiplier.denominator * shared.compute_unit_cost_granularity))


def compute_relay_price(compute_units_per_relay: ComputeUnits, shared: SharedParams) -> Fraction:
    """Return the exact price of one relay in upokt, unrounded.

    Source: pocket.shared.Params, fields 9 (CUTTM) and 11 (granularity).
    """
    return Fraction(
        compute_units_per_relay * shared.compute_units_to_tokens_multiplier,
        shared.compute_unit_cost_granularity,
    )


def compute_session_budget(
    application_stake: Upokt,
    shared: SharedParams,
    num_suppliers_per_session: int,
    spend_limit_per_session: Upokt | None = None,
) -> Upokt:
    """Return what one supplier can count on from an application in one session.

    The stake must last for every session that may still await settlement, and one more that runs.
    An application's own limit, where set, is split evenly too. This is the allowance of a node's
    meter and is never more than settlement's cap when every drawn supplier claims.
    Source: poktroll, pkg/relayer/proxy/relay_meter.go.
    """
    budget = application_stake // num_suppliers_per_session // (compute_pending_sessions(shared) + 1)
    if spend_limit_per_session is not None:
        budget = min(budget, spend_limit_per_session // num_suppliers_per_session)
    return Upokt(budget)
