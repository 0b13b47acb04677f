"""From a session's relay log to its trie: nothing stores a trie, it is folded when it is due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import anyio.from_thread
import anyio.to_thread

from joey.core.protocol.difficulty import is_counted
from joey.core.protocol.params import SharedParams
from joey.core.protocol.windows import compute_claim_window, compute_grace_end
from joey.core.trie.smst import FoldedTrie
from joey.core.units import ComputeUnits, Height
from joey.core.wire.session import SessionHeader
from joey.ports.chain import Chain
from joey.ports.stores import RelayLog

__all__ = ["SessionTries", "compute_claim_start", "compute_cutoff", "fold_relays"]

_BATCH_RELAYS = 256
_KEPT_LEAVES_MAX = 1_000_000
"""Some 130 MB of tries."""


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


class SessionTries:
    """Folds sessions, and keeps their tries from claim to proof: of all no more than `leaves_max` leaves.

    What does not fit is let go, the oldest first, and folded again.
    """

    def __init__(self, chain: Chain, log: RelayLog, *, leaves_max: int = _KEPT_LEAVES_MAX) -> None:
        self._chain = chain
        self._log = log
        self._leaves_max = leaves_max
        self._kept: dict[tuple[str, str], FoldedTrie] = {}

    async def fold(self, header: SessionHeader, supplier_address: str) -> FoldedTrie | None:
        """Fold what is in the log by the rules in force at the session's start; `None` if nothing counts.

        Raises `ChainUnavailable`, and `OSError` and `Busy` when the log fails.
        """
        return await self._fold_first(header, supplier_address, None)

    async def find(
        self, header: SessionHeader, supplier_address: str, root: bytes, relays: int
    ) -> FoldedTrie | None:
        """Return the trie of a root over the first `relays` that count; `None` if the log has another.

        The log only grows, so what it had when a claim was made is its beginning. Raises as `fold`.
        """
        kept = self._kept.get((header.session_id, supplier_address))
        if kept is None or kept.root != root:
            kept = await self._fold_first(header, supplier_address, relays)
        return kept if kept is not None and kept.root == root else None

    def forget(self, header: SessionHeader, supplier_address: str) -> None:
        """Let go of the trie of a session that is done."""
        self._kept.pop((header.session_id, supplier_address), None)

    async def _fold_first(
        self, header: SessionHeader, supplier_address: str, relays: int | None
    ) -> FoldedTrie | None:
        target = await self._chain.difficulty_at(header.service_id, header.height_start)
        units = await self._chain.compute_units_at(header.service_id, header.height_start)
        hashes = await self._log.hashes(header.session_id, supplier_address)
        counted = [relay_hash for relay_hash in hashes if is_counted(relay_hash, target)][:relays]
        if not counted or units is None:
            return None
        trie = await fold_relays(self._log, header, supplier_address, counted, units)
        self._keep((header.session_id, supplier_address), trie)
        return trie

    def _keep(self, key: tuple[str, str], trie: FoldedTrie) -> None:
        self._kept.pop(key, None)
        self._kept[key] = trie
        while sum(kept.count for kept in self._kept.values()) > self._leaves_max:
            del self._kept[next(iter(self._kept))]


async def fold_relays(
    log: RelayLog,
    header: SessionHeader,
    supplier_address: str,
    hashes: Sequence[bytes],
    compute_units_per_relay: ComputeUnits,
) -> FoldedTrie:
    """Fold relays of a log, in a thread; no more than a batch of them is in memory at a time.

    Every leaf weighs the service's compute units per relay at the session's start height.
    """

    def read_leaves() -> Iterator[tuple[bytes, bytes, int]]:
        for start in range(0, len(hashes), _BATCH_RELAYS):
            batch = hashes[start : start + _BATCH_RELAYS]
            values = anyio.from_thread.run(log.values, header.session_id, supplier_address, batch)
            for relay_hash, relay_bytes in zip(batch, values, strict=True):
                yield relay_hash, relay_bytes, compute_units_per_relay

    return await anyio.to_thread.run_sync(lambda: FoldedTrie(read_leaves()))
