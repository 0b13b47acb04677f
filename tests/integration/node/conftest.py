"""One small world for all tests of the node, and a chain on which it is staked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.testing.nodes import start_chain
from joey.testing.worlds import World


@pytest.fixture
def world() -> World:
    return World.of_service("text")


@pytest.fixture
async def chain(world: World) -> AsyncIterator[LocalChain]:
    chain = await start_chain(world)
    yield chain
    await chain.aclose()
