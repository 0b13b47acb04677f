from __future__ import annotations

from pathlib import Path

import pytest

from joey.adapters.stores.sqlite.database import Database
from joey.adapters.stores.sqlite.portal import PORTAL_MIGRATIONS, SqliteTenants, SqliteUsage
from joey.core.errors import ConfigError
from joey.ports.stores import Tenant, UsageCount

pytestmark = pytest.mark.anyio


async def test_tenants_and_usage_outlive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    count = UsageCount("acme", "text", "2026-11-22", 1, 2, 3, 4)
    database = Database(path, PORTAL_MIGRATIONS)
    await SqliteTenants(database).add(Tenant("acme", "portal"), b"h" * 32)
    await SqliteUsage(database).record([count])
    database.close()
    database = Database(path, PORTAL_MIGRATIONS)
    assert await SqliteTenants(database).find(b"h" * 32) == Tenant("acme", "portal")
    assert await SqliteTenants(database).find(b"x" * 32) is None
    await SqliteUsage(database).record([count])
    assert await SqliteUsage(database).totals() == [UsageCount("acme", "text", "2026-11-22", 2, 4, 6, 8)]
    database.close()


async def test_a_key_and_a_name_have_one_owner() -> None:
    database = Database(None, PORTAL_MIGRATIONS)
    tenants = SqliteTenants(database)
    acme = Tenant("acme", "portal")
    await tenants.add(acme, b"1" * 32)
    await tenants.add(acme, b"1" * 32)
    await tenants.add(acme, b"2" * 32)
    with pytest.raises(ConfigError, match="already in use by tenant 'acme'"):
        await tenants.add(Tenant("beta", "portal"), b"1" * 32)
    with pytest.raises(ConfigError, match="belongs to operator 'portal'"):
        await tenants.add(Tenant("acme", "another"), b"3" * 32)
    assert await tenants.find(b"2" * 32) == acme
    assert await tenants.find(b"3" * 32) is None
    database.close()


async def test_a_full_disk_is_an_os_error_and_keeps_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "gateway.db", PORTAL_MIGRATIONS)
    tenants, usage = SqliteTenants(database), SqliteUsage(database)
    await database.write(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
    with pytest.raises(OSError, match=r"cannot write .*gateway\.db: database or disk is full"):
        await usage.record([UsageCount("acme", "x" * 100_000, "2026-11-22", 1, 2, 3, 4)])
    with pytest.raises(OSError, match=r"cannot write .*gateway\.db: database or disk is full"):
        await tenants.add(Tenant("x" * 100_000, "portal"), b"1" * 32)
    assert await usage.totals() == []
    assert await tenants.find(b"1" * 32) is None
    database.close()
