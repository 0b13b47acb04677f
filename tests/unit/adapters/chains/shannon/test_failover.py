"""Several full nodes are one: those that fail, lag or are strangers are passed over or refused."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import anyio
import pytest

from joey.adapters.chains.shannon import open_shannon_chain
from joey.adapters.chains.shannon.chain import ShannonChain
from joey.core.errors import ChainUnavailable, ConfigError, TransactionRejected
from joey.core.units import Height, Upokt
from joey.core.wire.messages import Send
from joey.ports.chain import Block
from joey.testing.full_node_double import ScriptedNetwork, ScriptedNode, serve_node
from joey.testing.worlds import make_key

pytestmark = pytest.mark.anyio

KEY = make_key("sender")
OTHER = make_key("other")
PATIENCE_S = 30.0


@asynccontextmanager
async def serve(network: ScriptedNetwork, count: int) -> AsyncIterator[list[ScriptedNode]]:
    with anyio.fail_after(PATIENCE_S):
        async with AsyncExitStack() as stack:
            for _ in range(count):
                await stack.enter_async_context(serve_node(ScriptedNode(network)))
            yield network.nodes


@asynccontextmanager
async def open_over(
    nodes: list[ScriptedNode], *, chain_id: str = "", poll_interval_s: float = 0.02
) -> AsyncIterator[ShannonChain]:
    async with open_shannon_chain(
        [node.grpc_url for node in nodes],
        [node.rpc_url for node in nodes],
        chain_id=chain_id,
        request_timeout_s=0.5,
        poll_interval_s=poll_interval_s,
    ) as chain:
        yield chain


async def collect(chain: ShannonChain, seen: list[Block], network: ScriptedNetwork) -> None:
    async with aclosing(chain.follow()) as blocks:
        async for block in blocks:
            seen.append(block)
            network.tell()


async def test_the_next_node_answers_for_one_that_is_down() -> None:
    network = ScriptedNetwork(KEY)
    async with serve(network, 2) as nodes, open_over(nodes) as chain:
        nodes[0].is_down = True
        network.make_block()
        assert (await chain.head()).height == 2
        assert await chain.public_key(KEY.address) is None
        nodes[0].is_down, nodes[1].is_down = False, True
        network.make_block()
        assert (await chain.head()).height == 3
        assert await chain.public_key(KEY.address) is None


async def test_a_node_that_is_down_at_the_start_is_used_later() -> None:
    network = ScriptedNetwork(KEY)
    async with serve(network, 2) as nodes:
        nodes[0].is_down = True
        async with open_over(nodes) as chain:
            nodes[0].is_down, nodes[1].is_down = False, True
            assert (await chain.head()).height == 1
            assert await chain.public_key(KEY.address) is None


async def test_when_all_fail_each_is_named_with_its_reason_and_no_secret() -> None:
    network = ScriptedNetwork(KEY)
    async with serve(network, 2) as nodes:
        urls = [node.rpc_url.replace("http://", "http://user:hunter2@") for node in nodes]
        async with open_shannon_chain(
            [node.grpc_url for node in nodes], urls, request_timeout_s=0.5, poll_interval_s=0.02
        ) as chain:
            for node in nodes:
                node.is_down = True
            with pytest.raises(ChainUnavailable) as caught:
                await chain.head()
            with pytest.raises(ChainUnavailable) as caught_grpc:
                await chain.public_key(KEY.address)
    for node in nodes:
        assert node.rpc_url in str(caught.value)
        assert node.grpc_url in str(caught_grpc.value)
    assert "503" in str(caught.value)
    assert "hunter2" not in str(caught.value) + repr(caught.value.fields)


async def test_opening_without_any_node_is_told() -> None:
    network = ScriptedNetwork(KEY)
    async with serve(network, 1) as nodes:
        nodes[0].is_down = True
        with pytest.raises(ChainUnavailable, match="no full node answers"):
            async with open_over(nodes):
                pass


async def test_a_node_that_lags_is_passed_over() -> None:
    """Once a height was told, no answer about now comes from a node that is not there yet."""
    network = ScriptedNetwork(KEY)
    async with serve(network, 2) as nodes, open_over(nodes) as chain:
        network.make_blocks(4)
        nodes[0].lag = 3
        assert (await chain.watcher.wait_beyond(Height(4))).height == 5
        for _ in range(3):
            assert (await chain.head()).height == 5
            assert (await chain.block(Height(5))) is not None


async def test_a_node_that_is_behind_for_a_moment_is_asked_again() -> None:
    network = ScriptedNetwork(KEY)
    async with serve(network, 1) as nodes, open_over(nodes) as chain:
        network.make_blocks(2)
        assert (await chain.head()).height == 3
        nodes[0].lag = 1

        async def catch_up() -> None:
            await anyio.lowlevel.checkpoint()
            nodes[0].lag = 0

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(catch_up)
            assert await chain.public_key(KEY.address) is None


async def test_a_height_ahead_of_the_chain_is_not_waited_for() -> None:
    network = ScriptedNetwork(KEY)
    async with serve(network, 1) as nodes, open_over(nodes) as chain:
        with pytest.raises(ChainUnavailable, match="height 9 is ahead of the chain, which is at 1"):
            await chain.balance(KEY.address, Height(9))
        assert await chain.block(Height(9)) is None
        assert await chain.block(Height(0)) is None


async def test_a_node_of_another_network_is_refused() -> None:
    network = ScriptedNetwork(KEY)
    async with serve(network, 2) as nodes:
        with pytest.raises(ConfigError, match="'joey-test', not of 'pocket'"):
            async with open_over(nodes, chain_id="pocket"):
                pass
        nodes[1].chain_id = "other"
        with pytest.raises(ConfigError, match="'other'"):
            async with open_over(nodes, chain_id="joey-test"):
                pass
        nodes[1].chain_id = ""
        async with open_over(nodes) as chain:
            assert await chain.chain_id() == "joey-test"


@pytest.mark.parametrize("tells_height", [True, False])
async def test_what_a_node_lacks_that_is_behind_may_well_exist(tells_height: bool) -> None:
    network = ScriptedNetwork(KEY)
    network.accounts[KEY.address].height_created = 5
    async with serve(network, 2) as nodes:
        for node in nodes:
            node.tells_height = tells_height
        nodes[0].lag = 3
        async with open_over(nodes) as chain:
            network.make_blocks(5)
            assert (await chain.watcher.wait_beyond(Height(5))).height == 6
            for _ in range(3):
                fee = await chain.estimate_fee([Send(KEY.address, KEY.address, Upokt(1))], KEY)
                assert fee.gas > 0
            with pytest.raises(TransactionRejected, match="does not exist"):
                await chain.estimate_fee([Send(OTHER.address, KEY.address, Upokt(1))], OTHER)


@pytest.mark.parametrize("tells_height", [True, False])
async def test_what_a_node_refuses_that_is_behind_may_well_be_right(tells_height: bool) -> None:
    network = ScriptedNetwork(KEY)
    async with serve(network, 2) as nodes:
        for node in nodes:
            node.tells_height, node.height_claims = tells_height, 5
        nodes[0].lag = 3
        async with open_over(nodes) as chain:
            network.make_blocks(5)
            await chain.watcher.wait_beyond(Height(5))
            assert (await chain.estimate_fee([Send(KEY.address, KEY.address, Upokt(1))], KEY)).gas > 0


async def test_a_node_that_comes_back_as_another_network_is_not_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    network = ScriptedNetwork(KEY)
    seen: list[Block] = []
    async with serve(network, 2) as nodes, open_over(nodes) as chain, anyio.create_task_group() as tasks:
        tasks.start_soon(collect, chain, seen, network)
        nodes[0].chain_id = "other-net"
        for _ in range(5):
            head = network.make_block()
            await chain.watcher.wait_beyond(Height(head.height - 1))
            nodes[0].is_down = not nodes[0].is_down
        assert (await chain.head()).height == network.height
        assert (await chain.estimate_fee([Send(KEY.address, KEY.address, Upokt(1))], KEY)).gas > 0
        told = [one for one in caplog.records if "'other-net', not of 'joey-test'" in one.getMessage()]
        assert {one.levelname for one in told} == {"ERROR"}
        nodes[1].is_down = True
        with pytest.raises(ChainUnavailable, match=r"other-net|503"):
            await chain.head()
        nodes[0].chain_id, nodes[0].is_down = "", False
        network.make_block()
        await network.wait_until(lambda: seen[-1].height == network.height)
        assert [block.height for block in seen] == list(range(seen[0].height, network.height + 1))
        tasks.cancel_scope.cancel()


async def test_a_node_without_the_block_that_it_tells_of_is_not_believed() -> None:
    network = ScriptedNetwork(KEY)
    async with serve(network, 2) as nodes:
        nodes[0].boast = 1_000_000
        async with open_over(nodes) as chain:
            assert (await chain.head()).height == 1
            network.make_block()
            assert (await chain.watcher.wait_beyond(Height(1))).height == 2
            assert (await chain.head()).height == 2
            assert await chain.public_key(KEY.address) is None


async def test_a_height_that_no_node_reaches_is_given_up() -> None:
    """The nodes went back together: to a backup, say."""
    network = ScriptedNetwork(KEY)
    network.make_blocks(9)
    seen: list[Block] = []
    async with serve(network, 2) as nodes, open_over(nodes) as chain, anyio.create_task_group() as tasks:
        tasks.start_soon(collect, chain, seen, network)
        assert (await chain.head()).height == 10
        for node in nodes:
            node.lag = 6
        with pytest.raises(ChainUnavailable, match="behind 10"):
            await chain.head()
        while chain.watcher.head.height == 10:
            await anyio.lowlevel.checkpoint()
        assert (await chain.head()).height == 4
        assert await chain.public_key(KEY.address) is None
        network.make_blocks(8)
        await network.wait_until(lambda: len(seen) == 3)
        assert [block.height for block in seen] == [10, 11, 12]
        tasks.cancel_scope.cancel()


async def test_errors_of_the_caller_stay_what_they_are() -> None:
    network = ScriptedNetwork(KEY)
    async with serve(network, 1) as nodes:
        with pytest.raises(ZeroDivisionError):
            async with open_over(nodes):
                raise ZeroDivisionError


async def test_followers_see_every_block_also_after_an_outage() -> None:
    network = ScriptedNetwork(KEY)
    seen: list[Block] = []
    async with (
        serve(network, 1) as nodes,
        open_over(nodes) as chain,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(collect, chain, seen, network)
        await network.wait_until(lambda: len(seen) == 1)
        nodes[0].is_down = True
        network.tell()
        network.make_blocks(40)
        with pytest.raises(ChainUnavailable):
            await chain.head()
        nodes[0].is_down = False
        network.make_blocks(3)
        await network.wait_until(lambda: len(seen) == 44)
        assert [block.height for block in seen] == list(range(1, 45))
        assert seen == [network.block(height).block for height in range(1, 45)]
        tasks.cancel_scope.cancel()


async def test_an_announced_block_is_seen_without_polling() -> None:
    network = ScriptedNetwork(KEY)
    seen: list[Block] = []
    async with (
        serve(network, 1) as nodes,
        open_over(nodes, poll_interval_s=3600.0) as chain,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(collect, chain, seen, network)
        await network.wait_until(lambda: nodes[0].sockets == 1 and len(seen) == 1)
        network.make_block()
        await network.wait_until(lambda: len(seen) == 2)
        tasks.cancel_scope.cancel()


async def test_blocks_are_seen_where_no_node_announces_them() -> None:
    network = ScriptedNetwork(KEY)
    seen: list[Block] = []
    async with serve(network, 1) as nodes:
        nodes[0].announces = False
        async with open_over(nodes) as chain, anyio.create_task_group() as tasks:
            tasks.start_soon(collect, chain, seen, network)
            await network.wait_until(lambda: len(seen) == 1)
            network.make_blocks(2)
            await network.wait_until(lambda: len(seen) == 3)
            assert nodes[0].sockets == 0
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("grpc_urls", "rpc_urls"),
    [
        ([], ["http://127.0.0.1:1"]),
        (["http://127.0.0.1:1"], []),
        (["127.0.0.1:1"], ["http://127.0.0.1:1"]),
        (["ftp://127.0.0.1:1"], ["http://127.0.0.1:1"]),
        (["http://127.0.0.1:1/path"], ["http://127.0.0.1:1"]),
        (["http://127.0.0.1:x"], ["http://127.0.0.1:1"]),
        (["http://127.0.0.1:1"], ["http://"]),
        (["http://127.0.0.1:1", "http://127.0.0.1:1"], ["http://127.0.0.1:1"]),
    ],
)
async def test_addresses_that_cannot_be_used(grpc_urls: list[str], rpc_urls: list[str]) -> None:
    with pytest.raises(ConfigError):
        async with open_shannon_chain(grpc_urls, rpc_urls):
            pass


@pytest.mark.parametrize("module", ["grpc", "aiohttp"])
async def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    for name in list(sys.modules):
        if name.startswith("joey.adapters.chains.shannon."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delattr("joey.adapters.chains.shannon.chain", raising=False)
    with pytest.raises(ConfigError, match=r'pip install "joey\[shannon\]"'):
        async with open_shannon_chain(["http://127.0.0.1:1"], ["http://127.0.0.1:1"]):
            pass
