"""What a node keeps in SQLite: the relays it has served, as evidence, and the claims it makes of them.

Every method raises `OSError` when the disk is full, read-only or broken: nothing was kept then.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from joey.adapters.stores.sqlite.database import Database, Migration
from joey.core.wire.session import SessionHeader
from joey.ports.chain import TransactionTerms
from joey.ports.stores import ClaimRecord, LoggedRelay, LoggedSession

__all__ = ["SqliteClaims", "SqliteRelayLog", "open_node_database"]


def _create_first_tables(connection: sqlite3.Connection) -> None:
    """Version 1. A session is named once by a number; its relays lie in the order they were served."""
    connection.execute(
        """
        CREATE TABLE session (
            number INTEGER PRIMARY KEY,
            session_id TEXT NOT NULL,
            supplier TEXT NOT NULL,
            application TEXT NOT NULL,
            service TEXT NOT NULL,
            height_start INTEGER NOT NULL,
            height_end INTEGER NOT NULL,
            UNIQUE (session_id, supplier)
        ) STRICT
        """
    )
    connection.execute(
        """
        CREATE TABLE relay (
            number INTEGER PRIMARY KEY,
            session INTEGER NOT NULL REFERENCES session (number),
            relay_hash BLOB NOT NULL,
            relay_bytes BLOB NOT NULL,
            UNIQUE (session, relay_hash)
        ) STRICT
        """
    )
    connection.execute(
        """
        CREATE TABLE claim (
            session_id TEXT NOT NULL,
            supplier TEXT NOT NULL,
            application TEXT NOT NULL,
            service TEXT NOT NULL,
            height_start INTEGER NOT NULL,
            height_end INTEGER NOT NULL,
            root BLOB NOT NULL,
            relays INTEGER NOT NULL,
            compute_units INTEGER NOT NULL,
            state TEXT NOT NULL,
            tx_hash TEXT NOT NULL,
            height INTEGER NOT NULL,
            note TEXT NOT NULL,
            PRIMARY KEY (session_id, supplier)
        ) STRICT, WITHOUT ROWID
        """
    )


def _add_proofs(connection: sqlite3.Connection) -> None:
    """Version 2. What became of a claim's proof."""
    connection.execute("ALTER TABLE claim ADD COLUMN proof_tx_hash TEXT NOT NULL DEFAULT ''")
    connection.execute("ALTER TABLE claim ADD COLUMN proof_height INTEGER NOT NULL DEFAULT 0")


def _add_terms(connection: sqlite3.Connection) -> None:
    """Version 3. What a transaction that may be on its way was signed with: JSON, empty when none is."""
    connection.execute("ALTER TABLE claim ADD COLUMN terms TEXT NOT NULL DEFAULT ''")


_MIGRATIONS: tuple[Migration, ...] = (_create_first_tables, _add_proofs, _add_terms)


def open_node_database(path: Path | None) -> Database:
    """Open a node's file, or a private one in memory. Raises `ConfigError`."""
    return Database(path, _MIGRATIONS)


class SqliteRelayLog:
    """Fulfils `joey.ports.stores.RelayLog`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, header: SessionHeader, supplier_address: str, relay: LoggedRelay) -> None:
        """Keep one relay; on return it would survive a power cut."""
        key = (header.session_id, supplier_address)

        def work(connection: sqlite3.Connection) -> None:
            if _insert_relay(connection, key, relay):
                return
            # The first relay of its session, or one that is there already.
            connection.execute(
                "INSERT INTO session (session_id, supplier, application, service, height_start, height_end)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    *key,
                    header.application_address,
                    header.service_id,
                    header.height_start,
                    header.height_end,
                ),
            )
            _insert_relay(connection, key, relay)

        await self._database.write(work)

    async def sessions(self) -> Sequence[LoggedSession]:
        """List what is in the log, oldest session first."""

        def work(connection: sqlite3.Connection) -> list[LoggedSession]:
            rows = connection.execute(
                "SELECT application, service, session_id, height_start, height_end, supplier,"
                " (SELECT count(*) FROM relay WHERE session = session.number)"
                " FROM session ORDER BY height_start, session_id, supplier"
            )
            return [LoggedSession(SessionHeader(*row[:5]), row[5], row[6]) for row in rows]

        return await self._database.read(work)

    async def relays(self, session_id: str, supplier_address: str) -> Sequence[LoggedRelay]:
        """Return the relays of one session in the order they were served."""

        def work(connection: sqlite3.Connection) -> list[LoggedRelay]:
            rows = connection.execute(
                "SELECT relay_hash, relay_bytes FROM relay WHERE session ="
                " (SELECT number FROM session WHERE session_id = ? AND supplier = ?) ORDER BY number",
                (session_id, supplier_address),
            )
            return [LoggedRelay(*row) for row in rows]

        return await self._database.read(work)

    async def hashes(self, session_id: str, supplier_address: str) -> Sequence[bytes]:
        """Return the relay hashes of one session in the order they were served."""

        def work(connection: sqlite3.Connection) -> list[bytes]:
            rows = connection.execute(
                "SELECT relay_hash FROM relay WHERE session ="
                " (SELECT number FROM session WHERE session_id = ? AND supplier = ?) ORDER BY number",
                (session_id, supplier_address),
            )
            return [row[0] for row in rows]

        return await self._database.read(work)

    async def values(
        self, session_id: str, supplier_address: str, hashes: Sequence[bytes]
    ) -> Sequence[bytes]:
        """Return the bytes of relays of one session, by their hashes and in that order."""

        def work(connection: sqlite3.Connection) -> list[bytes]:
            (number,) = connection.execute(
                "SELECT number FROM session WHERE session_id = ? AND supplier = ?",
                (session_id, supplier_address),
            ).fetchone() or (None,)
            return [_read_value(connection, number, relay_hash) for relay_hash in hashes]

        return await self._database.read(work)

    async def forget(self, session_id: str, supplier_address: str) -> None:
        """Drop a session with its relays, from the disk too; one that is not there is no error."""

        def work(connection: sqlite3.Connection) -> None:
            key = (session_id, supplier_address)
            connection.execute(
                "DELETE FROM relay WHERE session ="
                " (SELECT number FROM session WHERE session_id = ? AND supplier = ?)",
                key,
            )
            connection.execute("DELETE FROM session WHERE session_id = ? AND supplier = ?", key)

        await self._database.write(work, erases=True)


def _insert_relay(connection: sqlite3.Connection, key: tuple[str, str], relay: LoggedRelay) -> bool:
    """Add a relay to the session of `key` (its id, the supplier); tell whether it was added."""
    added = connection.execute(
        "INSERT INTO relay (session, relay_hash, relay_bytes)"
        " SELECT number, ?, ? FROM session WHERE session_id = ? AND supplier = ?"
        " ON CONFLICT DO NOTHING",
        (relay.relay_hash, relay.relay_bytes, *key),
    )
    return added.rowcount > 0


def _read_value(connection: sqlite3.Connection, session: int | None, relay_hash: bytes) -> bytes:
    row = connection.execute(
        "SELECT relay_bytes FROM relay WHERE session = ? AND relay_hash = ?", (session, relay_hash)
    ).fetchone()
    if row is None:
        raise OSError("a relay that was in the log is not there any more")
    value: bytes = row[0]
    return value


_CLAIM_COLUMNS = (
    "application, service, session_id, height_start, height_end,"
    " supplier, root, relays, compute_units, state, tx_hash, height, note, proof_tx_hash, proof_height,"
    " terms"
)


class SqliteClaims:
    """Fulfils `joey.ports.stores.Claims`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, record: ClaimRecord) -> None:
        """Insert or replace the record of a (session, supplier); durable on return."""
        header = record.header
        row = (
            header.application_address,
            header.service_id,
            header.session_id,
            header.height_start,
            header.height_end,
            record.supplier_address,
            record.root,
            record.relays,
            record.compute_units,
            record.state,
            record.tx_hash,
            record.height,
            record.note,
            record.proof_tx_hash,
            record.proof_height,
            _write_terms(record.terms),
        )

        def work(connection: sqlite3.Connection) -> None:
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT OR REPLACE INTO claim ({_CLAIM_COLUMNS}) VALUES ({marks})", row)  # noqa: S608

        await self._database.write(work)

    async def get(self, session_id: str, supplier_address: str) -> ClaimRecord | None:
        """Return one record."""

        def work(connection: sqlite3.Connection) -> ClaimRecord | None:
            row = connection.execute(
                f"SELECT {_CLAIM_COLUMNS} FROM claim WHERE session_id = ? AND supplier = ?",  # noqa: S608
                (session_id, supplier_address),
            ).fetchone()
            return None if row is None else _read_claim(row)

        return await self._database.read(work)

    async def all(self) -> Sequence[ClaimRecord]:
        """Return all records, oldest session first."""

        def work(connection: sqlite3.Connection) -> list[ClaimRecord]:
            rows = connection.execute(
                f"SELECT {_CLAIM_COLUMNS} FROM claim ORDER BY height_start, session_id, supplier"  # noqa: S608
            )
            return [_read_claim(row) for row in rows]

        return await self._database.read(work)


def _read_claim(row: tuple[Any, ...]) -> ClaimRecord:
    rest = (*row[5:-1], _read_terms(row[-1]))
    return ClaimRecord(SessionHeader(*row[:5]), *rest)


def _write_terms(terms: TransactionTerms | None) -> str:
    if terms is None:
        return ""
    time = terms.timeout_time
    return json.dumps(asdict(terms) | {"timeout_time": None if time is None else time.isoformat()})


def _read_terms(text: str) -> TransactionTerms | None:
    if not text:
        return None
    kept = json.loads(text)
    time = kept.pop("timeout_time")
    return TransactionTerms(**kept, timeout_time=None if time is None else datetime.fromisoformat(time))
