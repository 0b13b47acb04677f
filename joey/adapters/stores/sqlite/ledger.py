"""`ledger.db`: the journal, the weekly rates, the agreed prices and the invoices, in one SQLite file.

Entries and invoices are kept as their canonical JSON, so that amounts may be of any size and "the
same content" means the same text. Rows are only ever added; the one value that changes is the
height up to which events are booked, and it changes in the transaction that adds their entries.
Every method raises `OSError` when the disk is full, read-only or broken: nothing was kept then.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from joey.adapters.stores.sqlite.database import Database
from joey.core.errors import InvariantBroken
from joey.core.ledger.agreements import AgreedPrice
from joey.core.ledger.invoice_codec import decode_invoice, encode_invoice
from joey.core.ledger.invoices import Fixing, Invoice, book_invoice
from joey.core.ledger.journal import Entry, decode_entry, encode_entry
from joey.core.units import ComputeUnits, Height, NanoUsd

__all__ = ["SqliteLedger"]


def _create_tables(connection: sqlite3.Connection) -> None:
    for statement in (
        """CREATE TABLE entries (
            sequence INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            content TEXT NOT NULL
        )""",
        "CREATE TABLE booked (one INTEGER PRIMARY KEY CHECK (one = 1), height INTEGER NOT NULL)",
        "INSERT INTO booked VALUES (1, 0)",
        """CREATE TABLE fixings (
            week TEXT PRIMARY KEY,
            price_nano_usd INTEGER NOT NULL,
            source TEXT NOT NULL,
            time TEXT NOT NULL
        )""",
        """CREATE TABLE prices (
            service_id TEXT NOT NULL,
            height INTEGER NOT NULL,
            week TEXT NOT NULL,
            price_nano_usd INTEGER NOT NULL,
            rate_nano_usd INTEGER NOT NULL,
            compute_units INTEGER NOT NULL,
            PRIMARY KEY (service_id, height)
        )""",
        """CREATE TABLE invoices (
            sequence INTEGER PRIMARY KEY,
            number TEXT NOT NULL UNIQUE,
            content TEXT NOT NULL
        )""",
        "CREATE TABLE invoiced (entry_id TEXT PRIMARY KEY, number TEXT NOT NULL)",
    ):
        connection.execute(statement)


_MIGRATIONS = (_create_tables,)


class SqliteLedger:
    """The `Journal`, `Invoices` and `Prices` of one data folder; in memory when `path` is `None`.

    Raises `ConfigError` when the file cannot be used.
    """

    def __init__(self, path: Path | None) -> None:
        self._database = Database(path, _MIGRATIONS)

    def close(self) -> None:
        """Write what is queued and close the file."""
        self._database.close()

    async def append(self, entries: Sequence[Entry], *, height: Height | None = None) -> int:
        """Add entries and remember the height they reach to, in one transaction.

        See `joey.ports.stores.Journal.append`. A height below the remembered one leaves that as it is.
        """
        rows = [(entry.id, encode_entry(entry)) for entry in entries]

        def work(connection: sqlite3.Connection) -> int:
            added = sum(_add_entry(connection, entry_id, content) for entry_id, content in rows)
            if height is not None:
                connection.execute("UPDATE booked SET height = max(height, ?)", (height,))
            return added

        return await self._database.write(work)

    async def entries(self, *, since_id: int = 0) -> Sequence[Entry]:
        """Return the entries in the order they were added, but for the first `since_id`."""

        def work(connection: sqlite3.Connection) -> list[str]:
            query = "SELECT content FROM entries WHERE sequence > ? ORDER BY sequence"
            return [content for (content,) in connection.execute(query, (since_id,))]

        return [decode_entry(content) for content in await self._database.read(work)]

    async def height(self) -> Height:
        """Return the chain height up to which events are booked (0: none)."""
        return Height(
            await self._database.read(lambda c: int(c.execute("SELECT height FROM booked").fetchone()[0]))
        )

    async def save_fixing(self, fixing: Fixing) -> Fixing:
        """Keep a week's rate unless there is one, and return the one in force."""
        row = (fixing.week, fixing.price, fixing.source, _write_time(fixing.time))

        def work(connection: sqlite3.Connection) -> Fixing:
            connection.execute("INSERT OR IGNORE INTO fixings VALUES (?, ?, ?, ?)", row)
            kept = _find_fixing(connection, fixing.week)
            assert kept is not None, "it was just written"
            return kept

        return await self._database.write(work)

    async def fixing(self, week: str) -> Fixing | None:
        """Return the rate of a week such as `2026-W47`."""
        return await self._database.read(lambda connection: _find_fixing(connection, week))

    async def save_invoice(self, invoice: Invoice) -> None:
        """Keep an invoice and add its entries, in one transaction.

        Raises `InvariantBroken` when its number, or a settlement on it, was invoiced before.
        """
        content = encode_invoice(invoice)
        booked = [(entry.id, encode_entry(entry)) for entry in book_invoice(invoice)]

        def work(connection: sqlite3.Connection) -> None:
            try:
                connection.execute(
                    "INSERT INTO invoices (number, content) VALUES (?, ?)", (invoice.number, content)
                )
                connection.executemany(
                    "INSERT INTO invoiced VALUES (?, ?)",
                    [(entry_id, invoice.number) for entry_id in invoice.entry_ids],
                )
            except sqlite3.IntegrityError as error:
                raise InvariantBroken(
                    f"invoice {invoice.number} covers what was invoiced before: {error}",
                    number=invoice.number,
                ) from None
            for entry_id, entry_content in booked:
                _add_entry(connection, entry_id, entry_content)

        await self._database.write(work)

    async def invoices(self) -> Sequence[Invoice]:
        """Return all invoices, oldest first."""

        def work(connection: sqlite3.Connection) -> list[str]:
            query = "SELECT content FROM invoices ORDER BY sequence"
            return [content for (content,) in connection.execute(query)]

        return [decode_invoice(content) for content in await self._database.read(work)]

    async def save_price(self, price: AgreedPrice) -> None:
        """Keep what holds for a service from a height on; see `joey.ports.stores.Prices.save_price`."""

        def work(connection: sqlite3.Connection) -> None:
            kept = _find_price(connection, price.service_id, price.height)
            if kept is None or kept.height < price.height:
                connection.execute(
                    "INSERT INTO prices VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        price.service_id,
                        price.height,
                        price.week,
                        price.price,
                        price.rate,
                        price.compute_units,
                    ),
                )
            elif kept != price:
                raise InvariantBroken(
                    f"another price of {price.service_id} is agreed from height {price.height} on",
                    service_id=price.service_id,
                    height=price.height,
                )

        await self._database.write(work)

    async def price_at(self, service_id: str, height: Height) -> AgreedPrice | None:
        """Return the price of a service for sessions that start at `height`."""
        return await self._database.read(lambda connection: _find_price(connection, service_id, height))


def _add_entry(connection: sqlite3.Connection, entry_id: str, content: str) -> bool:
    """Add an entry, or pass over the one that is there; tell whether it was new."""
    found = connection.execute("SELECT content FROM entries WHERE id = ?", (entry_id,)).fetchone()
    if found is None:
        connection.execute("INSERT INTO entries (id, content) VALUES (?, ?)", (entry_id, content))
        return True
    if found[0] != content:
        raise InvariantBroken(f"entry {entry_id} is in the journal with other content", id=entry_id)
    return False


def _find_fixing(connection: sqlite3.Connection, week: str) -> Fixing | None:
    query = "SELECT week, price_nano_usd, source, time FROM fixings WHERE week = ?"
    row = connection.execute(query, (week,)).fetchone()
    if row is None:
        return None
    return Fixing(row[0], NanoUsd(row[1]), row[2], datetime.fromisoformat(row[3]))


def _find_price(connection: sqlite3.Connection, service_id: str, height: Height) -> AgreedPrice | None:
    query = (
        "SELECT service_id, height, week, price_nano_usd, rate_nano_usd, compute_units"
        " FROM prices WHERE service_id = ? AND height <= ? ORDER BY height DESC LIMIT 1"
    )
    row = connection.execute(query, (service_id, height)).fetchone()
    if row is None:
        return None
    return AgreedPrice(row[0], Height(row[1]), row[2], NanoUsd(row[3]), NanoUsd(row[4]), ComputeUnits(row[5]))


def _write_time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
