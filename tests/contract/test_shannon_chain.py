"""The embedded chain, served, and reached through full-node calls alone: it keeps the same contract.

In this process, where what comes over the wire is compared with what was served, and in another one,
which is known by its addresses only.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE

import aiohttp
import anyio
import pytest
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from joey.adapters.chains.local import LocalChain
from joey.adapters.chains.served import serve_chain
from joey.adapters.chains.shannon import open_shannon_chain
from joey.adapters.chains.shannon.chain import ShannonChain
from joey.core.crypto.keys import PrivateKey
from joey.core.protocol.events import ParamsUpdated
from joey.core.protocol.params import MINIMAL, NetworkParams
from joey.core.protocol.params_codec import proof_params_to_proto, shared_params_to_proto
from joey.core.units import UPOKT_PER_POKT, Height, Upokt
from joey.core.wire.gogo import marshal
from joey.core.wire.messages import Send, UpdateParams
from joey.core.wire.transactions import sign_transaction
from joey.testing.chain_contract import ChainContract, ChainUnderTest
from joey.testing.proving_chain_contract import ProvingChainContract
from joey.testing.read_only_chain_contract import ReadOnlyChainContract
from joey.testing.worlds import WITHOUT_PROOFS, World, make_genesis, make_key

_BALANCE = Upokt(1_000_000 * UPOKT_PER_POKT)
_ALL_PROVEN = replace(MINIMAL, proof=replace(MINIMAL.proof, proof_requirement_threshold=Upokt(1)))


@asynccontextmanager
async def open_served(world: World, params: NetworkParams) -> AsyncIterator[tuple[LocalChain, ShannonChain]]:
    local = await LocalChain.open(None, make_genesis(world.names, params=params), instant=True)
    try:
        async with anyio.create_task_group() as tasks:
            served = await tasks.start(
                lambda *, task_status: serve_chain(
                    local, grpc_address="127.0.0.1:0", rpc_address="127.0.0.1:0", task_status=task_status
                )
            )
            async with open_shannon_chain(
                [f"http://{served.grpc}"], [f"http://{served.rpc}"], poll_interval_s=0.1
            ) as chain:
                yield local, chain
            tasks.cancel_scope.cancel()
    finally:
        await local.aclose()


@asynccontextmanager
async def open_compared(world: World, params: NetworkParams) -> AsyncIterator[ChainUnderTest]:
    """Open a served chain; at the end, all that it tells of its blocks must be what it has."""
    async with open_served(world, params) as (local, chain):

        async def make_blocks(count: int) -> None:
            for _ in range(count):
                await local.make_block()
            await chain.head()

        yield ChainUnderTest(chain, make_blocks)
        for number in range(1, (await local.head()).height + 1):
            height = Height(number)
            assert await chain.block(height) == await local.block(height)
            assert await chain.transactions(height) == await local.transactions(height)
            assert await chain.events(height) == await local.events(height)
            assert await chain.params_at(height) == await local.params_at(height)
            assert await chain.live_params(height) == await local.live_params(height)


class TestServedInThisProcess(ChainContract):
    @asynccontextmanager
    async def open_chain(self, world: World) -> AsyncIterator[ChainUnderTest]:
        async with open_compared(world, WITHOUT_PROOFS) as under_test:
            yield under_test


class TestServedWithProofs(ProvingChainContract):
    @asynccontextmanager
    async def open_chain(self, world: World) -> AsyncIterator[ChainUnderTest]:
        async with open_compared(world, _ALL_PROVEN) as under_test:
            yield under_test


class TestEmbeddedWithProofs(ProvingChainContract):
    @asynccontextmanager
    async def open_chain(self, world: World) -> AsyncIterator[ChainUnderTest]:
        chain = await LocalChain.open(None, make_genesis(world.names, params=_ALL_PROVEN), instant=True)

        async def make_blocks(count: int) -> None:
            for _ in range(count):
                await chain.make_block()

        yield ChainUnderTest(chain, make_blocks)
        await chain.aclose()


class TestServedReadOnly(ReadOnlyChainContract):
    """So that the part of the suite that is for real networks is known to be right before it meets one."""

    @asynccontextmanager
    async def open_chain(self) -> AsyncIterator[ShannonChain]:
        world = World.of_service()
        async with open_served(world, WITHOUT_PROOFS) as (local, chain):
            await world.stake(local.submit)
            for _ in range(8):
                await local.make_block()
            yield chain


@pytest.mark.anyio
async def test_a_transaction_that_failed_in_its_block_is_told_with_its_log() -> None:
    world = World.of_service()
    sender = make_key(world.application)
    genesis = make_genesis(world.names)
    local = await LocalChain.open(None, genesis)
    async with anyio.create_task_group() as tasks:
        served = await tasks.start(
            lambda *, task_status: serve_chain(
                local, grpc_address="127.0.0.1:0", rpc_address="127.0.0.1:0", task_status=task_status
            )
        )
        urls = [f"http://{served.grpc}"], [f"http://{served.rpc}"]
        async with open_shannon_chain(*urls, poll_interval_s=0.1) as chain:
            account = (await local.state_at())[0].accounts.get(sender.address)
            assert account is not None
            most = Upokt(await chain.balance(sender.address) * 2 // 3)
            for sequence in (0, 1):
                raw = sign_transaction(
                    [Send(sender.address, make_key("stranger").address, most)],
                    sender,
                    chain_id=genesis.chain_id,
                    account_number=account.number,
                    sequence=sequence,
                    gas_limit=1_000_000,
                )
                assert (await local.broadcast(raw)).code == 0
            block = await local.make_block()
            await chain.head()
            paid, failed = await chain.transactions(block.height)
            assert paid.code == 0
            assert (failed.codespace, failed.code) == ("sdk", 5)
            assert "message index: 0" in failed.log
            assert failed.events == ()
            assert await chain.transaction(failed.hash) == failed
            assert (await local.transactions(block.height)) == (paid, failed)
        tasks.cancel_scope.cancel()
    await local.aclose()


@pytest.mark.anyio
async def test_a_change_of_parameters_is_told_with_its_height() -> None:
    """A price holds from the next session on; before it, and for what has passed, nothing changes."""
    world, authority = World.of_service(), make_key("authority")
    genesis = replace(make_genesis((*world.names, "authority")), authority=authority.address)
    local = await LocalChain.open(None, genesis, instant=True)
    async with anyio.create_task_group() as tasks:
        served = await tasks.start(
            lambda *, task_status: serve_chain(
                local, grpc_address="127.0.0.1:0", rpc_address="127.0.0.1:0", task_status=task_status
            )
        )
        urls = [f"http://{served.grpc}"], [f"http://{served.rpc}"]
        async with open_shannon_chain(*urls, poll_interval_s=0.1) as chain:
            before = await chain.live_params()
            dearer = replace(before.shared, compute_units_to_tokens_multiplier=7)
            updates = [
                UpdateParams(authority.address, "shared", marshal(shared_params_to_proto(dearer))),
                UpdateParams(authority.address, "proof", marshal(proof_params_to_proto(before.proof))),
            ]
            result = await chain.submit(updates, authority)
            assert result.events == (await local.transactions(result.height))[0].events
            change, now = result.events
            assert isinstance(change, ParamsUpdated)
            assert isinstance(now, ParamsUpdated)
            assert change.height_effective > now.height_effective == result.height
            for _ in range(change.height_effective - result.height):
                await local.make_block()
            await chain.head()
            for height in (Height(change.height_effective - 1), change.height_effective):
                assert await chain.params_at(height) == await local.params_at(height)
                shared = (await chain.params_at(height)).shared
                expected = dearer if height == change.height_effective else before.shared
                assert (
                    shared.compute_units_to_tokens_multiplier == expected.compute_units_to_tokens_multiplier
                )
        tasks.cancel_scope.cancel()
    await local.aclose()


@asynccontextmanager
async def run_child(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Run `joey chain serve` in another process; yield its gRPC and RPC addresses."""
    command = [
        *(sys.executable, "-m", "joey", "chain", "serve", "--data", str(folder), "--instant"),
        *("--grpc", "127.0.0.1:0", "--rpc", "127.0.0.1:0"),
    ]
    child = await anyio.open_process(command, stdout=PIPE, stderr=None, env=dict(os.environ))
    try:
        yield await _read_addresses(child)
    finally:
        with anyio.CancelScope(shield=True):
            child.terminate()
            await child.wait()
            await child.aclose()


async def _read_addresses(child: Process) -> tuple[str, str]:
    assert child.stdout is not None
    text = ""
    async for part in TextReceiveStream(child.stdout):
        text += part
        found = [re.search(rf"^{name}\s+(http://\S+)\n", text, re.M) for name in ("grpc", "rpc")]
        if found[0] is not None and found[1] is not None and "authority" in text:
            return found[0][1], found[1][1]
    raise AssertionError(f"the chain did not start: {text}")


def _read_key(folder: Path, name: str) -> PrivateKey:
    return PrivateKey.from_bytes(bytes.fromhex((folder / "keys" / f"{name}.hex").read_text().strip()))


@asynccontextmanager
async def open_in_child(folder: Path, world: World, params: NetworkParams) -> AsyncIterator[ChainUnderTest]:
    """Open a chain in another process, fund the world on it, and set what proofs it asks for."""
    async with (
        run_child(folder) as (grpc_url, rpc_url),
        aiohttp.ClientSession() as session,
        open_shannon_chain([grpc_url], [rpc_url], poll_interval_s=0.1) as chain,
    ):

        async def make_blocks(count: int) -> None:
            async with session.get(f"{rpc_url}/joey_make_blocks?count={count}") as response:
                assert "error" not in json.loads(await response.text())
            await chain.head()

        faucet, authority = _read_key(folder, "faucet"), _read_key(folder, "authority")
        funded = (*(make_key(name).address for name in world.names), authority.address)
        await chain.submit([Send(faucet.address, address, _BALANCE) for address in funded], faucet)
        update = UpdateParams(authority.address, "proof", marshal(proof_params_to_proto(params.proof)))
        await chain.submit([update], authority)
        yield ChainUnderTest(chain, make_blocks)


@pytest.mark.slow
class TestServedInAnotherProcess(ChainContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "chain"

    @asynccontextmanager
    async def open_chain(self, world: World) -> AsyncIterator[ChainUnderTest]:
        async with open_in_child(self.folder, world, WITHOUT_PROOFS) as under_test:
            yield under_test


@pytest.mark.slow
class TestServedInAnotherProcessWithProofs(ProvingChainContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "chain"

    @asynccontextmanager
    async def open_chain(self, world: World) -> AsyncIterator[ChainUnderTest]:
        async with open_in_child(self.folder, world, _ALL_PROVEN) as under_test:
            yield under_test
