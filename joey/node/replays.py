"""Requests that were served already: whoever has seen one could send it again at its signer's cost.

A ring signature is made afresh for every attempt, so it names a request; but not by its bytes.
Without any key one can begin the ring at another member, write a scalar N higher or add bytes at the
end, and the network still takes it for valid. What stays is the set of scalars.

Only requests that hold a reservation are remembered, so an application's stake bounds the memory.
"""

from __future__ import annotations

from hashlib import sha256

from joey.core.crypto.ring import RingSignature
from joey.core.errors import BadRelay
from joey.core.units import Height
from joey.core.wire.session import SessionHeader

__all__ = ["ReplayGuard", "compute_attempt_name"]

_NAME_BYTES = 16


class ReplayGuard:
    """The attempts seen, by session. An attempt is named by `compute_attempt_name`."""

    def __init__(self) -> None:
        self._sessions: dict[str, tuple[Height, set[bytes]]] = {}

    def check(self, header: SessionHeader, name: bytes) -> None:
        """Raise `BadRelay` for an attempt that is remembered."""
        _, seen = self._sessions.get(header.session_id, (0, frozenset[bytes]()))
        if name in seen:
            raise BadRelay("this relay request was served before: sign every attempt afresh")

    def remember(self, header: SessionHeader, *names: bytes) -> None:
        """Refuse attempts from now on."""
        self._sessions.setdefault(header.session_id, (header.height_end, set()))[1].update(names)

    def forget(self, header: SessionHeader, name: bytes) -> None:
        """Allow an attempt again that came to nothing."""
        _, seen = self._sessions.get(header.session_id, (0, set[bytes]()))
        seen.discard(name)

    def forget_ended(self, height_end: Height) -> None:
        """Drop the sessions that ended before a height: none of their relays is admitted any more."""
        self._sessions = {key: kept for key, kept in self._sessions.items() if kept[0] >= height_end}


def compute_attempt_name(signature: RingSignature) -> bytes:
    """Return 16 bytes that all forms of one valid signature have in common."""
    scalars = sorted(scalar for scalar, _ in signature.members)
    return sha256(b"".join(scalar.to_bytes(32, "big") for scalar in scalars)).digest()[:_NAME_BYTES]
