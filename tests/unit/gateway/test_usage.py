from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from joey.adapters.stores.sqlite.database import Database
from joey.adapters.stores.sqlite.portal import PORTAL_MIGRATIONS, SqliteUsage
from joey.core.errors import Busy
from joey.gateway import usage as usage_module
from joey.gateway.usage import UsageCounter
from joey.ports.stores import Tenant, UsageCount

pytestmark = pytest.mark.anyio

ACME, BETA = Tenant("acme", "portal"), Tenant("beta", "portal")


class SetClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


async def test_calls_add_up_by_tenant_service_and_day() -> None:
    database = Database(None, PORTAL_MIGRATIONS)
    usage, clock = SqliteUsage(database), SetClock()
    counter = UsageCounter(usage, clock)
    counter.add(ACME, "text", answered=True, bytes_in=10, bytes_out=100)
    counter.add(ACME, "text", answered=False, bytes_in=1, bytes_out=0)
    counter.add(BETA, "text", answered=True, bytes_in=5, bytes_out=6)
    await counter.flush()
    counter.add(ACME, "text", answered=True, bytes_in=2, bytes_out=3)
    clock.time = datetime(2026, 11, 23, tzinfo=UTC)
    counter.add(ACME, "text", answered=True, bytes_in=7, bytes_out=8)
    await counter.flush()
    await counter.flush()
    assert await usage.totals() == [
        UsageCount("acme", "text", "2026-11-22", 2, 1, 13, 103),
        UsageCount("acme", "text", "2026-11-23", 1, 0, 7, 8),
        UsageCount("beta", "text", "2026-11-22", 1, 0, 5, 6),
    ]
    database.close()


class FailingUsage:
    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error
        self.tries = 0
        self.written: list[UsageCount] = []

    async def record(self, counts: Iterable[UsageCount]) -> None:
        self.tries += 1
        if self.error is not None:
            raise self.error
        self.written += counts

    async def totals(self) -> Sequence[UsageCount]:
        return self.written


@pytest.mark.parametrize("error", [Busy("the queue is full"), OSError("cannot write gateway.db: full")])
async def test_counts_that_cannot_be_written_are_kept_and_logged_once(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "joey.gateway.usage")
    usage = FailingUsage(error)
    counter = UsageCounter(usage, SetClock())
    for _ in range(3):
        counter.add(ACME, "text", answered=True, bytes_in=1, bytes_out=2)
        await counter.flush()
    assert caplog.messages == [f"usage waits, its store fails: {error}"]
    usage.error = None
    for _ in range(2):
        counter.add(ACME, "text", answered=True, bytes_in=1, bytes_out=2)
        await counter.flush()
    assert usage.written == [
        UsageCount("acme", "text", "2026-11-22", 4, 0, 4, 8),
        UsageCount("acme", "text", "2026-11-22", 1, 0, 1, 2),
    ]
    assert caplog.messages[1:] == ["usage is written again"]


async def test_a_full_disk_does_not_end_the_counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_module, "_FLUSH_S", 0.01)
    database = Database(tmp_path / "gateway.db", PORTAL_MIGRATIONS)

    async def set_pages_max(count: int) -> None:
        await database.write(lambda c: c.execute(f"PRAGMA max_page_count = {count}").fetchall())

    usage = SqliteUsage(database)
    counter = UsageCounter(usage, SetClock())
    service = "x" * 100_000  # so that it needs pages the file has not
    await set_pages_max(1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(counter.run)
        counter.add(ACME, service, answered=True, bytes_in=1, bytes_out=2)
        await anyio.sleep(0.1)
        assert await usage.totals() == []
        with anyio.fail_after(20):
            while not await usage.totals():
                # It may share a group with a flush that fails, and then fails with it.
                with suppress(OSError):
                    await set_pages_max(10_000)
        tasks.cancel_scope.cancel()
    assert await usage.totals() == [UsageCount("acme", service, "2026-11-22", 1, 0, 1, 2)]
    database.close()
