"""Whether a claim brings more than it costs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from joey.core.crypto.keys import PrivateKey
from joey.core.protocol.claims import Claim, compute_claimed
from joey.core.units import Upokt
from joey.core.wire.messages import CreateClaim
from joey.ports.chain import Chain

__all__ = ["ClaimWorth", "estimate_worth"]


@dataclass(frozen=True, slots=True)
class ClaimWorth:
    """What a claim brings at best, and what it is expected to cost (rounded up), in upokt."""

    brings: Upokt
    cost: Upokt

    @property
    def is_worthwhile(self) -> bool:
        """Tell whether the claim is to be sent."""
        return self.brings >= self.cost


async def estimate_worth(
    chain: Chain, claim: CreateClaim, key: PrivateKey, *, replaced: Claim | None = None
) -> ClaimWorth:
    """Return the worth of a claim that could be sent now.

    Its cost is the fee of its transaction and, as likely as it is, that of a proof: the network's own
    and the transaction's, which is taken to be the claim's since a proof cannot be simulated before
    there is one. A claim that replaces another brings what it has more than that, and costs no further
    proof. Raises `TransactionRejected` when the claim would be refused now, and `ChainUnavailable`.
    """
    fee = (await chain.estimate_fee([claim], key)).amount
    params = (await chain.live_params()).proof
    target = await chain.difficulty_at(claim.header.service_id, claim.header.height_start)
    shared = (await chain.params_at(claim.header.height_start)).shared
    claimed = compute_claimed(claim.root, target, shared)
    if replaced is not None:
        return ClaimWorth(Upokt(claimed - compute_claimed(replaced.root, target, shared)), fee)
    is_certain = claimed >= params.proof_requirement_threshold
    chance = Fraction(1) if is_certain else Fraction(params.proof_request_probability)
    return ClaimWorth(claimed, Upokt(fee + ceil(chance * (params.proof_submission_fee + fee))))
