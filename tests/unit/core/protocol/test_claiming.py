"""Claims from their window to their settlement, on a chain without disk, clock or network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from joey.core.errors import TransactionRejected
from joey.core.protocol import claiming
from joey.core.protocol.bank import APPLICATION_POOL
from joey.core.protocol.claims import Claim, ProofRequirement
from joey.core.protocol.events import (
    ChainEvent,
    ClaimCreated,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
    DifficultyUpdated,
    SettlementBatch,
    SupplierSlashed,
    SupplyChanged,
    ValidatorsRewarded,
)
from joey.core.protocol.governance import make_update_params
from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams
from joey.core.protocol.proofs import compute_proof_seed_height
from joey.core.protocol.proving import require_proof
from joey.core.protocol.queries import compute_units_at, params_at
from joey.core.protocol.sessions import compute_session_end, compute_session_id
from joey.core.protocol.settling import settle_claims
from joey.core.protocol.state import claim_key, height_key
from joey.core.protocol.transition import apply_message
from joey.core.protocol.windows import compute_claim_window, compute_settlement_height
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.messages import (
    AddService,
    CreateClaim,
    Message,
    StakeApplication,
    StakeSupplier,
    UnstakeApplication,
    UnstakeSupplier,
)
from joey.core.wire.session import Application, SessionHeader, Supplier
from joey.testing.pure_chain import PureChain
from joey.testing.settlements import make_root
from joey.testing.worlds import (
    WITHOUT_PROOFS,
    World,
    make_genesis,
    make_key,
    make_supplier_config,
    without_proofs,
)

WORLD = World.of_service()
APP = make_key(WORLD.application).address
SUPPLIER = make_key(WORLD.suppliers[0]).address
OTHER_SUPPLIER = make_key(WORLD.suppliers[1]).address
OWNER = make_key(WORLD.service_owner).address
STRANGER = make_key("stranger").address
GATEWAY = make_key(WORLD.gateway).address
GOVERNOR = make_key("governor").address
CONFIG = make_supplier_config("text", SUPPLIER, SUPPLIER)
FREE = WITHOUT_PROOFS


def open_chain(params: NetworkParams = FREE, *, world: World = WORLD) -> PureChain:
    chain = PureChain(make_genesis(world.names, params=params))
    chain.stake(world)
    return chain


@pytest.fixture(params=[FREE, without_proofs(MAINNET)], ids=["minimal", "mainnet"])
def chain(request: pytest.FixtureRequest) -> PureChain:
    return open_chain(request.param)


def expect_refusal(chain: PureChain, message: Message, codespace: str, code: int) -> None:
    before = {name: list(table.items()) for name, table in chain.state.tables()}
    with pytest.raises(TransactionRejected) as refusal:
        chain.apply(message)
    assert (refusal.value.fields["codespace"], refusal.value.fields["tx_code"]) == (codespace, code)
    assert {name: list(table.items()) for name, table in chain.state.tables()} == before


def balance(chain: PureChain, address: str) -> int:
    account = chain.state.accounts.get(address)
    return 0 if account is None else account.balance


def application(chain: PureChain) -> Application:
    found = chain.state.applications.get(APP)
    assert found is not None
    return found


def supplier(chain: PureChain) -> Supplier:
    found = chain.state.suppliers.get(SUPPLIER)
    assert found is not None
    return found


def session_end(chain: PureChain) -> int:
    return compute_session_end(chain.height, chain.params.shared)


def find_end(events: Sequence[ChainEvent]) -> Any:
    """Return the one event that ends a claim."""
    ends = (ClaimSettled, ClaimExpired, ClaimDiscarded)
    (end,) = (event for event in events if isinstance(event, ends))
    return end


def find(events: Sequence[ChainEvent], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def judge_required(_claim: object) -> ProofRequirement:
    return ProofRequirement.THRESHOLD


def claimable(chain: PureChain, relays: int = 10, units: int = 3000) -> CreateClaim:
    """Go to the claim window of the second session and return a claim of the first supplier."""
    chain.go_to(session_end(chain) + 2)
    session = chain.session(APP, "text", chain.height - 1)
    assert session is not None
    window = compute_claim_window(session.header.height_end, chain.params.shared)
    chain.go_to(window.open)
    return CreateClaim(SUPPLIER, session.header, make_root(ComputeUnits(units), relays))


def settle(chain: PureChain, claim: CreateClaim) -> tuple[Any, ...]:
    height = compute_settlement_height(claim.header.height_end, chain.params.shared)
    chain.go_to(height)
    return chain.end_block()


def test_a_claim_is_paid_and_leaves_no_trace(chain: PureChain):
    claim = claimable(chain)
    chain.apply(claim)
    stake, supply = application(chain).stake, chain.sum_balances()
    events = settle(chain, claim)
    settled, (changed,) = find_end(events), find(events, SupplyChanged)
    assert isinstance(settled, ClaimSettled)
    assert settled.supplier_owner_address == SUPPLIER
    assert application(chain).stake == stake - settled.settled - settled.reimbursed
    assert balance(chain, APPLICATION_POOL) == application(chain).stake
    assert changed.burned == settled.settled
    assert changed.minted == settled.minted + settled.inflation
    assert chain.sum_balances() == supply + changed.minted - changed.burned == changed.supply
    assert list(chain.state.claims.items()) == []
    assert settle(chain, claim) == ()


def test_validators_share_by_stake():
    chain = open_chain()
    claim = claimable(chain)
    chain.apply(claim)
    settled = find_end(settle(chain, claim))
    assert settled.validators == 30_000 * 14 // 100
    assert balance(chain, make_key("validator 1").address) == 3150
    assert balance(chain, make_key("validator 2").address) == 1050


@pytest.mark.parametrize(
    ("forge", "code"),
    [
        (lambda claim: replace(claim, root=claim.root[:47]), 1104),
        (lambda claim: replace(claim, root=bytes(48)), 1104),
        (lambda claim: replace(claim, header=replace(claim.header, application_address=STRANGER)), 1115),
        (lambda claim: replace(claim, header=replace(claim.header, service_id="nothing")), 1115),
        (lambda claim: replace(claim, header=replace(claim.header, height_start=Height(10**6))), 1115),
        (lambda claim: replace(claim, header=replace(claim.header, height_start=Height(-4))), 1115),
        (lambda claim: replace(claim, header=replace(claim.header, session_id="ab" * 32)), 1116),
        (
            lambda claim: replace(
                claim, header=replace(claim.header, height_end=Height(claim.header.height_end + 9))
            ),
            1117,
        ),
        (
            lambda claim: replace(
                claim, header=replace(claim.header, height_end=Height(claim.header.height_end - 1))
            ),
            1117,
        ),
        (
            lambda claim: replace(
                claim, header=replace(claim.header, height_start=Height(claim.header.height_start + 1))
            ),
            1118,
        ),
        # Where both are wrong, the start is named.
        (
            lambda claim: replace(
                claim,
                header=replace(
                    claim.header,
                    height_start=Height(claim.header.height_start + 1),
                    height_end=Height(claim.header.height_end + 1),
                ),
            ),
            1118,
        ),
        (lambda claim: replace(claim, header=replace(claim.header, height_end=Height(1))), 1115),
        (lambda claim: replace(claim, supplier_address=STRANGER), 1102),
        (lambda claim: replace(claim, supplier_address="nobody"), 1101),
        (lambda claim: replace(claim, root=make_root(ComputeUnits(3001), 10)), 1126),
    ],
)
def test_claims_that_are_refused(forge: Callable[[CreateClaim], CreateClaim], code: int):
    chain = open_chain()
    expect_refusal(chain, forge(claimable(chain)), "proof", code)


def test_the_window_includes_both_ends(chain: PureChain):
    claim = claimable(chain)
    window = compute_claim_window(claim.header.height_end, chain.params.shared)
    assert chain.height == window.open
    chain.apply(claim)
    chain.go_to(window.close)
    chain.apply(claim)
    chain.end_block()
    expect_refusal(chain, claim, "proof", 1121)


def test_a_claim_before_its_window():
    chain = open_chain()
    chain.go_to(session_end(chain) + 2)
    session = chain.session(APP, "text", chain.height - 1)
    assert session is not None
    claim = CreateClaim(SUPPLIER, session.header, make_root(ComputeUnits(3000), 1))
    for height in range(chain.height, compute_claim_window(session.header.height_end, MINIMAL.shared).open):
        chain.go_to(height)
        expect_refusal(chain, claim, "proof", 1121)


def test_a_claim_keeps_the_price_of_its_session():
    chain = open_chain()
    claim = claimable(chain)
    chain.apply(AddService(OWNER, replace(WORLD.service, compute_units_per_relay=ComputeUnits(1))))
    chain.apply(claim)
    assert find_end(settle(chain, claim)).settled == 30_000


def test_a_supplier_that_dropped_the_service_is_not_paid():
    chain = open_chain()
    chain.apply(AddService(OWNER, replace(WORLD.service, id="other")))
    claim = claimable(chain)
    chain.apply(claim)
    dropped = StakeSupplier(SUPPLIER, SUPPLIER, SUPPLIER, None, (replace(CONFIG, service_id="other"),))
    chain.apply(dropped)
    supply = chain.sum_balances()
    (discarded,) = settle(chain, claim)
    assert isinstance(discarded, ClaimDiscarded)
    assert discarded.claimed == 30_000
    assert chain.sum_balances() == supply
    assert list(chain.state.claims.items()) == []


def test_an_application_that_falls_below_the_least_stake_leaves():
    world = replace(WORLD, application_stake=Upokt(1_020_000))
    chain = open_chain(world=world)
    claim = claimable(chain)
    chain.apply(claim)
    end = None
    height = compute_settlement_height(claim.header.height_end, chain.params.shared)
    chain.go_to(height)
    end = session_end(chain)
    chain.end_block()
    assert application(chain).stake == 990_000
    assert application(chain).unstake_session_end_height == end


def test_a_claim_that_needed_a_proof_costs_the_supplier():
    penalty = MINIMAL.proof.proof_missing_penalty
    world = replace(WORLD, supplier_stake=Upokt(MINIMAL.supplier.min_stake + penalty - 1))
    chain = open_chain(world=world)
    claim = claimable(chain)
    chain.apply(claim)
    stake, supply = application(chain).stake, chain.sum_balances()
    chain.go_to(compute_settlement_height(claim.header.height_end, MINIMAL.shared))
    expired, slashed, changed = settle_claims(chain.state, chain.context, judge_required)
    assert isinstance(expired, ClaimExpired)
    assert isinstance(slashed, SupplierSlashed)
    assert isinstance(changed, SupplyChanged)
    assert (slashed.penalty, slashed.stake) == (penalty, supplier(chain).stake)
    assert (expired.reason, expired.slashed, expired.claimed) == ("PROOF_MISSING", penalty, 30_000)
    assert (changed.burned, changed.minted) == (penalty, 0)
    assert chain.sum_balances() == supply - penalty == changed.supply
    assert supplier(chain).stake == world.supplier_stake - penalty
    # Below the least stake it leaves: its config ends with the session.
    assert supplier(chain).unstake_session_end_height != 0
    assert all(update.height_deactivation != 0 for update in supplier(chain).config_history)
    assert application(chain).stake == stake


def test_a_slash_that_leaves_enough_leaves_the_supplier_staked():
    chain = open_chain()
    claim = claimable(chain)
    chain.apply(claim)
    chain.go_to(compute_settlement_height(claim.header.height_end, MINIMAL.shared))
    expired = find_end(settle_claims(chain.state, chain.context, judge_required))
    assert isinstance(expired, ClaimExpired)
    assert expired.reason == "PROOF_MISSING"
    assert supplier(chain).stake == WORLD.supplier_stake - expired.slashed
    assert supplier(chain).unstake_session_end_height == 0


def test_a_session_is_paid_for_once():
    """No header makes a second claim of a session that is settled, or has one settled early or late."""
    chain = open_chain()
    claim = claimable(chain)
    header = claim.header
    accepted, settled = 0, []
    while chain.height < header.height_end + 60:
        known = [one.header for _, one in chain.state.claims.items()]
        assert known in ([], [header])
        for end in range(header.height_start + 1, chain.height):
            for start in (header.height_start, header.height_start + 1, header.height_end):
                wrong = replace(header, height_start=Height(start), height_end=Height(end))
                try:
                    chain.apply(replace(claim, header=wrong))
                except TransactionRejected:
                    continue
                accepted += 1
                assert wrong == header
        settled += [(chain.height - 1, one.header) for one in find(chain.end_block(), ClaimSettled)]
    # In each block of its window, in place of the one before.
    assert accepted == 3
    assert settled == [(compute_settlement_height(header.height_end, FREE.shared), header)]


def hold_session_of(chain: PureChain, application_address: str, like: CreateClaim) -> CreateClaim:
    """Return a claim of what would be another application's session, by the chain's own seed."""
    seed = chain.state.block_hashes.get(height_key(like.header.height_start))
    assert seed is not None
    _, session_id = compute_session_id(seed.hash, "text", application_address, like.header.height_start)
    return replace(
        like, header=replace(like.header, application_address=application_address, session_id=session_id)
    )


def test_sessions_of_what_was_rolled_back_are_forgotten():
    """A session that only a failed transaction could see is none for the claims that follow."""
    chain = open_chain()
    claim = claimable(chain)
    stolen = hold_session_of(chain, GATEWAY, claim)
    draft = chain.state.draft()
    apply_message(draft, StakeApplication(GATEWAY, Upokt(10**10), "text"), chain.context)
    assert apply_message(draft, stolen, chain.context)
    # The draft is dropped: its application was never staked.
    expect_refusal(chain, stolen, "proof", 1115)


def test_a_session_that_was_not_there_is_looked_for_again():
    chain = open_chain()
    claim = claimable(chain)
    early = hold_session_of(chain, GATEWAY, claim)
    expect_refusal(chain, early, "proof", 1115)
    chain.apply(StakeApplication(GATEWAY, Upokt(10**10), "text"))
    # As in the next block: an application that never changed its service has had it at every height.
    assert chain.apply(early)


def test_a_session_follows_its_suppliers_within_a_block():
    """A change of services gives configs that had ended a last time: also for claims of this very block."""
    chain = open_chain()
    chain.apply(AddService(OWNER, replace(WORLD.service, id="other")))
    chain.go_to(session_end(chain) + 2)
    dropped = StakeSupplier(SUPPLIER, SUPPLIER, SUPPLIER, None, (replace(CONFIG, service_id="other"),))
    chain.apply(dropped)
    claim = claimable(chain)
    expect_refusal(chain, claim, "proof", 1102)
    assert chain.apply(replace(claim, supplier_address=OTHER_SUPPLIER))
    chain.apply(dropped)
    assert chain.apply(claim)


def test_many_claims_make_a_session_once(monkeypatch: pytest.MonkeyPatch):
    chain = open_chain()
    claim = claimable(chain)
    made = []
    session_at = claiming.session_at

    def count(*arguments: Any, **named: Any) -> Any:
        made.append(arguments[1:])
        return session_at(*arguments, **named)

    monkeypatch.setattr(claiming, "session_at", count)
    for _ in range(10):
        chain.apply(claim)
        chain.apply(replace(claim, supplier_address=OTHER_SUPPLIER))
    assert len(made) == 1


def test_a_claim_is_weighed_by_the_price_of_its_sessions_start():
    chain = open_chain()
    chain.go_to(session_end(chain) + 2)
    session = chain.session(APP, "text", chain.height - 1)
    assert session is not None
    chain.apply(AddService(OWNER, replace(WORLD.service, compute_units_per_relay=ComputeUnits(1))))
    chain.go_to(compute_claim_window(session.header.height_end, FREE.shared).open)
    assert compute_units_at(chain.state, "text", chain.height) == 1
    claim = CreateClaim(SUPPLIER, session.header, make_root(ComputeUnits(3000), 10))
    expect_refusal(chain, replace(claim, root=make_root(ComputeUnits(1), 10)), "proof", 1126)
    chain.apply(claim)


def test_an_application_with_just_the_least_stake_stays():
    least = FREE.application.min_stake
    chain = open_chain(world=replace(WORLD, application_stake=Upokt(least + 30_000)))
    claim = claimable(chain)
    chain.apply(claim)
    settle(chain, claim)
    assert application(chain).stake == least
    assert application(chain).unstake_session_end_height == 0


def test_of_sessions_settled_in_a_block_the_newest_come_first():
    chain = open_chain()
    headers = []
    while len(headers) < 5:
        chain.go_to(session_end(chain) + 2)
        session = chain.session(APP, "text", chain.height - 1)
        assert session is not None
        headers.append(session.header)
    root = make_root(ComputeUnits(3000), 1)
    for header in headers:
        claim = Claim(SUPPLIER, header, root)
        chain.state.claims.put(claim_key(header.session_id, SUPPLIER), claim)
    stored = [claim.header for _, claim in chain.state.claims.items()]
    newest_first = headers[::-1]
    assert newest_first not in (stored, stored[::-1])
    chain.go_to(compute_settlement_height(headers[-1].height_end, FREE.shared))
    for header in headers:
        chain.state.claims.put(claim_key(header.session_id, SUPPLIER), Claim(SUPPLIER, header, root))
    events = settle_claims(chain.state, chain.context)
    assert [event.header for event in find(events, ClaimSettled)] == newest_first


def test_what_a_block_of_settlements_says_and_in_which_order():
    chain = open_chain()
    claim = claimable(chain)
    for address in (SUPPLIER, OTHER_SUPPLIER):
        chain.apply(replace(claim, supplier_address=address))
    events = settle(chain, claim)
    kinds = [type(event) for event in events]
    assert kinds == [ClaimSettled] * 2 + [ValidatorsRewarded] * 2 + [SettlementBatch] * 9 + [
        SupplyChanged,
        DifficultyUpdated,
    ]
    settled = find(events, ClaimSettled)
    assert [event.supplier_address for event in settled] == sorted([SUPPLIER, OTHER_SUPPLIER])
    rewarded = find(events, ValidatorsRewarded)
    assert sum(event.amount for event in rewarded) == sum(event.validators for event in settled)
    addresses = [event.validator_address for event in rewarded]
    assert addresses == sorted(addresses)
    batches = find(events, SettlementBatch)
    assert [batch.operation for batch in batches] == ["mint", "mod_to_mod"] + ["mod_to_acct"] * 6 + ["burn"]
    assert batches[0].amount == batches[-1].amount == 60_000
    assert sum(batch.amount for batch in batches if batch.operation == "mod_to_acct") == 60_000
    assert {batch.height_session_end for batch in batches} == {claim.header.height_end}
    # Two claims each pay the service's owner and the DAO, the validators are paid once.
    assert sorted(batch.num_claims for batch in batches) == [1, 1, 1, 1, 2, 2, 2, 2, 2]


def test_a_supplier_slashed_twice_in_a_block_loses_no_more_than_it_has():
    penalty = MINIMAL.proof.proof_missing_penalty
    world = replace(WORLD, supplier_stake=Upokt(penalty + penalty // 2))
    chain = open_chain(world=world)
    chain.apply(StakeApplication(GATEWAY, WORLD.application_stake, "text"))
    claim = claimable(chain)
    second = chain.session(GATEWAY, "text", claim.header.height_start)
    assert second is not None
    for header in (claim.header, second.header):
        chain.apply(replace(claim, header=header))
    chain.go_to(compute_settlement_height(claim.header.height_end, FREE.shared))
    events = settle_claims(chain.state, chain.context, judge_required)
    assert [event.slashed for event in find(events, ClaimExpired)] == [penalty, penalty // 2]
    slashes = find(events, SupplierSlashed)
    assert [(event.penalty, event.stake) for event in slashes] == [(penalty, penalty // 2), (penalty // 2, 0)]
    assert supplier(chain).stake == 0


HASTY = replace(
    FREE,
    shared=replace(
        FREE.shared, application_unbonding_period_sessions=1, supplier_unbonding_period_sessions=1
    ),
)
"""Stakes are given back before the claims on them are settled."""


@pytest.mark.parametrize(
    "leave", [UnstakeApplication(APP), UnstakeSupplier(SUPPLIER, SUPPLIER)], ids=["application", "supplier"]
)
def test_a_claim_on_somebody_who_is_gone_is_discarded(leave: Message):
    chain = open_chain(HASTY)
    chain.go_to(session_end(chain) + 2)
    session = chain.session(APP, "text", chain.height - 1)
    assert session is not None
    window = compute_claim_window(session.header.height_end, HASTY.shared)
    chain.go_to(window.open - 4)
    chain.apply(leave)
    chain.go_to(window.open)
    claim = CreateClaim(SUPPLIER, session.header, make_root(ComputeUnits(3000), 1))
    chain.apply(claim)
    supply = chain.sum_balances()
    events = settle(chain, claim)
    (discarded,) = events
    assert isinstance(discarded, ClaimDiscarded)
    assert discarded.claimed == 3000
    assert chain.sum_balances() == supply


# --- parameters by height ---


def test_a_session_keeps_the_parameters_of_its_heights():
    chain = open_chain()
    claim = claimable(chain)
    # From the next session on a compute unit costs twice as much, and windows are longer.
    dearer = replace(
        MINIMAL.shared, compute_units_to_tokens_multiplier=2_000_000, proof_window_close_offset_blocks=3
    )
    later = replace(chain.params, shared=dearer)
    change = Height(session_end(chain) + 1)
    chain.state.params.put(height_key(change), later)
    assert params_at(chain.state, Height(change - 1)).shared == MINIMAL.shared
    assert params_at(chain.state, change).shared == dearer
    (created,) = chain.apply(claim)
    assert isinstance(created, ClaimCreated)
    assert created.claimed == 30_000
    assert find_end(settle(chain, claim)).settled == 30_000
    second = claimable(chain)
    (created,) = chain.apply(second)
    assert isinstance(created, ClaimCreated)
    assert created.claimed == 60_000
    end = second.header.height_end
    assert compute_settlement_height(end, dearer) == end + 15
    assert all(not isinstance(event, ClaimSettled) for event in chain.go_to(end + 15))
    settled = find_end(chain.end_block())
    assert isinstance(settled, ClaimSettled)
    assert settled.settled == 60_000


# --- what is forgotten ---


def test_the_seeds_of_settled_sessions_are_forgotten(chain: PureChain):
    claim = claimable(chain)
    shared = chain.params.shared
    start = claim.header.height_start
    last = compute_settlement_height(claim.header.height_end, shared) + shared.num_blocks_per_session
    chain.go_to(last + 1)
    assert chain.session(APP, "text", start) is not None
    chain.end_block()
    assert chain.session(APP, "text", start) is None
    assert len(list(chain.state.block_hashes.items())) <= last - start + 1
    assert chain.state.block_hashes.get(height_key(start)) is None


def shorten_windows(chain: PureChain) -> None:
    """From the next session on sessions are short, and settled a few blocks after they end."""
    chain.apply(
        make_update_params(
            GOVERNOR,
            replace(
                chain.live.shared,
                num_blocks_per_session=2,
                grace_period_end_offset_blocks=1,
                claim_window_open_offset_blocks=1,
                claim_window_close_offset_blocks=1,
                proof_window_open_offset_blocks=0,
                proof_window_close_offset_blocks=1,
            ),
        )
    )


@pytest.fixture
def governed() -> PureChain:
    genesis = make_genesis(WORLD.names, params=without_proofs(MAINNET))
    chain = PureChain(replace(genesis, authority=GOVERNOR))
    chain.stake(WORLD)
    return chain


def test_the_seeds_of_long_windows_outlast_those_of_short_ones(governed: PureChain):
    chain, old = governed, governed.params.shared
    chain.go_to(50)
    shorten_windows(chain)
    start, end = Height(41), Height(60)
    settled = compute_settlement_height(end, old)
    needed = [height_key(start), height_key(compute_proof_seed_height(end, old))]
    while chain.height < settled:
        chain.end_block()
        known = [key for key, _ in chain.state.block_hashes.items()]
        assert {key for key in needed if int(key) < chain.height} <= set(known)
    chain.go_to(settled + old.num_blocks_per_session + 1)
    assert all(chain.state.block_hashes.get(key) is not None for key in needed)
    chain.end_block()
    # Sessions of the old kind are done: what is left is what the short ones ask for.
    assert len(list(chain.state.block_hashes.items())) <= 10
    assert chain.session(APP, "text", chain.height - 1) is not None


def test_the_configs_of_long_windows_outlast_those_of_short_ones(governed: PureChain):
    chain, old = governed, governed.params.shared
    chain.apply(AddService(OWNER, replace(WORLD.service, id="other")))
    chain.go_to(50)
    shorten_windows(chain)
    start, end = Height(41), Height(60)
    chain.go_to(62)
    dropped = StakeSupplier(SUPPLIER, SUPPLIER, SUPPLIER, None, (replace(CONFIG, service_id="other"),))
    chain.apply(dropped)
    settled = compute_settlement_height(end, old)
    while chain.height <= settled + old.num_blocks_per_session:
        chain.end_block()
        session = chain.session(APP, "text", start)
        assert session is not None
        assert len(session.suppliers) == 2
    chain.end_block()
    assert [one.config.service_id for one in supplier(chain).config_history] == ["other"]


def test_a_session_keeps_its_claim_to_be_drawn_for_a_proof(governed: PureChain):
    """What was drawn at first is what settlement draws, whatever became of the windows meanwhile."""
    chain = governed
    chain.go_to(50)
    shorten_windows(chain)
    end = Height(60)
    old = params_at(chain.state, end).shared
    chain.go_to(compute_proof_seed_height(end, old) + 1)
    shares = replace(chain.live.proof, proof_request_probability=Fraction(1, 2))
    chain.state.live_params.put("", replace(chain.live, proof=shares))
    header = SessionHeader(APP, "text", "ab" * 32, Height(41), end)
    claims = [Claim(SUPPLIER, header, make_root(ComputeUnits(3000), relays)) for relays in range(1, 30)]
    drawn = [require_proof(chain.state, claim) for claim in claims]
    assert len(set(drawn)) == 2
    chain.go_to(compute_settlement_height(end, old))
    assert [require_proof(chain.state, claim) for claim in claims] == drawn
