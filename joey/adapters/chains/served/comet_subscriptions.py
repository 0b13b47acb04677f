"""Who wants to hear of which events, and that one who is slow does not hold up the others.

A subscription is a query: conditions such as `tm.event='NewBlock'` or `tx.height=5`, joined by AND.
Source: CometBFT v0.38 types/events.go, types/event_bus.go, libs/pubsub.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio.abc import TaskStatus
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.chains.served.blocks import BlockRecord, read_block
from joey.adapters.chains.served.comet_json import (
    format_bytes,
    write_block,
    write_block_id,
    write_consensus_params,
    write_events,
    write_header,
    write_result,
)
from joey.adapters.chains.served.transactions import list_events
from joey.core.protocol.network_events import NetworkEvent, encode_block_events
from joey.ports.chain import IncludedTransaction

__all__ = ["Publication", "Subscriber", "Subscriptions", "list_publications", "parse_query"]

_CONDITION = re.compile(r"\s*([a-zA-Z_][\w.]*)\s*=\s*(?:'([^']*)'|([0-9]+))\s*")
_QUERY_LENGTH_MAX = 512
"""Source: CometBFT rpc/core/events.go, maxQueryLength."""
_WAITING_MAX = 200
"""Publications that a subscriber may be behind. Source: config rpc.experimental_subscription_buffer_size."""

Conditions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Publication:
    """One event: its data as JSON, and its attributes by composite key, for queries."""

    data: Mapping[str, Any]
    events: Mapping[str, Sequence[str]]

    def matches(self, conditions: Conditions) -> bool:
        """Tell whether every condition holds."""
        return all(value in self.events.get(key, ()) for key, value in conditions)


@dataclass(slots=True, eq=False)
class Subscriber:
    """One connection. `subscriptions`: query -> (its conditions, the id of the request)."""

    send: MemoryObjectSendStream[dict[str, Any]]
    receive: MemoryObjectReceiveStream[dict[str, Any]]
    subscriptions: dict[str, tuple[Conditions, object]] = field(default_factory=dict)
    is_slow: bool = False


def parse_query(text: str) -> Conditions:
    """Return a query's conditions. Raises `ValueError` for what we do not understand."""
    if len(text) > _QUERY_LENGTH_MAX:
        raise ValueError("maximum query length exceeded")
    conditions = []
    for part in re.split(r"\bAND\b", text):
        match = _CONDITION.fullmatch(part)
        if match is None:
            raise ValueError(f"failed to parse query: {part.strip()[:80]!r} is no condition like key='value'")
        conditions.append((match[1], match[2] if match[2] is not None else match[3]))
    return tuple(conditions)


class Subscriptions:
    """All connections that subscribe; `run` publishes every new block to them."""

    def __init__(self, chain: LocalChain) -> None:
        self._chain = chain
        self._subscribers: dict[Subscriber, None] = {}

    def __len__(self) -> int:
        return len(self._subscribers)

    def join(self) -> Subscriber:
        """Return a new subscriber, which hears of nothing yet."""
        subscriber = Subscriber(*anyio.create_memory_object_stream[dict[str, Any]](_WAITING_MAX))
        self._subscribers[subscriber] = None
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Forget a subscriber."""
        self._subscribers.pop(subscriber, None)
        subscriber.send.close()
        subscriber.receive.close()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Publish what is new from now on, until cancelled."""
        async with aclosing(self._chain.follow()) as blocks:
            first = True
            async for block in blocks:
                if first:
                    first = False
                    task_status.started()
                    continue
                if any(one.subscriptions for one in self._subscribers):
                    record = await read_block(self._chain, block.height)
                    assert record is not None, "a block that is followed is there"
                    end_events = encode_block_events(await self._chain.end_events(block.height))
                    for publication in list_publications(record, end_events):
                        self._publish(publication)

    def _publish(self, publication: Publication) -> None:
        for subscriber in list(self._subscribers):
            for query, (conditions, identifier) in subscriber.subscriptions.items():
                if publication.matches(conditions):
                    result = {"query": query, "data": publication.data, "events": publication.events}
                    self._tell(subscriber, {"jsonrpc": "2.0", "id": identifier, "result": result})

    def _tell(self, subscriber: Subscriber, message: dict[str, Any]) -> None:
        """Queue a message. Who is too far behind is dropped: the connection ends when it has read on."""
        if subscriber.is_slow:
            return
        try:
            subscriber.send.send_nowait(message)
        except anyio.WouldBlock:
            subscriber.is_slow = True
            subscriber.send.close()


def list_publications(record: BlockRecord, end_events: Sequence[NetworkEvent]) -> list[Publication]:
    """Return what there is to hear of a block, in CometBFT's order."""
    height = str(record.block.height)
    block_events = _collect("NewBlock", end_events)
    result = {
        "events": write_events(end_events),
        "tx_results": [write_result(one) for one in record.transactions],
        "validator_updates": [],
        "consensus_param_updates": write_consensus_params(),
        "app_hash": format_bytes(record.block.hash),
    }
    new_block = {
        "block": write_block(record),
        "block_id": write_block_id(record.block.hash),
        "result_finalize_block": result,
    }
    publications = [
        Publication(_wrap("NewBlock", new_block), block_events),
        Publication(
            _wrap("NewBlockHeader", {"header": write_header(record)}), {"tm.event": ["NewBlockHeader"]}
        ),
        Publication(
            _wrap(
                "NewBlockEvents",
                {
                    "height": height,
                    "events": write_events(end_events),
                    "num_txs": str(len(record.transactions)),
                },
            ),
            block_events | {"tm.event": ["NewBlockEvents"], "block.height": [height]},
        ),
    ]
    return publications + [_publish_transaction(one, place) for place, one in enumerate(record.transactions)]


def _publish_transaction(transaction: IncludedTransaction, place: int) -> Publication:
    height = str(transaction.height)
    result = {
        "height": height,
        "index": place,
        "tx": format_bytes(transaction.raw),
        "result": write_result(transaction),
    }
    events = _collect("Tx", list_events(transaction))
    return Publication(
        _wrap("Tx", {"TxResult": result}), events | {"tx.hash": [transaction.hash], "tx.height": [height]}
    )


def _wrap(name: str, value: Any) -> dict[str, Any]:
    return {"type": f"tendermint/event/{name}", "value": value}


def _collect(name: str, events: Iterable[NetworkEvent]) -> dict[str, list[str]]:
    """Return the values of all attributes by composite key, and the kind of event."""
    collected: dict[str, list[str]] = {"tm.event": [name]}
    for event in events:
        for key, value in event.attributes:
            collected.setdefault(f"{event.type}.{key}", []).append(value)
    return collected
