"""One session to its settlement: folded, claimed when its window opens, proven if asked, watched.

The record of a claim goes through these states, each durable before the next step:

- `due`: the root is decided; it was sent if there are `terms`, or is about to be. After a restart the chain
  is asked whether it has it; if not, the transaction of those terms is sent again, byte by byte.
- `claimed`: the chain has it. No proof of it was due so far.
- `proving`: a proof is due; it was sent, or is about to be, with `terms` as above.
- `proved`: the chain found the proof valid.
- `settled`: the chain paid it.
- `lost`: it is not paid; `note` says why, and `relays` counts all that were served. Where the chain was
  asked in vain for the claim it is asked again until its settlement, and the claim taken up if it is there.
- `unknown`: what its settlement brought is not to be had from the full node any more.

The log of a session is dropped when its settlement has passed, which is when nothing of it can be
paid any more; the record stays.

A relay that comes into the log after its session was folded changes the session's count; the session
is then folded and claimed once more, as long as the window is open.
"""

from __future__ import annotations

from collections.abc import Mapping

from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ChainUnavailable
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
from joey.node.ring_watch import RingWatch
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
        self._head = head
        self._claims = claims
        self._keys = keys
        self._tries = SessionTries(chain, log)
        self._settling = Settling(chain, log, claims)
        self._proving = Proving(chain, head, log, claims, self._tries)
        self._ring_watch = RingWatch(chain, log)
        self._claiming = Claiming(chain, head, claims, self._tries, self._proving, self._settling)

    async def advance(self, session: OwedSession, height: Height) -> Height | None:
        """Do what is due at `height`, the newest block's, which is after the session's end.

        Return the height at which something is due next, or `None` when all is done. Raises `OSError`
        and `Busy` when the store fails, and `ChainUnavailable`.
        """
        try:
            return await self._advance(session, height)
        except ChainUnavailable as error:
            if not error.fields.get("pruned") or not await self._settling.give_up(
                session, height, self._head.shared, str(error)
            ):
                raise
        self._tries.forget(session.header, session.supplier_address)
        return None

    async def _advance(self, session: OwedSession, height: Height) -> Height | None:
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
            await self._claiming.catch_up(session, height, window.close)
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
        record = await self._claims.get(*session.key)
        if height >= window.close or record is None or record.state not in CLAIMED:
            return height >= window.close
        if height < window.open - 1:
            await self._ring_watch.look(session)
            return False
        key = self._keys.get(session.supplier_address)
        if key is None:
            return True
        return await self._proving.advance(record, window, key)
