"""Blocks and what came of them, by height: committed once, the same for ever, so kept for a while."""

from __future__ import annotations

from dataclasses import dataclass

from joey.adapters.chains.shannon.connection import Connection
from joey.adapters.chains.shannon.failover import RequestRefused
from joey.adapters.chains.shannon.json_reading import (
    read_bytes,
    read_hex,
    read_int,
    read_list,
    read_member,
    read_text,
    read_time,
)
from joey.adapters.chains.shannon.recent import Recent
from joey.core.errors import ChainUnavailable
from joey.core.protocol.network_events import NetworkEvent
from joey.core.units import Height
from joey.core.wire.transactions import compute_transaction_hash
from joey.ports.chain import Block

__all__ = ["BlockResults", "Blocks", "FullBlock", "TransactionOutcome"]

_KEPT = 1024
_KEPT_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class FullBlock:
    """A block with its transactions' bytes and, in the same order, their hashes."""

    block: Block
    transactions: tuple[bytes, ...]
    hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TransactionOutcome:
    """What came of one transaction. `code` 0: it took effect."""

    code: int
    codespace: str
    log: str
    gas_wanted: int
    gas_used: int
    events: tuple[NetworkEvent, ...]


@dataclass(frozen=True, slots=True)
class BlockResults:
    """What came of a block: one outcome for each transaction, and the events of its beginning and end."""

    outcomes: tuple[TransactionOutcome, ...]
    events: tuple[NetworkEvent, ...]


class Blocks:
    """Reads blocks. Every method raises `ChainUnavailable`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._blocks: Recent[Height, FullBlock] = Recent(_KEPT, _KEPT_BYTES)

    async def read(self, height: Height) -> FullBlock | None:
        """Return a block; `None` when there is none at that height yet, or never will be."""
        if height < 1:
            return None
        found = self._blocks.get(height)
        if found is not None:
            return found
        if height > self._connection.height_seen:
            head = await self._connection.read_head()
            if height > head.height:
                return None
        try:
            result = await self._connection.call_rpc("block", height=str(height))
            block = _read_block(result)
        except RequestRefused as error:
            raise ChainUnavailable(f"block {height} cannot be read: {error}", height=height) from None
        except ValueError as error:
            raise ChainUnavailable(f"block {height} is malformed: {error}", height=height) from None
        if block.block.height != height:
            raise ChainUnavailable(f"asked for block {height}, got {block.block.height}", height=height)
        self._blocks.put(height, block, weight=sum(map(len, block.transactions)))
        return block

    async def read_results(self, height: Height) -> BlockResults:
        """Return what came of a block that exists."""
        try:
            result = await self._connection.call_rpc("block_results", height=str(height))
            return _read_results(result)
        except RequestRefused as error:
            raise ChainUnavailable(f"the results of block {height}: {error}", height=height) from None
        except ValueError as error:
            raise ChainUnavailable(
                f"the results of block {height} are malformed: {error}", height=height
            ) from None


def _read_block(result: dict[str, object]) -> FullBlock:
    header = read_member(result, "block", "header")
    block_hash = read_hex(result, "block_id", "hash")
    if len(block_hash) != 32:
        raise ValueError("a block's hash has 32 bytes")
    block = Block(Height(read_int(header, "height")), block_hash, read_time(header, "time"))
    transactions = tuple(read_bytes(one) for one in read_list(result, "block", "data", "txs"))
    return FullBlock(block, transactions, tuple(map(compute_transaction_hash, transactions)))


def _read_results(result: dict[str, object]) -> BlockResults:
    return BlockResults(
        tuple(
            TransactionOutcome(
                code=read_int(one, "code"),
                codespace=read_text(one, "codespace"),
                log=read_text(one, "log"),
                gas_wanted=read_int(one, "gas_wanted"),
                gas_used=read_int(one, "gas_used"),
                events=_read_events(read_list(one, "events")),
            )
            for one in read_list(result, "txs_results")
        ),
        _read_events(read_list(result, "finalize_block_events")),
    )


def _read_events(values: list[object]) -> tuple[NetworkEvent, ...]:
    return tuple(
        NetworkEvent(
            read_text(value, "type"),
            tuple((read_text(one, "key"), read_text(one, "value")) for one in read_list(value, "attributes")),
        )
        for value in values
    )
