"""Every call of the network's gRPC interface, answered by an embedded chain.

Both servers use it: gRPC itself, and CometBFT's `abci_query`, which carries the same calls.
Queries of a state run in worker threads, a bounded number at a time; fewer past states are made at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio
import anyio.to_thread
import grpc
from google.protobuf.message import DecodeError, Message

import joey
from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.chains.served.blocks import read_block, write_block
from joey.adapters.chains.served.queries import STATE_QUERIES
from joey.adapters.chains.served.sessions import answer_session
from joey.adapters.chains.served.snapshot import QueryRefused, Snapshot, refuse_argument
from joey.adapters.chains.served.transactions import broadcast, find_transaction, simulate
from joey.core.errors import ChainUnavailable
from joey.core.units import Height
from joey.core.wire.network_methods import NETWORK_METHODS
from joey.core.wire.proto import comet_query_pb2

__all__ = ["NODE_NAME", "Calls"]

NODE_NAME: Final = "joey"
_THREADS_MAX = 8
_PAST_STATES_MAX = 2


class Calls:
    """Answers calls by their path."""

    def __init__(self, chain: LocalChain) -> None:
        self._chain = chain
        self._limiter = anyio.CapacityLimiter(_THREADS_MAX)
        self._past_limiter = anyio.CapacityLimiter(_PAST_STATES_MAX)
        self._others: dict[str, Callable[[Snapshot, Any], Awaitable[Message]]] = {
            "/pocket.session.Query/GetSession": self._answer_session,
            "/cosmos.tx.v1beta1.Service/BroadcastTx": self._broadcast,
            "/cosmos.tx.v1beta1.Service/Simulate": self._simulate,
            "/cosmos.tx.v1beta1.Service/GetTx": self._find_transaction,
            "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo": self._answer_node,
            "/cosmos.base.tendermint.v1beta1.Service/GetSyncing": self._answer_syncing,
            "/cosmos.base.tendermint.v1beta1.Service/GetLatestBlock": self._answer_latest_block,
            "/cosmos.base.tendermint.v1beta1.Service/GetBlockByHeight": self._answer_block,
        }
        answered = STATE_QUERIES.keys() | self._others.keys()
        assert answered == NETWORK_METHODS.keys(), "every call is answered, and once"

    async def call(self, path: str, wire: bytes, height: Height) -> tuple[bytes, Height]:
        """Return the answer's bytes, and the height of the state that it is from.

        `height` 0 is the newest state. Raises `QueryRefused`.
        """
        method = NETWORK_METHODS.get(path)
        if method is None:
            raise QueryRefused(grpc.StatusCode.UNIMPLEMENTED, f"unknown query path {path!r}")
        request = method.request_type()
        try:
            request.ParseFromString(wire)
        except DecodeError:
            text = f"grpc: error unmarshalling request: no {request.DESCRIPTOR.full_name}"
            raise QueryRefused(grpc.StatusCode.INTERNAL, text) from None
        try:
            snapshot = await self._take_snapshot(height)
            try:
                answer = await self._answer(path, snapshot, request)
            except QueryRefused as refusal:
                refusal.height = snapshot.block.height
                raise
        except ChainUnavailable as error:
            raise QueryRefused(grpc.StatusCode.UNAVAILABLE, error.message) from None
        return answer.SerializeToString(deterministic=True), snapshot.block.height

    async def _answer(self, path: str, snapshot: Snapshot, request: Message) -> Message:
        query = STATE_QUERIES.get(path)
        if query is None:
            return await self._others[path](snapshot, request)
        return await anyio.to_thread.run_sync(query, snapshot, request, limiter=self._limiter)

    async def _take_snapshot(self, height: Height) -> Snapshot:
        """Return the state at a height, as the network words it where there is none."""
        head = await self._chain.head()
        if height < 0:
            raise refuse_argument("cannot query with height < 0; please provide a valid height")
        if height > head.height:
            # The SDK's error has no gRPC code of its own.
            text = "cannot query with height in the future; please provide a valid height: invalid height"
            raise QueryRefused(grpc.StatusCode.UNKNOWN, text)
        try:
            return await self._read_state(height)
        except ChainUnavailable as error:
            text = f"failed to load state at height {height}; {error.message} (latest height: {head.height})"
            raise refuse_argument(text) from None

    async def _read_state(self, height: Height) -> Snapshot:
        """Return the state at a height. Raises `ChainUnavailable`."""
        if height in (0, (await self._chain.head()).height):
            return Snapshot(*await self._chain.state_at(height))
        # A past state may have to be made from the file: those who ask for the newest do not wait for it.
        async with self._past_limiter:
            return Snapshot(*await self._chain.state_at(height))

    async def _answer_session(self, snapshot: Snapshot, request: Any) -> Message:
        return await answer_session(self._read_state, snapshot, request)

    async def _broadcast(self, _snapshot: Snapshot, request: Any) -> Message:
        return await broadcast(self._chain, request)

    async def _simulate(self, _snapshot: Snapshot, request: Any) -> Message:
        return await simulate(self._chain, request)

    async def _find_transaction(self, _snapshot: Snapshot, request: Any) -> Message:
        return await find_transaction(self._chain, request)

    async def _answer_node(self, _snapshot: Snapshot, _request: Any) -> Message:
        return comet_query_pb2.GetNodeInfoResponse(
            default_node_info=comet_query_pb2.NodeInfo(
                network=self._chain.genesis.chain_id, version=joey.__version__, moniker=NODE_NAME
            ),
            application_version=comet_query_pb2.VersionInfo(
                name="pocket", app_name=NODE_NAME, version=joey.__version__
            ),
        )

    async def _answer_syncing(self, _snapshot: Snapshot, _request: Any) -> Message:
        return comet_query_pb2.GetSyncingResponse(syncing=False)

    async def _answer_latest_block(self, snapshot: Snapshot, _request: Any) -> Message:
        record = await read_block(self._chain, snapshot.block.height)
        assert record is not None, "every height up to the head has a block"
        block_id, block = write_block(record)
        return comet_query_pb2.GetLatestBlockResponse(block_id=block_id, block=block)

    async def _answer_block(self, _snapshot: Snapshot, request: Any) -> Message:
        head = await self._chain.head()
        if not 0 < request.height <= head.height:
            text = "requested block height is bigger then the chain length"
            raise refuse_argument(text if request.height > 0 else "height must be greater than 0")
        record = await read_block(self._chain, Height(request.height))
        assert record is not None, "every height up to the head has a block"
        block_id, block = write_block(record)
        return comet_query_pb2.GetBlockByHeightResponse(block_id=block_id, block=block)
