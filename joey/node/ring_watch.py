"""Whether those who signed a session's relays may still sign when its claim is proven.

A proof is judged by the application's ring of that moment. When a member left it since, every relay that
it signed together with the others cannot be proven any more, and the claim costs a part of the stake.
"""

from __future__ import annotations

import logging

from joey.core.crypto.ring import read_ring
from joey.core.wire.relay import decode_relay
from joey.node.owed import OwedSession
from joey.node.rings import fetch_ring
from joey.ports.chain import Chain
from joey.ports.stores import RelayLog

__all__ = ["RingWatch"]

_log = logging.getLogger("joey.node")


class RingWatch:
    """Compares the ring of a session's newest relay with the ring of now."""

    def __init__(self, chain: Chain, log: RelayLog) -> None:
        self._chain = chain
        self._relay_log = log

    async def look(self, session: OwedSession) -> None:
        """Warn, once for as long as it is so, when a claimed session could not be proven now.

        Raises `OSError` and `Busy` when the log fails, and `ChainUnavailable`.
        """
        if session.signers is None:
            session.signers = await self._read_signers(session)
        ring = await fetch_ring(self._chain, session.header)
        missing = len(session.signers - set(ring))
        if missing and missing != session.signers_missing:
            _log.warning(
                "session %s is claimed and could not be proven now: %d of the %d keys that its relays were"
                " signed among may not sign any more; has the application left its gateway?",
                session.header.session_id,
                missing,
                len(session.signers),
            )
        session.signers_missing = missing

    async def _read_signers(self, session: OwedSession) -> frozenset[bytes]:
        hashes = await self._relay_log.hashes(*session.key)
        if not hashes:
            return frozenset()
        (newest,) = await self._relay_log.values(*session.key, hashes[-1:])
        signature = read_ring(decode_relay(newest).request.signature)
        return frozenset(public_key for _, public_key in signature.members)
