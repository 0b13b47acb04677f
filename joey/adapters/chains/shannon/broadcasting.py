"""Handing transactions to full nodes, and what they say to it."""

from __future__ import annotations

from dataclasses import dataclass

from joey.adapters.chains.shannon.connection import Connection
from joey.adapters.chains.shannon.failover import NodeFailed, RequestRefused
from joey.adapters.chains.shannon.grpc_node import GrpcNode
from joey.adapters.chains.shannon.lane import Sent
from joey.adapters.chains.shannon.refusals import ALREADY_KNOWN, MEMPOOL_FULL
from joey.core.wire.proto import tx_query_pb2

__all__ = ["Refusal", "broadcast", "broadcast_to_all"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A node has checked a transaction and not admitted it."""

    codespace: str
    code: int
    log: str

    @property
    def pair(self) -> tuple[str, int]:
        """Codespace and code."""
        return self.codespace, self.code


async def broadcast(connection: Connection, sent: Sent) -> Refusal | None:
    """Send a transaction to one node after another until one answers; `None`: it is admitted.

    Notes in `sent` whether a node admitted it, and whether one may have. Raises `ChainUnavailable`.
    """
    return await connection.grpc.call(lambda node: _send(node, sent))


async def broadcast_to_all(connection: Connection, sent: Sent) -> list[Refusal]:
    """Send a transaction to every node; return the refusals of those that did not admit it.

    Raises `ChainUnavailable` when none answers.
    """
    answers = await connection.grpc.call_all(lambda node: _send(node, sent))
    return [answer for answer in answers if answer is not None]


async def _send(node: GrpcNode, sent: Sent) -> Refusal | None:
    request = tx_query_pb2.BroadcastTxRequest(
        tx_bytes=sent.raw, mode=tx_query_pb2.BroadcastMode.BROADCAST_MODE_SYNC
    )
    # Until it answers. What it was sent before without an answer stays as open as it was.
    sent.unanswered += 1
    try:
        answer = await node.call(
            "/cosmos.tx.v1beta1.Service/BroadcastTx", request, tx_query_pb2.BroadcastTxResponse
        )
    except RequestRefused as error:
        raise NodeFailed(str(error)) from None
    if answer.message is None:
        raise NodeFailed("it knows of no broadcasting")
    sent.unanswered -= 1
    response = answer.message.tx_response
    refusal = Refusal(response.codespace, response.code, response.raw_log)
    if refusal.code == 0 or refusal.pair == ALREADY_KNOWN:
        sent.was_admitted = True
        return None
    if refusal.pair == MEMPOOL_FULL:
        raise NodeFailed("its mempool is full")
    return refusal
