"""One block from transactions: which go in, what they change, and the hash over all of it.

Pure: run in a worker thread, over a state that nobody changes.

The block hash is SHA-256 over: the previous hash (32 bytes), the height (8, big-endian), the time
in microseconds since 1970 UTC (8, big-endian), SHA-256 over the transactions' SHA-256 digests in
order (32), SHA-256 over their results and all events (32), and SHA-256 over the changed rows (32).
A result is its code and its gas, wanted and used (8 each, big-endian), its codespace and its log;
after the results each event is its origin (8, big-endian: the transaction's place, or 2^63 - 1 for
the end of the block), its type's name and its canonical bytes. A changed row is its table's name, its
key and its canonical bytes. Texts and bytes are preceded by their length (4, big-endian); a dropped
row has the length 2^32 - 1 and no bytes. Rows are ordered by table, as `State` names them, and key.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from joey.core.errors import TransactionRejected
from joey.core.protocol.block import BlockContext
from joey.core.protocol.events import ChainEvent
from joey.core.protocol.outcomes import PANIC
from joey.core.protocol.rows import encode_row
from joey.core.protocol.state import State
from joey.core.protocol.transition import apply_transaction, begin_block, end_block
from joey.core.units import Height
from joey.core.wire.transactions import Transaction
from joey.ports.chain import Block, IncludedTransaction, TransactionResult

__all__ = [
    "ChangedRow",
    "EventRow",
    "MadeBlock",
    "Submission",
    "count_microseconds",
    "make_block",
    "read_microseconds",
    "recover",
]

ChangedRow = tuple[str, str, bytes | None]
"""Table, key, and the row's canonical bytes; `None` for a row that was dropped."""

EventRow = tuple[int | None, str, bytes]
"""The place of an event's transaction, `None` for the end of the block; its type; its canonical bytes."""

_log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DROPPED = (2**32 - 1).to_bytes(4, "big")
_END = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Submission:
    """A transaction that waits for a block: its bytes, what they say, and their hash."""

    raw: bytes
    transaction: Transaction
    hash: str


@dataclass(frozen=True, slots=True)
class MadeBlock:
    """A block that is not on disk yet, with the state after it.

    `answers` has for each submission, in order, what whoever sent it is told. `event_rows` are the
    events of all transactions, in order, and then those of the end.
    """

    block: Block
    state: State
    rows: tuple[ChangedRow, ...]
    answers: tuple[TransactionResult | TransactionRejected, ...]
    included: tuple[IncludedTransaction, ...]
    end_events: tuple[ChainEvent, ...]
    event_rows: tuple[EventRow, ...]


def count_microseconds(time: datetime) -> int:
    """Return an aware time as microseconds since 1970 UTC, rounded down."""
    return (time - _EPOCH) // _MICROSECOND


def read_microseconds(count: int) -> datetime:
    """Return the aware UTC time that `count_microseconds` counted."""
    return _EPOCH + count * _MICROSECOND


def make_block(
    draft: State, chain_id: str, previous: Block, time: datetime, submissions: Sequence[Submission]
) -> MadeBlock:
    """Make the block after `previous` on a draft of the state after that.

    A transaction whose messages fail is in it, with its code. One that may be in no block (a wrong
    signature or sequence, a fee that cannot be paid) is left out. A mistake of ours makes a transaction
    fail, or if it comes before its messages leaves it out; it is logged, and the block is made.
    """
    height = Height(previous.height + 1)
    context = BlockContext(chain_id=chain_id, height=height, previous_hash=previous.hash, time=time)
    begin_block(draft, context)
    answers: list[TransactionResult | TransactionRejected] = []
    included: list[IncludedTransaction] = []
    for submission in submissions:
        try:
            outcome = apply_transaction(draft, submission.transaction, context)
        except TransactionRejected as refusal:
            answers.append(refusal)
            continue
        except Exception as error:  # noqa: BLE001 - one transaction must not stop the chain
            answers.append(recover(error, f"transaction {submission.hash} is left out of block {height}"))
            continue
        if outcome.bug is not None:
            recover(outcome.bug, f"transaction {submission.hash} fails in block {height}")
        answers.append(outcome.refusal or TransactionResult(submission.hash, height, outcome.events))
        included.append(
            IncludedTransaction(
                submission.hash,
                submission.raw,
                height,
                outcome.code,
                outcome.codespace,
                outcome.log,
                outcome.gas_wanted,
                outcome.gas_used,
                outcome.events,
            )
        )
    end_events = tuple(end_block(draft, context))
    rows = tuple(
        (table, key, None if row is None else encode_row(row)) for table, key, row in draft.changes()
    )
    event_rows = _encode_events(included, end_events)
    return MadeBlock(
        block=Block(height, _hash_block(previous.hash, height, time, included, event_rows, rows), time),
        state=draft.flatten(),
        rows=rows,
        answers=tuple(answers),
        included=tuple(included),
        end_events=end_events,
        event_rows=event_rows,
    )


def recover(error: Exception, consequence: str) -> TransactionRejected:
    """Log a mistake of ours with its traceback; return what the transaction is refused with."""
    codespace, code = PANIC
    _log.error("a bug in the rulebook: %s", consequence, exc_info=error)
    return TransactionRejected(f"recovered: {type(error).__name__}", codespace=codespace, tx_code=code)


def _encode_events(
    included: Sequence[IncludedTransaction], end_events: Iterable[ChainEvent]
) -> tuple[EventRow, ...]:
    events: list[tuple[int | None, ChainEvent]] = [
        (place, event) for place, transaction in enumerate(included) for event in transaction.events
    ]
    events += [(None, event) for event in end_events]
    return tuple((origin, type(event).__name__, encode_row(event)) for origin, event in events)


def _hash_block(
    previous_hash: bytes,
    height: Height,
    time: datetime,
    included: Sequence[IncludedTransaction],
    event_rows: Sequence[EventRow],
    rows: Sequence[ChangedRow],
) -> bytes:
    transactions, results, changes = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    for transaction in included:
        transactions.update(bytes.fromhex(transaction.hash))
        for number in (transaction.code, transaction.gas_wanted, transaction.gas_used):
            results.update(number.to_bytes(8, "big"))
        results.update(_prefix(transaction.codespace.encode()) + _prefix(transaction.log.encode()))
    for origin, kind, data in event_rows:
        place = _END if origin is None else origin
        results.update(place.to_bytes(8, "big") + _prefix(kind.encode()) + _prefix(data))
    for table, key, row in rows:
        changes.update(_prefix(table.encode()) + _prefix(key.encode()))
        changes.update(_DROPPED if row is None else _prefix(row))
    whole = hashlib.sha256(previous_hash)
    whole.update(height.to_bytes(8, "big") + count_microseconds(time).to_bytes(8, "big", signed=True))
    whole.update(transactions.digest() + results.digest() + changes.digest())
    return whole.digest()


def _prefix(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
