from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pytest

from joey.adapters.stores.sqlite.database import Database
from joey.adapters.stores.sqlite.portal import PORTAL_MIGRATIONS, SqliteUsage
from joey.core.errors import Busy
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


async def test_counts_that_cannot_be_written_are_kept() -> None:
    class Full:
        def __init__(self) -> None:
            self.is_full = True
            self.written: list[UsageCount] = []

        async def record(self, counts: Iterable[UsageCount]) -> None:
            if self.is_full:
                raise Busy("full")
            self.written += counts

        async def totals(self) -> Sequence[UsageCount]:
            return self.written

    usage = Full()
    counter = UsageCounter(usage, SetClock())
    counter.add(ACME, "text", answered=True, bytes_in=1, bytes_out=2)
    with pytest.raises(Busy):
        await counter.flush()
    counter.add(ACME, "text", answered=True, bytes_in=1, bytes_out=2)
    usage.is_full = False
    await counter.flush()
    assert usage.written == [UsageCount("acme", "text", "2026-11-22", 2, 0, 2, 4)]
