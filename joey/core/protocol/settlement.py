"""What a claim burns, mints and pays: caps, shares and every rounding, in the network's order.

Pure arithmetic over one application's claims of one session; the accounts are moved in
`joey.core.protocol.settling`. Whether a claim needed a proof comes in with it, what became of the
proof is part of the claim.

Which height's values apply: price and difficulty those at the session's start, the budget's
divisor those at its end, tokenomics and penalty those of the settling block.

One departure: where settlement of a claim fails half-way, the reference keeps the application's
record lowered although nothing was burned; here the stake stays what lies in the pool.
Sources: poktroll x/tokenomics/keeper/{settle_pending_claims,settlement_context,token_logic_modules}.go
and x/tokenomics/token_logic_module/*.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from joey.core.protocol.budgets import compute_caps, compute_even_share
from joey.core.protocol.claims import (
    Claim,
    ProofRequirement,
    ProofStatus,
    compute_claimed,
    compute_estimated_relays,
    compute_estimated_units,
)
from joey.core.protocol.distribution import (
    GLOBAL_MINTING,
    RELAY_MINTING,
    Distribution,
    Payees,
    Unsettleable,
    ceil_product,
    distribute,
    floor_product,
)
from joey.core.protocol.events import (
    ApplicationOverserviced,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
    RevenueShareFellBack,
)
from joey.core.protocol.movements import (
    APPLICATION_MODULE,
    GLOBAL_MINT,
    REIMBURSEMENT,
    RELAY_MINT,
    TOKENOMICS_MODULE,
    Movement,
    Operation,
)
from joey.core.protocol.params import SharedParams, TokenomicsParams, format_decimal
from joey.core.units import Upokt
from joey.core.wire.session import RevenueShare

__all__ = [
    "DueClaim",
    "ProofVerdict",
    "Settlement",
    "SettlementTerms",
    "compute_settlements",
    "judge_proof",
]


class ProofVerdict(Enum):
    """Whether a claim needed a proof, and what came of it."""

    NOT_REQUIRED = "not_required"
    VALIDATED = "validated"
    MISSING = "missing"
    INVALID = "invalid"


_EXPIRATION_REASONS = {ProofVerdict.MISSING: "PROOF_MISSING", ProofVerdict.INVALID: "PROOF_INVALID"}
_VERDICTS = {
    ProofStatus.PENDING: ProofVerdict.MISSING,
    ProofStatus.VALIDATED: ProofVerdict.VALIDATED,
    ProofStatus.INVALID: ProofVerdict.INVALID,
}


def judge_proof(requirement: ProofRequirement, status: ProofStatus) -> ProofVerdict:
    """Return what settlement makes of a claim's proof. Without need of one its status is no matter."""
    return ProofVerdict.NOT_REQUIRED if requirement is ProofRequirement.NOT_REQUIRED else _VERDICTS[status]


@dataclass(frozen=True, slots=True)
class DueClaim:
    """A claim whose windows have closed, with what its supplier is at the settling block.

    `requirement` says whether a proof was needed. `supplier_owner_address` is empty when the supplier
    is gone. `supplier_stake` is what is left to slash. `revenue_shares` are those of the supplier's
    config for the service that is active now, `None` when none is.
    """

    claim: Claim
    requirement: ProofRequirement
    supplier_owner_address: str
    supplier_stake: Upokt
    revenue_shares: tuple[RevenueShare, ...] | None

    @property
    def verdict(self) -> ProofVerdict:
        """What is made of the claim's proof."""
        return judge_proof(self.requirement, self.claim.proof_status)

    @property
    def is_payable(self) -> bool:
        """Whether the claim competes for the session's budget: no proof is lacking and somebody is there."""
        return self.verdict not in _EXPIRATION_REASONS and bool(self.supplier_owner_address)


@dataclass(frozen=True, slots=True)
class SettlementTerms:
    """What all claims of one application and session share.

    `application_stake_start` is the stake when the block's settlement began and sets the budget;
    `application_stake` is what other sessions settling in this block have left of it.
    """

    application_stake_start: Upokt
    application_stake: Upokt
    spend_limit_per_session: Upokt | None
    service_owner_address: str
    target: bytes
    shared_start: SharedParams
    shared_end: SharedParams
    tokenomics: TokenomicsParams
    proof_missing_penalty: Upokt


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one claim came to, with what the chain says of it beside, and what it moves.

    `validator_pools`: (reason, upokt) that all bonded validators share, not yet in `movements`.
    """

    event: ClaimSettled | ClaimExpired | ClaimDiscarded
    overserviced: ApplicationOverserviced | None = None
    validator_pools: tuple[tuple[str, Upokt], ...] = ()
    fallbacks: tuple[RevenueShareFellBack, ...] = ()
    movements: tuple[Movement, ...] = ()


def compute_settlements(group: Sequence[DueClaim], terms: SettlementTerms) -> tuple[Settlement, ...]:
    """Settle the claims of one application and session, in the order given.

    The group holds all of them that are ripe in this block, also those that expire: each takes an
    equal share of the budget. No result spends more than `terms.application_stake` in all.
    """
    share = compute_even_share(
        terms.application_stake_start, terms.shared_end, terms.spend_limit_per_session, len(group)
    )
    claimed = [compute_claimed(due.claim.root, terms.target, terms.shared_start) for due in group]
    inflation = terms.tokenomics.global_inflation_per_claim
    needs = [amount + ceil_product(amount, inflation) for amount in claimed]
    payable = [due.is_payable for due in group]
    caps = compute_caps(needs, payable, share.amount, terms.tokenomics.overservicing_bonus_multiplier)
    stake = terms.application_stake
    results = []
    for due, amount, need, cap in zip(group, claimed, needs, caps, strict=True):
        try:
            result = _settle_one(due, terms, amount, need, cap, stake, share.is_limited)
        except Unsettleable as reason:
            result = Settlement(_discard(due.claim, amount, str(reason)))
        if isinstance(result.event, ClaimSettled):
            stake = Upokt(stake - result.event.settled - result.event.reimbursed)
        results.append(result)
    return tuple(results)


def _settle_one(
    due: DueClaim, terms: SettlementTerms, claimed: Upokt, need: int, cap: int, stake: Upokt, is_limited: bool
) -> Settlement:
    claim, tokenomics = due.claim, terms.tokenomics
    if not due.supplier_owner_address:
        raise Unsettleable(f"there is no supplier {claim.supplier_address}")
    if due.verdict in _EXPIRATION_REASONS:
        return Settlement(_expire(due, terms, claimed))
    cap_settled = floor_product(cap, 1 / (1 + tokenomics.global_inflation_per_claim))
    settled = Upokt(min(claimed, cap_settled))
    overserviced = None
    if claimed > cap_settled:
        overserviced = ApplicationOverserviced(
            claim.header, claim.supplier_address, Upokt(need), Upokt(cap), is_limited
        )
    minted = floor_product(settled, tokenomics.mint_ratio)
    inflation = ceil_product(settled, tokenomics.global_inflation_per_claim)
    distributions: list[Distribution] = []
    if settled > 0:
        if minted == 0:
            raise Unsettleable(f"settling {settled} upokt would mint none")
        if settled + inflation > stake:
            raise Unsettleable(f"the application's stake of {stake} upokt is less than {settled + inflation}")
        distributions = _distribute(due, terms, minted, inflation)
    pools = [
        (minting.validators, distribution.validators)
        for minting, distribution in zip((RELAY_MINTING, GLOBAL_MINTING), distributions, strict=False)
    ]
    event = ClaimSettled(
        header=claim.header,
        supplier_address=claim.supplier_address,
        supplier_owner_address=due.supplier_owner_address,
        num_relays=claim.relays,
        num_estimated_relays=compute_estimated_relays(claim.root, terms.target),
        claimed_compute_units=claim.compute_units,
        estimated_compute_units=compute_estimated_units(claim.root, terms.target),
        claimed=claimed,
        settled=settled,
        minted=minted,
        inflation=inflation,
        # The application is debited the inflation too; that part goes to the DAO whole.
        reimbursed=inflation,
        reimbursed_to=tokenomics.dao_reward_address if inflation else "",
        overservicing_loss=Upokt(claimed - settled),
        deflation_loss=Upokt(settled - minted),
        mint_ratio=format_decimal(tokenomics.mint_ratio),
        rewards=tuple(reward for one in distributions for reward in one.rewards),
        validators=Upokt(sum(amount for _, amount in pools)),
        proof_requirement=due.requirement,
        proof_status=claim.proof_status,
    )
    return Settlement(
        event,
        overserviced,
        validator_pools=tuple(pool for pool in pools if pool[1] > 0),
        fallbacks=tuple(one.fallback for one in distributions if one.fallback is not None),
        movements=(
            *(movement for one in distributions for movement in one.movements),
            *_charge(settled, inflation, tokenomics.dao_reward_address),
        ),
    )


def _distribute(due: DueClaim, terms: SettlementTerms, minted: Upokt, inflation: Upokt) -> list[Distribution]:
    """Split what the claim mints and, where there is any, its inflation."""
    claim, tokenomics = due.claim, terms.tokenomics
    payees = Payees(
        claim.header,
        claim.supplier_address,
        due.supplier_owner_address,
        due.revenue_shares,
        terms.service_owner_address,
        tokenomics.dao_reward_address,
    )
    shares = tokenomics.mint_equals_burn_claim_distribution
    distributions = [distribute(minted, shares, RELAY_MINTING, payees)]
    if inflation > 0:
        shares = tokenomics.mint_allocation_percentages
        distributions.append(distribute(inflation, shares, GLOBAL_MINTING, payees))
    return distributions


def _charge(settled: Upokt, reimbursed: Upokt, dao_address: str) -> list[Movement]:
    """Return what leaves the application's stake: a part burns, and inflation goes to the DAO."""
    movements = []
    if settled > 0:
        reason = f"{RELAY_MINT}APPLICATION_STAKE_BURN"
        movements.append(Movement(Operation.BURN, APPLICATION_MODULE, "", reason, settled))
    if reimbursed > 0:
        to_escrow = f"{GLOBAL_MINT}REIMBURSEMENT_REQUEST_ESCROW_MODULE_TRANSFER"
        movements += [
            Movement(Operation.TO_MODULE, APPLICATION_MODULE, TOKENOMICS_MODULE, to_escrow, reimbursed),
            Movement(Operation.TO_ACCOUNT, TOKENOMICS_MODULE, dao_address, REIMBURSEMENT, reimbursed),
        ]
    return movements


def _expire(due: DueClaim, terms: SettlementTerms, claimed: Upokt) -> ClaimExpired:
    claim = due.claim
    return ClaimExpired(
        claim.header,
        claim.supplier_address,
        claimed,
        _EXPIRATION_REASONS[due.verdict],
        slashed=Upokt(min(terms.proof_missing_penalty, due.supplier_stake)),
        num_relays=claim.relays,
        num_estimated_relays=compute_estimated_relays(claim.root, terms.target),
        claimed_compute_units=claim.compute_units,
        estimated_compute_units=compute_estimated_units(claim.root, terms.target),
        proof_status=claim.proof_status,
    )


def _discard(claim: Claim, claimed: Upokt, error: str) -> ClaimDiscarded:
    return ClaimDiscarded(claim.header, claim.supplier_address, claimed, error, claim.proof_status)
