"""A chain process that is killed loses nothing that it had acknowledged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from joey.adapters.chains.local import LocalChain
from joey.core.units import Height, Upokt
from joey.core.wire.messages import Send
from joey.testing.worlds import make_genesis, make_key

PAYER, PAYEE = make_key("payer"), make_key("payee").address
GENESIS = make_genesis(["payer"])

PROGRAM = """
import sys
from pathlib import Path
import anyio
from joey.adapters.chains.local import LocalChain
from joey.core.units import Upokt
from joey.core.wire.messages import Send
from joey.testing.worlds import make_genesis, make_key

async def main():
    payer, payee = make_key("payer"), make_key("payee").address
    chain = await LocalChain.open(Path(sys.argv[1]), make_genesis(["payer"]), instant=True)
    amount = (await chain.head()).height
    while True:
        result = await chain.submit([Send(payer.address, payee, Upokt(amount))], payer)
        amount += 1
        print(result.height, flush=True)

anyio.run(main)
"""


async def pay(chain: LocalChain, until: int) -> None:
    """Put a payment of `height - 1` upokt into every block, as the program does."""
    while (head := await chain.head()).height < until:
        await chain.submit([Send(PAYER.address, PAYEE, Upokt(head.height))], PAYER)


def run_and_kill(path: Path, acknowledged_min: int) -> int:
    """Run the program until it has acknowledged a height, kill it, and return the last one it said."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        acknowledged = 0
        try:
            for line in process.stdout:
                acknowledged = int(line)
                if acknowledged >= acknowledged_min:
                    break
        finally:
            process.kill()
        assert acknowledged >= acknowledged_min, "the program ended by itself"
        return acknowledged


@pytest.mark.anyio
async def test_a_killed_chain_goes_on_with_the_same_hashes(tmp_path: Path):
    path = tmp_path / "chain.db"
    reached = 1
    for _ in range(3):
        acknowledged = run_and_kill(path, reached + 20)
        chain = await LocalChain.open(path, GENESIS, instant=True)
        reached = (await chain.head()).height
        assert reached >= acknowledged
        assert await chain.balance(PAYEE) == sum(range(1, reached))
        await chain.aclose()
    chain = await LocalChain.open(path, GENESIS, instant=True)
    unbroken = await LocalChain.open(None, GENESIS, instant=True)
    await pay(chain, reached + 5)
    await pay(unbroken, reached + 5)
    for height in range(1, reached + 6):
        assert await chain.block(Height(height)) == await unbroken.block(Height(height))
    await chain.aclose()
    await unbroken.aclose()
