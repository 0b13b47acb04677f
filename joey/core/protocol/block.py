"""What the rules may know of the block that they run in."""

from __future__ import annotations

from dataclasses import dataclass, field

from joey.core.units import Height
from joey.core.wire.session import Session

__all__ = ["BlockContext"]


@dataclass(frozen=True, slots=True)
class BlockContext:
    """The block in the making. Its own hash is not known to it: that covers what it will change.

    `previous_hash` is that of the block before, or stands for the genesis. `sessions` remembers
    within one block what was looked up, by application, service and start height.
    """

    chain_id: str
    height: Height
    previous_hash: bytes
    sessions: dict[tuple[str, str, Height], Session | None] = field(default_factory=dict, compare=False)

    @property
    def height_previous(self) -> Height:
        """The height of the newest committed block; 0 for the first block."""
        return Height(self.height - 1)
