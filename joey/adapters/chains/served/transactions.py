"""cosmos.tx.v1beta1.Service: sending, trying and finding transactions.

Source: cosmos-sdk x/auth/tx/service.go, client/broadcast.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import grpc
from google.protobuf.any_pb2 import Any as AnyProto

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.chains.served.snapshot import QueryRefused, not_found, refuse_argument
from joey.core.errors import TransactionRejected
from joey.core.protocol.events import ChainEvent
from joey.core.protocol.network_events import NetworkEvent, encode_transaction_events
from joey.core.wire.codec import read_message
from joey.core.wire.gogo import marshal
from joey.core.wire.proto import abci_event_pb2, abci_pb2, tx_pb2
from joey.core.wire.proto import tx_query_pb2 as wire
from joey.core.wire.transactions import decode_transaction
from joey.ports.chain import IncludedTransaction

__all__ = ["broadcast", "find_transaction", "list_events", "simulate"]

_HASH = re.compile(r"[0-9a-fA-F]{64}")
_TX_TYPE_URL = "/cosmos.tx.v1beta1.Tx"


async def broadcast(chain: LocalChain, request: wire.BroadcastTxRequest) -> wire.BroadcastTxResponse:
    """Take a transaction in. SYNC tells what the check made of it, ASYNC only its hash."""
    if not request.tx_bytes:
        raise refuse_argument("invalid empty tx")
    if request.mode not in (wire.BROADCAST_MODE_SYNC, wire.BROADCAST_MODE_ASYNC):
        mode = wire.BroadcastMode.Name(request.mode) if request.mode in range(4) else request.mode
        raise refuse_argument(f"unsupported return type {mode}; supported types: sync, async")
    checked = await chain.broadcast(request.tx_bytes)
    if request.mode == wire.BROADCAST_MODE_ASYNC:
        return wire.BroadcastTxResponse(tx_response=abci_pb2.TxResponse(txhash=checked.hash))
    return wire.BroadcastTxResponse(
        tx_response=abci_pb2.TxResponse(
            txhash=checked.hash, codespace=checked.codespace, code=checked.code, raw_log=checked.log
        )
    )


async def simulate(chain: LocalChain, request: wire.SimulateRequest) -> wire.SimulateResponse:
    """Try a transaction on the newest state. Its signatures are not looked at."""
    raw = request.tx_bytes
    if not raw and request.HasField("tx"):
        body, auth_info = marshal(request.tx.body), marshal(request.tx.auth_info)
        raw = marshal(
            tx_pb2.TxRaw(body_bytes=body, auth_info_bytes=auth_info, signatures=request.tx.signatures)
        )
    if not raw:
        raise refuse_argument("empty txBytes is not allowed")
    try:
        outcome = await chain.simulate(raw)
    except TransactionRejected as refusal:
        raise QueryRefused(grpc.StatusCode.UNKNOWN, f"{refusal.message} with gas used: '0'") from None
    if outcome.code:
        text = f"{outcome.log} with gas used: '{outcome.gas_used}'"
        raise QueryRefused(grpc.StatusCode.UNKNOWN, text)
    return wire.SimulateResponse(
        gas_info=abci_pb2.GasInfo(gas_wanted=outcome.gas_wanted, gas_used=outcome.gas_used),
        result=abci_pb2.Result(log=outcome.log, events=_write_events(_encode(raw, outcome.events))),
    )


async def find_transaction(chain: LocalChain, request: wire.GetTxRequest) -> wire.GetTxResponse:
    """Return a transaction that is in a block, by its hash."""
    if not request.hash:
        raise refuse_argument("tx hash cannot be empty")
    if not _HASH.fullmatch(request.hash):
        raise refuse_argument(f"tx hash must be 64 hex digits, not {request.hash[:80]!r}")
    found = await chain.transaction(request.hash.upper())
    if found is None:
        raise not_found(f"tx not found: {request.hash}")
    block = await chain.block(found.height)
    assert block is not None, "a transaction is in a block"
    raw = read_message(tx_pb2.TxRaw, found.raw)
    transaction = wire.Tx(
        body=read_message(tx_pb2.TxBody, raw.body_bytes),
        auth_info=read_message(tx_pb2.AuthInfo, raw.auth_info_bytes),
        signatures=raw.signatures,
    )
    return wire.GetTxResponse(
        tx=transaction,
        tx_response=abci_pb2.TxResponse(
            height=found.height,
            txhash=found.hash,
            codespace=found.codespace,
            code=found.code,
            raw_log=found.log,
            gas_wanted=found.gas_wanted,
            gas_used=found.gas_used,
            tx=AnyProto(type_url=_TX_TYPE_URL, value=marshal(transaction)),
            timestamp=f"{block.time:%Y-%m-%dT%H:%M:%SZ}",
            events=_write_events(list_events(found)),
        ),
    )


def list_events(transaction: IncludedTransaction) -> list[NetworkEvent]:
    """Return what a transaction that is in a block emitted."""
    return _encode(transaction.raw, transaction.events)


def _encode(raw: bytes, events: Sequence[ChainEvent]) -> list[NetworkEvent]:
    """Transactions that emitted nothing are not read again: that is most of them."""
    return encode_transaction_events(decode_transaction(raw).messages, events) if events else []


def _write_events(events: Iterable[NetworkEvent]) -> list[abci_event_pb2.Event]:
    return [
        abci_event_pb2.Event(
            type=event.type,
            attributes=[
                abci_event_pb2.EventAttribute(key=key, value=value, index=True)
                for key, value in event.attributes
            ],
        )
        for event in events
    ]
