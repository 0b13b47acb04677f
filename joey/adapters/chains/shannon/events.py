"""What happened in a block, read from its transactions and from what the node publishes of it.

Most of the network's events name a session by application, service and end alone. The rest of its
header follows from the chain: the start from the shared parameters, the id from the hash of the block
at the start. So nothing has to be known of a claim before it is settled and gone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from google.protobuf.message import DecodeError

from joey.adapters.chains.shannon.accounts import Accounts
from joey.adapters.chains.shannon.blocks import BlockResults, Blocks, FullBlock, TransactionOutcome
from joey.adapters.chains.shannon.connection import Connection
from joey.adapters.chains.shannon.failover import RequestRefused
from joey.adapters.chains.shannon.parameters import Parameters
from joey.adapters.chains.shannon.queries import Queries
from joey.adapters.chains.shannon.recent import Recent
from joey.core.errors import ChainUnavailable
from joey.core.protocol.checks import compute_next_session_start
from joey.core.protocol.claims import compute_claimed
from joey.core.protocol.events import ChainEvent, SupplyChanged
from joey.core.protocol.network_events import (
    EventSources,
    NetworkEvent,
    SessionKey,
    decode_block_events,
    decode_transaction_events,
    list_discarded_claims,
    list_sessions,
)
from joey.core.protocol.sessions import compute_session_id, compute_session_start
from joey.core.units import Height, Upokt
from joey.core.wire.message_codec import decode_message
from joey.core.wire.messages import Message
from joey.core.wire.proto import tx_pb2, tx_query_pb2
from joey.core.wire.session import SessionHeader
from joey.ports.chain import IncludedTransaction

__all__ = ["Happenings"]

_log = logging.getLogger(__name__)

_KEPT_HEADERS: Final = 8192
_KEPT_HEIGHTS: Final = 256
_KEPT_RESULTS: Final = 4
_MESSAGE_INDEX: Final = "msg_index"


class Happenings:
    """Transactions and events by height. Every method raises `ChainUnavailable`."""

    def __init__(
        self,
        connection: Connection,
        blocks: Blocks,
        parameters: Parameters,
        queries: Queries,
        accounts: Accounts,
    ) -> None:
        self._connection = connection
        self._blocks = blocks
        self._parameters = parameters
        self._queries = queries
        self._accounts = accounts
        self._headers: Recent[SessionKey, SessionHeader] = Recent(_KEPT_HEADERS)
        self._results: Recent[Height, BlockResults] = Recent(_KEPT_RESULTS)
        self._transactions: Recent[Height, tuple[IncludedTransaction, ...]] = Recent(_KEPT_HEIGHTS)
        self._events: Recent[Height, tuple[ChainEvent, ...]] = Recent(_KEPT_HEIGHTS)

    async def transaction(self, transaction_hash: str) -> IncludedTransaction | None:
        """Return a transaction that is in a block."""
        request = tx_query_pb2.GetTxRequest(hash=transaction_hash)
        try:
            answer = await self._connection.query(
                "/cosmos.tx.v1beta1.Service/GetTx", request, tx_query_pb2.GetTxResponse
            )
        except RequestRefused as error:
            if "not found" in error.details:
                return None
            raise ChainUnavailable(f"transaction {transaction_hash}: {error}") from None
        if answer is None:
            return None
        for included in await self.transactions(Height(answer.tx_response.height)):
            if included.hash == transaction_hash.upper():
                return included
        return None

    async def transactions(self, height: Height) -> tuple[IncludedTransaction, ...]:
        """Return the transactions of a block, in order."""
        known = self._transactions.get(height)
        if known is not None:
            return known
        block = await self._blocks.read(height)
        if block is None:
            return ()
        results = await self._read_results(height)
        if len(results.outcomes) != len(block.transactions):
            raise ChainUnavailable(f"block {height} has not one result for each transaction", height=height)
        try:
            included = await self._read_transactions(block, results.outcomes)
        except ValueError as error:
            raise _make_unreadable(height, error) from None
        self._transactions.put(height, included)
        return included

    async def events(self, height: Height) -> tuple[ChainEvent, ...]:
        """Return all that happened in a block: transactions first, then its end.

        What only the state of that height tells is left out where no node keeps it any more: the change
        of the supply, and the worth of a claim that was discarded, which is then 0.
        """
        known = self._events.get(height)
        if known is not None:
            return known
        included = await self.transactions(height)
        if await self._blocks.read(height) is None:
            return ()
        try:
            end = await self._read_end(height, (await self._read_results(height)).events)
        except ValueError as error:
            raise _make_unreadable(height, error) from None
        events = (*(event for one in included for event in one.events), *end)
        self._events.put(height, events)
        return events

    async def _read_results(self, height: Height) -> BlockResults:
        known = self._results.get(height)
        if known is None:
            known = await self._blocks.read_results(height)
            self._results.put(height, known)
        return known

    async def _read_transactions(
        self, block: FullBlock, outcomes: Sequence[TransactionOutcome]
    ) -> tuple[IncludedTransaction, ...]:
        height = block.block.height
        shared = await self._parameters.shared_at(height)
        # Modules whose parameters have a history change with the next session. Source: x/shared, x/session.
        heights = dict.fromkeys(("shared", "session"), compute_next_session_start(height, shared))
        included = []
        for raw, transaction_hash, outcome in zip(block.transactions, block.hashes, outcomes, strict=True):
            events: list[ChainEvent] = []
            if outcome.code == 0:
                for message, own in _split_by_message(raw, outcome.events):
                    events += decode_transaction_events(
                        [message], own, find_params_height=lambda module: heights.get(module, height)
                    )
            included.append(
                IncludedTransaction(
                    hash=transaction_hash,
                    raw=raw,
                    height=height,
                    code=outcome.code,
                    codespace=outcome.codespace,
                    log=outcome.log,
                    gas_wanted=outcome.gas_wanted,
                    gas_used=outcome.gas_used,
                    events=tuple(events),
                )
            )
        return tuple(included)

    async def _read_end(self, height: Height, events: Sequence[NetworkEvent]) -> tuple[ChainEvent, ...]:
        if not events:
            return ()
        headers = {key: await self._find_header(key) for key in list_sessions(events)}
        worth: dict[tuple[SessionHeader, str], Upokt] = {}
        for key, supplier in list_discarded_claims(events):
            header = headers[key]
            worth[header, supplier] = await self._find_worth(header, supplier, height)
        supply = await self._find_supply(height) if _may_move_supply(events) else None
        sources = EventSources(
            height,
            find_header=headers.__getitem__,
            find_claimed=lambda header, supplier: worth[header, supplier],
            supply=supply or Upokt(0),
        )
        decoded = decode_block_events(events, sources)
        return tuple(one for one in decoded if supply is not None or not isinstance(one, SupplyChanged))

    async def _find_header(self, key: SessionKey) -> SessionHeader:
        known = self._headers.get(key)
        if known is not None:
            return known
        shared = await self._parameters.shared_at(key.height_end)
        start = compute_session_start(key.height_end, shared)
        block = await self._blocks.read(start)
        if block is None:
            raise ValueError(f"a session that ends at {key.height_end} begins with no block")
        _, session_id = compute_session_id(block.block.hash, key.service_id, key.application_address, start)
        header = SessionHeader(
            key.application_address, key.service_id, session_id, start, Height(key.height_end)
        )
        self._headers.put(key, header)
        return header

    async def _find_worth(self, header: SessionHeader, supplier: str, height: Height) -> Upokt:
        """Return what a claim was worth that the block at `height` dropped; 0 where nobody knows.

        Anybody's claim may be dropped: one that cannot be read must not hide what else happened.
        """
        try:
            claim = await self._queries.claim(header.session_id, supplier, Height(height - 1))
        except ChainUnavailable as error:
            if not error.fields.get("pruned"):
                raise
            claim = None
        if claim is None:
            _log.warning("a claim of %s that block %d dropped cannot be read", supplier, height)
            return Upokt(0)
        target = await self._queries.difficulty_at(header.service_id, header.height_start)
        return compute_claimed(claim.root, target, await self._parameters.shared_at(header.height_start))

    async def _find_supply(self, height: Height) -> Upokt | None:
        """Return all upokt there was after a block; `None` where no node keeps that state any more."""
        try:
            return await self._accounts.supply(height)
        except ChainUnavailable as error:
            if not error.fields.get("pruned"):
                raise
            _log.warning("the supply at height %d is not kept: its change is left out", height)
            return None


def _make_unreadable(height: Height, error: ValueError) -> ChainUnavailable:
    return ChainUnavailable(f"what happened in block {height} cannot be read: {error}", height=height)


def _may_move_supply(events: Sequence[NetworkEvent]) -> bool:
    return any(event.type.startswith("pocket.tokenomics.") for event in events)


def _split_by_message(
    raw: bytes, events: Sequence[NetworkEvent]
) -> list[tuple[Message, tuple[NetworkEvent, ...]]]:
    """Return the messages of a transaction that we know, each with its events, as if it were alone.

    The network has messages that we have no use for; a transaction may carry both.
    """
    wire, body = tx_pb2.TxRaw(), tx_pb2.TxBody()
    try:
        wire.ParseFromString(raw)
        body.ParseFromString(wire.body_bytes)
    except DecodeError:
        return []
    split = []
    for index, packed in enumerate(body.messages):
        try:
            message = decode_message(packed.type_url, packed.value)
        except ValueError:
            continue
        own = tuple(_without_index(event) for event in events if _read_index(event) == index)
        split.append((message, own))
    return split


def _read_index(event: NetworkEvent) -> int:
    """Return the number of the message that an event is of; without one it is the first."""
    text = dict(event.attributes).get(_MESSAGE_INDEX, "0").strip('"')
    return int(text) if text.isdecimal() else 0


def _without_index(event: NetworkEvent) -> NetworkEvent:
    kept = tuple(attribute for attribute in event.attributes if attribute[0] != _MESSAGE_INDEX)
    return replace(event, attributes=kept)
