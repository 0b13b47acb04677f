"""A chain with a service, an application, a gateway and two suppliers, known by its two addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import grpc.aio
import pytest

from joey.core.crypto.keys import PrivateKey
from joey.core.protocol.params import NetworkParams
from joey.core.wire.messages import Message
from joey.core.wire.transactions import sign_transaction
from joey.testing.raw_protobuf import Fields, read_fields, write_fields
from joey.testing.served import ServedLocalChain, open_served_chain
from joey.testing.worlds import WITHOUT_PROOFS, World, make_genesis, make_key


@dataclass(slots=True)
class Wire:
    """A client that knows field numbers and paths, and nothing of our code."""

    served: ServedLocalChain
    channel: grpc.aio.Channel
    http: aiohttp.ClientSession
    names: Mapping[str, PrivateKey] = field(default_factory=dict)

    async def ask(self, path: str, request: bytes = b"", *, height: int | None = None) -> Fields:
        """Call by gRPC."""
        metadata = () if height is None else (("x-cosmos-block-height", str(height)),)
        return read_fields(await self.channel.unary_unary(path)(request, metadata=metadata))

    async def refused(self, path: str, request: bytes = b"", *, height: int | None = None) -> tuple[str, str]:
        """Return status and text of a call that fails."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.ask(path, request, height=height)
        return caught.value.code().name, caught.value.details() or ""

    async def get(self, path: str) -> Any:
        """Call CometBFT by a URL and return the result."""
        async with self.http.get(f"http://{self.served.rpc}/{path}") as response:
            answer = await response.json()
        assert response.status == 200, answer
        assert answer["id"] == -1
        return answer["result"]

    async def make_blocks(self, count: int = 1) -> int:
        """Make blocks by hand and return the head's height."""
        return int((await self.get(f"joey_make_blocks?count={count}"))["height"])

    async def sign(self, messages: list[Message], key: PrivateKey, **fields: Any) -> bytes:
        """Sign with what the chain says of the account."""
        answer = await self.ask("/cosmos.auth.v1beta1.Query/Account", write_fields((1, key.address)))
        account = read_fields(read_fields(answer[1][0])[2][0])
        values = {"account_number": account.get(3, [0])[0], "sequence": account.get(4, [0])[0]}
        chain_id = (await self.get("status"))["node_info"]["network"]
        return sign_transaction(messages, key, **{"chain_id": chain_id, **values, **fields})

    async def broadcast(self, raw: bytes, mode: int = 2) -> Fields:
        """Send by gRPC and return the fields of the TxResponse."""
        answer = await self.ask("/cosmos.tx.v1beta1.Service/BroadcastTx", write_fields((1, raw), (2, mode)))
        return read_fields(answer[1][0])

    async def submit(self, messages: list[Message], key: PrivateKey) -> str:
        """Send, make a block, check that it took effect, and return the hash."""
        response = await self.broadcast(await self.sign(messages, key))
        assert 4 not in response, response
        await self.make_blocks()
        name = str(response[2][0].decode())
        found = await self.ask("/cosmos.tx.v1beta1.Service/GetTx", write_fields((1, name)))
        assert 4 not in read_fields(found[2][0]), read_fields(found[2][0])
        return name


@asynccontextmanager
async def open_wire(
    world: World, *, params: NetworkParams = WITHOUT_PROOFS, **options: Any
) -> AsyncIterator[Wire]:
    names = {name: make_key(name) for name in world.names}
    async with (
        open_served_chain(make_genesis(world.names, params=params), **options) as served,
        grpc.aio.insecure_channel(served.grpc) as channel,
        aiohttp.ClientSession() as http,
    ):
        yield Wire(served, channel, http, names)


@asynccontextmanager
async def open_staked(world: World | None = None, **options: Any) -> AsyncIterator[Wire]:
    world = World.of_service() if world is None else world
    async with open_wire(world, **options) as wire:
        for staking in world.stakings():
            await wire.submit([staking.message], make_key(staking.signer))
        yield wire


OpenWire = Callable[..., Any]


@pytest.fixture(name="open_wire")
def open_wire_fixture() -> OpenWire:
    return open_wire


@pytest.fixture(name="open_staked")
def open_staked_fixture() -> OpenWire:
    return open_staked
