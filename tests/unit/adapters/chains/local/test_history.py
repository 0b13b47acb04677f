"""The past of the embedded chain: every state after every block, also from files of older versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from joey.adapters.chains.local import LocalChain
from joey.adapters.chains.local.migrations import MIGRATIONS
from joey.core.errors import ChainUnavailable
from joey.core.protocol.events import ClaimCreated
from joey.core.protocol.rows import encode_row
from joey.core.protocol.state import State
from joey.core.units import Height, Upokt
from joey.core.wire.messages import Send
from joey.testing.histories import play_chain, read_hashes
from joey.testing.worlds import World, make_genesis, make_key

pytestmark = pytest.mark.anyio

WORLD = World.of_service()
GENESIS = make_genesis(WORLD.names)
KEY = make_key(WORLD.application)
END = 46


def describe(state: State) -> list[tuple[str, str, bytes]]:
    return [(name, key, encode_row(row)) for name, table in state.tables() for key, row in table.items()]


async def record(chain: LocalChain) -> dict[int, list[tuple[str, str, bytes]]]:
    """Play, and write down every state when it is the newest."""
    states = {}
    while (height := (await chain.head()).height) < END:
        states[height] = describe((await chain.state_at())[0])
        await play_chain(chain, WORLD, until=height + 1)
    states[END] = describe((await chain.state_at())[0])
    return states


@pytest.mark.parametrize("kept", [1, 8])
async def test_every_past_state_is_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int):
    monkeypatch.setattr("joey.adapters.chains.local.history._RECENT_STATES", kept)
    monkeypatch.setattr("joey.adapters.chains.local.history._PAST_STATES", kept)
    path = tmp_path / "chain.db"
    chain = await LocalChain.open(path, GENESIS, instant=True)
    states = await record(chain)
    # Staking makes several blocks at once: those in between were never the newest here.
    assert len(states) > END - 10
    for order in (sorted(states), sorted(states, reverse=True), sorted(states)[::5]):
        for height in order:
            state, block = await chain.state_at(Height(height))
            assert block == await chain.block(Height(height))
            assert describe(state) == states[height]
    await chain.aclose()
    again = await LocalChain.open(path, GENESIS, instant=True)
    for height in (30, 9, END):
        assert describe(await chain_state(again, height)) == states[height]
    await again.aclose()


async def chain_state(chain: LocalChain, height: int) -> State:
    return (await chain.state_at(Height(height)))[0]


async def test_a_state_that_was_handed_out_never_changes():
    chain = await LocalChain.open(None, GENESIS, instant=True)
    await WORLD.stake(chain.submit)
    state, block = await chain.state_at()
    before = describe(state)
    await play_chain(chain, WORLD, until=40)
    assert describe(state) == before == describe(await chain_state(chain, block.height))
    await chain.aclose()


async def test_there_is_no_state_ahead():
    chain = await LocalChain.open(None, GENESIS)
    for height in (2, 1000):
        with pytest.raises(ChainUnavailable, match="ahead"):
            await chain.state_at(Height(height))
        with pytest.raises(ChainUnavailable, match="ahead"):
            await chain.balance(KEY.address, Height(height))
    await chain.aclose()


async def test_questions_are_answered_as_of_their_height():
    chain = await LocalChain.open(None, GENESIS, instant=True)
    stranger = make_key("stranger").address
    balances = {}
    for amount in range(1, 30):
        result = await chain.submit([Send(KEY.address, stranger, Upokt(amount))], KEY)
        balances[result.height] = await chain.balance(stranger)
    for height, balance in balances.items():
        assert await chain.balance(stranger, height) == balance
    await WORLD.stake(chain.submit)
    while (await chain.head()).height < 50:
        await chain.make_block()
    operator = make_key(WORLD.suppliers[0]).address
    first = Height(min(balances))
    head = (await chain.head()).height
    assert await chain.supplier(operator, first) is None
    assert await chain.suppliers(height=first) == ()
    assert await chain.services(first) == ()
    assert await chain.service("text", first) is None
    assert await chain.gateway(make_key(WORLD.gateway).address, first) is None
    assert await chain.application(KEY.address, first) is None
    assert await chain.applications(height=first) == ()
    assert await chain.supply(first) >= await chain.supply()
    assert await chain.live_params(first) == await chain.live_params() == GENESIS.params
    assert [one.operator_address for one in await chain.suppliers("text")] == sorted(
        make_key(name).address for name in WORLD.suppliers
    )
    assert await chain.suppliers("other") == ()
    assert await chain.suppliers() == await chain.suppliers("text", head)
    (application,) = await chain.applications(make_key(WORLD.gateway).address)
    assert application == await chain.application(KEY.address)
    assert await chain.applications(stranger) == ()
    assert await chain.services() == (WORLD.service,)
    assert await chain.chain_id() == "joey-test"
    await chain.aclose()


async def test_claims_can_be_listed_at_the_height_at_which_they_were_made():
    chain = await LocalChain.open(None, GENESIS, instant=True)
    await play_chain(chain, WORLD, until=60)
    supplier = make_key(WORLD.suppliers[0]).address
    made = [
        (Height(height), event)
        for height in range(1, 61)
        for event in await chain.events(Height(height))
        if isinstance(event, ClaimCreated)
    ]
    assert len(made) > 3
    for height, event in made:
        header = event.header
        claim = await chain.claim(header.session_id, supplier, height)
        assert claim is not None
        assert claim in await chain.claims(height=height)
        for filters in (
            {"session_id": header.session_id},
            {"supplier": supplier, "height_session_end": header.height_end},
        ):
            assert await chain.claims(height=height, **filters) == (claim,)
        for filters in ({"session_id": "00"}, {"supplier": KEY.address}, {"height_session_end": Height(1)}):
            assert await chain.claims(height=height, **filters) == ()
        assert await chain.claim(header.session_id, supplier, Height(height - 1)) is None
    await chain.aclose()


async def test_a_session_of_long_ago_is_what_it_was():
    chain = await LocalChain.open(None, GENESIS, instant=True)
    await play_chain(chain, WORLD, until=14)
    session = await chain.session(KEY.address, "text", Height(10))
    first = await chain.session(KEY.address, "text", Height(9))
    assert session is not None
    assert session == first
    await play_chain(chain, WORLD, until=80)
    state, _ = await chain.state_at()
    assert all(int(key) > 9 for key, _ in state.block_hashes.items())
    for height in (9, 10, 12):
        later = await chain.session(KEY.address, "text", Height(height))
        assert later is not None
        assert later.header == session.header
        assert later.suppliers == session.suppliers
    assert await chain.session(KEY.address, "text", Height(1)) is None
    with pytest.raises(ChainUnavailable, match="ahead"):
        await chain.session(KEY.address, "text", Height(100_000))
    await chain.aclose()


def make_old(path: Path, *, rows: Sequence[str]) -> None:
    """Turn a chain's file into one of the first version, without the tables of state that it lacked."""
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE history")
    connection.execute("DROP TABLE history_start")
    for column in ("code", "codespace", "log", "gas_wanted", "gas_used"):
        connection.execute(f"ALTER TABLE transactions DROP COLUMN {column}")
    connection.execute("ALTER TABLE events DROP COLUMN origin")
    connection.executemany("DELETE FROM state WHERE name = ?", [(row,) for row in rows])
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()


async def test_a_file_of_the_first_version_goes_on_and_its_history_begins(tmp_path: Path):
    path = tmp_path / "chain.db"
    chain = await LocalChain.open(path, GENESIS, instant=True)
    await play_chain(chain, WORLD, until=END)
    hashes = await read_hashes(chain, END)
    events = [await chain.events(Height(height)) for height in range(1, END + 1)]
    by_transaction = [
        [one.events for one in await chain.transactions(Height(height))] for height in range(1, END + 1)
    ]
    assert any(made for block in by_transaction for made in block)
    await chain.aclose()
    make_old(path, rows=("live_params", "authority", "unordered"))

    opened = await LocalChain.open(path, GENESIS, instant=True)
    head = await opened.head()
    assert head.height == END
    assert await read_hashes(opened, END) == hashes
    assert [await opened.events(Height(height)) for height in range(1, END + 1)] == events
    assert [
        [one.events for one in await opened.transactions(Height(height))] for height in range(1, END + 1)
    ] == by_transaction
    for height in (1, END - 1):
        with pytest.raises(ChainUnavailable, match=f"no longer kept: history begins at {END}"):
            await opened.state_at(Height(height))
    assert await opened.live_params() == GENESIS.params
    before = describe((await opened.state_at())[0])
    await play_chain(opened, WORLD, until=END + 20)
    assert describe(await chain_state(opened, END)) == before
    await opened.aclose()
    assert len(MIGRATIONS) == 3
