"""CometBFT's calls, answered by an embedded chain.

A call is a method of `CometCalls` that takes `Arguments` and returns the `result` of the answer.
Source: CometBFT v0.38 rpc/core and rpc/openapi/openapi.yaml.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import joey
from joey.adapters.chains.local.chain import CheckedTransaction, LocalChain
from joey.adapters.chains.served.blocks import BlockRecord, read_block
from joey.adapters.chains.served.calls import NODE_NAME, Calls
from joey.adapters.chains.served.comet_arguments import Arguments, BadArguments
from joey.adapters.chains.served.comet_json import (
    format_bytes,
    format_hash,
    format_time,
    write_block,
    write_block_id,
    write_consensus_params,
    write_events,
    write_header,
    write_result,
)
from joey.adapters.chains.served.snapshot import QueryRefused
from joey.core.protocol.network_events import encode_block_events
from joey.core.units import Height

__all__ = ["CallFailed", "CometCalls", "CometMethod"]

_BLOCKS_MAX = 10_000
_EARLIEST = Height(1)
_MEMPOOL_CODES = {19: "tx already exists in cache", 20: "", 21: ""}
"""What the mempool itself refuses is an error of the call, with this text or the log."""


class CallFailed(Exception):
    """A call cannot be answered; the text is the error's `data`."""


@dataclass(frozen=True, slots=True)
class CometMethod:
    """A call: the names of its arguments in their order, and what answers it."""

    names: tuple[str, ...]
    answer: Callable[[Arguments], Awaitable[Any]]


class CometCalls:
    """The calls by name: `methods`. `by_hand` adds the one that makes blocks."""

    def __init__(self, chain: LocalChain, calls: Calls, *, by_hand: bool) -> None:
        self._chain = chain
        self._calls = calls
        self.rpc_address = ""
        height = ("height",)
        methods = {
            "health": CometMethod((), self._health),
            "status": CometMethod((), self._status),
            "abci_info": CometMethod((), self._abci_info),
            "net_info": CometMethod((), self._net_info),
            "abci_query": CometMethod(("path", "data", "height", "prove"), self._abci_query),
            "block": CometMethod(height, self._block),
            "header": CometMethod(height, self._header),
            "block_results": CometMethod(height, self._block_results),
            "consensus_params": CometMethod(height, self._consensus_params),
            "tx": CometMethod(("hash", "prove"), self._tx),
            "broadcast_tx_sync": CometMethod(("tx",), self._broadcast_sync),
            "broadcast_tx_async": CometMethod(("tx",), self._broadcast_async),
        }
        if by_hand:
            methods["joey_make_blocks"] = CometMethod(("count",), self._make_blocks)
        self.methods: Mapping[str, CometMethod] = methods

    async def _health(self, _arguments: Arguments) -> Any:
        return {}

    async def _net_info(self, _arguments: Arguments) -> Any:
        """One process makes all blocks: it has no peers."""
        return {"listening": True, "listeners": [], "n_peers": "0", "peers": []}

    async def _status(self, _arguments: Arguments) -> Any:
        newest, earliest = await self._read(await self._head()), await self._read(_EARLIEST)
        return {
            "node_info": self._describe_node(newest),
            "sync_info": {
                "latest_block_hash": format_hash(newest.block.hash),
                "latest_app_hash": format_hash(newest.previous_hash),
                "latest_block_height": str(newest.block.height),
                "latest_block_time": format_time(newest.block.time),
                "earliest_block_hash": format_hash(earliest.block.hash),
                "earliest_app_hash": format_hash(earliest.previous_hash),
                "earliest_block_height": str(earliest.block.height),
                "earliest_block_time": format_time(earliest.block.time),
                "catching_up": False,
            },
            "validator_info": {
                "address": format_hash(newest.proposer_address),
                "pub_key": {
                    "type": "tendermint/PubKeyEd25519",
                    "value": format_bytes(newest.validator_key),
                },
                "voting_power": "1",
            },
        }

    def _describe_node(self, record: BlockRecord) -> Any:
        identity = hashlib.sha256(b"joey node\0" + record.chain_id.encode()).hexdigest()[:40]
        return {
            "protocol_version": {"p2p": "8", "block": "11", "app": "0"},
            "id": identity,
            "listen_addr": "",
            "network": record.chain_id,
            "version": f"joey-{joey.__version__}",
            "channels": "",
            "moniker": NODE_NAME,
            "other": {"tx_index": "on", "rpc_address": self.rpc_address},
        }

    async def _abci_info(self, _arguments: Arguments) -> Any:
        newest = await self._read(await self._head())
        return {
            "response": {
                "data": NODE_NAME,
                "version": joey.__version__,
                "last_block_height": str(newest.block.height),
                "last_block_app_hash": format_bytes(newest.block.hash),
            }
        }

    async def _abci_query(self, arguments: Arguments) -> Any:
        """Answer a gRPC call whose path and request are the query's; as `cosmos-sdk` routes it."""
        path, request = arguments.text("path"), arguments.hexadecimal("data")
        height = Height(arguments.integer("height") or 0)
        try:
            answer, height = await self._calls.call(path, request, height)
        except QueryRefused as refusal:
            # The SDK wraps the status of a query into its own error ErrUnknownRequest or ErrKeyNotFound.
            code = 22 if refusal.status.name == "NOT_FOUND" else 18 if _is_argument(refusal) else 6
            text = f"rpc error: code = {_name_status(refusal)} desc = {refusal.text}"
            return {"response": _write_query_response(code, text, b"", height)}
        return {"response": _write_query_response(0, "", answer, height)}

    async def _block(self, arguments: Arguments) -> Any:
        record = await self._read(await self._read_height(arguments))
        return {"block_id": write_block_id(record.block.hash), "block": write_block(record)}

    async def _header(self, arguments: Arguments) -> Any:
        return {"header": write_header(await self._read(await self._read_height(arguments)))}

    async def _block_results(self, arguments: Arguments) -> Any:
        height = await self._read_height(arguments)
        record = await self._read(height)
        end_events = await self._chain.end_events(height)
        return {
            "height": str(height),
            "txs_results": [write_result(one) for one in record.transactions] or None,
            "finalize_block_events": write_events(encode_block_events(end_events)),
            "validator_updates": None,
            "consensus_param_updates": write_consensus_params(),
            "app_hash": format_bytes(record.block.hash),
        }

    async def _consensus_params(self, arguments: Arguments) -> Any:
        height = await self._read_height(arguments)
        return {"block_height": str(height), "consensus_params": write_consensus_params()}

    async def _tx(self, arguments: Arguments) -> Any:
        name = format_hash(arguments.data("hash"))
        if arguments.flag("prove"):
            raise BadArguments("no proofs of inclusion are made here")
        found = await self._chain.transaction(name)
        if found is None:
            raise CallFailed(f"tx ({name}) not found")
        included = await self._chain.transactions(found.height)
        return {
            "hash": found.hash,
            "height": str(found.height),
            "index": next(place for place, one in enumerate(included) if one.hash == found.hash),
            "tx_result": write_result(found),
            "tx": format_bytes(found.raw),
        }

    async def _broadcast_sync(self, arguments: Arguments) -> Any:
        checked = await self._broadcast(arguments)
        return {
            "code": checked.code,
            "data": "",
            "log": checked.log,
            "codespace": checked.codespace,
            "hash": checked.hash,
        }

    async def _broadcast_async(self, arguments: Arguments) -> Any:
        checked = await self._broadcast(arguments)
        return {"code": 0, "data": "", "log": "", "codespace": "", "hash": checked.hash}

    async def _broadcast(self, arguments: Arguments) -> CheckedTransaction:
        raw = arguments.data("tx")
        if not raw:
            raise BadArguments("tx is missing")
        checked = await self._chain.broadcast(raw)
        if checked.codespace == "sdk" and checked.code in _MEMPOOL_CODES:
            raise CallFailed(_MEMPOOL_CODES[checked.code] or checked.log)
        return checked

    async def _make_blocks(self, arguments: Arguments) -> Any:
        count = arguments.integer("count")
        count = 1 if count is None else count
        if not 1 <= count <= _BLOCKS_MAX:
            raise BadArguments(f"count must be 1 to {_BLOCKS_MAX}")
        for _ in range(count - 1):
            await self._chain.make_block()
        block = await self._chain.make_block()
        return {"height": str(block.height), "hash": format_hash(block.hash)}

    async def _head(self) -> Height:
        return (await self._chain.head()).height

    async def _read_height(self, arguments: Arguments) -> Height:
        """Return the height that a call asks for, the newest by default."""
        head = await self._head()
        height = arguments.integer("height")
        if height is None:
            return head
        if height <= 0:
            raise CallFailed(f"height must be greater than 0, but got {height}")
        if height > head:
            raise CallFailed(
                f"height {height} must be less than or equal to the current blockchain height {head}"
            )
        return Height(height)

    async def _read(self, height: Height) -> BlockRecord:
        record = await read_block(self._chain, height)
        assert record is not None, "every height up to the head has a block"
        return record


def _is_argument(refusal: QueryRefused) -> bool:
    return refusal.status.name in ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE")


def _name_status(refusal: QueryRefused) -> str:
    """Return a status as Go spells it: `NotFound`."""
    return "".join(word.capitalize() for word in refusal.status.name.split("_"))


def _write_query_response(code: int, log: str, value: bytes, height: Height) -> Any:
    return {
        "code": code,
        "log": log,
        "info": "",
        "index": "0",
        "key": None,
        "value": format_bytes(value) if value else None,
        "proofOps": None,
        "height": str(height),
        "codespace": "sdk" if code else "",
    }
