"""A real full node, where the environment names one: only read, never written to."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from joey.adapters.chains.shannon import open_shannon_chain
from joey.ports.chain import Chain
from joey.testing.read_only_chain_contract import ReadOnlyChainContract

_GRPC = os.environ.get("JOEY_SHANNON_GRPC", "")
_RPC = os.environ.get("JOEY_SHANNON_RPC", "")


@pytest.mark.skipif(
    not (_GRPC and _RPC),
    reason="NO FULL NODE: set JOEY_SHANNON_GRPC and JOEY_SHANNON_RPC to the http(s):// addresses of one,"
    " several parted by commas, to read Pocket Network itself",
)
class TestFullNode(ReadOnlyChainContract):
    @asynccontextmanager
    async def open_chain(self) -> AsyncIterator[Chain]:
        async with open_shannon_chain(_GRPC.split(","), _RPC.split(","), request_timeout_s=30) as chain:
            yield chain
