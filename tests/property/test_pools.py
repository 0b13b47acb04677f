"""The pools hold the stakes, always, whoever stakes, leaves, or moves to whom."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import chain as chain_of_steps
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joey.core.errors import TransactionRejected
from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams
from joey.core.units import Upokt
from joey.core.wire.messages import (
    DelegateToGateway,
    Message,
    StakeApplication,
    StakeGateway,
    StakeSupplier,
    TransferApplication,
    UndelegateFromGateway,
    UnstakeApplication,
    UnstakeGateway,
    UnstakeSupplier,
)
from joey.testing.pure_chain import PureChain
from joey.testing.watching import SupplyWatch
from joey.testing.worlds import World, make_genesis, make_key, make_supplier_config

EXAMPLES = int(os.environ.get("JOEY_SOAK", "0")) * 2_000 or 60
WORLD = World.of_service()
NAMES = ("a", "b", "c", "d")
PEOPLE = [make_key(name).address for name in NAMES]
people = st.sampled_from(PEOPLE)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """What moves a stake, or an application; moves are the most frequent."""
    me, other = draw(people), draw(people)
    stake = Upokt(draw(st.integers(10**9, 2 * 10**9)))
    large = Upokt(60 * stake)
    config = make_supplier_config("text", other, me)
    return draw(
        st.sampled_from(
            [
                StakeApplication(me, stake, "text"),
                StakeApplication(me, stake, "text"),
                TransferApplication(me, other),
                TransferApplication(me, other),
                TransferApplication(me, other),
                UnstakeApplication(me),
                StakeGateway(me, stake),
                UnstakeGateway(me),
                DelegateToGateway(me, other),
                UndelegateFromGateway(me, other),
                StakeSupplier(me, other, me, large, (config,)),
                UnstakeSupplier(me, me),
            ]
        )
    )


@st.composite
def moves(draw: st.DrawFn) -> list[tuple[int, Message]]:
    """Applications that move to one another in a row: each begins before it is moved to."""
    hops = draw(st.lists(people, min_size=3, max_size=4, unique=True))
    steps: list[tuple[int, Message]] = []
    for source, destination in pairwise(hops):
        stake = Upokt(draw(st.integers(10**9, 2 * 10**9)))
        steps += [(0, StakeApplication(source, stake, "text")), (0, TransferApplication(source, destination))]
    return steps


STEPS = st.one_of(moves(), st.tuples(st.sampled_from([0, 0, 0, 1, 4]), messages()).map(lambda step: [step]))


@pytest.mark.soak
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([MINIMAL, MAINNET]),
    st.lists(STEPS, min_size=1, max_size=25),
)
def test_pools_hold_the_stakes(params: NetworkParams, steps: list[list[tuple[int, Message]]]) -> None:
    chain = PureChain(make_genesis((*WORLD.names, *NAMES), params=params))
    chain.stake(WORLD)
    watch = SupplyWatch(chain)
    for blocks, message in chain_of_steps.from_iterable(steps):
        for _ in range(blocks):
            watch.see(chain.end_block())
        with suppress(TransactionRejected):
            chain.apply(message)
        watch.check()
    # Until every move is done and every stake that leaves has left.
    for _ in range(4 * params.shared.num_blocks_per_session + 40):
        watch.see(chain.end_block())
    assert not [one for _, one in chain.state.applications.items() if one.pending_transfer is not None]
