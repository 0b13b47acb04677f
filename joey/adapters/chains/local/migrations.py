"""The tables of a chain's file, as numbered steps that are applied once each, in order."""

from __future__ import annotations

import sqlite3

from joey.core.wire.messages import CreateClaim
from joey.core.wire.transactions import decode_transaction

__all__ = ["MIGRATIONS"]


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


def _keep_history(connection: sqlite3.Connection) -> None:
    """Keep what every block replaced, so that the state after any of them can be asked for.

    `history` has for each row that a block changed what stood there before (NULL: nothing). It
    begins with the newest block of an old file, and with block 1 of a new one.
    """
    connection.execute(
        """CREATE TABLE history (
            height INTEGER NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL, row BLOB,
            PRIMARY KEY (height, name, key)) WITHOUT ROWID"""
    )
    connection.execute("CREATE TABLE history_start (height INTEGER NOT NULL)")
    connection.execute("INSERT INTO history_start SELECT coalesce(max(height), 1) FROM blocks")


def _keep_results(connection: sqlite3.Connection) -> None:
    """Keep what became of each transaction, and of which transaction each event is.

    In an old file every transaction has succeeded, and the only event of one is that of a claim.
    """
    for column in (
        "code INTEGER NOT NULL DEFAULT 0",
        "codespace TEXT NOT NULL DEFAULT ''",
        "log TEXT NOT NULL DEFAULT ''",
        "gas_wanted INTEGER NOT NULL DEFAULT 0",
        "gas_used INTEGER NOT NULL DEFAULT 0",
    ):
        connection.execute(f"ALTER TABLE transactions ADD COLUMN {column}")
    # NULL: of the end of the block.
    connection.execute("ALTER TABLE events ADD COLUMN origin INTEGER")
    heights = connection.execute("SELECT DISTINCT height FROM events WHERE kind = 'ClaimCreated'").fetchall()
    for (height,) in heights:
        origins = [
            origin
            for origin, raw in connection.execute(
                "SELECT position, raw FROM transactions WHERE height = ? ORDER BY position", (height,)
            )
            for message in decode_transaction(raw).messages
            if isinstance(message, CreateClaim)
        ]
        positions = connection.execute(
            "SELECT position FROM events WHERE height = ? AND kind = 'ClaimCreated' ORDER BY position",
            (height,),
        ).fetchall()
        connection.executemany(
            "UPDATE events SET origin = ? WHERE height = ? AND position = ?",
            [(origin, height, position) for origin, (position,) in zip(origins, positions, strict=True)],
        )


MIGRATIONS = (_create_tables, _keep_history, _keep_results)
"""Applied in order; a file remembers how many it has."""
