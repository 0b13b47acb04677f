"""An embedded chain on loopback ports, for tests that know a chain only by its addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import anyio
import anyio.abc

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.chains.served import ServedAddresses, serve_chain
from joey.core.protocol.genesis import Genesis

__all__ = ["ServedLocalChain", "open_served_chain"]


@dataclass(frozen=True, slots=True)
class ServedLocalChain:
    """A chain and where it is served, as `HOST:PORT`."""

    chain: LocalChain
    grpc: str
    rpc: str


@asynccontextmanager
async def open_served_chain(
    genesis: Genesis,
    *,
    path: Path | None = None,
    instant: bool = False,
    gas_price_min: Fraction = Fraction(0),
) -> AsyncIterator[ServedLocalChain]:
    """Serve a chain in memory, or one in a file, whose blocks are made by hand, until left."""
    chain = await LocalChain.open(path, genesis, instant=instant, gas_price_min=gas_price_min)
    try:
        async with anyio.create_task_group() as tasks:

            async def serve(*, task_status: anyio.abc.TaskStatus[ServedAddresses]) -> None:
                await serve_chain(
                    chain,
                    grpc_address="127.0.0.1:0",
                    rpc_address="127.0.0.1:0",
                    by_hand=True,
                    task_status=task_status,
                )

            served = await tasks.start(serve)
            yield ServedLocalChain(chain, served.grpc, served.rpc)
            tasks.cancel_scope.cancel()
    finally:
        await chain.aclose()
