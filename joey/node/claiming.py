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
from joey.ports.chain import Chain, TransactionTerms
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
        if record is not None and record.state == "due" and record.terms is not None:
            # That one may be on its way: what the session has grown by since is claimed after it.
            if not await self._claim_again(record, key, window):
                return
            record = await self._claims.get(*session.key)
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
        found = await self._chain.claim(*session.key, self._head.height)
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

    async def _claim_again(self, due: ClaimRecord, key: PrivateKey, window: Window) -> bool:
        """Send what may be on its way as it was signed, unless it has arrived; tell whether it has."""
        header, supplier = due.header, due.supplier_address
        found = await self._chain.claim(header.session_id, supplier, self._head.height)
        if found is not None and found.root == due.root:
            await self._claims.save(replace(due, state="claimed", terms=None))
            return True
        return await self._send(due, CreateClaim(supplier, header, due.root), key, window)

    async def _rehearse(self, due: ClaimRecord, trie: FoldedTrie, key: PrivateKey) -> str | None:
        """Return why a claim could not be proven if it had to be, taking the newest block as its seed."""
        block = await self._chain.block(due.height)
        seed = due.root[:32] if block is None else block.hash
        claim = Claim(due.supplier_address, due.header, due.root)
        fault = (await self._proving.make_proof(claim, trie, seed, key)).fault
        return None if fault is None else f"it could not be proven: {fault}"

    async def _send(self, due: ClaimRecord, claim: CreateClaim, key: PrivateKey, window: Window) -> bool:
        """Submit a claim, by the terms of its record if it has any; tell whether the chain took it."""

        async def keep_terms(terms: TransactionTerms) -> None:
            await self._claims.save(replace(due, terms=terms))

        # Once the window has closed there is nothing left to wait for: the chain is asked what it has.
        with self._head.cancel_at(Height(window.close + 1)) as scope:
            try:
                result = await self._chain.submit(
                    [claim], key, timeout_height=window.close, on_signed=keep_terms, terms=due.terms
                )
            except (TransactionRejected, WindowClosed) as error:
                await self._claims.save(replace(due, terms=None))
                tell_undone("claimed", due.header, self._head.height, window, error)
                return False
            claimed = replace(due, state="claimed", tx_hash=result.hash, height=result.height, terms=None)
            await self._claims.save(claimed)
            _log.info("claimed %d relays of session %s", due.relays, due.header.session_id)
        return not scope.cancelled_caught

    async def catch_up(self, session: OwedSession, height: Height, close: Height) -> None:
        """Unless the chain is known to have the newest claim, ask which one it has, if any, at `height`.

        A session without one is lost, but asked for again at every block: a full node that lags behind
        knows of no claim, and one that is there and is not proven costs a part of the stake.
        """
        record = await self._claims.get(*session.key)
        if record is not None and record.state in CLAIMED:
            return
        claim = await self._find_claim(session, record, height)
        if claim is not None:
            await self._take_up(session, record, claim)
        elif record is None or record.state != "lost":
            closed = WindowClosed(f"the claim window closed at height {close}", height=close)
            await self._settling.lose(session, record, str(closed))

    async def _find_claim(
        self, session: OwedSession, record: ClaimRecord | None, height: Height
    ) -> Claim | None:
        """Ask for a claim, once more where it was sent: behind one address may be several full nodes."""
        claim = await self._chain.claim(*session.key, height)
        if claim is None and record is not None and record.terms is not None:
            claim = await self._chain.claim(*session.key, height)
        return claim

    async def _take_up(self, session: OwedSession, record: ClaimRecord | None, claim: Claim) -> None:
        """Go on with the claim that the chain has, and say loudly what it leaves out."""
        if record is not None and record.relays > claim.relays:
            _log.error(
                "LOST: %d of %d relays of session %s: only an earlier claim came in",
                record.relays - claim.relays,
                record.relays,
                session.header.session_id,
            )
        else:
            _log.info("the chain has the claim of session %s", session.header.session_id)
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
