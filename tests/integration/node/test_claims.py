"""What was served is claimed and paid, whatever stops the node in between."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.engines.echo import EchoEngine
from joey.adapters.stores.sqlite.node import open_node_database
from joey.core.errors import ChainUnavailable, TransactionRejected
from joey.core.protocol.events import ClaimSettled
from joey.core.protocol.params import MINIMAL
from joey.core.trie.smst import SessionTrie, read_root
from joey.core.units import Height, Upokt
from joey.core.wire.messages import CreateClaim
from joey.core.wire.session import SessionHeader
from joey.http.errors import TransportError
from joey.ports.stores import ClaimRecord, LoggedRelay
from joey.testing.nodes import NodeBench, ScriptedAnswer, ScriptedEngine, run_node, start_chain
from joey.testing.relays import make_call
from joey.testing.worlds import World, make_genesis, make_key

pytestmark = pytest.mark.anyio

PRICE = 3000
CLAIM_START = 10
SETTLED = 13
"""Blocks after a session's end, by the minimal parameters: claimed at the first, settled at the second."""


async def get_record(bench: NodeBench, header: SessionHeader) -> ClaimRecord:
    record = await bench.claims.get(header.session_id, bench.supplier)
    assert record is not None
    return record


async def test_relays_are_claimed_and_settled_to_the_last_upokt(chain: LocalChain, world: World) -> None:
    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        header = await bench.header()
        for _ in range(3):
            await bench.ask()
        trie = SessionTrie()
        for relay in await bench.relay_log.relays(header.session_id, bench.supplier):
            trie.insert(relay.relay_hash, relay.relay_bytes, PRICE)

        await bench.advance_to(header.height_end + CLAIM_START - 1)
        assert await bench.claims.all() == []
        await bench.advance_to(header.height_end + CLAIM_START)
        record = await get_record(bench, header)
        assert (record.state, record.relays, record.compute_units) == ("claimed", 3, 3 * PRICE)
        assert record.root == trie.root()
        assert len(record.tx_hash) == 64
        assert record.height == header.height_end + CLAIM_START + 1
        claim = await chain.claim(header.session_id, bench.supplier)
        assert claim is not None
        assert claim.root == record.root
        assert await bench.count_logged() == 3

        await bench.advance_to(header.height_end + SETTLED)
        record = await get_record(bench, header)
        assert (record.state, record.note) == ("settled", "9000 upokt of 9000 claimed")
        assert await bench.count_logged() == 0
        (settled,) = [
            event
            for event in await chain.events(Height(header.height_end + SETTLED))
            if isinstance(event, ClaimSettled)
        ]
        assert (settled.num_relays, settled.settled, settled.minted) == (3, 9000, 9000)


async def test_sessions_of_several_windows_are_each_claimed(chain: LocalChain, world: World) -> None:
    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        headers = []
        for count in (1, 2, 3):
            headers.append(await bench.header())
            for _ in range(count):
                await bench.ask()
            await bench.advance_to(headers[-1].height_end + 1)
        await bench.advance_to(headers[-1].height_end + SETTLED)
        records = await bench.claims.all()
    assert [(record.header, record.relays, record.state) for record in records] == [
        (headers[0], 1, "settled"),
        (headers[1], 2, "settled"),
        (headers[2], 3, "settled"),
    ]


async def test_a_session_without_relays_is_not_claimed(chain: LocalChain, world: World) -> None:
    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        header = await bench.header()
        await bench.advance_to(header.height_end + SETTLED)
        assert await bench.claims.all() == []


async def test_a_node_that_is_cancelled_claims_after_a_restart(
    chain: LocalChain, world: World, tmp_path: Path
) -> None:
    database = open_node_database(tmp_path / "node.db")
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        header = await bench.header()
        first = await bench.relay()
        await bench.ask(first)
        await bench.ask()
    database.close()
    database = open_node_database(tmp_path / "node.db")
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        status, code, _ = await bench.ask_in_vain(first)
        assert (status, code) == (400, "rejection.bad_relay"), "served before the restart"
        await bench.ask()
        await bench.advance_to(header.height_end + SETTLED)
        record = await get_record(bench, header)
    database.close()
    assert (record.state, record.relays) == ("settled", 3)


async def test_the_stake_spent_before_a_restart_stays_spent(world: World, tmp_path: Path) -> None:
    dear = replace(World.of_service("text", compute_units=300_000), application_stake=Upokt(300_000 * 20 * 2))
    chain = await start_chain(dear)
    for expected in ("served", "served", "rejection.stake_exhausted"):
        database = open_node_database(tmp_path / "node.db")
        async with run_node(EchoEngine(), chain=chain, world=dear, database=database) as bench:
            await bench.post(await bench.relay())
            assert bench.node.counts == {expected: 1}
        database.close()
    await chain.aclose()


class Interposed:
    """A chain between the node and the real one; a subclass changes what it does."""

    def __init__(self, chain: LocalChain) -> None:
        self.chain = chain
        self.submitted: list[CreateClaim] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.chain, name)

    async def submit(self, messages: list[CreateClaim], signer: Any) -> Any:
        self.submitted += messages
        return await self.chain.submit(messages, signer)


class SilentChain(Interposed):
    """Takes claims, and never says so: as if the node had died before it heard."""

    async def submit(self, messages: list[CreateClaim], signer: Any) -> Any:
        await self.chain.submit(messages, signer)
        raise ChainUnavailable("the answer is lost")


class DeafChain(Interposed):
    """Takes no claims."""

    async def submit(self, messages: list[CreateClaim], signer: Any) -> Any:
        self.submitted += messages
        raise TransactionRejected("no", codespace="test", tx_code=1)


class StuckChain(Interposed):
    """Takes a claim, and the node hears no more: as if it had died at that moment."""

    def __init__(self, chain: LocalChain) -> None:
        super().__init__(chain)
        self.taken = anyio.Event()

    async def submit(self, messages: list[CreateClaim], signer: Any) -> Any:
        self.submitted += messages
        await self.chain.submit(messages, signer)
        self.taken.set()
        await anyio.sleep_forever()


async def test_a_node_that_dies_while_it_claims_sends_the_same_claim_again(
    chain: LocalChain, world: World
) -> None:
    stuck, again = StuckChain(chain), Interposed(chain)
    database = open_node_database(None)
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, seen_as=stuck) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + CLAIM_START - 1)
        await chain.make_block()
        with anyio.fail_after(5):
            await stuck.taken.wait()
        assert (await get_record(bench, header)).state == "due"
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, seen_as=again) as bench:
        assert (await get_record(bench, header)).state == "claimed"
        await bench.advance_to(header.height_end + SETTLED)
        assert (await get_record(bench, header)).state == "settled"
    database.close()
    assert stuck.submitted == again.submitted


async def test_a_claim_found_on_the_chain_after_its_window_is_not_lost(
    chain: LocalChain, world: World
) -> None:
    silent = SilentChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=silent) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + CLAIM_START + 2)
        assert (await get_record(bench, header)).state == "claimed"
        await bench.advance_to(header.height_end + SETTLED)
        assert (await get_record(bench, header)).state == "settled"


async def test_a_claim_settled_while_the_node_was_down_is_found(chain: LocalChain, world: World) -> None:
    database = open_node_database(None)
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + CLAIM_START)
    while (await chain.head()).height < header.height_end + SETTLED + 5:
        await chain.make_block()
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        assert (await get_record(bench, header)).state == "settled"
        assert await bench.count_logged() == 0
    database.close()


async def test_a_missed_window_is_told_loudly_and_nothing_is_left(
    chain: LocalChain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_node_database(None)
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        header = await bench.header()
        await bench.ask()
    while (await chain.head()).height < header.height_end + CLAIM_START + 2:
        await chain.make_block()
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        record = await get_record(bench, header)
        assert record.state == "lost"
        assert "claim window closed" in record.note
        assert await bench.count_logged() == 0
    database.close()
    (told,) = [line for line in caplog.records if line.levelno == logging.ERROR]
    assert told.getMessage().startswith("LOST: 1 relays of session ")


async def test_a_claim_the_chain_refuses_is_tried_again_until_the_window_closes(
    chain: LocalChain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    deaf = DeafChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=deaf) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + SETTLED)
        assert (await get_record(bench, header)).state == "lost"
    assert len(deaf.submitted) == 2
    assert "the chain refused the claim" in caplog.text


async def test_a_relay_that_comes_into_the_log_during_the_window_is_claimed_too(world: World) -> None:
    shared = replace(MINIMAL.shared, claim_window_close_offset_blocks=6)
    chain = await start_chain(world, params=replace(MINIMAL, shared=shared))
    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + CLAIM_START)
        await bench.relay_log.append(header, bench.supplier, LoggedRelay(b"\x01" * 32, b"late"))
        await bench.advance_to(header.height_end + SETTLED + 4)
        record = await get_record(bench, header)
    await chain.aclose()
    assert (record.state, record.relays) == ("settled", 2)


async def test_a_key_that_is_not_here_claims_nothing(
    chain: LocalChain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        header = await bench.header()
        stranger = make_key("supplier 2").address
        await bench.relay_log.append(header, stranger, LoggedRelay(b"\x01" * 32, b"whose"))
        await bench.advance_to(header.height_end + SETTLED)
        record = await bench.claims.get(header.session_id, stranger)
    assert record is not None
    assert record.state == "lost"
    assert "the key of" in caplog.text


async def test_a_store_that_fails_holds_claims_up_and_loses_none(chain: LocalChain, world: World) -> None:
    def set_query_only(connection: sqlite3.Connection, state: str) -> None:
        connection.execute(f"PRAGMA query_only = {state}").fetchall()

    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.database.read(partial(set_query_only, state="ON"))
        await bench.advance_to(header.height_end + CLAIM_START)
        assert await bench.claims.all() == []
        await bench.database.read(partial(set_query_only, state="OFF"))
        await bench.advance_to(header.height_end + SETTLED)
        assert (await get_record(bench, header)).state == "settled"


async def test_an_answer_on_its_way_when_the_session_ends_is_paid(chain: LocalChain, world: World) -> None:
    gate = anyio.Event()
    engine = ScriptedEngine(ScriptedAnswer(gate=gate))
    async with run_node(engine, chain=chain, world=world) as bench:
        request = await bench.relay()
        end = request.header.height_end
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bench.ask, request)
            while not engine.running:
                await anyio.lowlevel.checkpoint()
            await bench.advance_to(end + CLAIM_START - 1)
            gate.set()
        await bench.advance_to(end + SETTLED)
        assert (await get_record(bench, request.header)).state == "settled"


NODE = """
import sys, anyio
from pathlib import Path
from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.engines.echo import EchoEngine
from joey.adapters.stores.sqlite.node import open_node_database
from joey.testing.nodes import run_node
from joey.testing.worlds import World, make_genesis

async def main(folder: Path) -> None:
    world = World.of_service("text")
    chain = await LocalChain.open(folder / "chain.db", make_genesis(world.names), instant=True)
    database = open_node_database(folder / "node.db")
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        print(bench.url, flush=True)
        await anyio.sleep_forever()

anyio.run(main, Path(sys.argv[1]))
"""


async def test_a_node_that_is_killed_claims_all_it_acknowledged(world: World, tmp_path: Path) -> None:
    genesis = make_genesis(world.names)
    chain = await LocalChain.open(tmp_path / "chain.db", genesis, instant=True)
    await world.stake(chain.submit)
    while (await chain.head()).height % 4 != 1:
        await chain.make_block()
    await chain.aclose()

    acknowledged: list[int] = []
    command = [sys.executable, "-c", NODE, str(tmp_path)]
    async with await anyio.open_process(command, stdout=subprocess.PIPE, stderr=None) as process:
        assert process.stdout is not None
        url = (await process.stdout.receive()).decode().strip()
        # The chain file is the child's now; what stood in it before is read from a copy.
        chain = await LocalChain.open(None, genesis, instant=True)
        await world.stake(chain.submit)
        while (await chain.head()).height % 4 != 1:
            await chain.make_block()
        async with (
            run_node(EchoEngine(), chain=chain, world=world) as near,
            anyio.create_task_group() as tasks,
        ):
            far = NodeBench(
                chain, world, near.node, near.database, near.relay_log, near.claims, near.http, url
            )
            header = await far.header()
            for number in range(40):
                tasks.start_soon(send_until_it_dies, far, number, acknowledged, process.pid)
        await process.wait()
        await chain.aclose()
    assert acknowledged

    chain = await LocalChain.open(tmp_path / "chain.db", genesis, instant=True)
    database = open_node_database(tmp_path / "node.db")
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        assert (await bench.header()) == header
        logged = await bench.count_logged()
        assert logged >= len(acknowledged)
        await bench.advance_to(header.height_end + SETTLED)
        record = await get_record(bench, header)
        assert (record.state, record.relays) == ("settled", logged)
        assert read_root(record.root)[1:] == (logged * PRICE, logged)
    database.close()
    await chain.aclose()


async def send_until_it_dies(bench: NodeBench, number: int, acknowledged: list[int], process_id: int) -> None:
    try:
        await bench.ask(await bench.relay(make_call(f"number {number}")))
    except TransportError:
        return
    acknowledged.append(number)
    if len(acknowledged) == 20:
        os.kill(process_id, signal.SIGKILL)
