"""When relays of a session are still accepted, when it is claimed, proven and settled.

Every function takes the session's end height and the shared parameters *at that height*. All
heights are inclusive. Source: pocket.shared, x/shared/types/session.go.
"""

from __future__ import annotations

from typing import NamedTuple

from joey.core.protocol.params import SharedParams
from joey.core.units import Height

__all__ = [
    "Window",
    "compute_claim_window",
    "compute_grace_end",
    "compute_pending_sessions",
    "compute_proof_window",
    "compute_settlement_height",
]


class Window(NamedTuple):
    """The first and the last height of a window."""

    open: Height
    close: Height

    def __contains__(self, height: object) -> bool:
        return isinstance(height, int) and self.open <= height <= self.close


def compute_grace_end(height_end: Height, shared: SharedParams) -> Height:
    """Return the last height at which a relay of the session is accepted."""
    return Height(height_end + shared.grace_period_end_offset_blocks)


def compute_claim_window(height_end: Height, shared: SharedParams) -> Window:
    """Return the heights whose blocks may carry a claim of the session."""
    first = height_end + shared.claim_window_open_offset_blocks + 1
    return Window(Height(first), Height(first + shared.claim_window_close_offset_blocks))


def compute_proof_window(height_end: Height, shared: SharedParams) -> Window:
    """Return the heights whose blocks may carry a proof; the block before them is the proof's seed."""
    first = compute_claim_window(height_end, shared).close + shared.proof_window_open_offset_blocks
    return Window(Height(first), Height(first + shared.proof_window_close_offset_blocks))


def compute_settlement_height(height_end: Height, shared: SharedParams) -> Height:
    """Return the height whose block end settles the session: the last block of the proof window."""
    return Height(height_end + _sum_offsets(shared) + 1)


def compute_pending_sessions(shared: SharedParams) -> int:
    """Return how many ended sessions may wait for settlement at once: what a stake is divided by."""
    return max(1, -(-_sum_offsets(shared) // shared.num_blocks_per_session))


def _sum_offsets(shared: SharedParams) -> int:
    return (
        shared.claim_window_open_offset_blocks
        + shared.claim_window_close_offset_blocks
        + shared.proof_window_open_offset_blocks
        + shared.proof_window_close_offset_blocks
    )
