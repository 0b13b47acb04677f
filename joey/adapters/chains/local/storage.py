"""The embedded chain on disk: genesis, blocks, transactions, events, the newest state and its past.

A block is one SQLite transaction: after a power cut the file holds it whole or not at all. Every
method raises `ChainUnavailable` when the disk is full, read-only or broken.

The past is kept backwards: for every row that a block changed, what stood there before. To return to
a height, what later blocks replaced is put back; so a recent height costs little, however long the
chain, and a block writes each of its rows twice.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, get_args

from joey.adapters.chains.local.migrations import MIGRATIONS
from joey.adapters.chains.local.production import MadeBlock, count_microseconds, read_microseconds
from joey.adapters.stores.sqlite.database import Database
from joey.core.errors import ChainUnavailable, ConfigError
from joey.core.protocol.events import ChainEvent
from joey.core.protocol.genesis import Genesis
from joey.core.protocol.rows import decode_row, encode_row
from joey.core.protocol.state import State
from joey.core.units import Height
from joey.ports.chain import Block, IncludedTransaction

__all__ = ["ChainStore"]

T = TypeVar("T")

_EVENT_TYPES: dict[str, type] = {event_type.__name__: event_type for event_type in get_args(ChainEvent)}
_TRANSACTION = (
    "SELECT position, hash, raw, height, code, codespace, log, gas_wanted, gas_used FROM transactions"
)


class ChainStore:
    """One chain's file, or a private one in memory when `path` is `None`.

    Opening it blocks: do so in a worker thread. Raises `ConfigError` when the file cannot be used.
    """

    def __init__(self, path: Path | None) -> None:
        self._name = "the chain in memory" if path is None else str(path)
        self._database = Database(path, MIGRATIONS)

    async def read_genesis(self) -> Genesis | None:
        """Return the genesis that the file began with; `None` when it is new."""
        row = await self._read(lambda file: file.execute("SELECT data FROM genesis").fetchone())
        return None if row is None else self._decode(Genesis, row[0])

    async def save_genesis(self, genesis: Genesis) -> None:
        """Keep the genesis of a new file."""
        data = encode_row(genesis)
        await self._write(
            lambda file: file.execute("INSERT INTO genesis VALUES (1, ?)", (data,)), "the genesis"
        )

    async def load_state(self) -> State:
        """Return the state after the newest block."""

        def load(connection: sqlite3.Connection) -> State:
            state = State.empty()
            tables, row_types = dict(state.tables()), State.row_types()
            for name, key, row in connection.execute("SELECT name, key, row FROM state"):
                tables[name].put(key, self._decode(row_types[name], row))
            return state

        return await self._read(load)

    async def load_past_state(self, state: State, after: Height, height: Height) -> State:
        """Return the state after the block at `height`, from a later one, that after the block at `after`."""

        def load(connection: sqlite3.Connection) -> State:
            query = "SELECT name, key, row FROM history WHERE height > ? AND height <= ? ORDER BY height DESC"
            # Of several blocks that changed a row, the earliest replaced what stood there at `height`.
            replaced = {(name, key): row for name, key, row in connection.execute(query, (height, after))}
            draft = state.draft()
            tables, row_types = dict(draft.tables()), State.row_types()
            for (name, key), row in replaced.items():
                if row is None:
                    tables[name].remove(key)
                else:
                    tables[name].put(key, self._decode(row_types[name], row))
            return draft.flatten()

        return await self._read(load)

    async def read_history_start(self) -> Height:
        """Return the first height whose state can be returned to."""
        query = "SELECT height FROM history_start"
        return Height(await self._read(lambda file: file.execute(query).fetchone()[0]))

    async def save_block(self, made: MadeBlock) -> None:
        """Write a block and all it changed; on return it would survive a power cut.

        Raises `ChainUnavailable` when that fails, also when another process has made this block.
        """
        height = made.block.height

        def save(connection: sqlite3.Connection) -> None:
            time = count_microseconds(made.block.time)
            connection.execute("INSERT INTO blocks VALUES (?, ?, ?)", (height, made.block.hash, time))
            connection.executemany(
                "INSERT INTO transactions (height, position, hash, raw, code, codespace, log,"
                " gas_wanted, gas_used) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (_write_transaction(place, one) for place, one in enumerate(made.included)),
            )
            connection.executemany(
                "INSERT INTO events (height, position, origin, kind, data) VALUES (?, ?, ?, ?, ?)",
                ((height, place, *row) for place, row in enumerate(made.event_rows)),
            )
            # Nobody can ask for the state before the first block.
            if height > 1:
                connection.executemany(
                    "INSERT INTO history VALUES"
                    " (?1, ?2, ?3, (SELECT row FROM state WHERE name = ?2 AND key = ?3))",
                    ((height, name, key) for name, key, _ in made.rows),
                )
            connection.executemany(
                "DELETE FROM state WHERE name = ? AND key = ?",
                ((name, key) for name, key, row in made.rows if row is None),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO state VALUES (?, ?, ?)",
                (row for row in made.rows if row[2] is not None),
            )

        await self._write(save, f"block {height}")

    async def read_head(self) -> Block | None:
        """Return the newest block."""
        query = "SELECT height, hash, time FROM blocks ORDER BY height DESC LIMIT 1"
        row = await self._read(lambda file: file.execute(query).fetchone())
        return None if row is None else _read_block(row)

    async def read_block(self, height: Height) -> Block | None:
        """Return the block at a height."""
        query = "SELECT height, hash, time FROM blocks WHERE height = ?"
        row = await self._read(lambda file: file.execute(query, (height,)).fetchone())
        return None if row is None else _read_block(row)

    async def read_end_events(self, height: Height) -> tuple[ChainEvent, ...]:
        """Return the events of a block's end, in order."""
        query = "SELECT kind, data FROM events WHERE height = ? AND origin IS NULL ORDER BY position"
        rows = await self._read(lambda file: file.execute(query, (height,)).fetchall())
        return tuple(self._decode(_EVENT_TYPES[kind], data) for kind, data in rows)

    async def read_transactions(self, height: Height) -> tuple[IncludedTransaction, ...]:
        """Return the transactions of a block, in order."""
        query = f"{_TRANSACTION} WHERE height = ? ORDER BY position"
        return await self._read(lambda file: self._select_transactions(file, query, height))

    async def read_transaction(self, transaction_hash: str) -> IncludedTransaction | None:
        """Return a transaction that is in a block."""
        query = f"{_TRANSACTION} WHERE hash = ? LIMIT 1"
        found = await self._read(lambda file: self._select_transactions(file, query, transaction_hash))
        return found[0] if found else None

    def close(self) -> None:
        """Close the file. Blocks until what is queued is written."""
        self._database.close()

    def _select_transactions(
        self, connection: sqlite3.Connection, query: str, argument: int | str
    ) -> tuple[IncludedTransaction, ...]:
        rows = connection.execute(query, (argument,)).fetchall()
        events: defaultdict[int, list[ChainEvent]] = defaultdict(list)
        if rows:
            first, last, height = rows[0][0], rows[-1][0], rows[0][3]
            for origin, kind, data in connection.execute(
                "SELECT origin, kind, data FROM events WHERE height = ? AND origin BETWEEN ? AND ?"
                " ORDER BY position",
                (height, first, last),
            ):
                events[origin].append(self._decode(_EVENT_TYPES[kind], data))
        return tuple(_read_transaction(row, tuple(events[row[0]])) for row in rows)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._database.read(work)
        except OSError as error:
            raise ChainUnavailable(str(error)) from None

    async def _write(self, work: Callable[[sqlite3.Connection], object], what: str) -> None:
        try:
            await self._database.write(work)
        except (OSError, sqlite3.IntegrityError) as error:
            raise ChainUnavailable(f"{what} could not be written: {error}") from None

    def _decode(self, row_type: type[T], data: bytes) -> T:
        try:
            return decode_row(row_type, data)
        except ValueError as error:
            raise ConfigError(
                f"{self._name} is damaged: {error}; restore it, or name another folder"
            ) from None


def _read_block(row: tuple[int, bytes, int]) -> Block:
    height, block_hash, time = row
    return Block(Height(height), block_hash, read_microseconds(time))


def _write_transaction(place: int, one: IncludedTransaction) -> tuple[object, ...]:
    return (
        one.height,
        place,
        one.hash,
        one.raw,
        one.code,
        one.codespace,
        one.log,
        one.gas_wanted,
        one.gas_used,
    )


def _read_transaction(
    row: tuple[int, str, bytes, int, int, str, str, int, int], events: tuple[ChainEvent, ...]
) -> IncludedTransaction:
    _, name, raw, height, code, codespace, log, gas_wanted, gas_used = row
    return IncludedTransaction(name, raw, Height(height), code, codespace, log, gas_wanted, gas_used, events)
