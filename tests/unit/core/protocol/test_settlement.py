"""Settlement, claim by claim: the network's worked example and every way a claim can end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import pytest

from joey.core.protocol.claims import Claim, ProofRequirement, ProofStatus
from joey.core.protocol.difficulty import BASE_TARGET
from joey.core.protocol.distribution import is_revenue_split_usable, split_by_stake, split_revenue
from joey.core.protocol.events import ClaimDiscarded, ClaimExpired, ClaimSettled, RevenueShareFellBack
from joey.core.protocol.movements import Movement, Operation, sum_movements
from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams, TokenomicsParams
from joey.core.protocol.settlement import (
    DueClaim,
    ProofVerdict,
    Settlement,
    SettlementTerms,
    compute_settlements,
    judge_proof,
)
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.session import RevenueShare, SessionHeader
from joey.testing.settlements import make_root

HEADER = SessionHeader("application", "service", "session", Height(1021), Height(1040))
SHARES = (RevenueShare("owner", 80), RevenueShare("operator", 20))
QUARTER = (int.from_bytes(BASE_TARGET, "big") // 4).to_bytes(32, "big")
RB, GM = "TLM_RELAY_BURN_EQUALS_MINT_", "TLM_GLOBAL_MINT_"


def make_due(
    number: int = 0,
    relays: int = 1000,
    units: int = 2600,
    status: ProofStatus = ProofStatus.PENDING,
    **changes: Any,
) -> DueClaim:
    claim = Claim(f"operator {number}", HEADER, make_root(ComputeUnits(units), relays), status)
    due = DueClaim(claim, ProofRequirement.NOT_REQUIRED, "owner", Upokt(10**12), SHARES)
    return replace(due, **changes)


MISSING = {"requirement": ProofRequirement.THRESHOLD}
INVALID = {"requirement": ProofRequirement.PROBABILISTIC, "status": ProofStatus.INVALID}
VALIDATED = {"requirement": ProofRequirement.THRESHOLD, "status": ProofStatus.VALIDATED}


def make_terms(params: NetworkParams = MAINNET, stake: int = 10**12, **changes: Any) -> SettlementTerms:
    terms = SettlementTerms(
        application_stake_start=Upokt(stake),
        application_stake=Upokt(stake),
        spend_limit_per_session=None,
        service_owner_address="source owner",
        target=BASE_TARGET,
        shared_start=params.shared,
        shared_end=params.shared,
        tokenomics=params.tokenomics,
        proof_missing_penalty=params.proof.proof_missing_penalty,
    )
    return replace(terms, **changes)


def with_tokenomics(**changes: Any) -> TokenomicsParams:
    return replace(MAINNET.tokenomics, **changes)


def settle_one(due: DueClaim, terms: SettlementTerms) -> Settlement:
    (result,) = compute_settlements([due], terms)
    return result


def settled_event(result: Settlement) -> ClaimSettled:
    assert isinstance(result.event, ClaimSettled)
    return result.event


@dataclass(frozen=True)
class Column:
    target: bytes
    stake: int
    estimated: tuple[int, int]
    claimed: int
    settled: int
    minted: int
    losses: tuple[int, int]
    owner: int
    operator: int
    validators: int
    source_owner: int
    dao: int
    inflation: int
    global_mint: dict[str, int]
    debited: int


WORKED_EXAMPLE = {
    "base difficulty": Column(
        target=BASE_TARGET,
        stake=10**12,
        estimated=(2_600_000, 1000),
        claimed=379_574,
        settled=379_574,
        minted=370_084,
        losses=(9_490, 0),
        owner=233_893,
        operator=58_473,
        validators=51_811,
        source_owner=9_252,
        dao=16_655,
        inflation=1,
        global_mint={"DAO": 1},
        debited=379_575,
    ),
    "a quarter of the base": Column(
        target=QUARTER,
        stake=10**12,
        estimated=(10_400_000, 4000),
        claimed=1_518_296,
        settled=1_518_296,
        minted=1_480_338,
        losses=(37_958, 0),
        owner=935_574,
        operator=233_893,
        validators=207_247,
        source_owner=37_008,
        dao=66_616,
        inflation=2,
        global_mint={"SUPPLIER": 1, "DAO": 1},
        debited=1_518_298,
    ),
    "a stake of 2 POKT": Column(
        target=BASE_TARGET,
        stake=2_000_000,
        estimated=(2_600_000, 1000),
        claimed=379_574,
        settled=19_999,
        minted=19_499,
        losses=(500, 359_575),
        owner=12_324,
        operator=3_080,
        validators=2_729,
        source_owner=487,
        dao=879,
        inflation=1,
        global_mint={"DAO": 1},
        debited=20_000,
    ),
}


@pytest.mark.parametrize("proof", [{}, VALIDATED], ids=["no proof", "validated"])
@pytest.mark.parametrize("column", WORKED_EXAMPLE.values(), ids=WORKED_EXAMPLE.keys())
def test_the_worked_example(column: Column, proof: dict[str, Any]):
    group = [make_due(number, **proof) for number in range(50)]
    results = compute_settlements(group, make_terms(stake=column.stake, target=column.target))
    event = settled_event(results[0])
    assert (event.estimated_compute_units, event.num_estimated_relays) == column.estimated
    assert (event.claimed_compute_units, event.num_relays) == (2_600_000, 1000)
    assert event.claimed == column.claimed
    assert event.settled == column.settled
    assert event.minted == column.minted
    assert (event.deflation_loss, event.overservicing_loss) == column.losses
    assert event.mint_ratio == "0.975"
    paid = {(reward.recipient, reward.reason): reward.amount for reward in event.rewards}
    supplier_reason = f"{RB}SUPPLIER_SHAREHOLDER_REWARD_DISTRIBUTION"
    expected = {
        ("owner", supplier_reason): column.owner,
        ("operator", supplier_reason): column.operator,
        ("source owner", f"{RB}SOURCE_OWNER_REWARD_DISTRIBUTION"): column.source_owner,
        (MAINNET.tokenomics.dao_reward_address, f"{RB}DAO_REWARD_DISTRIBUTION"): column.dao,
    }
    if "SUPPLIER" in column.global_mint:
        reason = f"{GM}SUPPLIER_SHAREHOLDER_REWARD_DISTRIBUTION"
        expected["owner", reason] = column.global_mint["SUPPLIER"]
    dao_reason = f"{GM}DAO_REWARD_DISTRIBUTION"
    expected[MAINNET.tokenomics.dao_reward_address, dao_reason] = column.global_mint["DAO"]
    assert paid == expected
    assert event.validators == column.validators
    assert results[0].validator_pools == ((f"{RB}VALIDATOR_REWARD_DISTRIBUTION", column.validators),)
    assert event.inflation == event.reimbursed == column.inflation
    assert event.settled + event.reimbursed == column.debited
    assert (results[0].overserviced is not None) == (column.losses[1] > 0)


@pytest.mark.parametrize("params", [MAINNET, MINIMAL], ids=["mainnet", "minimal"])
def test_rewards_and_validators_are_what_is_minted(params: NetworkParams):
    for relays in (1, 7, 999, 12_345):
        event = settled_event(settle_one(make_due(relays=relays), make_terms(params)))
        paid = sum(reward.amount for reward in event.rewards) + event.validators
        assert paid == event.minted + event.inflation
        assert all(reward.amount > 0 for reward in event.rewards)


def test_a_claim_over_its_share_is_capped_and_told():
    # 20,000 a claim in stake terms; the settled part leaves room for its own inflation.
    results = compute_settlements([make_due(number) for number in range(50)], make_terms(stake=2_000_000))
    overserviced = results[0].overserviced
    assert overserviced is not None
    assert (overserviced.expected, overserviced.effective) == (379_575, 20_000)
    assert not overserviced.spend_limit_exceeded


def test_a_claim_at_its_share_is_paid_whole():
    # One claim, budget stake // 2: need is 379,575.
    exact = settle_one(make_due(), make_terms(stake=2 * 379_575))
    assert settled_event(exact).settled == 379_574
    assert exact.overserviced is None
    short = settle_one(make_due(), make_terms(stake=2 * 379_575 - 1))
    assert settled_event(short).settled == 379_573
    assert short.overserviced is not None


def test_an_applications_own_limit_binds():
    terms = make_terms(spend_limit_per_session=Upokt(100_000))
    results = compute_settlements([make_due(0), make_due(1)], terms)
    overserviced = results[0].overserviced
    assert overserviced is not None
    assert overserviced.effective == 50_000
    assert overserviced.spend_limit_exceeded
    assert settled_event(results[0]).settled == 49_999


@pytest.mark.parametrize("limit", [None, 0, 10**12])
def test_a_limit_of_zero_is_none(limit: int | None):
    terms = make_terms(spend_limit_per_session=None if limit is None else Upokt(limit))
    assert settled_event(settle_one(make_due(), terms)).settled == 379_574


def test_a_limit_above_the_budget_does_not_bind():
    terms = make_terms(stake=2_000_000, spend_limit_per_session=Upokt(10**9))
    overserviced = compute_settlements([make_due(n) for n in range(50)], terms)[0].overserviced
    assert overserviced is not None
    assert not overserviced.spend_limit_exceeded


def test_unused_budget_is_passed_on_with_a_bonus_multiplier():
    # Budget 3,000, three claims: 1,000 each. Needs 400, 1,500 and 2,000: 600 unused for 500 + 1,000 of
    # excess, so 200 and 400 more.
    tokenomics = replace(MINIMAL.tokenomics, overservicing_bonus_multiplier=3)
    terms = make_terms(MINIMAL, stake=9_000, tokenomics=tokenomics)
    group = [make_due(number, relays=1, units=units) for number, units in enumerate((400, 1500, 2000))]
    settled = [settled_event(result).settled for result in compute_settlements(group, terms)]
    assert settled == [400, 1200, 1400]
    # No more than the multiplier times the even share.
    tight = replace(terms, tokenomics=replace(tokenomics, overservicing_bonus_multiplier=2))
    group = [make_due(number, relays=1, units=units) for number, units in enumerate((1, 1, 5000))]
    settled = [settled_event(result).settled for result in compute_settlements(group, tight)]
    assert settled == [1, 1, 2000]


def test_expired_claims_pass_nothing_on_but_take_their_share():
    tokenomics = replace(MINIMAL.tokenomics, overservicing_bonus_multiplier=3)
    terms = make_terms(MINIMAL, stake=6_000, tokenomics=tokenomics)
    group = [
        make_due(0, relays=1, units=1, **MISSING),
        make_due(1, relays=1, units=5000),
    ]
    results = compute_settlements(group, terms)
    assert isinstance(results[0].event, ClaimExpired)
    assert settled_event(results[1]).settled == 1000


@pytest.mark.parametrize(
    ("proof", "reason", "status"),
    [(MISSING, "PROOF_MISSING", ProofStatus.PENDING), (INVALID, "PROOF_INVALID", ProofStatus.INVALID)],
)
def test_a_claim_without_its_proof_expires_and_is_slashed(
    proof: dict[str, Any], reason: str, status: ProofStatus
):
    result = settle_one(make_due(**proof), make_terms(proof_missing_penalty=Upokt(320), target=QUARTER))
    assert result.event == ClaimExpired(
        HEADER,
        "operator 0",
        Upokt(1_518_296),
        reason,
        Upokt(320),
        num_relays=1000,
        num_estimated_relays=4000,
        claimed_compute_units=ComputeUnits(2_600_000),
        estimated_compute_units=ComputeUnits(10_400_000),
        proof_status=status,
    )
    assert result.validator_pools == result.movements == ()


def test_a_slash_is_capped_at_the_stake():
    due = make_due(supplier_stake=Upokt(5), **MISSING)
    event = settle_one(due, make_terms(proof_missing_penalty=Upokt(320))).event
    assert isinstance(event, ClaimExpired)
    assert event.slashed == 5


def test_a_validated_claim_is_paid_like_one_that_needs_no_proof():
    terms = make_terms()
    validated = settled_event(settle_one(make_due(**VALIDATED), terms))
    assert (validated.proof_requirement, validated.proof_status) == (
        ProofRequirement.THRESHOLD,
        ProofStatus.VALIDATED,
    )
    plain = settled_event(settle_one(make_due(), terms))
    assert (
        replace(validated, proof_requirement=ProofRequirement.NOT_REQUIRED, proof_status=ProofStatus.PENDING)
        == plain
    )


@pytest.mark.parametrize("status", list(ProofStatus))
def test_without_need_of_a_proof_its_status_is_no_matter(status: ProofStatus):
    assert judge_proof(ProofRequirement.NOT_REQUIRED, status) is ProofVerdict.NOT_REQUIRED
    assert isinstance(settle_one(make_due(status=status), make_terms()).event, ClaimSettled)


@pytest.mark.parametrize("proof", [{}, MISSING], ids=["payable", "expiring"])
def test_a_claim_of_a_supplier_that_is_gone_is_discarded(proof: dict[str, Any]):
    result = settle_one(make_due(supplier_owner_address="", revenue_shares=None, **proof), make_terms())
    assert isinstance(result.event, ClaimDiscarded)
    assert "operator 0" in result.event.error
    # Not even where nothing would be paid.
    broke = settle_one(make_due(supplier_owner_address="", revenue_shares=None), make_terms(stake=0))
    assert isinstance(broke.event, ClaimDiscarded)


def test_nothing_moves_when_nothing_is_settled():
    result = settle_one(make_due(revenue_shares=None), make_terms(stake=0))
    event = settled_event(result)
    assert (event.settled, event.minted, event.inflation, event.reimbursed, event.validators) == (0,) * 5
    assert event.rewards == ()
    assert event.overservicing_loss == event.claimed == 379_574


def test_a_claim_that_would_mint_nothing_is_discarded():
    result = settle_one(make_due(relays=1, units=7), make_terms())
    assert isinstance(result.event, ClaimDiscarded)
    assert result.event.claimed == 1
    assert "mint" in result.event.error


@pytest.mark.parametrize("shares", [None, ()], ids=["no config", "empty list"])
def test_a_claim_without_shareholders_is_discarded(shares: tuple[RevenueShare, ...] | None):
    result = settle_one(make_due(revenue_shares=shares), make_terms())
    assert isinstance(result.event, ClaimDiscarded)


@pytest.mark.parametrize(
    ("shares", "observed", "problem"),
    [
        ((RevenueShare("one", 60), RevenueShare("two", 60)), 120, "120 percent"),
        ((RevenueShare("one", 50), RevenueShare("one", 50)), 100, "one has more than one"),
    ],
)
def test_an_unusable_list_pays_the_owner(shares: tuple[RevenueShare, ...], observed: int, problem: str):
    result = settle_one(make_due(revenue_shares=shares), make_terms(target=QUARTER))
    reasons = [f"{family}SUPPLIER_SHAREHOLDER_REWARD_DISTRIBUTION" for family in (RB, GM)]
    supplier = [reward for reward in settled_event(result).rewards if reward.reason in reasons]
    assert [(reward.recipient, reward.amount) for reward in supplier] == [("owner", 1_169_467), ("owner", 1)]
    assert [(one.reason, one.amount) for one in result.fallbacks] == list(
        zip(reasons, (1_169_467, 1), strict=True)
    )
    first = result.fallbacks[0]
    assert first == RevenueShareFellBack(
        HEADER, "operator 0", "owner", first.amount, reasons[0], observed, first.problem
    )
    assert problem in first.problem


def test_a_share_of_nothing_is_no_reason_to_fall_back():
    shares = (RevenueShare("nobody", 0), RevenueShare("all", 100))
    result = settle_one(make_due(revenue_shares=shares), make_terms())
    assert result.fallbacks == ()
    assert ("all", 292_366) in [(reward.recipient, reward.amount) for reward in settled_event(result).rewards]


def test_a_stake_that_other_sessions_used_up_discards_the_claim():
    terms = make_terms(application_stake=Upokt(379_574))
    result = settle_one(make_due(), terms)
    assert isinstance(result.event, ClaimDiscarded)
    assert "stake" in result.event.error
    assert isinstance(
        settle_one(make_due(), make_terms(application_stake=Upokt(379_575))).event, ClaimSettled
    )


def test_what_is_reimbursed_is_gone_for_the_claims_that_follow():
    terms = make_terms(tokenomics=with_tokenomics(global_inflation_per_claim=Fraction(1, 10)))
    cost = settled_event(settle_one(make_due(), terms))
    assert cost.reimbursed > 1
    both = 2 * (cost.settled + cost.reimbursed)
    for stake, kind in ((both, ClaimSettled), (both - 1, ClaimDiscarded)):
        group = [make_due(0), make_due(1)]
        first, second = compute_settlements(group, replace(terms, application_stake=Upokt(stake)))
        assert isinstance(first.event, ClaimSettled)
        assert isinstance(second.event, kind)


def test_the_application_share_goes_to_the_application():
    shares = replace(
        MAINNET.tokenomics.mint_equals_burn_claim_distribution,
        dao=Fraction(0),
        application=Fraction(45, 1000),
    )
    tokenomics = with_tokenomics(mint_equals_burn_claim_distribution=shares)
    event = settled_event(settle_one(make_due(), make_terms(tokenomics=tokenomics)))
    reasons = {reward.reason: reward for reward in event.rewards}
    own = reasons[f"{RB}APPLICATION_REWARD_DISTRIBUTION"]
    assert (own.recipient, own.amount) == ("application", 370_084 * 45 // 1000)
    # What the floors leave is still the DAO's.
    assert reasons[f"{RB}DAO_REWARD_DISTRIBUTION"].amount == 2


def test_what_rounding_leaves_goes_to_the_first_listed():
    thirds = (RevenueShare("c", 33), RevenueShare("b", 33), RevenueShare("a", 34))
    assert split_revenue(Upokt(100), thirds) == [("a", 34), ("b", 33), ("c", 33)]
    assert split_revenue(Upokt(2), thirds) == [("c", 2)]


@pytest.mark.parametrize(
    ("percentages", "usable"),
    [([100], True), ([80, 20], True), ([50, 49], False), ([100, 0], False), ([101, -1], False), ([], False)],
)
def test_usable_revenue_splits(percentages: list[int], usable: bool):
    shares = [RevenueShare(str(number), percent) for number, percent in enumerate(percentages)]
    assert is_revenue_split_usable(shares) is usable


def test_a_name_listed_twice_is_unusable():
    assert not is_revenue_split_usable([RevenueShare("a", 50), RevenueShare("a", 50)])


def test_validators_share_by_the_largest_remainder():
    # 10 by 3:3:1 is 4.28, 4.28, 1.43: the third has the largest remainder.
    stakes = [("a", Upokt(3)), ("b", Upokt(3)), ("c", Upokt(1))]
    assert split_by_stake(Upokt(10), stakes) == [("a", 4), ("b", 4), ("c", 2)]
    # Equal remainders go by address, whatever the order given.
    assert split_by_stake(Upokt(1), [("b", Upokt(1)), ("a", Upokt(1))]) == [("a", 1)]
    assert split_by_stake(Upokt(0), stakes) == []
    with pytest.raises(ValueError):
        split_by_stake(Upokt(1), [("a", Upokt(0))])


def test_movements_are_what_the_event_says():
    (result,) = compute_settlements([make_due()], make_terms(target=QUARTER))
    event = settled_event(result)
    by_operation = {
        operation: sum(one.amount for one in result.movements if one.operation is operation)
        for operation in Operation
    }
    assert by_operation[Operation.MINT] == event.minted + event.inflation
    assert by_operation[Operation.BURN] == event.settled
    accounts = [one for one in result.movements if one.operation is Operation.TO_ACCOUNT]
    assert sum(one.amount for one in accounts) == event.minted + event.inflation - event.validators + 2
    # Inflation's supplier part moves under the name of the reimbursement, as on the network.
    assert [(one.sender, one.recipient, one.reason, one.amount) for one in result.movements[7:9]] == [
        ("tokenomics", "supplier", f"{GM}REIMBURSEMENT_REQUEST_ESCROW_MODULE_TRANSFER", 1),
        ("supplier", "owner", f"{GM}SUPPLIER_SHAREHOLDER_REWARD_DISTRIBUTION", 1),
    ]


def test_sums_of_movements_come_in_the_networks_order():
    """By operation; within one by a text in which 20 comes before 3, and capitals before small letters."""
    movements = [
        Movement(Operation.BURN, "application", "", f"{RB}APPLICATION_STAKE_BURN", Upokt(5)),
        Movement(Operation.TO_ACCOUNT, "tokenomics", "b", f"{RB}VALIDATOR_REWARD_DISTRIBUTION", Upokt(4)),
        Movement(Operation.TO_ACCOUNT, "tokenomics", "b", f"{GM}DAO_REWARD_DISTRIBUTION", Upokt(3)),
        Movement(Operation.TO_ACCOUNT, "supplier", "c", f"{GM}DAO_REWARD_DISTRIBUTION", Upokt(1)),
        Movement(Operation.MINT, "tokenomics", "", f"{GM}INFLATION", Upokt(2)),
        Movement(Operation.MINT, "tokenomics", "", f"{RB}TOKENOMICS_CLAIM_DISTRIBUTION_MINT", Upokt(7)),
        Movement(Operation.MINT, "tokenomics", "", f"{GM}INFLATION", Upokt(2)),
    ]
    batches = sum_movements(movements, Height(9))
    assert [(one.operation, one.sender, one.recipient, one.amount, one.num_claims) for one in batches] == [
        ("mint", "tokenomics", "", 7, 1),
        ("mint", "tokenomics", "", 4, 2),
        ("mod_to_acct", "supplier", "c", 1, 1),
        ("mod_to_acct", "tokenomics", "b", 4, 1),
        ("mod_to_acct", "tokenomics", "b", 3, 1),
        ("burn", "application", "", 5, 1),
    ]
    assert {one.height_session_end for one in batches} == {9}


def test_one_missing_proof_among_fifty_costs_the_others_nothing():
    """The worked example once more: who expires keeps its share of the budget from the others."""
    group = [make_due(number, **(MISSING if number == 7 else VALIDATED)) for number in range(50)]
    results = compute_settlements(group, make_terms(stake=2_000_000))
    expired = [number for number, one in enumerate(results) if isinstance(one.event, ClaimExpired)]
    assert expired == [7]
    others = [settled_event(one) for number, one in enumerate(results) if number != 7]
    assert {(event.settled, event.minted, event.reimbursed) for event in others} == {(19_999, 19_499, 1)}
