"""The blocks of the chain and what happened in them: the newest from memory, the others from the file."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from joey.adapters.chains.local.production import MadeBlock
from joey.adapters.chains.local.storage import ChainStore
from joey.core.protocol.events import ChainEvent
from joey.core.units import Height
from joey.ports.chain import Block, IncludedTransaction

__all__ = ["Archive"]

_RECENT_BLOCKS = 256


@dataclass(frozen=True, slots=True)
class _Recent:
    block: Block
    included: tuple[IncludedTransaction, ...]
    end_events: tuple[ChainEvent, ...]


class Archive:
    """All blocks. Every method but `add` may raise `ChainUnavailable`."""

    def __init__(self, store: ChainStore) -> None:
        self._store = store
        self._recent: OrderedDict[Height, _Recent] = OrderedDict()

    def add(self, made: MadeBlock) -> None:
        """Take up a block that is on disk."""
        self._recent[made.block.height] = _Recent(made.block, made.included, made.end_events)
        if len(self._recent) > _RECENT_BLOCKS:
            self._recent.popitem(last=False)

    async def block(self, height: Height) -> Block | None:
        """Return the block at `height`."""
        recent = self._recent.get(height)
        return recent.block if recent is not None else await self._store.read_block(height)

    async def transactions(self, height: Height) -> tuple[IncludedTransaction, ...]:
        """Return the transactions of the block at `height`, in order, those that failed included."""
        recent = self._recent.get(height)
        return recent.included if recent is not None else await self._store.read_transactions(height)

    async def transaction(self, transaction_hash: str) -> IncludedTransaction | None:
        """Return a transaction that is in a block."""
        return await self._store.read_transaction(transaction_hash)

    async def end_events(self, height: Height) -> tuple[ChainEvent, ...]:
        """Return what the end of the block at `height` brought about."""
        recent = self._recent.get(height)
        return recent.end_events if recent is not None else await self._store.read_end_events(height)

    async def events(self, height: Height) -> tuple[ChainEvent, ...]:
        """Return all that happened in the block at `height`: transactions first, then its end."""
        included = await self.transactions(height)
        end_events = await self.end_events(height)
        return (*(event for one in included for event in one.events), *end_events)
