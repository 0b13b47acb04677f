"""The sessions a node may serve, asked of the chain once each.

Anybody can write a header, so what the chain denies is remembered too, until the next block, and only
so many headers of strangers are looked up per block. No stranger is an application whose signature
was seen, in a session that may be: of those there are few, so that nobody can use them up.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

import anyio

from joey.core.errors import Busy, ChainUnavailable, SessionExpired, SessionUnknown
from joey.core.protocol.claims import compute_relay_price, compute_session_budget
from joey.core.protocol.sessions import compute_session_end, compute_session_start
from joey.core.protocol.transfers import is_settled_in_time
from joey.core.protocol.windows import compute_grace_end
from joey.core.units import Height, round_down
from joey.core.wire.session import Session, SessionHeader
from joey.node.head import Head
from joey.node.miner import compute_cutoff
from joey.node.rings import fetch_ring
from joey.ports.chain import Chain

__all__ = ["KnownSession", "Sessions"]

_STRANGERS_PER_BLOCK_MAX = 64
_APPLICATIONS_MAX = 4096
_BLOCKS_AHEAD_MAX = 8
"""How far a gateway's full node may be ahead of ours for us to ask ours anew."""

T = TypeVar("T")
Key = tuple[str, str, Height]


@dataclass(frozen=True, slots=True)
class KnownSession:
    """A session as the chain has it.

    `suppliers` are the operator addresses drawn; `relays_max` is what the application can pay each
    of them for (`None`: relays are free; 0 where it moves to another account before the session is
    settled); from `height_cutoff` on no answer counts any more.
    """

    header: SessionHeader
    suppliers: frozenset[str]
    relays_max: int | None
    height_cutoff: Height


@dataclass(frozen=True, slots=True)
class _Ring:
    keys: tuple[bytes, ...]
    height: Height


class Sessions:
    """Looks sessions and rings up, and remembers them."""

    def __init__(self, chain: Chain, head: Head, *, strangers_max: int = _STRANGERS_PER_BLOCK_MAX) -> None:
        self._chain = chain
        self._head = head
        self._strangers_max = strangers_max
        self._known: dict[Key, KnownSession] = {}
        self._rings: dict[str, _Ring] = {}
        self._asking: dict[Key, anyio.Event] = {}
        self._denied: set[Key] = set()
        self._applications: dict[str, None] = {}
        self._strangers = 0
        self._height = Height(0)

    async def check_heights(self, header: SessionHeader) -> None:
        """Raise `SessionUnknown` before the session, `SessionExpired` after its grace period.

        A header a little ahead may be from a gateway whose full node has seen the newest blocks first.
        """
        if self._head.height < header.height_start <= self._head.height + _BLOCKS_AHEAD_MAX:
            await self._ask(self._head.refresh())
        if header.height_start > self._head.height:
            raise SessionUnknown(
                f"the session starts at height {header.height_start}, this is {self._head.height}",
                session_id=header.session_id,
            )
        if self._head.height > compute_grace_end(header.height_end, self._head.shared):
            raise SessionExpired(
                f"the session ended at height {header.height_end}, and its grace period is over",
                session_id=header.session_id,
                height=self._head.height,
            )

    async def find(self, header: SessionHeader, supplier_address: str) -> KnownSession:
        """Return the session that a header names in all of its fields.

        Raises `SessionUnknown` when the chain has another one or did not draw the supplier, `Busy`
        when the chain does not answer or too many headers of strangers were looked up in this block.
        """
        self._pass_blocks()
        key = (header.application_address, header.service_id, header.height_start)
        known = self._known.get(key) or await self._look_up(key)
        if known is None or known.header != header:
            raise SessionUnknown("the chain knows no such session", session_id=header.session_id)
        if supplier_address not in known.suppliers:
            raise SessionUnknown("this supplier was not drawn for the session", session_id=header.session_id)
        return known

    async def ring(self, known: KnownSession) -> tuple[bytes, ...]:
        """Return the public keys of those who may sign in a session. Raises `Busy`."""
        ring = self._rings.get(known.header.session_id)
        if ring is None:
            ring = await self._fetch_ring(known.header)
        return ring.keys

    async def renew_ring(self, known: KnownSession) -> tuple[bytes, ...] | None:
        """Return the ring if it has changed; asked once per block at most, `None` otherwise.

        A delegation holds at once, so a session's ring may grow while the session runs.
        """
        ring = self._rings.get(known.header.session_id)
        if ring is not None and ring.height >= self._head.height:
            return None
        renewed = await self._fetch_ring(known.header)
        return None if ring is not None and renewed.keys == ring.keys else renewed.keys

    def _pass_blocks(self) -> None:
        """Forget what a new block makes out of date."""
        height = self._head.height
        if height == self._height:
            return
        self._height = height
        self._denied.clear()
        self._strangers = 0
        self._known = {key: known for key, known in self._known.items() if known.height_cutoff > height}
        kept = {known.header.session_id for known in self._known.values()}
        self._rings = {session_id: ring for session_id, ring in self._rings.items() if session_id in kept}

    async def _look_up(self, key: Key) -> KnownSession | None:
        """Ask the chain, once for all who ask at the same time."""
        while key not in self._known:
            if key in self._denied:
                return None
            asking = self._asking.get(key)
            if asking is None:
                return await self._look_up_alone(key)
            await asking.wait()
        return self._known[key]

    async def _look_up_alone(self, key: Key) -> KnownSession | None:
        if not self._is_familiar(key):
            if self._strangers >= self._strangers_max:
                raise Busy("too many unknown sessions were asked for in this block")
            self._strangers += 1
        self._asking[key] = anyio.Event()
        try:
            known = await self._ask(self._fetch(key))
            if known is None:
                self._denied.add(key)
            else:
                self._known[key] = known
            return known
        finally:
            self._asking.pop(key).set()

    def remember_application(self, address: str) -> None:
        """Take note of an application that has signed here, the latest of which are never strangers."""
        self._applications.pop(address, None)
        self._applications[address] = None
        if len(self._applications) > _APPLICATIONS_MAX:
            del self._applications[next(iter(self._applications))]

    def _is_familiar(self, key: Key) -> bool:
        """Tell whether this may be a session of an application that has signed here."""
        application, _, height_start = key
        shared = self._head.shared
        return (
            application in self._applications
            and compute_session_start(height_start, shared) == height_start
            and compute_grace_end(compute_session_end(height_start, shared), shared) >= self._head.height
        )

    async def _fetch(self, key: Key) -> KnownSession | None:
        application, service_id, height_start = key
        session = await self._chain.session(application, service_id, height_start)
        units = await self._chain.compute_units_at(service_id, height_start)
        if session is None or units is None:
            return None
        params = await self._chain.params_at(height_start)
        budget = compute_session_budget(
            session.application.stake,
            params.shared,
            params.session.num_suppliers_per_session,
            session.application.spend_limit_per_session,
        )
        price = compute_relay_price(units, params.shared)
        relays_max = round_down(budget / price) if price else None
        if not is_settled_in_time(session, params.shared):
            # The application will have moved away: nobody could claim a relay of this session.
            relays_max = 0
        return KnownSession(
            header=session.header,
            suppliers=_list_suppliers(session),
            relays_max=relays_max,
            height_cutoff=compute_cutoff(session.header.height_end, params.shared),
        )

    async def _fetch_ring(self, header: SessionHeader) -> _Ring:
        height = self._head.height
        keys = await self._ask(fetch_ring(self._chain, header))
        ring = _Ring(keys, height)
        self._rings[header.session_id] = ring
        return ring

    async def _ask(self, question: Awaitable[T]) -> T:
        try:
            return await question
        except ChainUnavailable:
            raise Busy("the chain does not answer") from None


def _list_suppliers(session: Session) -> frozenset[str]:
    return frozenset(supplier.operator_address for supplier in session.suppliers)
