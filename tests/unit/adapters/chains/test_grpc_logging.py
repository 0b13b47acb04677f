from __future__ import annotations

import os
import subprocess
import sys

import pytest

FORK_IN_TRAFFIC = """
import asyncio, os, sys
import {module}
import grpc, grpc.aio

async def main():
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{{port}}") as channel:
        call = channel.unary_unary("/nothing/there")

        async def ask():
            while True:
                try:
                    await call(b"")
                except grpc.aio.AioRpcError:
                    pass

        asking = asyncio.create_task(ask())
        for _ in range(20):
            await asyncio.sleep(0.002)
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
        asking.cancel()
    await server.stop(0)

asyncio.run(main())
"""


def run(module: str, **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    done = subprocess.run(
        [sys.executable, "-c", FORK_IN_TRAFFIC.format(module=module)],
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stderr


@pytest.mark.parametrize("module", ["joey.adapters.chains.served", "joey.adapters.chains.shannon.chain"])
def test_a_child_that_starts_while_grpc_is_busy_says_nothing(module: str) -> None:
    assert run(module) == ""


def test_what_the_operator_says_to_grpc_holds() -> None:
    module = "joey.adapters.chains.shannon.chain"
    assert "fork() handlers" in run(module, GRPC_ENABLE_FORK_SUPPORT="1", GRPC_VERBOSITY="INFO")
