"""A node and a gateway whose full nodes are away say so, and are well again with the next block."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.chains.shannon import open_shannon_chain
from joey.adapters.chains.shannon.chain import ShannonChain
from joey.adapters.engines.echo import EchoEngine
from joey.core.wire.envelope import HttpRequest
from joey.http.client import HttpClient
from joey.ports.chain import Block
from joey.testing.full_node_double import ScriptedNetwork, ScriptedNode, serve_node
from joey.testing.nodes import run_node, start_chain
from joey.testing.portals import OFFER, run_gateway
from joey.testing.worlds import World

pytestmark = pytest.mark.anyio

WORLD = World.of_service(OFFER.service_id)
PATIENCE_S = 30.0
BLOCK_S = 30
"""What the blocks of the scripted network say."""


class FollowedElsewhere:
    """A chain whose blocks are heard of through full nodes, and everything else from an embedded one."""

    def __init__(self, chain: LocalChain, full_nodes: ShannonChain) -> None:
        self._chain = chain
        self._full_nodes = full_nodes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    def follow(self) -> AsyncIterator[Block]:
        return self._full_nodes.follow()


class Bench:
    """The embedded chain, the network that tells of its height, and a clock to turn."""

    def __init__(self, chain: LocalChain, network: ScriptedNetwork, seen_as: Any) -> None:
        self.chain = chain
        self.network = network
        self.seen_as = seen_as
        self.ahead_s = 0.0

    async def make_block(self) -> None:
        await self.chain.make_block()
        self.network.make_block()

    def go_down(self, *, is_down: bool = True) -> None:
        for node in self.network.nodes:
            node.is_down = is_down
        self.network.tell()


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    network = ScriptedNetwork()
    chain = await start_chain(WORLD)
    network.make_blocks((await chain.head()).height - network.height)
    async with (
        serve_node(ScriptedNode(network)) as node,
        open_shannon_chain(
            [node.grpc_url], [node.rpc_url], request_timeout_s=0.5, poll_interval_s=0.02
        ) as full_nodes,
    ):
        bench = Bench(chain, network, FollowedElsewhere(chain, full_nodes))
        monkeypatch.setattr("joey.relaying.pulse.now", lambda: anyio.current_time() + bench.ahead_s)
        yield bench
    await chain.aclose()


async def ask(url: str) -> tuple[int, dict[str, Any]]:
    http = HttpClient(body_bytes_max=1 << 16)
    try:
        response = await http.request(HttpRequest("GET", url), deadline=anyio.current_time() + PATIENCE_S)
        return response.status, json.loads(response.body)
    finally:
        await http.aclose()


async def ask_until_height(url: str, height: int) -> tuple[int, dict[str, Any]]:
    with anyio.fail_after(PATIENCE_S):
        while True:
            status, body = await ask(url)
            if body.get("height") == height:
                return status, body


async def test_a_node_is_not_ready_while_its_full_nodes_are_away(bench: Bench) -> None:
    async with run_node(EchoEngine(), chain=bench.chain, world=WORLD, seen_as=bench.seen_as) as node:
        for _ in range(2):
            await bench.make_block()
        ready = f"{node.url}/ready"
        height = bench.network.height
        status, body = await ask_until_height(ready, height)
        assert (status, body["ready"], body["reasons"]) == (200, True, [])

        bench.go_down()
        bench.ahead_s = 4 * BLOCK_S
        assert (await ask(ready))[0] == 200
        bench.ahead_s = 6 * BLOCK_S
        status, body = await ask(ready)
        assert (status, body["ready"], body["chain"]) == (503, False, False)
        assert len(body["reasons"]) == 1
        assert f"after block {height}, where one usually takes {BLOCK_S} s" in body["reasons"][0]

        bench.go_down(is_down=False)
        await bench.make_block()
        status, body = await ask_until_height(ready, height + 1)
        assert (status, body["ready"], body["chain"]) == (200, True, True)


async def test_a_gateway_says_that_its_chain_is_stale(bench: Bench) -> None:
    async with run_gateway(bench.seen_as, WORLD) as portal:
        for _ in range(2):
            await bench.make_block()
        health = f"{portal.url}/health"
        height = bench.network.height
        assert (await ask_until_height(health, height))[0] == 200

        bench.go_down()
        bench.ahead_s = 4 * BLOCK_S
        assert (await ask(health))[0] == 200
        bench.ahead_s = 6 * BLOCK_S
        status, body = await ask(health)
        assert (status, body["status"], body["height"]) == (503, "stale", height)
        assert f"after block {height}, where one usually takes {BLOCK_S} s" in body["reason"]

        bench.go_down(is_down=False)
        await bench.make_block()
        assert (await ask_until_height(health, height + 1))[0] == 200
