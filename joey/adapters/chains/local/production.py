"""One block from transactions: which go in, what they change, and the hash over all of it.

Pure: run in a worker thread, on a draft that nobody else sees until it is on disk.

The block hash is SHA-256 over: the previous hash (32 bytes), the height (8, big-endian), the time
in microseconds since 1970 UTC (8, big-endian), SHA-256 over the transactions' SHA-256 digests in
order (32), and SHA-256 over the changed rows (32). A changed row is its table's name, its key and
its canonical bytes, each preceded by its length (4, big-endian); a dropped row has the length
2^32 - 1 and no bytes. Rows are ordered by table, as `State` names them, and key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from joey.core.errors import TransactionRejected
from joey.core.protocol.block import BlockContext
from joey.core.protocol.events import ChainEvent
from joey.core.protocol.rows import encode_row
from joey.core.protocol.state import State
from joey.core.protocol.transition import apply_transaction, begin_block, end_block
from joey.core.units import Height
from joey.core.wire.transactions import Transaction
from joey.ports.chain import Block, TransactionResult

__all__ = ["ChangedRow", "MadeBlock", "Submission", "count_microseconds", "make_block", "read_microseconds"]

ChangedRow = tuple[str, str, bytes | None]
"""Table, key, and the row's canonical bytes; `None` for a row that was dropped."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DROPPED = (2**32 - 1).to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class Submission:
    """A transaction that waits for a block: its bytes, what they say, and their hash."""

    raw: bytes
    transaction: Transaction
    hash: str


@dataclass(frozen=True, slots=True)
class MadeBlock:
    """A block that is not on disk yet. `outcomes` has one for each submission, in order."""

    block: Block
    draft: State
    rows: tuple[ChangedRow, ...]
    outcomes: tuple[TransactionResult | TransactionRejected, ...]
    included: tuple[Submission, ...]
    events: tuple[ChainEvent, ...]


def count_microseconds(time: datetime) -> int:
    """Return an aware time as microseconds since 1970 UTC, rounded down."""
    return (time - _EPOCH) // _MICROSECOND


def read_microseconds(count: int) -> datetime:
    """Return the aware UTC time that `count_microseconds` counted."""
    return _EPOCH + count * _MICROSECOND


def make_block(
    draft: State, chain_id: str, previous: Block, time: datetime, submissions: Sequence[Submission]
) -> MadeBlock:
    """Make the block after `previous` on a draft. A transaction that is refused is left out of it."""
    height = Height(previous.height + 1)
    context = BlockContext(chain_id, height, previous.hash)
    begin_block(draft, context)
    outcomes: list[TransactionResult | TransactionRejected] = []
    included: list[Submission] = []
    events: list[ChainEvent] = []
    for submission in submissions:
        try:
            happened = apply_transaction(draft, submission.transaction, context)
        except TransactionRejected as refusal:
            outcomes.append(refusal)
            continue
        outcomes.append(TransactionResult(submission.hash, height, happened))
        included.append(submission)
        events += happened
    events += end_block(draft, context)
    rows = tuple(
        (table, key, None if row is None else encode_row(row)) for table, key, row in draft.changes()
    )
    block_hash = _hash_block(previous.hash, height, time, included, rows)
    return MadeBlock(
        Block(height, block_hash, time), draft, rows, tuple(outcomes), tuple(included), tuple(events)
    )


def _hash_block(
    previous_hash: bytes,
    height: Height,
    time: datetime,
    included: Sequence[Submission],
    rows: Sequence[ChangedRow],
) -> bytes:
    transactions = hashlib.sha256()
    for submission in included:
        transactions.update(bytes.fromhex(submission.hash))
    changes = hashlib.sha256()
    for table, key, row in rows:
        for part in (table.encode(), key.encode()):
            changes.update(len(part).to_bytes(4, "big") + part)
        changes.update(_DROPPED if row is None else len(row).to_bytes(4, "big") + row)
    whole = hashlib.sha256(previous_hash)
    whole.update(height.to_bytes(8, "big") + count_microseconds(time).to_bytes(8, "big", signed=True))
    whole.update(transactions.digest() + changes.digest())
    return whole.digest()
