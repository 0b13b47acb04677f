"""How alive a chain is: the age of its newest block against the time that a block usually takes.

A chain that is followed is simply silent while its full nodes are away, or while it stands still. Only
the missing of blocks tells. Their usual interval is learnt from the times that they carry, the age is
taken on the clock of the event loop, so a wall clock that is wrong does no harm.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from joey.ports.chain import Block
from joey.relaying.instants import now

__all__ = ["Pulse"]

_INTERVALS_KEPT = 9
_INTERVAL_AT_FIRST_S = 60.0
"""Assumed while only one block is known: the network takes half of that to all of it."""
_INTERVALS_MISSED = 5
"""How many blocks may be missing before a chain counts as silent; proposers do fail now and then."""
_AGE_MIN_S = 30.0
"""No head younger than this is stale, however fast the chain."""


class Pulse:
    """Hears of every new block, and tells when there should have been more of them."""

    def __init__(self) -> None:
        self._newest: Block | None = None
        self._taken_s = 0.0
        self._intervals_s: deque[float] = deque(maxlen=_INTERVALS_KEPT)

    def take(self, block: Block) -> None:
        """Note a block that arrives now. Blocks that are not above the newest one are no news."""
        if self._newest is not None:
            count = block.height - self._newest.height
            if count <= 0:
                return
            self._intervals_s.append((block.time - self._newest.time).total_seconds() / count)
        self._newest, self._taken_s = block, now()

    def find_fault(self) -> str | None:
        """Return why the newest block must not be taken for the chain's; `None` while it may be."""
        if self._newest is None:
            return "no block of the chain is known yet"
        usual_s = median(self._intervals_s) if self._intervals_s else _INTERVAL_AT_FIRST_S
        age_s = now() - self._taken_s
        if age_s <= max(_AGE_MIN_S, _INTERVALS_MISSED * usual_s):
            return None
        return (
            f"no block came for {age_s:.0f} s after block {self._newest.height}, where one usually takes"
            f" {usual_s:.0f} s: the full nodes are away or behind, or the chain stands still"
        )
