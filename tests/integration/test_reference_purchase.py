"""The reference purchase on the chain: 100,000 relays of 3,000 upokt burn and mint 300 POKT exactly."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from joey.adapters.chains.local import LocalChain
from joey.core.protocol.events import ClaimCreated, ClaimSettled, SupplyChanged
from joey.core.protocol.params import MINIMAL
from joey.core.protocol.windows import compute_claim_window, compute_settlement_height
from joey.core.units import UPOKT_PER_POKT, Height, Upokt
from joey.core.wire.messages import CreateClaim
from joey.core.wire.session import Session
from joey.testing.worlds import World, make_genesis, make_key, make_trie_root

SUPPLIERS, SESSIONS, RELAYS = 5, 4, 100_000
PRICE = Upokt(3_000)
WORLD = replace(
    World.of_service(compute_units=PRICE, suppliers=SUPPLIERS),
    application_stake=Upokt(2_000 * UPOKT_PER_POKT),
)


async def claim_all(chain: LocalChain, session: Session) -> None:
    """Claim an equal part of the relays for every supplier of a session, all in one block."""
    relays = RELAYS // SUPPLIERS // SESSIONS

    async def claim(name: str) -> None:
        key = make_key(name)
        seed = f"{session.header.session_id} {key.address}"
        root = make_trie_root(seed, relays, WORLD.service.compute_units_per_relay)
        await chain.submit([CreateClaim(key.address, session.header, root)], key)

    async with anyio.create_task_group() as tasks:
        for name in WORLD.suppliers:
            tasks.start_soon(claim, name)
        await anyio.wait_all_tasks_blocked()
        await chain.make_block()


@pytest.mark.anyio
async def test_the_reference_purchase():
    shared = MINIMAL.shared
    chain = await LocalChain.open(None, make_genesis(WORLD.names))

    async def submit(*transaction: object) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(chain.submit, *transaction)  # type: ignore[arg-type]
            await anyio.wait_all_tasks_blocked()
            await chain.make_block()

    await WORLD.stake(submit)
    application = make_key(WORLD.application).address
    while (await chain.head()).height % shared.num_blocks_per_session != 1:
        await chain.make_block()
    first = (await chain.head()).height
    supply = await chain.supply()
    starts = [Height(first + number * shared.num_blocks_per_session) for number in range(SESSIONS)]
    windows = {
        compute_claim_window(Height(start + shared.num_blocks_per_session - 1), shared).open: start
        for start in starts
    }
    last = compute_settlement_height(Height(starts[-1] + shared.num_blocks_per_session - 1), shared)
    while (head := (await chain.head()).height) < last:
        start = windows.get(Height(head + 1))
        if start is None:
            await chain.make_block()
            continue
        session = await chain.session(application, WORLD.service.id, start)
        assert session is not None
        await claim_all(chain, session)
    events = [event for height in range(first, last + 1) for event in await chain.events(Height(height))]
    claimed = [event for event in events if isinstance(event, ClaimCreated)]
    settled = [event for event in events if isinstance(event, ClaimSettled)]
    changes = [event for event in events if isinstance(event, SupplyChanged)]
    assert len(claimed) == len(settled) == SUPPLIERS * SESSIONS
    assert len({event.header.session_id for event in settled}) == SESSIONS
    assert sum(event.num_relays for event in settled) == RELAYS
    assert sum(event.claimed for event in claimed) == 300_000_000
    assert sum(event.settled for event in settled) == 300_000_000
    assert sum(event.minted for event in settled) == 300_000_000
    assert [(event.burned, event.minted) for event in changes] == [(75_000_000, 75_000_000)] * SESSIONS
    assert await chain.supply() == supply
    staked = await chain.application(application)
    assert staked is not None
    assert staked.stake == WORLD.application_stake - 300_000_000
    await chain.aclose()
