"""The chain's events, block by block, into the journal.

The journal remembers the height it reaches to in the transaction that adds a block's entries, so
the collector may be killed anywhere and goes on where it was; a block that is booked again changes
nothing. Before the first block of a new week is booked, the week that ended is turned: by then all
of its settlements are in the journal.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

import anyio
import anyio.abc

from joey.core.errors import ChainUnavailable, InvariantBroken
from joey.core.ledger.agreements import Terms
from joey.core.ledger.journal import Entry
from joey.core.ledger.rules import book_event
from joey.core.ledger.weeks import compute_week
from joey.core.protocol.events import ClaimSettled
from joey.core.units import Height
from joey.core.wire.session import SessionHeader
from joey.ports.chain import Block, Chain
from joey.ports.stores import Journal, Prices

__all__ = ["Collector", "TurnWeek"]

_log = logging.getLogger(__name__)
_AGAIN_S = 1.0

TurnWeek = Callable[[str, str], Awaitable[object]]
"""Called with the week that ended and the one that began; must bear being called again."""


async def _turn_nothing(_ended: str, _begun: str) -> None:
    return


class Collector:
    """Follows a chain. `operators`: application address -> the portal operator that pays for it."""

    def __init__(
        self,
        *,
        chain: Chain,
        journal: Journal,
        prices: Prices,
        operators: Mapping[str, str],
        turn_week: TurnWeek = _turn_nothing,
    ) -> None:
        self._chain = chain
        self._journal = journal
        self._prices = prices
        self._operators = operators
        self._turn_week = turn_week
        self._height = Height(0)
        self._week: str | None = None
        self._advanced = anyio.Event()

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Book every block there is and then each new one, until cancelled.

        A block that cannot be booked because the store fails or the chain does not answer is tried
        again every second: one line in the log when that begins, one when it is over. Starts
        (`task_status`) once the journal has reached the block that was the head.
        """
        self._height = await self._journal.height()
        if self._height > 0:
            self._week = compute_week((await self._block(self._height)).time)
        started = False
        async for block in self._chain.follow():
            while self._height < block.height:
                await self._book_patiently(Height(self._height + 1))
            if not started:
                started = True
                task_status.started()

    async def wait_for(self, height: Height) -> None:
        """Return once the block at `height` is in the journal. Needs `run` to be running."""
        while self._height < height:
            await self._advanced.wait()

    async def _block(self, height: Height) -> Block:
        block = await self._chain.block(height)
        if block is None:
            raise InvariantBroken(
                f"the journal reaches to height {self._height}, but the chain has no block {height}: "
                "the books belong to another chain",
                height=height,
            )
        return block

    async def _book_patiently(self, height: Height) -> None:
        is_failing = False
        while True:
            try:
                await self._book(await self._block(height))
            except (OSError, ChainUnavailable) as error:
                if not is_failing:
                    _log.error("the books wait at block %s: %s", height, error)
                is_failing = True
                await anyio.sleep(_AGAIN_S)
            else:
                if is_failing:
                    _log.info("the books go on from block %s", height)
                return

    async def _book(self, block: Block) -> None:
        week = compute_week(block.time)
        if self._week is not None and week != self._week:
            await self._turn_week(self._week, week)
        self._week = week
        entries: list[Entry] = []
        for event in await self._chain.events(block.height):
            terms = await self._find_terms(event.header) if isinstance(event, ClaimSettled) else None
            entries.extend(book_event(event, height=block.height, time=block.time, terms=terms))
        added = await self._journal.append(entries, height=block.height)
        if added:
            _log.info("booked %s entries of block %s", added, block.height)
        self._height = block.height
        self._advanced.set()
        self._advanced = anyio.Event()

    async def _find_terms(self, header: SessionHeader) -> Terms:
        address = header.application_address
        agreement = await self._prices.price_at(header.service_id, header.height_start)
        return Terms(self._operators.get(address, address), agreement)
