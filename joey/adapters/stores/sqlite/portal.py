"""A portal's tenants and their usage in one SQLite file.

Every method raises `OSError` when the disk is full, read-only or broken: nothing was kept then.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence

from joey.adapters.stores.sqlite.database import Database
from joey.core.errors import ConfigError
from joey.ports.stores import Tenant, UsageCount

__all__ = ["PORTAL_MIGRATIONS", "SqliteTenants", "SqliteUsage"]


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE tenants (name TEXT PRIMARY KEY, operator TEXT NOT NULL) STRICT")
    connection.execute(
        "CREATE TABLE api_keys (key_hash BLOB PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenants (name))"
        " STRICT, WITHOUT ROWID"
    )
    connection.execute(
        "CREATE TABLE usage (tenant TEXT NOT NULL, service_id TEXT NOT NULL, day TEXT NOT NULL,"
        " relays INTEGER NOT NULL, failed INTEGER NOT NULL, bytes_in INTEGER NOT NULL,"
        " bytes_out INTEGER NOT NULL, PRIMARY KEY (tenant, service_id, day)) STRICT, WITHOUT ROWID"
    )


PORTAL_MIGRATIONS = (_create,)
"""What makes a database one of a portal; for `Database`."""


class SqliteTenants:
    """Fulfils `joey.ports.stores.Tenants`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key_hash: bytes) -> Tenant | None:
        """Return the tenant of an API key, by the SHA-256 of the key's UTF-8 text."""

        def read(connection: sqlite3.Connection) -> Tenant | None:
            row = connection.execute(
                "SELECT name, operator FROM api_keys JOIN tenants ON name = tenant WHERE key_hash = ?",
                (key_hash,),
            ).fetchone()
            return None if row is None else Tenant(*row)

        return await self._database.read(read)

    async def add(self, tenant: Tenant, key_hash: bytes) -> None:
        """Give a tenant a key; again changes nothing.

        Raises `ConfigError` when the tenant belongs to another operator, or the key to another tenant.
        """

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR IGNORE INTO tenants VALUES (?, ?)", (tenant.name, tenant.operator))
            connection.execute("INSERT OR IGNORE INTO api_keys VALUES (?, ?)", (key_hash, tenant.name))
            row = connection.execute(
                "SELECT name, operator FROM api_keys JOIN tenants ON name = tenant WHERE key_hash = ?",
                (key_hash,),
            ).fetchone()
            if row[0] != tenant.name:
                raise ConfigError(f"this API key is already in use by tenant {row[0]!r}: make another")
            if row[1] != tenant.operator:
                raise ConfigError(f"tenant {tenant.name!r} belongs to operator {row[1]!r}: use another name")

        await self._database.write(write)

    async def set_keys(self, tenant: Tenant, key_hashes: Collection[bytes]) -> None:
        """Give a tenant these keys, and take away all others of every tenant; what was used stays."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM api_keys")
            connection.execute("INSERT OR REPLACE INTO tenants VALUES (?, ?)", (tenant.name, tenant.operator))
            connection.executemany(
                "INSERT OR IGNORE INTO api_keys VALUES (?, ?)", [(one, tenant.name) for one in key_hashes]
            )

        await self._database.write(write)


class SqliteUsage:
    """Fulfils `joey.ports.stores.Usage`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, counts: Iterable[UsageCount]) -> None:
        """Add counts; durable on return."""
        rows = [
            (
                count.tenant,
                count.service_id,
                count.day,
                count.relays,
                count.failed,
                count.bytes_in,
                count.bytes_out,
            )
            for count in counts
        ]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " relays = relays + excluded.relays, failed = failed + excluded.failed,"
                " bytes_in = bytes_in + excluded.bytes_in, bytes_out = bytes_out + excluded.bytes_out",
                rows,
            )

        await self._database.write(write)

    async def totals(self) -> Sequence[UsageCount]:
        """Return the sums, by tenant, service and day."""

        def read(connection: sqlite3.Connection) -> list[UsageCount]:
            rows = connection.execute("SELECT * FROM usage ORDER BY tenant, service_id, day")
            return [UsageCount(*row) for row in rows]

        return await self._database.read(read)
