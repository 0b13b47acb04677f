"""Blocks one after another: by the clock, by hand, or as soon as something waits."""

from __future__ import annotations

import logging
import math
from datetime import datetime, timedelta

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus

from joey.adapters.chains.local.archive import Archive
from joey.adapters.chains.local.entrance import Entrance
from joey.adapters.chains.local.history import History
from joey.adapters.chains.local.mempool import Waiting
from joey.adapters.chains.local.production import Submission, make_block
from joey.adapters.chains.local.storage import ChainStore
from joey.core.errors import ChainUnavailable
from joey.ports.chain import Block
from joey.ports.clock import Clock

__all__ = ["BlockMaker"]

_log = logging.getLogger(__name__)

_STEP = timedelta(seconds=1)
_LEAST_STEP = timedelta(milliseconds=1)


class BlockMaker:
    """Makes a chain's blocks and keeps its head. What it makes is seen once it is on disk."""

    def __init__(
        self,
        chain_id: str,
        head: Block,
        *,
        store: ChainStore,
        history: History,
        archive: Archive,
        entrance: Entrance,
        clock: Clock | None,
    ) -> None:
        self.head = head
        self.advanced = anyio.Event()
        self._chain_id = chain_id
        self._store = store
        self._history = history
        self._archive = archive
        self._entrance = entrance
        self._clock = clock
        self._interval_s = 1.0
        self._woken = anyio.Event()
        # Only ever waited for when several tasks ask for blocks: a block cannot begin before the one
        # before it is on disk.
        self._making = anyio.Lock()

    async def run(self, interval_s: float, task_status: TaskStatus[None]) -> None:
        """Make a block every `interval_s` seconds, or with 0 as soon as something waits, until cancelled."""
        is_failing = False
        self._interval_s = interval_s
        task_status.started()
        made = anyio.current_time()
        while True:
            await self._wait_due(made)
            made = max(made + self._interval_s, anyio.current_time() - self._interval_s)
            try:
                await self.make_block(None)
            except ChainUnavailable as error:
                if not is_failing:
                    _log.error("the chain stands still: %s", error)
                is_failing = True
            else:
                if is_failing:
                    _log.info("the chain goes on")
                is_failing = False

    async def _wait_due(self, made: float) -> None:
        """Wait until the next block is due, the last one having been due at `made`."""
        while True:
            if self._interval_s == 0 and self._entrance.count:
                return
            due = made + self._interval_s if self._interval_s else math.inf
            with anyio.move_on_at(due) as scope:
                await self._woken.wait()
            if scope.cancelled_caught:
                return

    def set_interval(self, interval_s: float) -> None:
        """Change how often `run` makes a block, from the next one on."""
        self._interval_s = interval_s
        self._wake()

    def tell_arrival(self) -> None:
        """Say that a transaction waits: a chain that goes as fast as it can makes a block of it."""
        if self._interval_s == 0:
            self._wake()

    def _wake(self) -> None:
        self._woken.set()
        self._woken = anyio.Event()

    async def make_block(self, time: datetime | None) -> Block:
        """Make the next block now and return it once it is on disk."""
        async with self._making:
            return await self._make_next(time)

    async def make_until(self, waiting: Waiting) -> None:
        """Make blocks until a transaction waits no more: none, when somebody else makes the one it is in."""
        while waiting.outcome is None:
            async with self._making:
                if waiting.outcome is None:
                    await self._make_next(None)

    async def _make_next(self, time: datetime | None) -> Block:
        taken = self._entrance.take()
        submissions: list[Submission] = [waiting.submission for waiting in taken]
        draft, time = self._history.head.draft(), self._choose_time(time)
        # Shielded: a block that is on disk must also be taken up here.
        with anyio.CancelScope(shield=True):
            made = await anyio.to_thread.run_sync(
                make_block, draft, self._chain_id, self.head, time, submissions
            )
            try:
                await self._store.save_block(made)
            except ChainUnavailable as error:
                self._entrance.advance(self._history.head, self.head, [(one, error) for one in taken])
                raise
        self._history.add(made)
        self._archive.add(made)
        self.head = made.block
        self._entrance.advance(made.state, made.block, list(zip(taken, made.answers, strict=True)))
        self.advanced.set()
        self.advanced = anyio.Event()
        return made.block

    def _choose_time(self, time: datetime | None) -> datetime:
        if time is None:
            time = self.head.time + _STEP if self._clock is None else self._clock.now()
        return max(time, self.head.time + _LEAST_STEP)
