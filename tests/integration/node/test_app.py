"""The node as a role: started, cut off from its chain, serving for several suppliers, stopped."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.engines.echo import EchoEngine
from joey.adapters.stores.sqlite.database import Database
from joey.adapters.stores.sqlite.node import SqliteClaims, SqliteRelayLog, open_node_database
from joey.core.errors import ChainUnavailable, ConfigError
from joey.core.protocol.relays import check_response
from joey.core.wire.relay import decode_relay_response
from joey.core.wire.session import SessionHeader
from joey.http.server import ServerLimits
from joey.node.app import Node, NodeService, NodeSupplier
from joey.ports.chain import Block
from joey.testing.nodes import OFFER, ScriptedAnswer, ScriptedEngine, run_node
from joey.testing.worlds import World, make_key

pytestmark = pytest.mark.anyio


async def test_a_port_that_is_taken_is_one_clear_line(chain: LocalChain, world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        database = open_node_database(None)
        node = Node(
            chain=chain,
            suppliers=[],
            relay_log=SqliteRelayLog(database),
            claims=SqliteClaims(database),
            port=port,
        )
        with pytest.raises(ConfigError, match=f"port {port} is taken"):
            await node.run()
        database.close()


async def test_an_engine_that_cannot_start_is_told_and_the_others_are_stopped(
    chain: LocalChain, world: World
) -> None:
    class Broken(ScriptedEngine):
        async def start(self) -> None:
            raise ConfigError("no model here")

    well = EchoEngine()
    database = open_node_database(None)
    node = Node(
        chain=chain,
        suppliers=[
            NodeSupplier(make_key("supplier 1"), (NodeService(OFFER, well),)),
            NodeSupplier(make_key("supplier 2"), (NodeService(OFFER, Broken()),)),
        ],
        relay_log=SqliteRelayLog(database),
        claims=SqliteClaims(database),
    )
    with pytest.raises(ConfigError, match="no model here"):
        await node.run()
    assert not (await well.status()).healthy
    database.close()


class Unloadable(ScriptedEngine):
    """An engine that loads for as long as its gate is shut, and then cannot be loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = anyio.Event()

    async def start(self) -> None:
        await self.gate.wait()
        raise ConfigError("no model here")


async def leave_work(chain: LocalChain, world: World, database: Database) -> SessionHeader:
    """Serve one relay and stop the node; return its session."""
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        await bench.ask()
        return await bench.header()


async def test_work_left_is_claimed_while_the_engine_loads(chain: LocalChain, world: World) -> None:
    database, engine = open_node_database(None), Unloadable()
    header = await leave_work(chain, world, database)
    claims = SqliteClaims(database)
    supplier = make_key("supplier 1")
    node = Node(
        chain=chain,
        suppliers=[NodeSupplier(supplier, (NodeService(OFFER, engine),))],
        relay_log=SqliteRelayLog(database),
        claims=claims,
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(node.run)
        with anyio.fail_after(5):
            await node.wait_following()
            while (height := (await chain.head()).height) < header.height_end + 13:
                await node.wait_done(height)
                if (await chain.head()).height == height:
                    await chain.make_block()
            await node.wait_done(height)
        record = await claims.get(header.session_id, supplier.address)
        assert record is not None
        assert record.state == "settled"
        tasks.cancel_scope.cancel()
    database.close()


async def test_what_is_due_is_claimed_though_the_engine_fails_at_once(
    chain: LocalChain, world: World
) -> None:
    database, engine = open_node_database(None), Unloadable()
    engine.gate.set()
    header = await leave_work(chain, world, database)
    while (await chain.head()).height < header.height_end + 9:
        await chain.make_block()
    claims = SqliteClaims(database)
    supplier = make_key("supplier 1")
    node = Node(
        chain=chain,
        suppliers=[NodeSupplier(supplier, (NodeService(OFFER, engine),))],
        relay_log=SqliteRelayLog(database),
        claims=claims,
    )
    with pytest.raises(ConfigError, match="no model here"):
        await node.run()
    record = await claims.get(header.session_id, supplier.address)
    assert record is not None
    assert record.state == "claimed"
    database.close()


async def test_two_suppliers_with_one_key_are_refused(chain: LocalChain) -> None:
    database = open_node_database(None)
    with pytest.raises(ConfigError, match="same key"):
        Node(
            chain=chain,
            suppliers=[NodeSupplier(make_key("supplier 1"), ())] * 2,
            relay_log=SqliteRelayLog(database),
            claims=SqliteClaims(database),
        )
    database.close()


async def test_two_suppliers_share_an_engine_and_are_paid_apart(chain: LocalChain, world: World) -> None:
    async with run_node(EchoEngine(), chain=chain, world=world, suppliers=2) as bench:
        header = await bench.header()
        for name, count in (("supplier 1", 1), ("supplier 2", 2)):
            key = make_key(name)
            for _ in range(count):
                request = await bench.relay(supplier=key.address)
                check_response(
                    decode_relay_response((await bench.post(request)).body), request, key.public_key
                )
        await bench.advance_to(header.height_end + 13)
        paid = {record.supplier_address: (record.state, record.note) for record in await bench.claims.all()}
    assert paid == {
        make_key("supplier 1").address: ("settled", "3000 upokt of 3000 claimed"),
        make_key("supplier 2").address: ("settled", "6000 upokt of 6000 claimed"),
    }


async def test_relays_that_run_are_finished_when_the_node_is_stopped(chain: LocalChain, world: World) -> None:
    gate = anyio.Event()
    engine = ScriptedEngine(ScriptedAnswer(gate=gate))
    database = open_node_database(None)
    statuses = []
    async with anyio.create_task_group() as tasks:
        async with run_node(
            engine, chain=chain, world=world, database=database, limits=ServerLimits(drain_s=10)
        ) as bench:
            request = await bench.relay()

            async def ask() -> None:
                statuses.append((await bench.post(request)).status)

            tasks.start_soon(ask)
            with anyio.fail_after(5):
                while not engine.running:
                    await anyio.lowlevel.checkpoint()
            tasks.start_soon(open_later, gate)
        assert statuses == [200]
        assert await bench.count_logged() == 1
    database.close()


async def open_later(gate: anyio.Event) -> None:
    await anyio.wait_all_tasks_blocked()
    gate.set()


class FailingChain:
    """A chain whose news break off once."""

    def __init__(self, chain: LocalChain) -> None:
        self._chain = chain
        self.broke_off = anyio.Event()
        self.follows = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    async def follow(self) -> AsyncIterator[Block]:
        self.follows += 1
        async for block in self._chain.follow():
            yield block
            if self.follows == 1:
                self.broke_off.set()
                raise ChainUnavailable("the wire was cut")


async def test_a_chain_that_breaks_off_is_followed_again(
    chain: LocalChain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    failing = FailingChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=failing) as bench:
        ready = await bench.get("/ready")
        assert ready.status == 503
        assert json.loads(ready.body)["chain"] is False
        await bench.ask()  # what is known is enough to serve
        await chain.make_block()
        await bench.catch_up()
        assert failing.follows == 2
        assert (await bench.get("/ready")).status == 200
    assert "the wire was cut" in caplog.text
