"""The embedded chain keeps the contract of chains: in memory and in a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from joey.adapters.chains.local import LocalChain
from joey.core.protocol.params import MAINNET, NetworkParams
from joey.testing.chain_contract import ChainContract, ChainUnderTest
from joey.testing.worlds import WITHOUT_PROOFS, World, make_genesis, without_proofs


class LocalChainContract(ChainContract):
    path: Path | None = None
    params: NetworkParams = WITHOUT_PROOFS

    @asynccontextmanager
    async def open_chain(self, world: World) -> AsyncIterator[ChainUnderTest]:
        genesis = make_genesis(world.names, params=self.params)
        chain = await LocalChain.open(self.path, genesis, instant=True)

        async def make_blocks(count: int) -> None:
            for _ in range(count):
                await chain.make_block()

        yield ChainUnderTest(chain, make_blocks)
        await chain.aclose()


class TestInMemory(LocalChainContract):
    pass


class TestInMemoryWithMainnetParams(LocalChainContract):
    params = without_proofs(MAINNET)


class TestInFile(LocalChainContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "chain.db"
