"""The embedded chain as an adapter: its file, its clock, its mempool, its hashes."""

from __future__ import annotations

import hashlib
import logging
import shutil
import sqlite3
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
from joey.core.protocol.params import MINIMAL
from joey.core.protocol.windows import compute_claim_window, compute_settlement_height
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.messages import AddService, CreateClaim, Send
from joey.core.wire.transactions import compute_transaction_hash, sign_transaction
from joey.testing.settlements import make_root
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
    """Stake, claim and settle; return the hash of every block from the first one on."""
    if await chain.service(WORLD.service.id) is None:
        await WORLD.stake(chain.submit)
    head = await chain.head()
    while head.height < until:
        start = head.height - 12
        if start >= 9 and start % 4 == 1:
            await claim_session(chain, start)
        else:
            await chain.make_block()
        head = await chain.head()
    return await read_hashes(chain, until)


async def claim_session(chain: LocalChain, start: int) -> None:
    session = await chain.session(KEY.address, WORLD.service.id, Height(start))
    assert session is not None
    window = compute_claim_window(session.header.height_end, MINIMAL.shared)
    assert (await chain.head()).height + 1 in window
    supplier = make_key(WORLD.suppliers[0])
    root = make_root(ComputeUnits(3000), start)
    await chain.submit([CreateClaim(supplier.address, session.header, root)], supplier)


async def read_hashes(chain: LocalChain, until: int) -> list[bytes]:
    hashes = []
    for height in range(1, until + 1):
        block = await chain.block(Height(height))
        assert block is not None
        hashes.append(block.hash)
    return hashes


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


async def test_the_hash_covers_what_it_says():
    chain = await LocalChain.open(None, GENESIS)
    first = await chain.head()
    empty = hashlib.sha256().digest()
    block = await chain.make_block()
    # Block 2 changes one row: the hash of block 1, with which a session began.
    key = b"%020d" % 1
    row = b'{"hash":"%s"}' % first.hash.hex().encode()
    changes = b"".join(len(part).to_bytes(4, "big") + part for part in (b"block_hashes", key, row))
    microseconds = int(block.time.timestamp()) * 10**6
    whole = first.hash + (2).to_bytes(8, "big") + microseconds.to_bytes(8, "big")
    assert block.hash == hashlib.sha256(whole + empty + hashlib.sha256(changes).digest()).digest()
    assert first.hash != compute_genesis_hash(GENESIS)
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


async def test_those_behind_a_refused_transaction_go_into_the_next_block():
    chain = await LocalChain.open(None, GENESIS)
    outcomes: dict[int, object] = {}

    async def submit(amount: int) -> None:
        try:
            outcomes[amount] = (await chain.submit([pay(amount)], KEY)).height
        except TransactionRejected as refusal:
            outcomes[amount] = refusal.fields["tx_code"]

    async with anyio.create_task_group() as tasks:
        for amount in (1, 10**18, 2, 3):
            tasks.start_soon(submit, amount)
            await anyio.wait_all_tasks_blocked()
        await chain.make_block()
        await anyio.wait_all_tasks_blocked()
        await chain.make_block()
    assert outcomes == {1: 2, 10**18: 5, 2: 3, 3: 3}
    await chain.aclose()


async def test_signing_anew_has_an_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("joey.adapters.chains.local.chain._SIGN_ATTEMPTS_MAX", 1)
    chain = await LocalChain.open(None, GENESIS)
    codes: list[object] = []

    async def submit(amount: int) -> None:
        with pytest.raises(TransactionRejected) as refusal:
            await chain.submit([pay(amount)], KEY)
        codes.append(refusal.value.fields["tx_code"])

    async with anyio.create_task_group() as tasks:
        for amount in (10**18, 1):
            tasks.start_soon(submit, amount)
            await anyio.wait_all_tasks_blocked()
        await chain.make_block()
    assert codes == [5, 32]
    await chain.aclose()


async def test_a_submitter_that_leaves_has_sent_all_the_same():
    chain = await LocalChain.open(None, GENESIS)
    with anyio.move_on_after(0) as scope:
        await chain.submit([pay()], KEY)
    assert scope.cancelled_caught
    await chain.make_block()
    assert await chain.balance(STRANGER) == 1
    await chain.aclose()


async def test_raw_transactions():
    chain = await LocalChain.open(None, GENESIS)
    numbers = {address: number for number, address in enumerate(sorted(GENESIS.balances))}
    raw = sign_transaction(
        [pay()], KEY, chain_id="joey-test", account_number=numbers[KEY.address], sequence=0
    )
    with pytest.raises(TransactionRejected) as refusal:
        await chain.submit_transaction(b"\xff")
    assert (refusal.value.fields["codespace"], refusal.value.fields["tx_code"]) == ("sdk", 2)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(chain.submit_transaction, raw)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(TransactionRejected, match="waits already"):
            await chain.submit_transaction(raw)
        await chain.make_block()
    assert await chain.transaction(compute_transaction_hash(raw)) == raw
    assert await chain.transaction("00" * 32) is None
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


async def test_the_mempool_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("joey.adapters.chains.local.mempool._WAITING_MAX", 2)
    chain = await LocalChain.open(None, GENESIS)
    async with anyio.create_task_group() as tasks:
        for amount in (1, 2):
            tasks.start_soon(chain.submit, [pay(amount)], KEY)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(ChainUnavailable, match="2 transactions wait"):
            await chain.submit([pay(3)], KEY)
        await chain.make_block()
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
    monkeypatch.setattr("joey.adapters.chains.local.chain._RECENT_BLOCKS", 3)
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


async def test_a_forgotten_session_is_said_to_be():
    chain = await LocalChain.open(None, GENESIS, instant=True)
    await WORLD.stake(chain.submit)
    head = (await chain.head()).height
    last = compute_settlement_height(Height(8), MINIMAL.shared) + 4
    while head < last:
        head = (await chain.make_block()).height
    assert await chain.session(KEY.address, "text", Height(5)) is None  # staked during that session
    await chain.make_block()
    with pytest.raises(ChainUnavailable, match="forgotten"):
        await chain.session(KEY.address, "text", Height(5))
    with pytest.raises(ChainUnavailable, match="ahead"):
        await chain.session(KEY.address, "text", Height(last + 100))
    await chain.aclose()


async def test_the_session_cache_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("joey.adapters.chains.local.chain._RECENT_SESSIONS", 2)
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
    caplog.set_level(logging.INFO, "joey.adapters.chains.local.chain")
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
