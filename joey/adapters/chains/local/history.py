"""What the chain knew after each of its blocks.

States never change once a block is committed, and share the tables in which they are equal. So those
of the newest blocks are simply kept; older ones are made from the file when somebody asks.
"""

from __future__ import annotations

from collections import OrderedDict

from joey.adapters.chains.local.production import MadeBlock
from joey.adapters.chains.local.storage import ChainStore
from joey.core.errors import ChainUnavailable
from joey.core.protocol.state import State
from joey.core.units import Height

__all__ = ["History"]

_RECENT_STATES = 8
_PAST_STATES = 8


class History:
    """The states after all blocks from `height_start` on. `head` is the newest."""

    def __init__(self, store: ChainStore, height_start: Height, height_head: Height, state: State) -> None:
        self._store = store
        self._height_start = height_start
        self._height_head = height_head
        self._recent: OrderedDict[Height, State] = OrderedDict({height_head: state})
        self._past: OrderedDict[Height, State] = OrderedDict()

    @property
    def head(self) -> State:
        """The state after the newest block."""
        return self._recent[self._height_head]

    def add(self, made: MadeBlock) -> None:
        """Take up a block that is on disk."""
        self._height_head = made.block.height
        self._recent[self._height_head] = made.state
        if len(self._recent) > _RECENT_STATES:
            self._recent.popitem(last=False)

    async def read(self, height: Height) -> State:
        """Return the state after the block at `height`, from 1 up to the head.

        Raises `ChainUnavailable` when it is not kept, or the file cannot be read.
        """
        state = self._recent.get(height) or self._past.get(height)
        if state is None:
            state = await self._load(height)
            self._past[height] = state
            if len(self._past) > _PAST_STATES:
                self._past.popitem(last=False)
        elif height in self._past:
            self._past.move_to_end(height)
        return state

    async def _load(self, height: Height) -> State:
        if height < self._height_start:
            raise ChainUnavailable(
                f"the state at height {height} is no longer kept: history begins at {self._height_start}",
                height=height,
            )
        # From the nearest later state there is the least to put back.
        known = self._recent | self._past
        after = min(later for later in known if later > height)
        return await self._store.load_past_state(known[after], after, height)
