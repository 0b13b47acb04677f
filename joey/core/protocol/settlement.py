"""What a claim burns, mints and pays: budgets, shares and every rounding, in the network's order.

Pure arithmetic over one application's claims of one session; the accounts are moved in
`joey.core.protocol.settling`. Whether a proof was due, and whether it was given, comes in as a
`ProofVerdict` per claim. The embedded chain has no proof phase yet and passes `NOT_REQUIRED`
for every claim; the rule for the other verdicts is complete and tested here.

Which height's values apply: price and difficulty those at the session's start, the budget's
divisor those at its end, tokenomics and penalty those of the settling block.
Sources: poktroll x/tokenomics/keeper/{settle_pending_claims,settlement_context,token_logic_modules}.go
and x/tokenomics/token_logic_module/*.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from joey.core.protocol.claims import (
    Claim,
    compute_claimed,
    compute_estimated_relays,
    compute_estimated_units,
)
from joey.core.protocol.events import (
    ApplicationOverserviced,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
    Reward,
)
from joey.core.protocol.params import SharedParams, Shares, TokenomicsParams, format_decimal
from joey.core.protocol.windows import compute_pending_sessions
from joey.core.units import Upokt
from joey.core.wire.session import RevenueShare

__all__ = [
    "DueClaim",
    "ProofVerdict",
    "Settlement",
    "SettlementTerms",
    "Unsettleable",
    "compute_settlements",
    "is_revenue_split_usable",
    "split_by_stake",
    "split_revenue",
]

_BURN_EQUALS_MINT = "TLM_RELAY_BURN_EQUALS_MINT_"
_GLOBAL_MINT = "TLM_GLOBAL_MINT_"


class ProofVerdict(Enum):
    """Whether a claim needed a proof, and what came of it."""

    NOT_REQUIRED = "not_required"
    VALIDATED = "validated"
    MISSING = "missing"
    INVALID = "invalid"


_EXPIRATION_REASONS = {ProofVerdict.MISSING: "PROOF_MISSING", ProofVerdict.INVALID: "PROOF_INVALID"}


@dataclass(frozen=True, slots=True)
class DueClaim:
    """A claim whose windows have closed, with what its supplier is at the settling block.

    `revenue_shares` are those of the supplier's config for the service that is active now, `None`
    when none is. `supplier_stake` is what is left to slash.
    """

    claim: Claim
    verdict: ProofVerdict
    supplier_owner_address: str
    supplier_stake: Upokt
    revenue_shares: tuple[RevenueShare, ...] | None


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
    """What one claim came to. `validator_pools`: (reason, upokt) that all bonded validators share."""

    event: ClaimSettled | ClaimExpired | ClaimDiscarded
    overserviced: ApplicationOverserviced | None = None
    validator_pools: tuple[tuple[str, Upokt], ...] = ()


class Unsettleable(Exception):
    """Settlement of one claim cannot go on; its claim is dropped and nobody is paid."""


def compute_settlements(group: Sequence[DueClaim], terms: SettlementTerms) -> tuple[Settlement, ...]:
    """Settle the claims of one application and session, in the order given.

    The group holds all of them that are ripe in this block, also those that expire: each takes an
    equal share of the budget. No result spends more than `terms.application_stake` in all.
    """
    budget = _compute_budget(terms)
    limit = terms.spend_limit_per_session
    limited = budget if limit is None else min(limit, budget)
    floor = min(budget // len(group), limited // len(group))
    claimed = [compute_claimed(due.claim.root, terms.target, terms.shared_start) for due in group]
    inflation = terms.tokenomics.global_inflation_per_claim
    needs = [amount + _ceil_product(amount, inflation) for amount in claimed]
    settling = [due.verdict not in _EXPIRATION_REASONS for due in group]
    caps = _compute_caps(needs, settling, floor, terms.tokenomics.overservicing_bonus_multiplier)
    stake = terms.application_stake
    results = []
    for due, amount, need, cap in zip(group, claimed, needs, caps, strict=True):
        try:
            result = _settle_one(due, terms, amount, need, cap, stake, limited < budget)
        except Unsettleable as reason:
            claim = due.claim
            result = Settlement(ClaimDiscarded(claim.header, claim.supplier_address, amount, str(reason)))
        if isinstance(result.event, ClaimSettled):
            stake = Upokt(stake - result.event.settled - result.event.reimbursed)
        results.append(result)
    return tuple(results)


def _compute_budget(terms: SettlementTerms) -> int:
    return terms.application_stake_start // compute_pending_sessions(terms.shared_end)


def _compute_caps(needs: Sequence[int], settling: Sequence[bool], floor: int, multiplier: int) -> list[int]:
    """Return the most that each claim may cost the application, inflation included.

    With a multiplier above one, what some suppliers leave unused is passed on to those that need
    more, in proportion to their excess and up to `multiplier` times their even share.
    """
    if multiplier <= 1:
        return [floor] * len(needs)
    settling_needs = [need for need, settles in zip(needs, settling, strict=True) if settles]
    unused = sum(max(0, floor - need) for need in settling_needs)
    excess = sum(max(0, need - floor) for need in settling_needs)
    caps = []
    for need, settles in zip(needs, settling, strict=True):
        bonus = unused * (need - floor) // excess if settles and need > floor else 0
        caps.append(min(floor + bonus, multiplier * floor))
    return caps


def _settle_one(
    due: DueClaim, terms: SettlementTerms, claimed: Upokt, need: int, cap: int, stake: Upokt, limited: bool
) -> Settlement:
    claim, tokenomics = due.claim, terms.tokenomics
    expired = _EXPIRATION_REASONS.get(due.verdict)
    if expired is not None:
        slashed = min(terms.proof_missing_penalty, due.supplier_stake)
        return Settlement(
            ClaimExpired(claim.header, claim.supplier_address, claimed, expired, Upokt(slashed))
        )
    inflation_ratio = tokenomics.global_inflation_per_claim
    cap_settled = _floor_product(cap, 1 / (1 + inflation_ratio))
    settled = Upokt(min(claimed, cap_settled))
    overserviced = None
    if claimed > cap_settled:
        overserviced = ApplicationOverserviced(
            claim.header, claim.supplier_address, Upokt(need), Upokt(cap), limited
        )
    minted = _floor_product(settled, tokenomics.mint_ratio)
    inflation = _ceil_product(settled, inflation_ratio)
    if settled > 0:
        if minted == 0:
            raise Unsettleable(f"settling {settled} upokt would mint none")
        if settled + inflation > stake:
            raise Unsettleable(f"the application's stake of {stake} upokt is less than {settled + inflation}")
    rewards, pool = _distribute(
        minted, tokenomics.mint_equals_burn_claim_distribution, _BURN_EQUALS_MINT, due, terms
    )
    pools = [(f"{_BURN_EQUALS_MINT}VALIDATOR_REWARD_DISTRIBUTION", pool)]
    if inflation > 0:
        more, more_pool = _distribute(
            inflation, tokenomics.mint_allocation_percentages, _GLOBAL_MINT, due, terms
        )
        rewards += more
        pools.append((f"{_GLOBAL_MINT}VALIDATOR_REWARD_DISTRIBUTION", more_pool))
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
        overservicing_loss=Upokt(claimed - settled),
        deflation_loss=Upokt(settled - minted),
        mint_ratio=format_decimal(tokenomics.mint_ratio),
        rewards=tuple(rewards),
        validators=Upokt(sum(amount for _, amount in pools)),
    )
    return Settlement(event, overserviced, tuple(pool for pool in pools if pool[1] > 0))


def _distribute(
    amount: Upokt, shares: Shares, reasons: str, due: DueClaim, terms: SettlementTerms
) -> tuple[list[Reward], Upokt]:
    """Return the accounts' rewards out of `amount` and the validators' part.

    The DAO takes what the roundings of the others leave.
    """
    supplier = _floor_product(amount, shares.supplier)
    proposer = _floor_product(amount, shares.proposer)
    source_owner = _floor_product(amount, shares.source_owner)
    application = _floor_product(amount, shares.application)
    dao = amount - supplier - proposer - source_owner - application
    rewards = [
        Reward(address, f"{reasons}SUPPLIER_SHAREHOLDER_REWARD_DISTRIBUTION", part)
        for address, part in split_revenue(supplier, due.revenue_shares, due.supplier_owner_address)
    ]
    for recipient, name, part in (
        (terms.service_owner_address, "SOURCE_OWNER", source_owner),
        (due.claim.header.application_address, "APPLICATION", application),
        (terms.tokenomics.dao_reward_address, "DAO", dao),
    ):
        if part > 0:
            rewards.append(Reward(recipient, f"{reasons}{name}_REWARD_DISTRIBUTION", Upokt(part)))
    return rewards, proposer


def is_revenue_split_usable(shares: Sequence[RevenueShare]) -> bool:
    """Tell whether addresses are unique and percentages are 1 to 100 and sum to exactly 100."""
    return (
        len({share.address for share in shares}) == len(shares)
        and all(1 <= share.percentage <= 100 for share in shares)
        and sum(share.percentage for share in shares) == 100
    )


def split_revenue(
    amount: Upokt, shares: Sequence[RevenueShare] | None, owner_address: str
) -> list[tuple[str, Upokt]]:
    """Split a supplier's part among its shareholders; what rounding leaves goes to the first listed.

    An unusable list pays the owner. Raises, so that the claim is discarded, when there is something
    to pay and no active config or an empty list. Parts of zero are left out.
    Source: x/tokenomics/token_logic_module/distribution_supplier.go.
    """
    if amount == 0:
        return []
    if not shares:
        raise Unsettleable("the supplier has no active revenue shares for the service")
    if not is_revenue_split_usable(shares):
        return [(owner_address, amount)]
    parts = [amount * share.percentage // 100 for share in shares]
    parts[0] += amount - sum(parts)
    return [(share.address, Upokt(part)) for share, part in zip(shares, parts, strict=True) if part > 0]


def split_by_stake(amount: Upokt, stakes: Sequence[tuple[str, Upokt]]) -> list[tuple[str, Upokt]]:
    """Split by stake with the method of the largest remainder; equal remainders go by address.

    Parts of zero are left out; the parts sum to `amount`. Raises `ValueError` when nobody has a stake.
    Source: x/tokenomics/token_logic_module/distribution_validator.go.
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


def _floor_product(amount: int, ratio: Fraction) -> Upokt:
    return Upokt(amount * ratio.numerator // ratio.denominator)


def _ceil_product(amount: int, ratio: Fraction) -> Upokt:
    return Upokt(-(-amount * ratio.numerator // ratio.denominator))
