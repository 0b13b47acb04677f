"""Blocks, transactions and events in CometBFT's JSON.

64-bit integers are quoted, 32-bit ones bare; hashes are upper-case hex, other bytes base64; times are
RFC 3339 with as many digits of a second as there are, in UTC. Source: CometBFT v0.38 libs/json,
rpc/core/types/responses.go, abci/types, rpc/openapi/openapi.yaml.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from joey.adapters.chains.served.blocks import BlockRecord
from joey.adapters.chains.served.transactions import list_events
from joey.core.protocol.network_events import NetworkEvent
from joey.ports.chain import IncludedTransaction

__all__ = [
    "format_bytes",
    "format_hash",
    "format_time",
    "write_block",
    "write_block_id",
    "write_consensus_params",
    "write_event",
    "write_events",
    "write_header",
    "write_result",
]

Json = dict[str, Any]

_BLOCK_BYTES_MAX = 22_020_096
_NO_GAS_LIMIT = -1


def format_hash(value: bytes) -> str:
    """Return a hash or an address."""
    return value.hex().upper()


def format_bytes(value: bytes) -> str:
    """Return bytes that are no hash."""
    return base64.b64encode(value).decode("ascii")


def format_time(time: datetime) -> str:
    """Return an aware UTC time as Go's RFC3339Nano does: no trailing zeros."""
    seconds = f"{time:%Y-%m-%dT%H:%M:%S}"
    fraction = f".{time.microsecond:06d}".rstrip("0") if time.microsecond else ""
    return f"{seconds}{fraction}Z"


def write_block_id(block_hash: bytes) -> Json:
    """Return the id of a block; that before the first is empty."""
    return {
        "hash": format_hash(block_hash),
        "parts": {"total": 1 if block_hash else 0, "hash": format_hash(block_hash)},
    }


def write_header(record: BlockRecord) -> Json:
    """Return a block's header."""
    constant = format_hash(record.constant_hash)
    return {
        "version": {"block": "11", "app": "0"},
        "chain_id": record.chain_id,
        "height": str(record.block.height),
        "time": format_time(record.block.time),
        "last_block_id": write_block_id(record.previous_hash),
        "last_commit_hash": constant,
        "data_hash": format_hash(record.data_hash),
        "validators_hash": constant,
        "next_validators_hash": constant,
        "consensus_hash": constant,
        "app_hash": format_hash(record.previous_hash),
        "last_results_hash": constant,
        "evidence_hash": format_hash(hashlib.sha256(b"").digest()),
        "proposer_address": format_hash(record.proposer_address),
    }


def write_block(record: BlockRecord) -> Json:
    """Return a block. Nobody votes on it: its last commit has no signatures."""
    return {
        "header": write_header(record),
        "data": {"txs": [format_bytes(one.raw) for one in record.transactions]},
        "evidence": {"evidence": []},
        "last_commit": {
            "height": str(record.block.height - 1),
            "round": 0,
            "block_id": write_block_id(record.previous_hash),
            "signatures": [],
        },
    }


def write_event(event: NetworkEvent) -> Json:
    """Return an event."""
    return {
        "type": event.type,
        "attributes": [{"key": key, "value": value, "index": True} for key, value in event.attributes],
    }


def write_events(events: Iterable[NetworkEvent]) -> list[Json]:
    """Return events."""
    return [write_event(event) for event in events]


def write_result(transaction: IncludedTransaction) -> Json:
    """Return what became of a transaction."""
    return {
        "code": transaction.code,
        "data": None,
        "log": transaction.log,
        "info": "",
        "gas_wanted": str(transaction.gas_wanted),
        "gas_used": str(transaction.gas_used),
        "events": write_events(list_events(transaction)),
        "codespace": transaction.codespace,
    }


def write_consensus_params() -> Json:
    """Return the limits of blocks, which do not change."""
    return {
        "block": {"max_bytes": str(_BLOCK_BYTES_MAX), "max_gas": str(_NO_GAS_LIMIT)},
        "evidence": {"max_age_num_blocks": "100000", "max_age_duration": "172800000000000", "max_bytes": "0"},
        "validator": {"pub_key_types": ["ed25519"]},
        "version": {},
        "abci": {"vote_extensions_enable_height": "0"},
    }
