"""One session to its claim: folded and claimed when its window opens, then watched to its settlement.

The record of a claim goes through these states, each durable before the next step:

- `due`: the root is decided; it was sent, or is about to be. A restart sends it again, and the chain
  puts an equal claim in place of itself.
- `claimed`: the chain has it.
- `settled`: the chain paid it.
- `lost`: it is not paid; `note` says why, and `relays` counts all that were served.

The log of a session is dropped when its settlement has passed, which is when nothing of it can be
paid any more; the record stays.

A relay that comes into the log after its session was folded changes the session's count; the session
is then folded and claimed once more, as long as the window is open.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from joey.core.crypto.keys import PrivateKey
from joey.core.errors import TransactionRejected, WindowClosed
from joey.core.protocol.events import ClaimDiscarded, ClaimExpired, ClaimSettled
from joey.core.protocol.windows import compute_claim_window, compute_settlement_height
from joey.core.trie.smst import read_root
from joey.core.units import ComputeUnits, Height
from joey.core.wire.messages import CreateClaim
from joey.core.wire.session import SessionHeader
from joey.node.head import Head
from joey.node.miner import compute_claim_start, fold_session
from joey.ports.chain import Chain
from joey.ports.stores import ClaimRecord, Claims, RelayLog

__all__ = ["Claiming", "OwedSession"]

_log = logging.getLogger("joey.node")

_NO_ROOT = bytes(48)

_End = ClaimSettled | ClaimExpired | ClaimDiscarded


@dataclass(slots=True, eq=False)
class OwedSession:
    """A session with relays in the log.

    `due` is the first height at which something is left to do, `relays` how many are in the log, and
    `relays_claimed` how many were when its present claim was made; `None` before there is one.
    """

    header: SessionHeader
    supplier_address: str
    due: Height
    relays: int = 0
    relays_claimed: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """By what log and claims know it."""
        return self.header.session_id, self.supplier_address


class Claiming:
    """The steps of a session. Every one may be repeated."""

    def __init__(
        self, chain: Chain, head: Head, log: RelayLog, claims: Claims, keys: Mapping[str, PrivateKey]
    ) -> None:
        self._chain = chain
        self._head = head
        self._relay_log = log
        self._claims = claims
        self._keys = keys

    async def advance(self, session: OwedSession, height: Height) -> Height | None:
        """Do what is due at `height`, the newest block's, which is after the session's end.

        Return the height at which something is due next, or `None` when all is done. Raises `OSError`
        and `Busy` when the store fails, and `ChainUnavailable`.
        """
        height_end = session.header.height_end
        shared = (await self._chain.params_at(height_end)).shared
        start = compute_claim_start(height_end, shared)
        settlement = compute_settlement_height(height_end, shared)
        close = compute_claim_window(height_end, shared).close
        if height < start:
            return start
        if height >= settlement:
            await self._settle(session, settlement)
            return None
        if height < close:  # what is sent now lands in the next block, in the window still
            if session.relays_claimed != session.relays:
                await self._claim(session, close)
            return Height(height + 1)
        await self._catch_up(session, close)
        return settlement

    async def _claim(self, session: OwedSession, close: Height) -> None:
        header, supplier = session.header, session.supplier_address
        key = self._keys.get(supplier)
        if key is None:
            _log.error("session %s waits: the key of %s is not here", header.session_id, supplier)
            return
        relays = session.relays
        record = await self._claims.get(*session.key)
        folded = await fold_session(self._chain, self._relay_log, header, supplier)
        if folded is None:
            await self._lose(session, record, "no relay was below the difficulty target")
        elif record is None or record.state != "claimed" or record.root != folded.root:
            due = ClaimRecord(header, supplier, folded.root, folded.relays, folded.compute_units, "due")
            await self._claims.save(due)
            if not await self._send(due, key, close):
                return
        session.relays_claimed = relays

    async def _send(self, due: ClaimRecord, key: PrivateKey, close: Height) -> bool:
        """Submit a claim and tell whether the chain took it."""
        session_id = due.header.session_id
        claim = CreateClaim(due.supplier_address, due.header, due.root)
        # Once the window has closed there is nothing left to wait for: the chain is asked what it has.
        with self._head.cancel_at(Height(close + 1)) as scope:
            try:
                result = await self._chain.submit([claim], signer=key)
            except TransactionRejected as error:
                _log.error("the chain refused the claim of session %s: %s", session_id, error)
                return False
            await self._claims.save(replace(due, state="claimed", tx_hash=result.hash, height=result.height))
            _log.info("claimed %d relays of session %s", due.relays, session_id)
        return not scope.cancelled_caught

    async def _catch_up(self, session: OwedSession, close: Height) -> None:
        """Unless the chain is known to have the newest claim, ask which one it has, if any."""
        record = await self._claims.get(*session.key)
        if record is not None and record.state != "due":
            return
        claim = await self._chain.claim(*session.key)
        if claim is None:
            closed = WindowClosed(f"the claim window closed at height {close}", height=close)
            await self._lose(session, record, str(closed))
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

    async def _settle(self, session: OwedSession, height: Height) -> None:
        record = await self._claims.get(*session.key)
        end = await self._find_end(session, height)
        if isinstance(end, ClaimSettled):
            await self._keep_settled(session, record, end, height)
        elif isinstance(end, ClaimExpired):
            await self._lose(session, record, f"the claim expired: {end.reason}")
        elif isinstance(end, ClaimDiscarded):
            await self._lose(session, record, f"the chain discarded the claim: {end.error}")
        elif record is None or record.state != "lost":
            await self._lose(session, record, f"the chain settled no claim of it at height {height}")
        await self._relay_log.forget(*session.key)

    async def _find_end(self, session: OwedSession, height: Height) -> _End | None:
        for event in await self._chain.events(height):
            if isinstance(event, _End) and (event.header.session_id, event.supplier_address) == session.key:
                return event
        return None

    async def _keep_settled(
        self, session: OwedSession, record: ClaimRecord | None, event: ClaimSettled, height: Height
    ) -> None:
        """Record what was paid; that may be another claim than the last one decided on."""
        record = record or _make_record(session)
        root = record.root if read_root(record.root)[2] == event.num_relays else _NO_ROOT
        note = f"{event.settled} upokt of {event.claimed} claimed"
        await self._claims.save(
            replace(
                record,
                root=root,
                relays=event.num_relays,
                compute_units=event.claimed_compute_units,
                state="settled",
                note=note,
            )
        )
        _log.info("session %s was settled at height %d: %s", session.header.session_id, height, note)

    async def _lose(self, session: OwedSession, record: ClaimRecord | None, note: str) -> None:
        _log.error(
            "LOST: %d relays of session %s, supplier %s, service %s: %s",
            session.relays,
            session.header.session_id,
            session.supplier_address,
            session.header.service_id,
            note,
        )
        record = record or _make_record(session)
        await self._claims.save(replace(record, relays=session.relays, state="lost", note=note))


def _make_record(session: OwedSession) -> ClaimRecord:
    """Return a record of a session whose trie this node does not know."""
    return ClaimRecord(
        session.header, session.supplier_address, _NO_ROOT, session.relays, ComputeUnits(0), state="due"
    )
