"""The full nodes of one network: queries and calls that find a node which can answer them.

What this process has once told its callers stays true: `height_seen` is the highest block that it has
spoken of, and an answer about "now" from a node that is not there yet does not count. Right after a
block, the application behind a node is often a moment behind the blocks that the node itself tells of.
That goes for "there is no such thing" and for refusals as well: a node that does not say how far it is
when it says no is asked once more, for the height that callers know.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import aiohttp
import anyio
import anyio.to_thread
from google.protobuf.message import Message

from joey.adapters.chains.shannon.addresses import read_grpc_addresses, read_rpc_addresses
from joey.adapters.chains.shannon.failover import FailoverPool, NodeBehind, NodeFailed, RequestRefused
from joey.adapters.chains.shannon.grpc_node import Answer, GrpcNode, read_trusted
from joey.adapters.chains.shannon.heads import HeightSeen, check_head, read_head
from joey.adapters.chains.shannon.rpc_node import RpcNode
from joey.core.errors import ChainUnavailable, ConfigError
from joey.core.units import Height
from joey.core.wire.proto import comet_query_pb2
from joey.ports.chain import Block

__all__ = ["Connection", "open_connection"]

_log = logging.getLogger(__name__)

ResponseType = TypeVar("ResponseType", bound=Message)

_HEAD = Height(0)
_NODE_INFO = "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo"


class _Network:
    """Which network all nodes must belong to; that of the first node, unless it was given.

    Once `is_open`, a stranger is one more node that cannot be used: the others go on.
    """

    def __init__(self, chain_id: str) -> None:
        self.chain_id = chain_id
        self.is_open = False
        self._strangers: set[str] = set()

    def check(self, name: str, chain_id: str) -> None:
        """Raises `NodeFailed`, or `ConfigError` while the network is being opened."""
        if not chain_id:
            raise NodeFailed("it does not say which network it belongs to")
        if not self.chain_id:
            self.chain_id = chain_id
        if chain_id == self.chain_id:
            self._strangers.discard(name)
            return
        text = f"{name} is a full node of the network {chain_id!r}, not of {self.chain_id!r}"
        if not self.is_open:
            raise ConfigError(text)
        if name not in self._strangers:
            self._strangers.add(name)
            _log.error("%s: it is not used until it is again", text)
        raise NodeFailed(f"it is of the network {chain_id!r}")


class Connection:
    """Made by `open_connection`."""

    def __init__(
        self,
        grpc_nodes: Sequence[GrpcNode],
        rpc_nodes: Sequence[RpcNode],
        session: aiohttp.ClientSession,
        *,
        chain_id: str,
        request_timeout_s: float,
    ) -> None:
        self.session = session
        self.request_timeout_s = request_timeout_s
        self._network = _Network(chain_id)
        self._seen = HeightSeen()
        self.grpc = FailoverPool(
            [(node.name, node) for node in grpc_nodes],
            prove=self._prove_grpc,
            patience_s=request_timeout_s,
        )
        self.rpc = FailoverPool(
            [(node.name, node) for node in rpc_nodes], prove=self._prove_rpc, patience_s=request_timeout_s
        )

    @property
    def chain_id(self) -> str:
        """The network, known once the connection is open."""
        return self._network.chain_id

    @property
    def height_seen(self) -> Height:
        """The highest block that callers were told of."""
        return self._seen.height

    async def query(
        self, path: str, request: Message, response_type: type[ResponseType], *, height: Height = _HEAD
    ) -> ResponseType | None:
        """Return what stands at a height, 0 being the newest; `None` for what does not exist there.

        Raises `ChainUnavailable` when no node answers or has the height, and `RequestRefused` when one
        answers with an error that does not speak of the node.
        """
        await self.require(height)
        if height != _HEAD:
            return await self.grpc.call(
                lambda node: _take_message(node.call(path, request, response_type, height=height))
            )
        needed = self._seen.height

        async def attempt(node: GrpcNode) -> ResponseType | None:
            try:
                answer = await node.call(path, request, response_type)
            except RequestRefused as error:
                if error.height >= needed:
                    raise
                height_answer, is_answer = error.height, False
            else:
                if answer.height >= needed:
                    return answer.message
                height_answer, is_answer = answer.height, answer.message is not None
            if height_answer:
                raise NodeBehind(f"at height {height_answer}, behind {needed}")
            if is_answer:
                return answer.message
            # It says no, and not of which height: what a node lacks that is behind may well exist.
            return await _take_message(node.call(path, request, response_type, height=needed))

        return await self.grpc.call(attempt)

    async def require(self, height: Height) -> None:
        """Return at once for a height that exists. Raises `ChainUnavailable` for one ahead of the chain."""
        if height > self._seen.height:
            head = await self.read_head()
            if height > head.height:
                raise ChainUnavailable(
                    f"height {height} is ahead of the chain, which is at {head.height}", height=height
                )

    async def call_rpc(self, method: str, **params: str) -> dict[str, object]:
        """Return the result of an RPC. Raises `ChainUnavailable` and `RequestRefused`."""
        return await self.rpc.call(lambda node: node.call(method, **params))

    async def read_head(self) -> Block:
        """Return the newest block of a node that is not behind. Raises `ChainUnavailable`."""

        async def attempt(node: RpcNode) -> Block:
            head = await self._read_head(node)
            if head.height < self._seen.height:
                raise NodeBehind(f"at height {head.height}, behind {self._seen.height}")
            return head

        head = await self.rpc.call(attempt)
        self._seen.note(head.height)
        return head

    async def read_highest(self) -> tuple[Block, bool]:
        """Ask all nodes side by side and return the newest block that any has.

        A node that stands still is found out by this, and passed over from then on. Also tells whether
        this is the block to go by; otherwise a higher one was told of, which may yet turn up.
        """
        heads = await self.rpc.call_all(self._read_head)
        head = max(heads, key=lambda one: one.height)
        return head, self._seen.note_poll(head.height)

    async def check_all(self) -> None:
        """Ask every node which network it belongs to; from then on none is taken that is of another.

        Raises `ConfigError` when one belongs to another, and `ChainUnavailable` when none answers.
        """
        await self.rpc.call_all(read_head)
        await self.grpc.call_all(_touch)
        self._network.is_open = True

    async def _read_head(self, node: RpcNode) -> Block:
        head = await read_head(node)
        self._network.check(node.name, head.network)
        if head.block.height > self._seen.height:
            await check_head(node, head)
        return head.block

    async def _prove_rpc(self, name: str, node: RpcNode) -> None:
        self._network.check(name, (await read_head(node)).network)

    async def _prove_grpc(self, name: str, node: GrpcNode) -> None:
        request = comet_query_pb2.GetNodeInfoRequest()
        try:
            answer = await node.call(_NODE_INFO, request, comet_query_pb2.GetNodeInfoResponse)
        except RequestRefused as error:
            raise NodeFailed(str(error)) from None
        self._network.check(name, answer.message.default_node_info.network if answer.message else "")


async def _touch(_node: GrpcNode) -> None:
    """Ask nothing: the pool has asked for the network."""


async def _take_message(answer: Awaitable[Answer[ResponseType]]) -> ResponseType | None:
    return (await answer).message


def _make_ssl_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"the certificates in {ca_file} cannot be read: {error.strerror}") from None


@asynccontextmanager
async def open_connection(
    grpc_urls: Sequence[str],
    rpc_urls: Sequence[str],
    *,
    chain_id: str,
    request_timeout_s: float,
    ca_file: Path | None,
) -> AsyncIterator[Connection]:
    """Connect and check every node that answers.

    Raises `ConfigError` for addresses or certificates that cannot be used and for a node of another
    network, `ChainUnavailable` when no node answers.
    """
    grpc_addresses, rpc_addresses = read_grpc_addresses(grpc_urls), read_rpc_addresses(rpc_urls)
    is_secure = any(address.is_secure for address in grpc_addresses)
    trusted = await anyio.to_thread.run_sync(read_trusted, ca_file) if is_secure or ca_file else None
    grpc_nodes = [
        GrpcNode(address, trusted=trusted, timeout_s=request_timeout_s) for address in grpc_addresses
    ]
    timeout = aiohttp.ClientTimeout(total=request_timeout_s)
    try:
        connector = aiohttp.TCPConnector(ssl=await anyio.to_thread.run_sync(_make_ssl_context, ca_file))
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            connection = Connection(
                grpc_nodes,
                [RpcNode(address, session) for address in rpc_addresses],
                session,
                chain_id=chain_id,
                request_timeout_s=request_timeout_s,
            )
            await connection.check_all()
            yield connection
    finally:
        with anyio.CancelScope(shield=True):
            for node in grpc_nodes:
                await node.aclose()
