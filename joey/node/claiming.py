"""The claim of a session: folded, weighed, rehearsed and sent, once each unless the session grows."""

from __future__ import annotations

import logging
from dataclasses import replace

from joey.core.crypto.keys import PrivateKey
from joey.core.errors import TransactionRejected, WindowClosed
from joey.core.protocol.claims import Claim
from joey.core.protocol.windows import Window
from joey.core.trie.smst import FoldedTrie
from joey.core.units import ComputeUnits, Height
from joey.core.wire.messages import CreateClaim
from joey.node.alarms import tell_undone
from joey.node.head import Head
from joey.node.miner import SessionTries
from joey.node.owed import CLAIMED, OwedSession
from joey.node.proving import Proving
from joey.node.settling import Settling
from joey.node.worth import estimate_worth
from joey.ports.chain import Chain
from joey.ports.stores import ClaimRecord, Claims

__all__ = ["Claiming"]

_log = logging.getLogger("joey.node")


class Claiming:
    """The steps of a claim. Every one may be repeated."""

    def __init__(
        self,
        chain: Chain,
        head: Head,
        claims: Claims,
        tries: SessionTries,
        proving: Proving,
        settling: Settling,
    ) -> None:
        self._chain = chain
        self._head = head
        self._claims = claims
        self._tries = tries
        self._proving = proving
        self._settling = settling

    async def claim(self, session: OwedSession, height: Height, window: Window, key: PrivateKey) -> None:
        """Fold a session and claim it unless the chain has that claim, or it should not be sent.

        `session.relays_claimed` tells afterwards what was done. Raises `OSError` and `Busy` when the
        store fails, and `ChainUnavailable`.
        """
        header, supplier = session.header, session.supplier_address
        relays = session.relays
        record = await self._claims.get(*session.key)
        if record is not None and record.state == "due" and record.height >= height < window.close - 1:
            return  # it was sent before a restart, at this very block: the next may have it
        trie = await self._tries.fold(header, supplier)
        if trie is None:
            await self._settling.lose(session, record, "no relay was below the difficulty target")
        elif record is None or record.state not in CLAIMED or record.root != trie.root:
            due = _make_due(session, trie, height)
            if not await self._claim_root(session, record, due, trie, key, window):
                return
        session.relays_claimed = relays

    async def _claim_root(
        self,
        session: OwedSession,
        record: ClaimRecord | None,
        due: ClaimRecord,
        trie: FoldedTrie,
        key: PrivateKey,
        window: Window,
    ) -> bool:
        """Send a claim unless the chain has it, or it should not be sent; tell whether that is settled."""
        found = await self._chain.claim(*session.key)
        if found is not None and found.root == due.root:
            await self._claims.save(replace(due, state="claimed"))
            return True
        claim = CreateClaim(due.supplier_address, due.header, due.root)
        try:
            worth = await estimate_worth(self._chain, claim, key, replaced=found)
        except TransactionRejected as error:
            tell_undone("claimed", due.header, self._head.height, window, error)
            return False
        reason = f"it brings {worth.brings} upokt and would cost {worth.cost}"
        if worth.is_worthwhile:
            reason = await self._rehearse(due, trie, key) or ""
        if not reason:
            await self._claims.save(due)
            return await self._send(due, claim, key, window)
        if found is None:
            await self._settling.lose(session, record, f"not claimed: {reason}")
        else:
            _log.warning("the claim of session %s stays as it is: %s", due.header.session_id, reason)
        return True

    async def _rehearse(self, due: ClaimRecord, trie: FoldedTrie, key: PrivateKey) -> str | None:
        """Return why a claim could not be proven if it had to be, taking the newest block as its seed."""
        block = await self._chain.block(due.height)
        seed = due.root[:32] if block is None else block.hash
        claim = Claim(due.supplier_address, due.header, due.root)
        fault = (await self._proving.make_proof(claim, trie, seed, key)).fault
        return None if fault is None else f"it could not be proven: {fault}"

    async def _send(self, due: ClaimRecord, claim: CreateClaim, key: PrivateKey, window: Window) -> bool:
        """Submit a claim and tell whether the chain took it."""
        # Once the window has closed there is nothing left to wait for: the chain is asked what it has.
        with self._head.cancel_at(Height(window.close + 1)) as scope:
            try:
                result = await self._chain.submit([claim], key, timeout_height=window.close)
            except (TransactionRejected, WindowClosed) as error:
                tell_undone("claimed", due.header, self._head.height, window, error)
                return False
            await self._claims.save(replace(due, state="claimed", tx_hash=result.hash, height=result.height))
            _log.info("claimed %d relays of session %s", due.relays, due.header.session_id)
        return not scope.cancelled_caught

    async def catch_up(self, session: OwedSession, close: Height) -> None:
        """Unless the chain is known to have the newest claim, ask which one it has, if any."""
        record = await self._claims.get(*session.key)
        if record is not None and record.state != "due":
            return
        claim = await self._chain.claim(*session.key)
        if claim is None:
            closed = WindowClosed(f"the claim window closed at height {close}", height=close)
            await self._settling.lose(session, record, str(closed))
            return
        await self._claims.save(
            ClaimRecord(
                session.header,
                session.supplier_address,
                claim.root,
                claim.relays,
                claim.compute_units,
                state="claimed",
            )
        )


def _make_due(session: OwedSession, trie: FoldedTrie, height: Height) -> ClaimRecord:
    """Return the record of a claim that is decided on at a height."""
    return ClaimRecord(
        session.header,
        session.supplier_address,
        trie.root,
        trie.count,
        ComputeUnits(trie.sum),
        state="due",
        height=height,
    )
