"""Upokt is conserved: over random worlds of messages and claims, and in every settlement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from joey.core.errors import TransactionRejected
from joey.core.protocol.bank import APPLICATION_POOL, GATEWAY_POOL, SUPPLIER_POOL, VALIDATOR_POOL
from joey.core.protocol.claims import Claim, compute_claimed
from joey.core.protocol.difficulty import BASE_TARGET
from joey.core.protocol.events import ChainEvent, ClaimExpired, ClaimSettled, SupplyChanged
from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams, Shares
from joey.core.protocol.queries import application_service_at, compute_units_at
from joey.core.protocol.rows import decode_row, encode_row
from joey.core.protocol.sessions import compute_session_start
from joey.core.protocol.settlement import DueClaim, ProofVerdict, SettlementTerms, compute_settlements
from joey.core.protocol.state import State
from joey.core.protocol.windows import compute_claim_window, compute_pending_sessions
from joey.core.units import UPOKT_PER_POKT, ComputeUnits, Height, Upokt
from joey.core.wire.messages import (
    AddService,
    CreateClaim,
    DelegateToGateway,
    Message,
    Send,
    StakeApplication,
    StakeGateway,
    StakeSupplier,
    UndelegateFromGateway,
    UnstakeApplication,
    UnstakeGateway,
    UnstakeSupplier,
)
from joey.core.wire.session import RevenueShare, Service, SessionHeader
from joey.testing.pure_chain import PureChain
from joey.testing.settlements import make_root
from joey.testing.worlds import World, make_genesis, make_key, make_supplier_config

INFLATING = replace(
    MINIMAL,
    tokenomics=replace(
        MINIMAL.tokenomics,
        global_inflation_per_claim=Fraction(1, 10),
        mint_ratio=Fraction(1, 2),
        overservicing_bonus_multiplier=3,
        mint_equals_burn_claim_distribution=Shares(
            Fraction(1, 7), Fraction(2, 7), Fraction(3, 7), Fraction(0), Fraction(1, 7)
        ),
    ),
    service=replace(MINIMAL.service, target_num_relays=3),
)
WORLDS = {"minimal": MINIMAL, "mainnet": MAINNET, "inflating": INFLATING}

NAMES = ("service owner", "application", "gateway", "supplier 1", "supplier 2", "anybody")
PEOPLE = [make_key(name).address for name in NAMES]
SERVICES = ("text", "image")

people = st.sampled_from(PEOPLE)
services = st.sampled_from(SERVICES)
stakes = st.one_of(st.integers(0, 10**7), st.integers(10**9, 10**12)).map(Upokt)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Any message of anybody, sensible or not."""
    me, other, service, stake = draw(people), draw(people), draw(services), draw(stakes)
    config = make_supplier_config(service, other, me)
    units = ComputeUnits(draw(st.integers(1, 5000)))
    return draw(
        st.sampled_from(
            [
                Send(me, other, stake),
                StakeApplication(me, stake, service, draw(st.none() | stakes)),
                UnstakeApplication(me),
                StakeGateway(me, stake),
                UnstakeGateway(me),
                DelegateToGateway(me, other),
                UndelegateFromGateway(me, other),
                StakeSupplier(me, other, me, stake, (config,)),
                StakeSupplier(me, me, other, draw(st.none() | stakes)),
                UnstakeSupplier(me, other),
                AddService(me, Service(service, "changed", units, me)),
            ]
        )
    )


class Watch:
    """Follows a chain and checks after every step that no upokt came or went unsaid."""

    def __init__(self, chain: PureChain) -> None:
        self.chain = chain
        self.supply = chain.sum_balances()

    def see(self, events: Sequence[ChainEvent]) -> None:
        for event in events:
            if isinstance(event, SupplyChanged):
                self.supply = Upokt(self.supply + event.minted - event.burned)
                assert event.supply == self.supply
        settled = [event for event in events if isinstance(event, ClaimSettled)]
        slashed = sum(event.slashed for event in events if isinstance(event, ClaimExpired))
        changes = [event for event in events if isinstance(event, SupplyChanged)]
        assert sum(event.burned for event in changes) == sum(one.settled for one in settled) + slashed
        assert sum(event.minted for event in changes) == sum(one.minted + one.inflation for one in settled)
        if self.chain.params.tokenomics.mint_ratio == 1 and not slashed:
            assert all(event.minted == event.burned for event in changes)
        self.check()

    def check(self) -> None:
        state = self.chain.state
        balances = {address: account.balance for address, account in state.accounts.items()}
        totals = state.totals.get("")
        assert totals is not None
        assert sum(balances.values()) == totals.supply == self.supply
        assert min(balances.values()) >= 0
        assert len(balances) == totals.accounts
        stakes_of = {
            APPLICATION_POOL: sum(one.stake for _, one in state.applications.items()),
            GATEWAY_POOL: sum(one.stake for _, one in state.gateways.items()),
            VALIDATOR_POOL: sum(one.stake for _, one in state.validators.items()),
        }
        for pool, stake in stakes_of.items():
            assert balances.get(pool, 0) == stake
        # The suppliers' pool holds their fees beside their stakes.
        assert balances.get(SUPPLIER_POOL, 0) >= sum(one.stake for _, one in state.suppliers.items())


def find_claims(chain: PureChain) -> list[CreateClaim]:
    """Return a claim of one relay for every supplier of every session whose window is open."""
    claims = []
    shared = chain.params.shared
    for start in range(compute_session_start(chain.height, shared), 0, -shared.num_blocks_per_session):
        window = compute_claim_window(Height(start + shared.num_blocks_per_session - 1), shared)
        if chain.height not in window:
            continue
        for address in PEOPLE:
            service_id = application_service_at(chain.state, address, Height(start))
            session = None if service_id is None else chain.session(address, service_id, start)
            if session is None:
                continue
            units = compute_units_at(chain.state, session.header.service_id, Height(start))
            assert units is not None
            root = make_root(units, 1)
            claims += [CreateClaim(one.operator_address, session.header, root) for one in session.suppliers]
    return claims


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(WORLDS)), st.data())
def test_upokt_is_conserved_over_any_history(name: str, data: DataObject):
    params: NetworkParams = WORLDS[name]
    world = replace(World.of_service(), application_stake=Upokt(data.draw(st.integers(10**9, 10**10))))
    chain = PureChain(make_genesis(NAMES, params=params, balance=Upokt(200_000 * UPOKT_PER_POKT)))
    watch = Watch(chain)
    chain.stake(world)
    owner = make_key(world.service_owner).address
    chain.apply(AddService(owner, replace(world.service, id="image")))
    watch.check()
    for _ in range(data.draw(st.integers(1, 25))):
        if data.draw(st.booleans()):
            before = [list(table.items()) for _, table in chain.state.tables()]
            message = data.draw(messages())
            try:
                chain.apply(message)
            except TransactionRejected:
                assert [list(table.items()) for _, table in chain.state.tables()] == before
            watch.check()
        else:
            shared = params.shared
            for _ in range(data.draw(st.integers(1, 2 * shared.num_blocks_per_session))):
                for claim in find_claims(chain):
                    weight = int.from_bytes(claim.root[32:40], "big")
                    relays = data.draw(st.sampled_from([1, 1000, 10**6]))
                    chain.apply(replace(claim, root=make_root(ComputeUnits(weight), relays)))
                watch.see(chain.end_block())
    reload_equals(chain.state)


def reload_equals(state: State) -> None:
    """Every row that a random history can make survives being kept."""
    types = State.row_types()
    for name, table in state.tables():
        for _, row in table.items():
            assert decode_row(types[name], encode_row(row)) == row


@st.composite
def due_claims(draw: st.DrawFn, number: int) -> DueClaim:
    header = SessionHeader("application", "service", "session", Height(1), Height(4))
    root = make_root(ComputeUnits(draw(st.integers(1, 2**21))), draw(st.integers(1, 10**6)))
    count = draw(st.integers(1, 4))
    percentages = [draw(st.integers(1, 100 // count)) for _ in range(count - 1)]
    percentages.append(100 - sum(percentages))
    shares = tuple(RevenueShare(f"share {index}", percent) for index, percent in enumerate(percentages))
    return DueClaim(
        Claim(f"supplier {number}", header, root),
        draw(st.sampled_from(ProofVerdict)),
        "owner",
        Upokt(draw(st.integers(0, 10**9))),
        draw(st.sampled_from([shares, shares[:1], (), None])),
    )


@settings(deadline=None, max_examples=200)
@given(st.data(), st.sampled_from(sorted(WORLDS)))
def test_every_settlement_conserves_exactly(data: DataObject, name: str):
    params: NetworkParams = WORLDS[name]
    group = [data.draw(due_claims(number)) for number in range(data.draw(st.integers(1, 6)))]
    stake = data.draw(st.integers(0, 10**13))
    target = (int.from_bytes(BASE_TARGET, "big") // data.draw(st.integers(1, 1000))).to_bytes(32, "big")
    terms = SettlementTerms(
        application_stake_start=Upokt(stake),
        application_stake=Upokt(data.draw(st.integers(0, stake))),
        spend_limit_per_session=data.draw(st.none() | st.integers(0, 10**12).map(Upokt)),
        service_owner_address="source owner",
        target=target,
        shared_start=params.shared,
        shared_end=params.shared,
        tokenomics=params.tokenomics,
        proof_missing_penalty=params.proof.proof_missing_penalty,
    )
    results = compute_settlements(group, terms)
    assert len(results) == len(group)
    cost = 0
    for due, result in zip(group, results, strict=True):
        event = result.event
        assert event.claimed == compute_claimed(due.claim.root, target, params.shared)
        if isinstance(event, ClaimExpired):
            assert due.verdict in (ProofVerdict.MISSING, ProofVerdict.INVALID)
            assert 0 <= event.slashed <= due.supplier_stake
            continue
        if not isinstance(event, ClaimSettled):
            assert result.validator_pools == ()
            continue
        cost += event.settled + event.reimbursed
        assert event.settled + event.overservicing_loss == event.claimed
        assert event.minted + event.deflation_loss == event.settled
        assert event.minted == event.settled * params.tokenomics.mint_ratio // 1
        paid = sum(reward.amount for reward in event.rewards)
        assert paid + event.validators == event.minted + event.inflation
        assert sum(amount for _, amount in result.validator_pools) == event.validators
        assert min([1, *(reward.amount for reward in event.rewards)]) > 0
        capped = result.overserviced is not None
        assert capped == (event.overservicing_loss > 0)
    assert cost <= terms.application_stake
    if params.tokenomics.overservicing_bonus_multiplier <= 1:
        budget = stake // compute_pending_sessions(params.shared)
        limit = terms.spend_limit_per_session
        assert cost <= (budget if limit is None else min(budget, limit))
