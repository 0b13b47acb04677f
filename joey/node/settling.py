"""What became of a claim: settled, or lost, and then its evidence is dropped."""

from __future__ import annotations

import logging
from dataclasses import replace

from joey.core.protocol.events import ClaimDiscarded, ClaimExpired, ClaimSettled
from joey.core.protocol.params import SharedParams
from joey.core.protocol.windows import compute_settlement_height
from joey.core.trie.smst import read_root
from joey.core.units import Height
from joey.node.owed import NO_ROOT, OwedSession, make_record
from joey.ports.chain import Chain
from joey.ports.stores import ClaimRecord, Claims, RelayLog

__all__ = ["Settling"]

_log = logging.getLogger("joey.node")

_REFUSALS_MAX = 10
"""At so many blocks a full node is asked for a settlement that it has pruned."""

_End = ClaimSettled | ClaimExpired | ClaimDiscarded


class Settling:
    """The ends that a session can come to."""

    def __init__(self, chain: Chain, log: RelayLog, claims: Claims) -> None:
        self._chain = chain
        self._relay_log = log
        self._claims = claims

    async def settle(self, session: OwedSession, height: Height) -> None:
        """Record what the settlement at `height`, which has passed, made of a session; drop its log.

        Raises `OSError` and `Busy` when the store fails, and `ChainUnavailable`.
        """
        record = await self._claims.get(*session.key)
        end = await self._find_end(session, height)
        if isinstance(end, ClaimSettled):
            await self._keep_settled(session, record, end, height)
        elif isinstance(end, ClaimExpired):
            await self.lose(session, record, f"the claim expired: {end.reason}")
        elif isinstance(end, ClaimDiscarded):
            await self.lose(session, record, f"the chain discarded the claim: {end.error}")
        elif record is None or record.state != "lost":
            await self.lose(session, record, f"the chain settled no claim of it at height {height}")
        await self._relay_log.forget(*session.key)

    async def give_up(self, session: OwedSession, height: Height, shared: SharedParams, reason: str) -> bool:
        """Close a session of which a full node has pruned the settlement; tell whether that was done.

        Not before the chain was asked at several blocks, since another full node that is away may keep
        more; and only when, by the live parameters, its settlement has passed and the chain, which
        answers, has no claim of it: nothing of it can be paid any more. Raises as `settle`.
        """
        if height <= compute_settlement_height(session.header.height_end, shared):
            return False
        session.refusals += 1
        if session.refusals < _REFUSALS_MAX or await self._chain.claim(*session.key, height) is not None:
            return False
        record = await self._claims.get(*session.key) or make_record(session)
        note = f"the full node does not tell any more what its settlement brought: {reason}"
        _log.error("UNKNOWN: %d relays of session %s: %s", session.relays, session.header.session_id, note)
        if record.state != "lost":
            await self._claims.save(replace(record, state="unknown", note=note, terms=None))
        await self._relay_log.forget(*session.key)
        return True

    async def _find_end(self, session: OwedSession, height: Height) -> _End | None:
        for event in await self._chain.events(height):
            if isinstance(event, _End) and (event.header.session_id, event.supplier_address) == session.key:
                return event
        return None

    async def _keep_settled(
        self, session: OwedSession, record: ClaimRecord | None, event: ClaimSettled, height: Height
    ) -> None:
        """Record what was paid; that may be another claim than the last one decided on."""
        record = record or make_record(session)
        root = record.root if read_root(record.root)[2] == event.num_relays else NO_ROOT
        note = f"{event.settled} upokt of {event.claimed} claimed"
        await self._claims.save(
            replace(
                record,
                root=root,
                relays=event.num_relays,
                compute_units=event.claimed_compute_units,
                state="settled",
                note=note,
                terms=None,
            )
        )
        _log.info("session %s was settled at height %d: %s", session.header.session_id, height, note)

    async def lose(self, session: OwedSession, record: ClaimRecord | None, note: str) -> None:
        """Record, and say loudly, that nothing of a session will be paid, and why."""
        _log.error(
            "LOST: %d relays of session %s, supplier %s, service %s: %s",
            session.relays,
            session.header.session_id,
            session.supplier_address,
            session.header.service_id,
            note,
        )
        record = record or make_record(session)
        await self._claims.save(replace(record, relays=session.relays, state="lost", note=note))
