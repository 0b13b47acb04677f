"""One session to its settlement: folded, claimed when its window opens, proven if asked, watched.

The record of a claim goes through these states, each durable before the next step:

- `due`: the root is decided; it was sent, or is about to be. After a restart the chain is asked
  whether it has it, and it is sent again only if not.
- `claimed`: the chain has it. No proof of it was due so far.
- `proving`: a proof is due; it was sent, or is about to be.
- `proved`: the chain found the proof valid.
- `settled`: the chain paid it.
- `lost`: it is not paid; `note` says why, and `relays` counts all that were served.

The log of a session is dropped when its settlement has passed, which is when nothing of it can be
paid any more; the record stays.

A relay that comes into the log after its session was folded changes the session's count; the session
is then folded and claimed once more, as long as the window is open.
"""

from __future__ import annotations

from collections.abc import Mapping

from joey.core.crypto.keys import PrivateKey
from joey.core.protocol.windows import (
    Window,
    compute_claim_window,
    compute_proof_window,
    compute_settlement_height,
)
from joey.core.units import Height
from joey.node.alarms import tell_undone
from joey.node.claiming import Claiming
from joey.node.head import Head
from joey.node.miner import SessionTries, compute_claim_start
from joey.node.owed import CLAIMED, OwedSession
from joey.node.proving import Proving
from joey.node.settling import Settling
from joey.ports.chain import Chain
from joey.ports.stores import Claims, RelayLog

__all__ = ["Lifecycle"]


class Lifecycle:
    """What is due of a session at each height. Every step may be repeated."""

    def __init__(
        self, chain: Chain, head: Head, log: RelayLog, claims: Claims, keys: Mapping[str, PrivateKey]
    ) -> None:
        self._chain = chain
        self._claims = claims
        self._keys = keys
        self._tries = SessionTries(chain, log)
        self._settling = Settling(chain, log, claims)
        self._proving = Proving(chain, head, log, claims, self._tries)
        self._claiming = Claiming(chain, head, claims, self._tries, self._proving, self._settling)

    async def advance(self, session: OwedSession, height: Height) -> Height | None:
        """Do what is due at `height`, the newest block's, which is after the session's end.

        Return the height at which something is due next, or `None` when all is done. Raises `OSError`
        and `Busy` when the store fails, and `ChainUnavailable`.
        """
        height_end = session.header.height_end
        shared = (await self._chain.params_at(height_end)).shared
        start = compute_claim_start(height_end, shared)
        settlement = compute_settlement_height(height_end, shared)
        if height < start:
            return start
        if height >= settlement:
            await self._settling.settle(session, settlement)
            self._tries.forget(session.header, session.supplier_address)
            return None
        window = compute_claim_window(height_end, shared)
        # What is sent now lands in the next block, in the window still.
        if height < window.close and session.relays_claimed != session.relays:
            await self._claim(session, height, window)
            return Height(height + 1)
        if height >= window.close:
            await self._claiming.catch_up(session, window.close)
        is_done = await self._prove(session, height, compute_proof_window(height_end, shared))
        return settlement if is_done and height >= window.close else Height(height + 1)

    async def _claim(self, session: OwedSession, height: Height, window: Window) -> None:
        key = self._keys.get(session.supplier_address)
        if key is None:
            reason = f"the key of {session.supplier_address} is not here"
            tell_undone("claimed", session.header, height, window, reason)
            return
        await self._claiming.claim(session, height, window, key)

    async def _prove(self, session: OwedSession, height: Height, window: Window) -> bool:
        """Prove the claim if that is due; tell whether nothing is left to do for it."""
        if not window.open - 1 <= height < window.close:
            return height >= window.close
        record = await self._claims.get(*session.key)
        if record is None or record.state not in CLAIMED:
            return True
        key = self._keys.get(session.supplier_address)
        if key is None:
            return True
        return await self._proving.advance(record, window, key)
