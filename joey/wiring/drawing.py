"""When a new network can be asked: a session has drawn its suppliers where they listen."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import cast

from joey.core.errors import InvariantBroken
from joey.core.wire.session import Session
from joey.ports.chain import Block, Chain

__all__ = ["wait_until_drawn"]


async def wait_until_drawn(
    chain: Chain, application: str, service_id: str, expected: Mapping[str, str]
) -> Session:
    """Return the first session that drew every supplier, or as many as a session holds.

    `expected` has the URL of each supplier of the service by its operator address: one that is still
    listed with another does not count.
    """
    async with aclosing(cast(AsyncGenerator[Block, None], chain.follow())) as blocks:
        async for block in blocks:
            params = await chain.params_at(block.height)
            wanted = min(len(expected), params.session.num_suppliers_per_session)
            session = await chain.session(application, service_id)
            if session is not None and _count_drawn(session, expected) >= wanted:
                return session
    raise InvariantBroken("a chain is followed without an end")


def _count_drawn(session: Session, expected: Mapping[str, str]) -> int:
    """Count the suppliers that a session lists at the address where they listen."""
    return sum(
        any(endpoint.url == expected.get(supplier.operator_address) for endpoint in config.endpoints)
        for supplier in session.suppliers
        for config in supplier.services
    )
