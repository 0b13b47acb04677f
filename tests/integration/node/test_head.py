"""A node knows the newest block, whatever becomes of those who announce it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.node.head import Head
from joey.ports.chain import Block
from joey.testing.nodes import InterposedChain

pytestmark = pytest.mark.anyio


class MuteChain(InterposedChain):
    """Announces one block, and never another one."""

    async def follow(self) -> AsyncIterator[Block]:
        yield await self.chain.head()
        await anyio.sleep_forever()


async def test_a_chain_that_announces_nothing_is_asked(chain: LocalChain) -> None:
    head = Head(MuteChain(chain), quiet_s=0.01)
    async with anyio.create_task_group() as tasks:
        await tasks.start(head.run)
        height = head.height
        await chain.make_block()
        with anyio.fail_after(10):
            assert await head.wait_beyond(height) == height + 1
        tasks.cancel_scope.cancel()
