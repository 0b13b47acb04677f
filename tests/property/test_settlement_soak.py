"""A claim's settlement computed twice: by the rulebook, and here from the published rules alone.

`settle_by_hand` is written from the description of the network's settlement with plain fractions; it
shares no arithmetic with `joey.core.protocol`. Many random claims must come out equal in every field,
and no upokt may come or go. A few thousand claims by default, a million under `JOEY_SOAK=1`.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from random import Random

import pytest

from joey.core.protocol.claims import ProofRequirement, ProofStatus
from joey.core.protocol.events import ClaimDiscarded, ClaimExpired, ClaimSettled
from joey.core.protocol.movements import Operation, sum_movements
from joey.core.protocol.params import Shares
from joey.core.protocol.settlement import DueClaim, Settlement, SettlementTerms, compute_settlements
from joey.core.units import Height
from joey.testing.random_worlds import draw_group, draw_params

CLAIMS = 1_000_000 if os.environ.get("JOEY_SOAK") == "1" else 4_000
CLAIMS_A_BLOCK = 2_500
"""Claims whose movements are summed and checked together."""

RELAY, GLOBAL = "TLM_RELAY_BURN_EQUALS_MINT_", "TLM_GLOBAL_MINT_"


@dataclass
class ByHand:
    """What a claim comes to. `paid`: (recipient, reason) to upokt."""

    kind: str
    claimed: int
    settled: int = 0
    minted: int = 0
    inflation: int = 0
    validators: int = 0
    slashed: int = 0
    capped: tuple[int, int] | None = None
    fallbacks: int = 0
    paid: dict[tuple[str, str], int] = field(default_factory=dict)


def settle_by_hand(group: Sequence[DueClaim], terms: SettlementTerms) -> list[ByHand]:
    """Return what every claim of a group comes to."""
    shared, tokenomics = terms.shared_end, terms.tokenomics
    offsets = (
        shared.claim_window_open_offset_blocks
        + shared.claim_window_close_offset_blocks
        + shared.proof_window_open_offset_blocks
        + shared.proof_window_close_offset_blocks
    )
    pending = ceil(Fraction(offsets, shared.num_blocks_per_session))
    budget = terms.application_stake_start // pending
    even = budget // len(group)
    if terms.spend_limit_per_session:
        even = min(even, min(terms.spend_limit_per_session, budget) // len(group))
    multiplier = Fraction(2**256 - 1, int.from_bytes(terms.target, "big"))
    price = Fraction(
        terms.shared_start.compute_units_to_tokens_multiplier,
        terms.shared_start.compute_unit_cost_granularity,
    )
    rate = tokenomics.global_inflation_per_claim
    claimed = [floor(int.from_bytes(due.claim.root[32:40], "big") * multiplier * price) for due in group]
    needs = [amount + ceil(amount * rate) for amount in claimed]
    competing = [need for need, due in zip(needs, group, strict=True) if is_competing(due)]
    unused = sum(max(0, even - need) for need in competing)
    excess = sum(max(0, need - even) for need in competing)
    stake = terms.application_stake
    outcomes = []
    for due, amount, need in zip(group, claimed, needs, strict=True):
        if due.supplier_owner_address == "":
            outcomes.append(ByHand("discarded", amount))
            continue
        if not is_competing(due):
            slashed = min(due.supplier_stake, terms.proof_missing_penalty)
            outcomes.append(ByHand("expired", amount, slashed=slashed))
            continue
        cap = even
        if tokenomics.overservicing_bonus_multiplier > 1 and need > even:
            bonus = floor(Fraction(unused * (need - even), excess))
            cap = min(even + bonus, tokenomics.overservicing_bonus_multiplier * even)
        most = floor(cap / (1 + rate))
        one = ByHand("settled", amount, settled=min(amount, most))
        if amount > most:
            one.capped = (need, cap)
        if not pay(one, due, terms, stake):
            one = ByHand("discarded", amount)
        else:
            stake -= one.settled + one.inflation
        outcomes.append(one)
    return outcomes


def is_competing(due: DueClaim) -> bool:
    lacks = due.requirement is not ProofRequirement.NOT_REQUIRED
    lacks = lacks and due.claim.proof_status is not ProofStatus.VALIDATED
    return not lacks and due.supplier_owner_address != ""


def pay(one: ByHand, due: DueClaim, terms: SettlementTerms, stake: int) -> bool:
    """Fill in what a settled claim mints and pays; tell whether that can be done."""
    if one.settled == 0:
        return True
    tokenomics = terms.tokenomics
    one.minted = floor(one.settled * tokenomics.mint_ratio)
    one.inflation = ceil(one.settled * tokenomics.global_inflation_per_claim)
    if one.minted == 0 or one.settled + one.inflation > stake:
        return False
    parts = [(RELAY, one.minted, tokenomics.mint_equals_burn_claim_distribution)]
    if one.inflation:
        parts.append((GLOBAL, one.inflation, tokenomics.mint_allocation_percentages))
    return all(share_out(one, due, terms, prefix, amount, shares) for prefix, amount, shares in parts)


def share_out(
    one: ByHand, due: DueClaim, terms: SettlementTerms, prefix: str, amount: int, shares: Shares
) -> bool:
    supplier, proposer = floor(amount * shares.supplier), floor(amount * shares.proposer)
    source, application = floor(amount * shares.source_owner), floor(amount * shares.application)
    one.validators += proposer
    for recipient, name, part in (
        (terms.service_owner_address, "SOURCE_OWNER", source),
        (due.claim.header.application_address, "APPLICATION", application),
        (terms.tokenomics.dao_reward_address, "DAO", amount - supplier - proposer - source - application),
    ):
        if part:
            one.paid[recipient, f"{prefix}{name}_REWARD_DISTRIBUTION"] = part
    if not supplier:
        return True
    listed = due.revenue_shares
    if not listed:
        return False
    reason = f"{prefix}SUPPLIER_SHAREHOLDER_REWARD_DISTRIBUTION"
    names = [share.address for share in listed]
    if len(set(names)) < len(names) or sum(share.percentage for share in listed) != 100:
        one.fallbacks += 1
        one.paid[due.supplier_owner_address, reason] = supplier
        return True
    cuts = [floor(Fraction(supplier * share.percentage, 100)) for share in listed]
    cuts[0] += supplier - sum(cuts)
    for name, cut in zip(names, cuts, strict=True):
        if cut:
            one.paid[name, reason] = cut
    return True


def compare(result: Settlement, expected: ByHand) -> None:
    """Hold a result of the rulebook to the one by hand, in every amount."""
    event = result.event
    assert event.claimed == expected.claimed
    assert len(result.fallbacks) == expected.fallbacks
    if isinstance(event, ClaimDiscarded):
        assert expected.kind == "discarded"
        assert (result.movements, result.validator_pools, result.overserviced) == ((), (), None)
    elif isinstance(event, ClaimExpired):
        assert (expected.kind, expected.slashed) == ("expired", event.slashed)
        assert (result.movements, result.validator_pools, result.overserviced) == ((), (), None)
    else:
        assert isinstance(event, ClaimSettled)
        amounts = (event.settled, event.minted, event.inflation, event.reimbursed, event.validators)
        assert (expected.kind, *amounts) == (
            "settled",
            expected.settled,
            expected.minted,
            expected.inflation,
            expected.inflation,
            expected.validators,
        )
        assert event.overservicing_loss == expected.claimed - expected.settled
        assert event.deflation_loss == expected.settled - expected.minted
        assert {(one.recipient, one.reason): one.amount for one in event.rewards} == expected.paid
        told = result.overserviced
        assert (None if told is None else (told.expected, told.effective)) == expected.capped


def check_conservation(results: Sequence[Settlement]) -> None:
    """Every module account is as full after a block's movements as before, but for stakes burned."""
    modules: defaultdict[str, int] = defaultdict(int)
    accounts: defaultdict[str, int] = defaultdict(int)
    settled = [result.event for result in results if isinstance(result.event, ClaimSettled)]
    movements = [movement for result in results for movement in result.movements]
    for batch in sum_movements(movements, Height(4)):
        assert batch.amount > 0
        match Operation(batch.operation):
            case Operation.MINT:
                modules[batch.sender] += batch.amount
            case Operation.BURN:
                modules[batch.sender] -= batch.amount
            case Operation.TO_MODULE:
                modules[batch.sender] -= batch.amount
                modules[batch.recipient] += batch.amount
            case Operation.TO_ACCOUNT:
                modules[batch.sender] -= batch.amount
                accounts[batch.recipient] += batch.amount
    validators = sum(event.validators for event in settled)
    cost = sum(event.settled + event.reimbursed for event in settled)
    assert modules["application"] == -cost
    assert modules["supplier"] == 0
    # What is the validators' is still to be paid out.
    assert modules["tokenomics"] == validators
    minted = sum(event.minted + event.inflation for event in settled)
    reimbursed = sum(event.reimbursed for event in settled)
    assert sum(accounts.values()) + validators == minted + reimbursed


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_random_claims_settle_as_the_rules_say():
    chance = Random("settlement")
    seen: defaultdict[str, int] = defaultdict(int)
    done = 0
    pending: list[Settlement] = []
    while done < CLAIMS:
        params = draw_params(chance)
        claims = chance.choice([1, 2, 5, 50])
        group, terms = draw_group(chance, params, claims)
        results = compute_settlements(group, terms)
        for result, expected in zip(results, settle_by_hand(group, terms), strict=True):
            compare(result, expected)
            seen[expected.kind] += 1
            seen["capped"] += expected.capped is not None
            seen["fell back"] += expected.fallbacks
            seen["inflated"] += expected.inflation > 0
            seen["beyond the even share"] += bool(expected.capped) and claims > 1
        cost = sum(
            one.event.settled + one.event.reimbursed for one in results if isinstance(one.event, ClaimSettled)
        )
        assert cost <= terms.application_stake
        pending += results
        done += claims
        if len(pending) >= CLAIMS_A_BLOCK or done >= CLAIMS:
            check_conservation(pending)
            pending = []
    # The sample has every kind of end, and often.
    kinds = ("settled", "expired", "discarded", "capped", "fell back", "inflated", "beyond the even share")
    assert min(seen[kind] for kind in kinds) > CLAIMS // 100
