"""Who may sign for an application, as the chain has it now."""

from __future__ import annotations

from joey.core.protocol.rings import compute_ring, list_ring_addresses
from joey.core.wire.session import SessionHeader
from joey.ports.chain import Chain

__all__ = ["fetch_ring"]


async def fetch_ring(chain: Chain, header: SessionHeader) -> tuple[bytes, ...]:
    """Return the ring of a session by the application's present record, as the network has it.

    It is empty, so that nobody may sign, when the application is gone or a member's key is not on the
    chain: the network refuses every relay of such a ring. Raises `ChainUnavailable`.
    """
    application = await chain.application(header.application_address)
    if application is None:
        return ()
    keys: dict[str, bytes] = {}
    for address in list_ring_addresses(application, header.height_end):
        key = await chain.public_key(address)
        if key is not None:
            keys[address] = key
    try:
        return compute_ring(application, header.height_end, keys)
    except ValueError:
        return ()
