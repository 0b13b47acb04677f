"""Counts per tenant, service and day; never a prompt, never an answer.

Counts are added up in memory and written every second: one write for all calls of that second. A
crash loses at most that. Money does not depend on them: what is paid is settled on chain.
"""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from joey.core.errors import Busy
from joey.ports.clock import Clock
from joey.ports.stores import Tenant, Usage, UsageCount

__all__ = ["UsageCounter"]

_FLUSH_S = 1.0


@dataclass(slots=True)
class _Sum:
    relays: int = 0
    failed: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


class UsageCounter:
    """What was used since the last write."""

    def __init__(self, usage: Usage, clock: Clock) -> None:
        self._usage = usage
        self._clock = clock
        self._sums: dict[tuple[str, str, str], _Sum] = {}

    def add(self, tenant: Tenant, service_id: str, *, answered: bool, bytes_in: int, bytes_out: int) -> None:
        """Count one call that was sent on: `answered` with a verified relay, or failed or given up."""
        day = self._clock.now().date().isoformat()
        key = (tenant.name, service_id, day)
        total = self._sums.get(key)
        if total is None:
            total = self._sums[key] = _Sum()
        if answered:
            total.relays += 1
        else:
            total.failed += 1
        total.bytes_in += bytes_in
        total.bytes_out += bytes_out

    async def run(self) -> None:
        """Write every second until cancelled."""
        while True:
            await anyio.sleep(_FLUSH_S)
            try:
                await self.flush()
            except Busy:
                continue

    async def flush(self) -> None:
        """Write what was counted; durable on return. Counts that cannot be written are kept."""
        sums, self._sums = self._sums, {}
        if not sums:
            return
        counts = [
            UsageCount(tenant, service, day, total.relays, total.failed, total.bytes_in, total.bytes_out)
            for (tenant, service, day), total in sums.items()
        ]
        try:
            await self._usage.record(counts)
        except Busy:
            for key, total in sums.items():
                kept = self._sums.setdefault(key, _Sum())
                kept.relays += total.relays
                kept.failed += total.failed
                kept.bytes_in += total.bytes_in
                kept.bytes_out += total.bytes_out
            raise
