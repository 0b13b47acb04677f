"""What the embedded chain costs: transactions a second, empty blocks, a start, the past, bytes on disk.

Run `python -m speed.chain`; it prints one JSON object on a line. `sent` are payments that come in
signed, as from a client: checked, put into blocks of 500, executed and on disk. `submitted` are
signed here too. `verifications_per_s` is the machine's limit in the same run: bare signature
verifications, of which a chain needs two for a transaction, one when it comes in and one in its block;
`share_of_limit` is what `sent` reaches of half of that. The long chain has 100,000 blocks with a
payment in every tenth; it is opened as a process would open it, and states of its past are read.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import anyio

from joey.adapters.chains.local import LocalChain
from joey.adapters.chains.local.entrance import read_submission
from joey.adapters.chains.local.production import MadeBlock, Submission, make_block
from joey.adapters.chains.local.storage import ChainStore
from joey.core.crypto.keys import verify_signature
from joey.core.protocol.genesis import Genesis
from joey.core.protocol.state import State
from joey.core.units import Height, Upokt
from joey.core.wire.messages import Send
from joey.core.wire.transactions import sign_transaction
from joey.ports.chain import Block
from joey.testing.worlds import make_genesis, make_key
from speed.machine import describe_machine

ROUNDS = 5
TRANSACTIONS, PAYERS = 500, 20
EMPTY_BLOCKS = 300
LONG_BLOCKS, BLOCKS_PER_PAYMENT = 100_000, 10
BYTES_BLOCKS = 2_000
BLOCKS_PER_COMMIT = 500
STARTS = 7
ACCOUNTS = 1_000

PAYEE = make_key("payee").address
NAMES = [f"payer {number}" for number in range(PAYERS)]


def sign_payments(genesis: Genesis, name: str, sequence: int, count: int) -> list[bytes]:
    """Return payments of one account with rising sequences."""
    key = make_key(name)
    number = sorted(genesis.balances).index(key.address)
    return [
        sign_transaction(
            [Send(key.address, PAYEE, Upokt(1))],
            key,
            chain_id=genesis.chain_id,
            account_number=number,
            sequence=sequence + position,
        )
        for position in range(count)
    ]


async def measure_sent(path: Path | None) -> list[float]:
    """Return transactions a second, a round each: from bytes to disk."""
    genesis = make_genesis(NAMES)
    chain = await LocalChain.open(path, genesis)
    rates = []
    each = TRANSACTIONS // PAYERS
    for number in range(ROUNDS):
        batch = [raw for name in NAMES for raw in sign_payments(genesis, name, number * each, each)]
        started = time.perf_counter()
        for raw in batch:
            checked = await chain.broadcast(raw)
            assert checked.code == 0, checked.log
        block = await chain.make_block()
        rates.append(len(batch) / (time.perf_counter() - started))
        assert len(await chain.transactions(block.height)) == len(batch)
    await chain.aclose()
    return rates


async def measure_submitted(path: Path | None) -> list[float]:
    """Return transactions a second, a round each: from messages to disk, all of one account."""
    chain = await LocalChain.open(path, make_genesis(NAMES))
    payer = make_key(NAMES[0])
    rates = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for _ in range(TRANSACTIONS):
                tasks.start_soon(chain.submit, [Send(payer.address, PAYEE, Upokt(1))], payer)
            await anyio.wait_all_tasks_blocked()
            await chain.make_block()
        rates.append(TRANSACTIONS / (time.perf_counter() - started))
    await chain.aclose()
    return rates


def measure_verifications() -> list[float]:
    """Return bare signature verifications a second, a round each."""
    key, message = make_key("payer 0"), b"a message of some length" * 10
    signature = key.sign(message)
    rates = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(TRANSACTIONS):
            assert verify_signature(key.public_key, message, signature)
        rates.append(TRANSACTIONS / (time.perf_counter() - started))
    return rates


async def measure_empty_blocks(path: Path | None) -> list[float]:
    """Return milliseconds for each of many empty blocks."""
    chain = await LocalChain.open(path, make_genesis(NAMES))
    samples = []
    for _ in range(EMPTY_BLOCKS):
        started = time.perf_counter()
        await chain.make_block()
        samples.append((time.perf_counter() - started) * 1000)
    await chain.aclose()
    return samples


def make_blocks(
    state: State, head: Block, chain_id: str, payments: Iterator[Submission], count: int, every: int
) -> Iterator[MadeBlock]:
    """Yield blocks one after another, with a payment in each `every`-th; 0: in none."""
    for number in range(1, count + 1):
        submissions = [next(payments)] if every and number % every == 0 else []
        made = make_block(state.draft(), chain_id, head, head.time, submissions)
        assert len(made.included) == len(submissions)
        yield made
        state, head = made.state, made.block


async def build_chain(path: Path, genesis: Genesis, count: int, every: int) -> None:
    """Make a chain with so many blocks, committed in groups where a running chain commits each."""
    chain = await LocalChain.open(path, genesis)
    state, head = await chain.state_at()
    await chain.aclose()
    signed = sign_payments(genesis, NAMES[0], 0, count // every if every else 0)
    blocks = make_blocks(state, head, genesis.chain_id, map(read_submission, signed), count, every)
    store = ChainStore(path)
    while True:
        group = [made for made, _ in zip(blocks, range(BLOCKS_PER_COMMIT), strict=False)]
        if not group:
            break
        async with anyio.create_task_group() as tasks:
            for made in group:
                tasks.start_soon(store.save_block, made)
    store.close()


async def measure_bytes(folder: Path, every: int) -> float:
    """Return what a block adds to the file."""
    path, longer, genesis = folder / f"few-{every}.db", folder / f"many-{every}.db", make_genesis(NAMES)
    await build_chain(path, genesis, BYTES_BLOCKS, every)
    before = read_size(path)
    await build_chain(longer, genesis, 2 * BYTES_BLOCKS, every)
    return (read_size(longer) - before) / BYTES_BLOCKS


def read_size(path: Path) -> int:
    """Return the bytes of a file that is closed."""
    return path.stat().st_size


async def measure_long_chain(path: Path) -> dict[str, object]:
    """Measure a start from a long chain, and the reading of its past."""
    genesis = make_genesis([*NAMES, *(f"account {number}" for number in range(ACCOUNTS))])
    started = time.perf_counter()
    await build_chain(path, genesis, LONG_BLOCKS, BLOCKS_PER_PAYMENT)
    built_s = time.perf_counter() - started
    starts: list[float] = []
    past: dict[int, list[float]] = {100: [], 10_000: [], LONG_BLOCKS - 1: []}
    for _ in range(STARTS):
        started = time.perf_counter()
        chain = await LocalChain.open(path, genesis)
        starts.append(time.perf_counter() - started)
        head = await chain.head()
        for back, samples in past.items():
            started = time.perf_counter()
            _, block = await chain.state_at(Height(head.height - back))
            samples.append((time.perf_counter() - started) * 1000)
            assert block.height == head.height - back
        await chain.aclose()
    return {
        "blocks": head.height,
        "built_s": round(built_s, 1),
        "bytes": read_size(path),
        "start_s": summarize(starts, 3),
        "past_state_ms": {f"{back} blocks back": summarize(samples) for back, samples in past.items()},
    }


async def measure() -> dict[str, object]:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The limit before and after: a slow minute shows in both.
        limits = measure_verifications()
        sent = await measure_sent(folder / "sent.db")
        limits += measure_verifications()
        limit = statistics.median(limits)
        return {
            "measurement": "chain",
            "transactions_per_block": TRANSACTIONS,
            "sent_per_s": summarize(sent),
            "sent_in_memory_per_s": summarize(await measure_sent(None)),
            "submitted_per_s": summarize(await measure_submitted(folder / "submitted.db")),
            "verifications_per_s": summarize(limits),
            "share_of_limit": round(statistics.median(sent) / (limit / 2), 3),
            "empty_block_ms": summarize(await measure_empty_blocks(folder / "empty.db"), 3),
            "empty_block_in_memory_ms": summarize(await measure_empty_blocks(None), 3),
            "long_chain": await measure_long_chain(folder / "long.db"),
            "bytes_per_empty_block": round(await measure_bytes(folder, 0)),
            "bytes_per_block_with_a_payment": round(await measure_bytes(folder, 1)),
            "machine": describe_machine(),
        }


def summarize(samples: list[float], digits: int = 1) -> dict[str, float | int]:
    """Return median, least, greatest and how many there were."""
    return {
        "median": round(statistics.median(samples), digits),
        "min": round(min(samples), digits),
        "max": round(max(samples), digits),
        "n": len(samples),
    }


def main() -> None:
    """Measure and print."""
    print(json.dumps(anyio.run(measure, backend_options={"use_uvloop": True})))


if __name__ == "__main__":
    main()
