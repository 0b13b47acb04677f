"""A chain whose blocks a test writes down, and books in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import anyio
import pytest

from joey.adapters.stores.sqlite.ledger import SqliteLedger
from joey.core.errors import ChainUnavailable
from joey.core.ledger.weeks import compute_week_start
from joey.core.protocol.events import ChainEvent, ClaimCreated, ClaimExpired, ClaimSettled
from joey.core.protocol.params import MINIMAL, NetworkParams
from joey.core.units import ComputeUnits, Height, Upokt
from joey.ports.chain import Block
from joey.testing.settlements import make_header, make_root, make_supply_changed, settle_session

WEEK = "2026-W47"
SUPPLY = Upokt(10**15)


@dataclass
class WrittenChain:
    """What the books ask of a chain: blocks, their events, parameters and the supply."""

    params: NetworkParams = MINIMAL
    blocks: list[tuple[Block, tuple[ChainEvent, ...]]] = field(default_factory=list)
    told_supply: Upokt = SUPPLY
    _grown: anyio.Event = field(default_factory=anyio.Event)

    def push(self, *events: ChainEvent, time: datetime | None = None) -> Height:
        height = Height(len(self.blocks) + 1)
        if time is None:
            time = self.blocks[-1][0].time if self.blocks else compute_week_start(WEEK)
            time += timedelta(seconds=1)
        supply = make_supply_changed(height, events, self.told_supply)
        if supply.minted or supply.burned:
            events = (*events, supply)
            self.told_supply = supply.supply
        self.blocks.append((Block(height, height.to_bytes(32, "big"), time), events))
        self._grown.set()
        self._grown = anyio.Event()
        return height

    def push_session(
        self,
        number: int,
        relays: Mapping[str, int],
        *,
        units: int = 3000,
        application: str = "app",
        service: str = "text",
        time: datetime | None = None,
    ) -> Height:
        """Push a block with the session's claims, and one with their settlement."""
        header = make_header(application, service, number=number)
        root = make_root(ComputeUnits(units), 1)
        self.push(
            *(
                ClaimCreated(header, supplier, root, 1, ComputeUnits(units), Upokt(units))
                for supplier in relays
            ),
            time=time,
        )
        events = settle_session(header, relays, compute_units=ComputeUnits(units), params=self.params)
        return self.push(*(e for e in events if isinstance(e, ClaimSettled | ClaimExpired)), time=time)

    async def head(self) -> Block:
        if not self.blocks:
            raise ChainUnavailable("no block yet")
        return self.blocks[-1][0]

    async def block(self, height: Height) -> Block | None:
        return self.blocks[height - 1][0] if 1 <= height <= len(self.blocks) else None

    async def events(self, height: Height) -> tuple[ChainEvent, ...]:
        return self.blocks[height - 1][1]

    async def params_at(self, height: Height) -> NetworkParams:
        return self.params

    async def supply(self) -> Upokt:
        return self.told_supply

    async def follow(self) -> AsyncIterator[Block]:
        following = len(self.blocks)
        while True:
            while following > len(self.blocks) or following == 0:
                await self._grown.wait()
                following = max(following, 1)
            yield self.blocks[following - 1][0]
            following += 1


@pytest.fixture
def ledger() -> Iterator[SqliteLedger]:
    store = SqliteLedger(None)
    yield store
    store.close()


@pytest.fixture
def make_chain() -> Callable[..., WrittenChain]:
    return WrittenChain
