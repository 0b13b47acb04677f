"""A chain process that is killed loses nothing that it had acknowledged, and leaves no half block."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from joey.adapters.chains.local import LocalChain
from joey.core.units import Height, Upokt
from joey.core.wire.messages import Send
from joey.core.wire.transactions import sign_transaction
from joey.testing.worlds import make_genesis, make_key

PAYER, PAYEE = make_key("payer"), make_key("payee").address
GENESIS = make_genesis(["payer"])
KILLS = 100 if os.environ.get("JOEY_SOAK") else 5
AMOUNTS = (3, 10**18, 4)
"""The payments of every block. The second is more than there is: it is in the block and has failed."""

PROGRAM = f"""
import sys
from pathlib import Path
import anyio
from joey.adapters.chains.local import LocalChain
from joey.core.units import Upokt
from joey.core.wire.messages import Send
from joey.core.wire.transactions import sign_transaction
from joey.testing.worlds import make_genesis, make_key

async def main():
    payer, payee = make_key("payer"), make_key("payee").address
    chain = await LocalChain.open(Path(sys.argv[1]), make_genesis(["payer"]))
    while True:
        sequence = 3 * ((await chain.head()).height - 1)
        for place, amount in enumerate({AMOUNTS}):
            message = Send(payer.address, payee, Upokt(amount))
            await chain.broadcast(sign_transaction(
                [message], payer, chain_id="joey-test", account_number=0, sequence=sequence + place))
        block = await chain.make_block()
        print(block.height, flush=True)

anyio.run(main)
"""


async def add_blocks(chain: LocalChain, until: int) -> None:
    """Make blocks as the program does."""
    while (head := await chain.head()).height < until:
        for place, amount in enumerate(AMOUNTS):
            raw = sign_transaction(
                [Send(PAYER.address, PAYEE, Upokt(amount))],
                PAYER,
                chain_id="joey-test",
                account_number=0,
                sequence=3 * (head.height - 1) + place,
            )
            assert (await chain.broadcast(raw)).code == 0
        await chain.make_block()


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
        # What it said between the line and the signal it has also promised.
        said = process.stdout.read().rpartition("\n")[0].splitlines()
        return int(said[-1]) if said else acknowledged


def run_for(path: Path, seconds: float) -> None:
    """Run the program for a time, wherever that leaves it: before the first block, or within one."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.DEVNULL) as process:
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()


async def check_whole(chain: LocalChain) -> int:
    """Check that every block up to the head is there with all that belongs to it; return the head."""
    head = (await chain.head()).height
    assert await chain.block(Height(head + 1)) is None
    for height in range(2, head + 1):
        block = await chain.block(Height(height))
        assert block is not None
        assert [one.code for one in await chain.transactions(Height(height))] == [0, 5, 0]
        assert await chain.balance(PAYEE, Height(height)) == 7 * (height - 1)
    return head


@pytest.mark.anyio
async def test_a_killed_chain_goes_on_with_the_same_hashes(tmp_path: Path):
    path = tmp_path / "chain.db"
    chance = random.Random(3)
    reached = 1
    for _ in range(KILLS):
        acknowledged = run_and_kill(path, reached + chance.randint(1, 30))
        run_for(path, chance.uniform(0.3, 1.0))
        chain = await LocalChain.open(path, GENESIS)
        reached = await check_whole(chain)
        assert reached >= acknowledged
        await chain.aclose()
    chain = await LocalChain.open(path, GENESIS)
    unbroken = await LocalChain.open(None, GENESIS)
    await add_blocks(chain, reached + 5)
    await add_blocks(unbroken, reached + 5)
    for height in range(1, reached + 6):
        assert await chain.block(Height(height)) == await unbroken.block(Height(height))
    await chain.aclose()
    await unbroken.aclose()
