"""The embedded chain on disk: genesis, blocks, transactions, events and the newest state.

A block is one SQLite transaction: after a power cut the file holds it whole or not at all. Every
method raises `ChainUnavailable` when the disk is full, read-only or broken.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, get_args

from joey.adapters.chains.local.production import MadeBlock, count_microseconds, read_microseconds
from joey.adapters.stores.sqlite.database import Database
from joey.core.errors import ChainUnavailable, ConfigError
from joey.core.protocol.events import ChainEvent
from joey.core.protocol.genesis import Genesis
from joey.core.protocol.rows import decode_row, encode_row
from joey.core.protocol.state import State
from joey.core.units import Height
from joey.ports.chain import Block

__all__ = ["ChainStore"]

T = TypeVar("T")

_EVENT_TYPES: dict[str, type] = {event_type.__name__: event_type for event_type in get_args(ChainEvent)}


def _create_tables(connection: sqlite3.Connection) -> None:
    for statement in (
        "CREATE TABLE genesis (id INTEGER PRIMARY KEY CHECK (id = 1), data BLOB NOT NULL)",
        "CREATE TABLE blocks (height INTEGER PRIMARY KEY, hash BLOB NOT NULL, time INTEGER NOT NULL)",
        """CREATE TABLE transactions (
            height INTEGER NOT NULL, position INTEGER NOT NULL, hash TEXT NOT NULL, raw BLOB NOT NULL,
            PRIMARY KEY (height, position)) WITHOUT ROWID""",
        "CREATE INDEX transactions_by_hash ON transactions (hash)",
        """CREATE TABLE events (
            height INTEGER NOT NULL, position INTEGER NOT NULL, kind TEXT NOT NULL, data BLOB NOT NULL,
            PRIMARY KEY (height, position)) WITHOUT ROWID""",
        """CREATE TABLE state (
            name TEXT NOT NULL, key TEXT NOT NULL, row BLOB NOT NULL,
            PRIMARY KEY (name, key)) WITHOUT ROWID""",
    ):
        connection.execute(statement)


class ChainStore:
    """One chain's file, or a private one in memory when `path` is `None`.

    Opening it blocks: do so in a worker thread. Raises `ConfigError` when the file cannot be used.
    """

    def __init__(self, path: Path | None) -> None:
        self._name = "the chain in memory" if path is None else str(path)
        self._database = Database(path, [_create_tables])

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

    async def save_block(self, made: MadeBlock) -> None:
        """Write a block and all it changed; on return it would survive a power cut.

        Raises `ChainUnavailable` when that fails, also when another process has made this block.
        """
        height = made.block.height
        transactions = [
            (height, position, submission.hash, submission.raw)
            for position, submission in enumerate(made.included)
        ]
        events = [
            (height, position, type(event).__name__, encode_row(event))
            for position, event in enumerate(made.events)
        ]
        dropped = [(name, key) for name, key, row in made.rows if row is None]
        changed = [row for row in made.rows if row[2] is not None]

        def save(connection: sqlite3.Connection) -> None:
            time = count_microseconds(made.block.time)
            connection.execute("INSERT INTO blocks VALUES (?, ?, ?)", (height, made.block.hash, time))
            connection.executemany("INSERT INTO transactions VALUES (?, ?, ?, ?)", transactions)
            connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", events)
            connection.executemany("DELETE FROM state WHERE name = ? AND key = ?", dropped)
            connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", changed)

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

    async def read_events(self, height: Height) -> tuple[ChainEvent, ...]:
        """Return the events of a block, in order."""
        query = "SELECT kind, data FROM events WHERE height = ? ORDER BY position"
        rows = await self._read(lambda file: file.execute(query, (height,)).fetchall())
        return tuple(self._decode(_EVENT_TYPES[kind], data) for kind, data in rows)

    async def read_transaction(self, transaction_hash: str) -> bytes | None:
        """Return the bytes of a transaction that is in a block."""
        query = "SELECT raw FROM transactions WHERE hash = ?"
        row = await self._read(lambda file: file.execute(query, (transaction_hash,)).fetchone())
        return None if row is None else bytes(row[0])

    def close(self) -> None:
        """Close the file. Blocks until what is queued is written."""
        self._database.close()

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
