"""What can be asked of any chain without changing it: also of a real network."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, cast

import pytest

from joey.core.protocol.sessions import (
    compute_session_end,
    compute_session_id,
    compute_session_start,
)
from joey.core.units import Height
from joey.ports.chain import Chain
from joey.testing.worlds import make_key

__all__ = ["ReadOnlyChainContract"]


@pytest.mark.anyio
class ReadOnlyChainContract:
    """What can be asked of any chain without changing it."""

    @abstractmethod
    def open_chain(self) -> AbstractAsyncContextManager[Chain]:
        """Return a chain with at least a few blocks."""

    async def test_the_head_is_a_block(self) -> None:
        """The head, the block before it and what lies beyond can be asked for."""
        async with self.open_chain() as chain:
            head = await chain.head()
            assert await chain.block(head.height) == head
            before = await chain.block(Height(head.height - 1))
            assert before is not None
            assert before.time < head.time
            assert before.hash != head.hash
            assert await chain.block(Height(head.height + 1_000_000)) is None
            assert await chain.chain_id()

    async def test_followers_begin_with_the_head(self) -> None:
        """The first block that a follower sees is the newest one."""
        async with self.open_chain() as chain, aclosing(cast(Any, chain.follow())) as blocks:
            head = await chain.head()
            async for block in blocks:
                assert block.height >= head.height
                break

    async def test_parameters_can_be_read(self) -> None:
        """Those of now and of a session's end, and the session grid of the network is ours."""
        async with self.open_chain() as chain:
            head = (await chain.head()).height
            live = await chain.live_params()
            shared = (await chain.params_at(head)).shared
            assert shared.num_blocks_per_session > 0
            distribution = live.tokenomics.mint_equals_burn_claim_distribution
            assert (
                sum(
                    (
                        distribution.dao,
                        distribution.proposer,
                        distribution.supplier,
                        distribution.source_owner,
                        distribution.application,
                    )
                )
                == 1
            )
            assert await chain.supply() > 0

    async def test_what_does_not_exist_is_none(self) -> None:
        """Unknown names are `None`, and unknown accounts are empty."""
        async with self.open_chain() as chain:
            stranger = make_key("a stranger to every network").address
            assert await chain.application(stranger) is None
            assert await chain.supplier(stranger) is None
            assert await chain.gateway(stranger) is None
            assert await chain.service("joey-no-such-service") is None
            assert await chain.compute_units_at("joey-no-such-service", Height(1)) is None
            assert await chain.public_key(stranger) is None
            assert await chain.balance(stranger) == 0
            assert await chain.claim("00" * 32, stranger) is None
            assert await chain.transaction("00" * 32) is None

    async def test_a_session_is_drawn_by_our_rules(self) -> None:
        """A session of any application has the header that we compute for it."""
        async with self.open_chain() as chain:
            head = (await chain.head()).height
            shared = (await chain.params_at(head)).shared
            start = compute_session_start(head, shared)
            block = await chain.block(start)
            assert block is not None
            for application in (await chain.applications())[:20]:
                session = await chain.session(application.address, application.service_id, head)
                if session is None:
                    continue
                _, session_id = compute_session_id(
                    block.hash, application.service_id, application.address, start
                )
                header = session.header
                assert header.session_id == session_id
                assert (header.height_start, header.height_end) == (start, compute_session_end(head, shared))
                for supplier in session.suppliers:
                    assert [config.service_id for config in supplier.services] == [application.service_id]

    async def test_what_happened_can_be_read(self) -> None:
        """The transactions of the last blocks are found by hash, and their events are ours."""
        async with self.open_chain() as chain:
            head = (await chain.head()).height
            for height in range(max(1, head - 3), head + 1):
                included = await chain.transactions(Height(height))
                events = await chain.events(Height(height))
                assert len(events) >= sum(len(one.events) for one in included)
                for one in included[:3]:
                    assert await chain.transaction(one.hash) == one
