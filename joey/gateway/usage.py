"""Counts per tenant, service and day; never a prompt, never an answer.

Counts are added up in memory and written every second: one write for all calls of that second. A
crash loses at most that, or what has added up while the disk was full. Money does not depend on
them: what is paid is settled on chain.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import anyio

from joey.core.errors import Busy
from joey.ports.clock import Clock
from joey.ports.stores import Tenant, Usage, UsageCount

__all__ = ["UsageCounter"]

_log = logging.getLogger(__name__)
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
        self._is_failing = False

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
            await self.flush()

    async def flush(self) -> None:
        """Write what was counted; durable on return. What cannot be written is kept for the next time.

        Raises nothing for that: a store that fails or recovers is one line in the log each time.
        """
        sums, self._sums = self._sums, {}
        if not sums:
            return
        counts = [
            UsageCount(tenant, service, day, total.relays, total.failed, total.bytes_in, total.bytes_out)
            for (tenant, service, day), total in sums.items()
        ]
        try:
            await self._usage.record(counts)
        except (Busy, OSError) as error:
            self._keep(sums)
            if not self._is_failing:
                _log.error("usage waits, its store fails: %s", error)
            self._is_failing = True
        else:
            if self._is_failing:
                _log.info("usage is written again")
            self._is_failing = False

    def _keep(self, sums: dict[tuple[str, str, str], _Sum]) -> None:
        for key, total in sums.items():
            kept = self._sums.setdefault(key, _Sum())
            kept.relays += total.relays
            kept.failed += total.failed
            kept.bytes_in += total.bytes_in
            kept.bytes_out += total.bytes_out
