"""What the rules may know of the block that they run in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from joey.core.protocol.state import Stamp
from joey.core.units import Height
from joey.core.wire.session import Session

__all__ = ["BlockContext", "count_nanoseconds"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class BlockContext:
    """The block in the making. Its own hash is not known to it: that covers what it will change.

    `previous_hash` is that of the block before, or stands for the genesis. `time` is the block's own,
    aware, in UTC: what a transaction's timeout is compared with. `sessions` remembers what was looked
    up, by application, service and start height, each with the stamps of the tables it was made of.
    """

    chain_id: str
    height: Height
    previous_hash: bytes
    time: datetime
    sessions: dict[tuple[str, str, Height], tuple[tuple[Stamp, ...], Session]] = field(
        default_factory=dict, compare=False
    )

    @property
    def height_previous(self) -> Height:
        """The height of the newest committed block; 0 for the first block."""
        return Height(self.height - 1)


def count_nanoseconds(time: datetime) -> int:
    """Return an aware time as nanoseconds since 1970 UTC."""
    return (time - _EPOCH) // _MICROSECOND * 1000
