"""Upokt is conserved over random worlds of messages and claims."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from joey.core.errors import TransactionRejected
from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams, Shares
from joey.core.protocol.queries import application_service_at, compute_units_at
from joey.core.protocol.rows import decode_row, encode_row
from joey.core.protocol.sessions import compute_session_start
from joey.core.protocol.state import State
from joey.core.protocol.windows import compute_claim_window
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
    TransferApplication,
    UndelegateFromGateway,
    UnstakeApplication,
    UnstakeGateway,
    UnstakeSupplier,
)
from joey.core.wire.session import Service
from joey.testing.pure_chain import PureChain
from joey.testing.settlements import make_root
from joey.testing.watching import SupplyWatch
from joey.testing.worlds import (
    WITHOUT_PROOFS,
    World,
    make_genesis,
    make_key,
    make_supplier_config,
    without_proofs,
)

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
WORLDS = {
    "minimal": MINIMAL,
    "minimal without proofs": WITHOUT_PROOFS,
    "mainnet": MAINNET,
    "mainnet without proofs": without_proofs(MAINNET),
    "inflating": without_proofs(INFLATING),
}

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
                TransferApplication(me, other),
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
    watch = SupplyWatch(chain)
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
