"""Who may sign for an application, as the chain has it."""

from __future__ import annotations

from joey.core.protocol.rings import compute_ring, list_ring_addresses
from joey.core.protocol.sessions import compute_session_end
from joey.core.units import Height
from joey.core.wire.session import SessionHeader
from joey.ports.chain import Chain

__all__ = ["fetch_ring"]

_NOW = Height(0)


async def fetch_ring(chain: Chain, header: SessionHeader, height: Height = _NOW) -> tuple[bytes, ...]:
    """Return the ring of a session by the application's record at a height, as the network has it.

    It is that at the end of the session in which the *live* grid has the session's last height: so does
    the network judge a proof, and another grid since may have made it another one than the header's.
    It is empty, so that nobody may sign, when the application is gone or a member's key is not on the
    chain: the network refuses every relay of such a ring. Raises `ChainUnavailable`.
    """
    application = await chain.application(header.application_address, height)
    if application is None:
        return ()
    end = compute_session_end(header.height_end, (await chain.live_params(height)).shared)
    keys: dict[str, bytes] = {}
    for address in list_ring_addresses(application, end):
        key = await chain.public_key(address)
        if key is not None:
            keys[address] = key
    try:
        return compute_ring(application, end, keys)
    except ValueError:
        return ()
