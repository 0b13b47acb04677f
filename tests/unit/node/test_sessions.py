"""What a node takes for the sessions of an application that moves to another account."""

from __future__ import annotations

import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.core.errors import StakeExhausted
from joey.core.protocol.transfers import compute_transfer_height
from joey.core.protocol.windows import compute_settlement_height
from joey.core.units import Height
from joey.core.wire.messages import TransferApplication
from joey.node.head import Head
from joey.node.sessions import Sessions
from joey.node.stake_meter import StakeMeter
from joey.testing.worlds import World, make_genesis, make_key

pytestmark = pytest.mark.anyio

WORLD = World.of_service()
APP = make_key(WORLD.application)
SUPPLIER = make_key(WORLD.suppliers[0]).address


async def test_no_relay_is_served_that_nobody_could_claim() -> None:
    chain = await LocalChain.open(None, make_genesis(WORLD.names), instant=True)
    await WORLD.stake(chain.submit)
    # Suppliers serve from the session after the one in which they were staked.
    while await chain.session(APP.address, "text", (await chain.head()).height) is None:
        await chain.make_block()
    await chain.submit([TransferApplication(APP.address, make_key("new home").address)], APP)
    application = await chain.application(APP.address)
    assert application is not None
    pending = application.pending_transfer
    assert pending is not None
    shared = (await chain.params_at((await chain.head()).height)).shared
    moves = compute_transfer_height(pending, shared)
    head, meter = Head(chain), StakeMeter()
    sessions = Sessions(chain, head)
    seen = set()
    while (height := (await chain.head()).height) < moves:
        session = await chain.session(APP.address, "text", height)
        assert session is not None
        header = session.header
        await head.refresh()
        known = await sessions.find(header, SUPPLIER)
        is_claimable = compute_settlement_height(header.height_end, shared) <= moves
        seen.add(is_claimable)
        if is_claimable:
            meter.check(header, SUPPLIER, known.relays_max)
        else:
            assert known.relays_max == 0
            with pytest.raises(StakeExhausted):
                meter.check(header, SUPPLIER, known.relays_max)
        while (await chain.head()).height < Height(header.height_end + 1):
            await chain.make_block()
    assert seen == {True, False}
    await chain.aclose()
