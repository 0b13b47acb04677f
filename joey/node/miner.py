"""From a session's relay log to its trie: nothing stores a trie, it is folded when it is due.

Proofs are not made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import anyio.to_thread

from joey.core.protocol.difficulty import is_counted
from joey.core.protocol.params import SharedParams
from joey.core.protocol.windows import compute_claim_window, compute_grace_end
from joey.core.trie.smst import fold, read_root
from joey.core.units import ComputeUnits, Height
from joey.core.wire.session import SessionHeader
from joey.ports.chain import Chain
from joey.ports.stores import LoggedRelay, RelayLog

__all__ = ["FoldedSession", "compute_claim_start", "compute_cutoff", "fold_relays", "fold_session"]


@dataclass(frozen=True, slots=True)
class FoldedSession:
    """A session's trie in short: its 48-byte root, leaves and what they weigh together."""

    root: bytes
    relays: int
    compute_units: ComputeUnits


def compute_claim_start(height_end: Height, shared: SharedParams) -> Height:
    """Return the height at which a node first folds a session and claims it.

    A claim sent at a height lands in the next block at the earliest. It is aimed at the first block of
    its window, which leaves the others for what goes wrong, but is not sent before the grace period
    is over: until then the session grows.
    """
    window = compute_claim_window(height_end, shared)
    after_grace = compute_grace_end(height_end, shared) + 1
    return Height(min(max(window.open - 1, after_grace), window.close - 1))


def compute_cutoff(height_end: Height, shared: SharedParams) -> Height:
    """Return the height from which on an answer does not count any more.

    Until then a relay that comes too late for the first claim can still be in a second one.
    """
    window = compute_claim_window(height_end, shared)
    return min(window.open, Height(window.close - 1))


def fold_relays(
    relays: Sequence[LoggedRelay], target: bytes, compute_units_per_relay: ComputeUnits
) -> FoldedSession | None:
    """Return the trie of the relays that count under `target`; `None` when none does.

    Every leaf weighs the service's compute units per relay at the session's start height.
    """
    leaves = [
        (relay.relay_hash, relay.relay_bytes, compute_units_per_relay)
        for relay in relays
        if is_counted(relay.relay_hash, target)
    ]
    if not leaves:
        return None
    root = fold(leaves)
    _, compute_units, count = read_root(root)
    return FoldedSession(root, count, ComputeUnits(compute_units))


async def fold_session(
    chain: Chain, log: RelayLog, header: SessionHeader, supplier_address: str
) -> FoldedSession | None:
    """Read a session's log and fold it, by the rules in force at its start, in a thread.

    Raises `ChainUnavailable`.
    """
    target = await chain.difficulty_at(header.service_id, header.height_start)
    units = await chain.compute_units_at(header.service_id, header.height_start)
    if units is None:
        return None
    relays = await log.relays(header.session_id, supplier_address)
    return await anyio.to_thread.run_sync(fold_relays, relays, target, units)
