"""How fast the embedded chain is: transactions a second, and the settlement of 10,000 claims in a block.

Prints JSON. Run: `.venv/bin/python speed/settlement.py`.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import anyio

from joey.adapters.chains.local import LocalChain
from joey.core.protocol.events import ClaimSettled
from joey.core.protocol.params import MINIMAL
from joey.core.protocol.windows import compute_claim_window, compute_settlement_height
from joey.core.units import UPOKT_PER_POKT, ComputeUnits, Height, Upokt
from joey.core.wire.messages import CreateClaim, Message, Send, StakeApplication
from joey.testing.settlements import make_root
from joey.testing.worlds import World, make_genesis, make_key

TRANSACTIONS, ROUNDS, SETTLEMENT_ROUNDS = 500, 5, 3
SUPPLIERS, APPLICATIONS = 50, 200


def describe(samples: list[float]) -> dict[str, float | int]:
    return {
        "median": round(statistics.median(samples), 3),
        "least": round(min(samples), 3),
        "most": round(max(samples), 3),
        "n": len(samples),
    }


async def submit_all(chain: LocalChain, batch: list[tuple[list[Message], str]]) -> None:
    async with anyio.create_task_group() as tasks:
        for messages, name in batch:
            tasks.start_soon(chain.submit, messages, make_key(name))
        await anyio.wait_all_tasks_blocked()
        await chain.make_block()


async def measure_transactions(path: Path | None) -> dict[str, float | int]:
    """Signed, verified, applied and on disk: payments of one account in one block."""
    chain = await LocalChain.open(path, make_genesis(["payer"]))
    payer, payee = make_key("payer").address, make_key("payee").address
    rates = []
    for _ in range(ROUNDS):
        batch: list[tuple[list[Message], str]] = [
            ([Send(payer, payee, Upokt(1))], "payer") for _ in range(TRANSACTIONS)
        ]
        started = time.perf_counter()
        await submit_all(chain, batch)
        rates.append(TRANSACTIONS / (time.perf_counter() - started))
    await chain.aclose()
    return describe(rates)


async def measure_blocks(path: Path | None) -> dict[str, float | int]:
    """Milliseconds for an empty block, on disk."""
    chain = await LocalChain.open(path, make_genesis(["payer"]))
    samples = []
    for _ in range(100):
        started = time.perf_counter()
        await chain.make_block()
        samples.append((time.perf_counter() - started) * 1000)
    await chain.aclose()
    return describe(samples)


async def settle_once(path: Path | None) -> tuple[float, float]:
    """Return the seconds of the block that takes 10,000 claims and of the one that settles them.

    200 applications with 50 suppliers each, all of one session height.
    """
    params = replace(MINIMAL, session=replace(MINIMAL.session, num_suppliers_per_session=SUPPLIERS))
    world = World.of_service(suppliers=SUPPLIERS)
    applications = [f"application {number}" for number in range(APPLICATIONS)]
    chain = await LocalChain.open(path, make_genesis([*world.names, *applications], params=params))
    stakings = [([staking.message], staking.signer) for staking in world.stakings()]
    for part in (stakings[:1], stakings[1:3], stakings[3:]):
        await submit_all(chain, [(list(messages), name) for messages, name in part])
    stake = Upokt(10_000 * UPOKT_PER_POKT)
    await submit_all(
        chain,
        [([StakeApplication(make_key(name).address, stake, "text")], name) for name in applications],
    )
    while (await chain.head()).height % 4 != 1:
        await chain.make_block()
    start = (await chain.head()).height
    end = Height(start + 3)
    while (await chain.head()).height < compute_claim_window(end, params.shared).open - 1:
        await chain.make_block()
    root = make_root(ComputeUnits(3000), 100)
    batch: list[tuple[list[Message], str]] = []
    for number in range(SUPPLIERS):
        name = world.suppliers[number]
        messages: list[Message] = []
        for application in applications:
            session = await chain.session(make_key(application).address, "text", start)
            assert session is not None
            messages.append(CreateClaim(make_key(name).address, session.header, root))
        batch.append((messages, name))
    started = time.perf_counter()
    await submit_all(chain, batch)
    claimed_s = time.perf_counter() - started
    settlement = compute_settlement_height(end, params.shared)
    while (await chain.head()).height < settlement - 1:
        await chain.make_block()
    started = time.perf_counter()
    await chain.make_block()
    settled_s = time.perf_counter() - started
    settled = [event for event in await chain.events(settlement) if isinstance(event, ClaimSettled)]
    assert len(settled) == SUPPLIERS * APPLICATIONS
    await chain.aclose()
    return claimed_s, settled_s


async def measure_settlement(path: Path | None) -> dict[str, object]:
    """Rounds of `settle_once`, each on a chain of its own."""
    rounds = []
    for number in range(SETTLEMENT_ROUNDS):
        rounds.append(await settle_once(None if path is None else path.with_suffix(f".{number}.db")))
    claims = SUPPLIERS * APPLICATIONS
    return {
        "claims": claims,
        "claim_block_s": describe([claimed_s for claimed_s, _ in rounds]),
        "settle_block_s": describe([settled_s for _, settled_s in rounds]),
        "settled_claims_per_s": describe([claims / settled_s for _, settled_s in rounds]),
    }


async def run() -> None:
    result: dict[str, object] = {
        "machine": {
            "cpus": os.cpu_count(),
            "cpu": platform.processor() or platform.machine(),
            "python": platform.python_version(),
            "load_before": [round(load, 2) for load in os.getloadavg()],
        },
        "what": "embedded chain: signed, verified, applied, on disk where it says file",
    }
    measures: list[tuple[str, Callable[[Path | None], Awaitable[object]]]] = [
        ("transactions_per_s", measure_transactions),
        ("empty_block_ms", measure_blocks),
        ("settlement", measure_settlement),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, measure in measures:
            result[name] = {
                "memory": await measure(None),
                "file": await measure(Path(folder) / f"{name}.db"),
            }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    anyio.run(run, backend_options={"use_uvloop": True})
