"""What was served is claimed and paid, whatever stops the node in between."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.engines.echo import EchoEngine
from joey.adapters.stores.sqlite.node import SqliteClaims, SqliteRelayLog, open_node_database
from joey.core.errors import ChainUnavailable, ConfigError, TransactionRejected, WindowClosed
from joey.core.protocol.claims import Claim
from joey.core.protocol.events import ClaimSettled
from joey.core.protocol.params import MINIMAL
from joey.core.trie.smst import SessionTrie, read_root
from joey.core.units import Height, Upokt
from joey.core.wire.messages import CreateClaim, Message, SubmitProof
from joey.core.wire.session import SessionHeader
from joey.http.errors import TransportError
from joey.node.app import Node
from joey.ports.chain import Fee, TransactionTerms
from joey.ports.stores import ClaimRecord, LoggedRelay
from joey.testing.nodes import (
    InterposedChain,
    NodeBench,
    ScriptedAnswer,
    ScriptedEngine,
    run_node,
    start_chain,
)
from joey.testing.relays import make_call
from joey.testing.worlds import World, make_genesis, make_key

pytestmark = pytest.mark.anyio

PRICE = 3000
TERMS = TransactionTerms(7, 100_001, Upokt(3), Height(90), datetime(2026, 1, 5, 0, 10, 20, 1, tzinfo=UTC))
NOW = Height(0)
CLAIM_START = 9
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


class SilentChain(InterposedChain):
    """Takes claims, and never says so: as if the node had died before it heard."""

    async def submit(self, messages: Sequence[Message], signer: Any, **options: Any) -> Any:
        await super().submit(messages, signer, **options)
        raise ChainUnavailable("the answer is lost")


class DeafChain(InterposedChain):
    """Takes no claims."""

    async def submit(self, messages: Sequence[Message], signer: Any, **options: Any) -> Any:
        self.submitted += messages
        raise TransactionRejected("no", codespace="test", tx_code=1)


class StuckChain(InterposedChain):
    """Takes a claim, and the node hears no more: as if it had died at that moment."""

    def __init__(self, chain: LocalChain) -> None:
        super().__init__(chain)
        self.taken = anyio.Event()

    async def submit(self, messages: Sequence[Message], signer: Any, **options: Any) -> Any:
        await super().submit(messages, signer, **options)
        self.taken.set()
        await anyio.sleep_forever()


async def test_a_node_that_dies_while_it_claims_finds_its_claim_and_sends_no_other(
    chain: LocalChain, world: World
) -> None:
    stuck, again = StuckChain(chain), InterposedChain(chain)
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
    assert len(stuck.submitted) == 1
    assert again.submitted == []


class CutOffChain(InterposedChain):
    """Signs, says so, and nothing arrives: as if node and full node had died before it was passed on."""

    def __init__(self, chain: LocalChain) -> None:
        super().__init__(chain)
        self.reached = anyio.Event()

    async def submit(self, messages: Sequence[Message], signer: Any, **options: Any) -> Any:
        await options["on_signed"](TERMS)
        self.reached.set()
        await anyio.sleep_forever()


class TermsChain(InterposedChain):
    """Takes no notice of the terms that it is given, but notes them."""

    async def submit(self, messages: Sequence[Message], signer: Any, **options: Any) -> Any:
        self.terms.append(options.pop("terms"))
        return await self.chain.submit(messages, signer, timeout_height=options["timeout_height"])


async def test_what_may_have_been_sent_is_sent_again_with_the_same_terms_and_what_came_since_after_it(
    chain: LocalChain, world: World, tmp_path: Path
) -> None:
    cut_off, again = CutOffChain(chain), TermsChain(chain)
    database = open_node_database(tmp_path / "node.db")
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, seen_as=cut_off) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + CLAIM_START - 1)
        await chain.make_block()
        with anyio.fail_after(10):
            await cut_off.reached.wait()
        due = await get_record(bench, header)
        assert (due.state, due.terms) == ("due", TERMS)
        (relay,) = await bench.relay_log.relays(header.session_id, bench.supplier)
        await bench.relay_log.append(header, bench.supplier, replace(relay, relay_hash=bytes(32)))
    database.close()
    database = open_node_database(tmp_path / "node.db")
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, seen_as=again) as bench:
        record = await get_record(bench, header)
        assert (record.state, record.relays, record.terms) == ("claimed", 2, None)
        assert again.terms == [TERMS, None]
        claim = await chain.claim(header.session_id, bench.supplier)
        assert claim is not None
        assert claim.root == record.root != due.root
    database.close()


class RestartedChain(InterposedChain):
    """Refuses what is sent with terms: its transaction is in no block, and never will be."""

    async def submit(self, messages: Sequence[Message], signer: Any, **options: Any) -> Any:
        self.terms.append(options.get("terms"))
        if options.get("terms") is not None:
            raise WindowClosed("its time is over", height=NOW)
        return await self.chain.submit(messages, signer, timeout_height=options["timeout_height"])


async def test_what_can_never_be_in_a_block_is_signed_anew(chain: LocalChain, world: World) -> None:
    cut_off, again = CutOffChain(chain), RestartedChain(chain)
    database = open_node_database(None)
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, seen_as=cut_off) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + CLAIM_START - 1)
        await chain.make_block()
        with anyio.fail_after(10):
            await cut_off.reached.wait()
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, seen_as=again) as bench:
        await bench.advance_to(header.height_end + CLAIM_START + 1)
        assert (await get_record(bench, header)).state == "claimed"
    assert again.terms == [TERMS, None]
    database.close()


class LaggingChain(InterposedChain):
    """Takes a claim and does not say so; then a full node that lags behind knows of no claim, so often."""

    def __init__(self, chain: LocalChain, height_since: int, times: int) -> None:
        super().__init__(chain)
        self.height_since = height_since
        self.times = times

    async def submit(self, messages: Sequence[Message], signer: Any, **options: Any) -> Any:
        result = await super().submit(messages, signer, **options)
        if isinstance(messages[0], CreateClaim):
            raise ChainUnavailable("the answer is lost")
        return result

    async def claim(self, session_id: str, supplier: str, height: Height = NOW) -> Any:
        at = (await self.chain.head()).height
        if self.submitted and at < self.height_since:
            raise ChainUnavailable("away")
        if self.submitted and self.times:
            assert at <= height, "asked for at a height that a node which lags behind does not have"
            self.times -= 1
            return None
        return await self.chain.claim(session_id, supplier, height)


@pytest.mark.parametrize(("proof_blocks", "times"), [(1, 1), (5, 4)])
async def test_a_claim_that_a_lagging_full_node_denies_is_proven_all_the_same(
    world: World, proof_blocks: int, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    shared = replace(MINIMAL.shared, proof_window_close_offset_blocks=proof_blocks)
    proof = replace(MINIMAL.proof, proof_requirement_threshold=Upokt(1))
    chain = await start_chain(world, params=replace(MINIMAL, shared=shared, proof=proof))
    end = (await chain.head()).height + 3
    close = end + CLAIM_START + 3
    lagging = LaggingChain(chain, close, times)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=lagging) as bench:
        header = await bench.header()
        assert header.height_end == end
        await bench.ask()
        await bench.advance_to(close + proof_blocks)
        assert (await get_record(bench, header)).state == "settled"
    assert lagging.times == 0
    assert [type(message) for message in lagging.submitted] == [CreateClaim, SubmitProof]
    assert caplog.text.count("LOST") == (1 if times > 1 else 0)
    await chain.aclose()


class PrunedChain(InterposedChain):
    """Keeps no old block any more; `claimed` is what it says of any claim."""

    height_kept = NOW
    claimed: Any = None

    async def events(self, height: Height) -> Any:
        if height < self.height_kept:
            raise ChainUnavailable("no node keeps that block", pruned=True)
        return await self.chain.events(height)

    async def claim(self, *args: Any, **options: Any) -> Any:
        return self.claimed or await self.chain.claim(*args, **options)


async def test_a_settlement_that_the_full_node_has_pruned_ends_as_unknown_in_one_line(
    chain: LocalChain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    database, pruned = open_node_database(None), PrunedChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + CLAIM_START + 1)
    while (await chain.head()).height <= header.height_end + SETTLED:
        await chain.make_block()
    pruned.height_kept = Height(header.height_end + SETTLED + 1)
    pruned.claimed = Claim(bench.supplier, header, bytes(48))
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, seen_as=pruned) as bench:
        await bench.advance_to(header.height_end + SETTLED + 15)
        assert (await get_record(bench, header)).state == "claimed"
        assert await bench.count_logged() == 1, "a claim that is there may still be paid"
        pruned.claimed = None
        await bench.advance_to(header.height_end + SETTLED + 16)
        record = await get_record(bench, header)
        assert record.state == "unknown"
        assert "no node keeps that block" in record.note
        assert await bench.count_logged() == 0
        told = [line.getMessage() for line in caplog.records if line.levelno >= logging.ERROR]
        await bench.advance_to(header.height_end + SETTLED + 18)
    assert len(told) == 2, told
    assert told[0] == f"session {header.session_id} waits: no node keeps that block"
    assert told[1].startswith(f"UNKNOWN: 1 relays of session {header.session_id}")
    database.close()


async def test_a_pruned_block_is_asked_for_again_for_a_while(chain: LocalChain, world: World) -> None:
    pruned = PrunedChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=pruned) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + SETTLED - 1)
        pruned.height_kept = Height(10**6)
        await bench.advance_to(header.height_end + SETTLED + 5)
        assert (await get_record(bench, header)).state == "claimed"
        pruned.height_kept = NOW
        await bench.advance_to(header.height_end + SETTLED + 6)
        assert (await get_record(bench, header)).state == "settled"


class DearChain(InterposedChain):
    """Asks for more than one relay brings."""

    async def estimate_fee(self, messages: Sequence[Message], signer: Any) -> Fee:
        return Fee(1, Upokt(PRICE + 1))


async def test_a_claim_that_would_grow_by_less_than_it_costs_stays_as_it_is(
    chain: LocalChain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    database, dear = open_node_database(None), DearChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + CLAIM_START)
        claimed = await get_record(bench, header)
        (relay,) = await bench.relay_log.relays(header.session_id, bench.supplier)
        await bench.relay_log.append(header, bench.supplier, replace(relay, relay_hash=bytes(32)))
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, seen_as=dear) as bench:
        assert await get_record(bench, header) == claimed
        assert "stays as it is: it brings 3000 upokt and would cost 3001" in caplog.text
        await bench.advance_to(header.height_end + SETTLED)
        record = await get_record(bench, header)
    database.close()
    assert (record.state, record.relays) == ("settled", 1)
    assert [type(message) for message in dear.submitted] in ([], [SubmitProof])


async def test_a_claim_found_on_the_chain_after_its_window_is_not_lost(
    chain: LocalChain, world: World
) -> None:
    silent = SilentChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=silent) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + CLAIM_START + 3)
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
        await bench.ask()
    while (await chain.head()).height < header.height_end + CLAIM_START + 3:
        await chain.make_block()
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        record = await get_record(bench, header)
        assert (record.state, record.relays) == ("lost", 2)
        assert "claim window closed" in record.note
        assert await bench.count_logged() == 2, "evidence is kept while there is something to settle"
        await bench.advance_to(header.height_end + SETTLED)
        assert await get_record(bench, header) == record
        assert await bench.count_logged() == 0
    database.close()
    (told,) = [line for line in caplog.records if line.levelno == logging.ERROR]
    assert told.getMessage().startswith("LOST: 2 relays of session ")


async def test_a_claim_the_chain_refuses_is_tried_again_until_the_window_closes(
    chain: LocalChain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    deaf = DeafChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=deaf) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + SETTLED)
        assert (await get_record(bench, header)).state == "lost"
    assert len(deaf.submitted) == 3
    assert "is not claimed, 2 blocks left: no" in caplog.text


class SlowLog:
    """A log that takes a relay in only when its gate opens, where it has one."""

    def __init__(self, log: SqliteRelayLog) -> None:
        self._log = log
        self.gate: anyio.Event | None = None
        self.waiting = anyio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, header: SessionHeader, supplier: str, relay: LoggedRelay) -> None:
        if self.gate is not None:
            self.waiting.set()
            await self.gate.wait()
        await self._log.append(header, supplier, relay)


async def test_a_relay_that_comes_into_the_log_during_the_window_is_claimed_too(world: World) -> None:
    shared = replace(MINIMAL.shared, claim_window_close_offset_blocks=6)
    chain = await start_chain(world, params=replace(MINIMAL, shared=shared))
    database = open_node_database(None)
    slow = SlowLog(SqliteRelayLog(database))
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, relay_log=slow) as bench:
        header = await bench.header()
        await bench.ask()
        slow.gate = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bench.ask)
            with anyio.fail_after(5):
                await slow.waiting.wait()
            await bench.advance_to(header.height_end + CLAIM_START)
            assert (await get_record(bench, header)).relays == 1
            slow.gate.set()
        await bench.advance_to(header.height_end + SETTLED + 4)
        record = await get_record(bench, header)
    database.close()
    await chain.aclose()
    assert (record.state, record.relays) == ("settled", 2)


async def test_a_key_that_is_not_here_claims_nothing(
    chain: LocalChain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    database, other = open_node_database(None), make_key("supplier 2").address
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, suppliers=2) as bench:
        header = await bench.header()
        await bench.post(await bench.relay(supplier=other))
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        await bench.advance_to(header.height_end + SETTLED)
        record = await bench.claims.get(header.session_id, other)
    database.close()
    assert record is not None
    assert (record.state, record.relays) == ("lost", 1)
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


class HoldingChain(InterposedChain):
    """Keeps one supplier waiting for its transactions, and everybody for the news of one block."""

    def __init__(self, chain: LocalChain, supplier: str) -> None:
        super().__init__(chain)
        self.held_supplier = supplier
        self.held: list[Height] = []
        self.height_held = Height(0)

    async def submit(self, messages: Sequence[Message], signer: Any, **options: Any) -> Any:
        if messages[0].signer == self.held_supplier:
            self.held.append((await self.chain.head()).height)
            await anyio.sleep_forever()
        return await super().submit(messages, signer, **options)

    async def events(self, height: Height) -> Any:
        if height == self.height_held:
            self.held.append(height)
            await anyio.sleep_forever()
        return await self.chain.events(height)


async def reach(chain: LocalChain, height: int) -> None:
    """Make blocks without waiting for the node; it gets its turn at each."""
    while (await chain.head()).height < height:
        await chain.make_block()
        await anyio.sleep(0.02)


async def test_a_transaction_that_hangs_holds_no_other_claim_up(chain: LocalChain, world: World) -> None:
    first, second = (make_key(name).address for name in world.suppliers[:2])
    holding = HoldingChain(chain, first)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=holding, suppliers=2) as bench:
        headers = []
        for _ in range(2):
            headers.append(await bench.header())
            await bench.post(await bench.relay())
            await bench.post(await bench.relay(supplier=second))
            await reach(chain, headers[-1].height_end + 1)
        await reach(chain, headers[-1].height_end + SETTLED)
        await bench.catch_up()
        states = [
            [record.state for record in await bench.claims.all() if record.supplier_address == supplier]
            for supplier in (first, second)
        ]
    assert states == [["lost", "lost"], ["settled", "settled"]]
    assert len(holding.held) == 2, "given up once the window had closed"


async def test_a_settlement_that_is_not_told_holds_no_claim_up(chain: LocalChain, world: World) -> None:
    holding = HoldingChain(chain, "nobody")
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=holding) as bench:
        headers = []
        for _ in range(2):
            headers.append(await bench.header())
            await bench.ask()
            await reach(chain, headers[-1].height_end + 1)
        holding.height_held = Height(headers[0].height_end + SETTLED)
        await reach(chain, headers[1].height_end + SETTLED)
        with anyio.fail_after(5):
            while (await get_record(bench, headers[1])).state != "settled":
                await anyio.lowlevel.checkpoint()
        assert holding.held
        assert (await get_record(bench, headers[0])).state == "claimed"


async def test_a_claim_that_grew_in_vain_is_recorded_as_the_chain_has_it(
    chain: LocalChain, world: World
) -> None:
    database = open_node_database(None)
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + CLAIM_START)
        claimed = await get_record(bench, header)
    # The node died with a newer claim on record that never left it.
    await SqliteClaims(database).save(replace(claimed, root=b"\x07" * 48, relays=5, state="due"))
    while (await chain.head()).height < header.height_end + CLAIM_START + 3:
        await chain.make_block()
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        found = await get_record(bench, header)
        assert (found.state, found.root, found.relays) == ("claimed", claimed.root, 1)
        await bench.advance_to(header.height_end + SETTLED)
        assert (await get_record(bench, header)).relays == 1
    database.close()


async def test_sessions_that_roll_over_under_load_leave_nothing_unpaid(world: World, tmp_path: Path) -> None:
    genesis = make_genesis(world.names)
    chain = await LocalChain.open(tmp_path / "chain.db", genesis, instant=True)
    await world.stake(chain.submit)
    while (await chain.head()).height % 4 != 1:
        await chain.make_block()
    served: list[int] = []
    block_maker = anyio.Lock()
    database = open_node_database(tmp_path / "node.db")

    async def ask_often(bench: NodeBench) -> None:
        for _ in range(25):
            served.append((await bench.post(await bench.relay())).status)
            if len(served) % 25 == 0:
                # One block at a time: how quickly a busy node claims is no matter for a test.
                async with block_maker:
                    await bench.advance_to((await chain.head()).height + 1)

    async with run_node(EchoEngine(), chain=chain, world=world, database=database, queue_max=64) as bench:
        async with anyio.create_task_group() as clients:
            for _ in range(30):
                clients.start_soon(ask_often, bench)
        while await bench.count_logged():
            await bench.advance_to((await chain.head()).height + 1)
        records = await bench.claims.all()
    database.close()
    await chain.aclose()
    assert served.count(200) > 500
    assert len(records) > 5
    assert {record.state for record in records} == {"settled"}
    assert sum(record.relays for record in records) == bench.node.counts["served"]


class FailingLog:
    """A log whose reads fail, while told to."""

    def __init__(self, log: SqliteRelayLog) -> None:
        self._log = log
        self.fails = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def relays(self, session_id: str, supplier: str) -> Any:
        if self.fails:
            raise OSError("disk I/O error")
        return await self._log.relays(session_id, supplier)

    async def hashes(self, session_id: str, supplier: str) -> Any:
        if self.fails:
            raise OSError("disk I/O error")
        return await self._log.hashes(session_id, supplier)


async def test_a_log_that_cannot_be_read_is_read_again_at_the_next_block(
    chain: LocalChain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_node_database(None)
    log = FailingLog(SqliteRelayLog(database))
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, relay_log=log) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + CLAIM_START)
        assert "disk I/O error" in caplog.text
        log.fails = False
        await bench.advance_to(header.height_end + SETTLED)
        assert (await get_record(bench, header)).state == "settled"
    database.close()


async def test_a_log_that_cannot_be_read_at_the_start_is_one_clear_line(
    chain: LocalChain, world: World
) -> None:
    database = open_node_database(None)
    log = FailingLog(SqliteRelayLog(database))
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        await bench.ask()
    node = Node(chain=chain, suppliers=[], relay_log=log, claims=SqliteClaims(database))
    with pytest.raises(ConfigError, match="disk I/O error"):
        await node.run()
    database.close()


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
