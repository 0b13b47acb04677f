"""The embedded chain as an adapter: its file, its clock, its mempool, its hashes."""

from __future__ import annotations

import hashlib
import logging
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from joey.adapters.chains.local import LocalChain, read_genesis
from joey.core.errors import ChainUnavailable, ConfigError, TransactionRejected
from joey.core.protocol.events import ClaimCreated, ClaimSettled, SupplyChanged
from joey.core.protocol.genesis import compute_genesis_hash
from joey.core.protocol.rows import encode_row
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.messages import AddService, Send
from joey.ports.chain import Block, IncludedTransaction
from joey.testing.histories import play_chain, read_hashes
from joey.testing.worlds import World, make_genesis, make_key

pytestmark = pytest.mark.anyio

WORLD = World.of_service()
GENESIS = make_genesis(WORLD.names)
KEY = make_key(WORLD.application)
STRANGER = make_key("stranger").address


class SteppedClock:
    """Gives the times it was made with, one after another."""

    def __init__(self, *times: datetime) -> None:
        self._times = list(times)

    def now(self) -> datetime:
        return self._times.pop(0)


def pay(amount: int = 1) -> Send:
    return Send(KEY.address, STRANGER, Upokt(amount))


async def play(chain: LocalChain, *, until: int = 40) -> list[bytes]:
    """Let the world live up to a height; return the hash of every block from the first one on."""
    await play_chain(chain, WORLD, until=until)
    return await read_hashes(chain, until)


async def test_the_first_block_is_the_genesis():
    chain = await LocalChain.open(None, GENESIS)
    head = await chain.head()
    assert head.height == 1
    assert head.time == GENESIS.time
    assert await chain.block(Height(0)) is None
    assert chain.genesis == GENESIS
    assert await chain.balance(KEY.address) == 10**12
    assert await chain.params_at(Height(1)) == GENESIS.params
    await chain.aclose()


async def test_equal_histories_have_equal_hashes_and_others_do_not(tmp_path: Path):
    first = await LocalChain.open(None, GENESIS, instant=True)
    second = await LocalChain.open(tmp_path / "chain.db", GENESIS, instant=True)
    hashes = await play(first)
    assert hashes == await play(second)
    assert len(set(hashes)) == len(hashes)
    other = await LocalChain.open(None, replace(GENESIS, chain_id="other"), instant=True)
    assert not set(hashes) & set(await play(other))
    later = await LocalChain.open(None, GENESIS)
    await later.make_block(GENESIS.time + timedelta(seconds=2))
    head = await later.head()
    assert head.hash != hashes[1]
    for chain in (first, second, other, later):
        await chain.aclose()


def prefix(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def hash_as_documented(
    before: Block, block: Block, included: Sequence[IncludedTransaction], changes: Sequence[bytes]
) -> bytes:
    """Hash a block whose transactions have no events, as production.py says."""
    names = hashlib.sha256(b"".join(bytes.fromhex(one.hash) for one in included))
    results = hashlib.sha256()
    for one in included:
        for number in (one.code, one.gas_wanted, one.gas_used):
            results.update(number.to_bytes(8, "big"))
        results.update(prefix(one.codespace.encode()) + prefix(one.log.encode()))
    microseconds = int(block.time.timestamp()) * 10**6
    whole = before.hash + block.height.to_bytes(8, "big") + microseconds.to_bytes(8, "big")
    rows = hashlib.sha256(b"".join(map(prefix, changes)))
    return hashlib.sha256(whole + names.digest() + results.digest() + rows.digest()).digest()


async def test_the_hash_covers_what_it_says():
    chain = await LocalChain.open(None, GENESIS)
    first = await chain.head()
    block = await chain.make_block()
    # Block 2 changes one row: the hash of block 1.
    changes = [b"block_hashes", b"%020d" % 1, b'{"hash":"%s"}' % first.hash.hex().encode()]
    assert block.hash == hash_as_documented(first, block, (), changes)
    assert first.hash != compute_genesis_hash(GENESIS)
    await chain.aclose()


async def test_the_hash_covers_what_became_of_transactions():
    chain = await LocalChain.open(None, GENESIS, instant=True)
    before = await chain.make_block()
    with pytest.raises(TransactionRejected):
        await chain.submit([pay(10**18)], KEY)
    block = await chain.head()
    included = await chain.transactions(block.height)
    assert [one.code for one in included] == [5]
    state, _ = await chain.state_at()
    row = encode_row(state.accounts.get(KEY.address))
    changes = [b"accounts", KEY.address.encode(), row, b"block_hashes", b"%020d" % 2]
    changes.append(b'{"hash":"%s"}' % before.hash.hex().encode())
    assert block.hash == hash_as_documented(before, block, included, changes)
    await chain.aclose()


async def test_a_chain_goes_on_where_it_ended(tmp_path: Path):
    path = tmp_path / "deep" / "chain.db"
    unbroken = await LocalChain.open(None, GENESIS, instant=True)
    hashes = await play(unbroken, until=46)
    chain = await LocalChain.open(path, GENESIS, instant=True)
    for until in (12, 29, 30, 33, 46):
        await play(chain, until=until)
        await chain.aclose()
        chain = await LocalChain.open(path, GENESIS, instant=True)
    assert await read_hashes(chain, 46) == hashes
    for height in range(1, 47):
        assert await chain.events(Height(height)) == await unbroken.events(Height(height))
        assert await chain.block(Height(height)) == await unbroken.block(Height(height))
    assert await chain.supply() == await unbroken.supply()
    kinds = [type(event) for height in range(1, 47) for event in await chain.events(Height(height))]
    assert {ClaimCreated, ClaimSettled, SupplyChanged} <= set(kinds)
    await chain.aclose()
    await unbroken.aclose()


def copy_chain(path: Path, name: str) -> Path:
    """Copy a chain's files as they are, as a crash would leave them."""
    folder = path.parent / name
    folder.mkdir()
    for file in path.parent.glob("chain.db*"):
        shutil.copy(file, folder / file.name)
    return folder / path.name


async def test_a_chain_dropped_without_a_word_goes_on(tmp_path: Path):
    """What is on disk at any moment is a whole chain: nothing needs to be closed."""
    path = tmp_path / "chain.db"
    unbroken = await LocalChain.open(None, GENESIS, instant=True)
    hashes = await play(unbroken, until=40)
    dropped = await LocalChain.open(path, GENESIS, instant=True)
    for number, until in enumerate((9, 27, 30, 31)):
        await play(dropped, until=until)
        revived = await LocalChain.open(copy_chain(path, f"copy-{number}"), GENESIS, instant=True)
        assert (await revived.head()).height == until
        assert await play(revived, until=40) == hashes
        await revived.aclose()
    await dropped.aclose()
    await unbroken.aclose()


async def test_another_genesis_is_refused_with_the_way_out(tmp_path: Path):
    path = tmp_path / "chain.db"
    chain = await LocalChain.open(path, GENESIS)
    await chain.aclose()
    with pytest.raises(ConfigError, match=r"joey-test.*another folder, or delete"):
        await LocalChain.open(path, replace(GENESIS, chain_id="other"))
    # The refusal has let go of the file, and broken nothing.
    again = await LocalChain.open(path, GENESIS)
    assert (await again.head()).height == 1
    await again.aclose()


async def test_the_genesis_of_a_file_can_be_asked_for(tmp_path: Path):
    path = tmp_path / "chain.db"
    assert await read_genesis(path) is None
    assert not path.exists()
    chain = await LocalChain.open(path, GENESIS)
    await chain.aclose()
    assert await read_genesis(path) == GENESIS


async def test_a_file_that_is_no_chain_is_refused(tmp_path: Path):
    path = tmp_path / "chain.db"
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    with pytest.raises(ConfigError, match=r"chain\.db"):
        await LocalChain.open(path, GENESIS)


async def test_a_damaged_file_is_refused(tmp_path: Path):
    path = tmp_path / "chain.db"
    chain = await LocalChain.open(path, GENESIS)
    await chain.aclose()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE state SET row = '{}' WHERE name = 'accounts'")
    connection.close()
    with pytest.raises(ConfigError, match="damaged"):
        await LocalChain.open(path, GENESIS)


async def test_a_block_that_cannot_be_written_changes_nothing(tmp_path: Path):
    path = tmp_path / "chain.db"
    chain = await LocalChain.open(path, GENESIS, instant=True)
    blocker = sqlite3.connect(path)
    blocker.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON blocks BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    before = await chain.head()
    with pytest.raises(ChainUnavailable, match="disk full"):
        await chain.submit([pay()], KEY)
    assert await chain.head() == before
    assert await chain.balance(STRANGER) == 0
    blocker.execute("DROP TRIGGER refuse")
    blocker.close()
    await chain.submit([pay()], KEY)
    assert await chain.balance(STRANGER) == 1
    await chain.aclose()


async def test_a_second_writer_is_refused_its_block(tmp_path: Path):
    path = tmp_path / "chain.db"
    first = await LocalChain.open(path, GENESIS)
    second = await LocalChain.open(path, GENESIS)
    block = await first.make_block()
    with pytest.raises(ChainUnavailable, match="block 2 could not be written"):
        await second.make_block()
    assert await first.head() == block
    await second.aclose()
    await first.make_block()
    await first.aclose()


async def test_submitting_waits_for_a_block():
    chain = await LocalChain.open(None, GENESIS)
    done: list[int] = []

    async def submit() -> None:
        result = await chain.submit([pay()], KEY)
        done.append(result.height)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(submit)
        await anyio.wait_all_tasks_blocked()
        assert done == []
        assert await chain.balance(STRANGER) == 0
        await chain.make_block()
    assert done == [2]
    assert await chain.balance(STRANGER) == 1
    await chain.aclose()


async def test_one_block_takes_many_transactions_of_one_account():
    chain = await LocalChain.open(None, GENESIS)
    results: dict[int, int] = {}

    async def submit(amount: int) -> None:
        results[amount] = (await chain.submit([pay(amount)], KEY)).height

    async with anyio.create_task_group() as tasks:
        for amount in range(1, 9):
            tasks.start_soon(submit, amount)
        await anyio.wait_all_tasks_blocked()
        await chain.make_block()
    assert set(results.values()) == {2}
    assert await chain.balance(STRANGER) == sum(range(1, 9))
    await chain.aclose()


async def test_a_submitter_that_leaves_has_sent_all_the_same():
    chain = await LocalChain.open(None, GENESIS)
    with anyio.move_on_after(0) as scope:
        await chain.submit([pay()], KEY)
    assert scope.cancelled_caught
    await chain.make_block()
    assert await chain.balance(STRANGER) == 1
    await chain.aclose()


async def test_what_cannot_be_written_is_refused():
    chain = await LocalChain.open(None, GENESIS, instant=True)
    owner = make_key(WORLD.service_owner)
    heavy = replace(WORLD.service, compute_units_per_relay=ComputeUnits(2**64))
    for message in (AddService(owner.address, heavy), Send(owner.address, STRANGER, Upokt(-1))):
        with pytest.raises(TransactionRejected) as refusal:
            await chain.submit([message], owner)
        assert (refusal.value.fields["codespace"], refusal.value.fields["tx_code"]) == ("sdk", 2)
    with pytest.raises(TransactionRejected):
        await chain.submit([], owner)
    await chain.aclose()


async def test_times_always_advance():
    start = GENESIS.time
    clock = SteppedClock(start + timedelta(minutes=1), start, start + timedelta(minutes=2))
    chain = await LocalChain.open(None, GENESIS, clock=clock)
    times = [(await chain.make_block()).time - start for _ in range(3)]
    assert times == [
        timedelta(minutes=1),
        timedelta(minutes=1, milliseconds=1),
        timedelta(minutes=2),
    ]
    given = datetime(2027, 1, 1, tzinfo=UTC)
    assert (await chain.make_block(given)).time == given
    await chain.aclose()


async def test_blocks_come_by_the_clock_at_an_interval_that_can_change():
    chain = await LocalChain.open(None, GENESIS)
    async with anyio.create_task_group() as tasks:
        await tasks.start(chain.run, 3600.0)
        await anyio.wait_all_tasks_blocked()
        assert (await chain.head()).height == 1
        chain.set_interval(0.001)
        with anyio.fail_after(10):
            assert (await chain.wait_for(Height(5))).height == 5
        chain.set_interval(3600.0)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    height = (await chain.head()).height
    assert (await chain.wait_for(Height(3))).height == 3
    assert (await chain.wait_for(height)).height == height
    await chain.aclose()


async def test_a_slow_follower_misses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Blocks that are no longer in memory come from the file.
    monkeypatch.setattr("joey.adapters.chains.local.archive._RECENT_BLOCKS", 3)
    chain = await LocalChain.open(tmp_path / "chain.db", GENESIS, instant=True)
    await chain.submit([pay()], KEY)
    async with aclosing(chain.follow()) as blocks:
        seen = [(await anext(blocks)).height]
        for _ in range(20):
            await chain.make_block()
        while seen[-1] < 22:
            seen.append((await anext(blocks)).height)
    assert seen == list(range(2, 23))
    assert await chain.events(Height(2)) == ()
    await chain.aclose()


async def test_the_session_cache_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("joey.adapters.chains.local.reading._RECENT_SESSIONS", 2)
    chain = await LocalChain.open(None, GENESIS, instant=True)
    await WORLD.stake(chain.submit)
    while (await chain.head()).height < 13:
        await chain.make_block()
    first = await chain.session(KEY.address, "text", Height(9))
    for name in range(10):
        assert await chain.session(KEY.address, str(name)) is None
    assert await chain.session(KEY.address, "text", Height(9)) == first
    await chain.aclose()


async def test_gateways_and_services_can_be_read():
    chain = await LocalChain.open(None, GENESIS, instant=True)
    assert await chain.gateway(make_key(WORLD.gateway).address) is None
    await WORLD.stake(chain.submit)
    gateway = await chain.gateway(make_key(WORLD.gateway).address)
    assert gateway is not None
    assert gateway.stake == WORLD.gateway_stake
    owner = make_key(WORLD.service_owner)
    service = replace(WORLD.service, card=b'{"joey":1}')
    await chain.submit([AddService(owner.address, service)], owner)
    assert await chain.service("text") == service
    await chain.aclose()


async def test_a_full_disk_makes_the_chain_stand_still_and_not_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "joey.adapters.chains.local.making")
    path = tmp_path / "chain.db"
    chain = await LocalChain.open(path, GENESIS)
    blocker = sqlite3.connect(path)
    blocker.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON blocks BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    before = await chain.head()
    async with anyio.create_task_group() as tasks:
        await tasks.start(chain.run, 0.01)
        await anyio.sleep(0.2)
        assert await chain.head() == before
        blocker.execute("DROP TRIGGER refuse")
        with anyio.fail_after(5):
            await chain.wait_for(Height(before.height + 1))
        tasks.cancel_scope.cancel()
    assert [message.split(":")[0] for message in caplog.messages] == [
        "the chain stands still",
        "the chain goes on",
    ]
    blocker.close()
    await chain.aclose()
