"""What 10,000 claims cost the embedded chain: the block that takes them, and the block that settles them.

Run `python -m speed.settlement`; it prints one JSON object on a line. 200 applications with 50 suppliers
each, all of one session; no claim needs a proof. The limits are taken in the same run: `rules_s` is the
bare execution of the settling block, without events, hashing and disk, and `encoding_s` what writing
its rows and events as canonical bytes takes.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import anyio

from joey.adapters.chains.local import LocalChain
from joey.core.protocol.block import BlockContext
from joey.core.protocol.events import ClaimSettled
from joey.core.protocol.rows import encode_row
from joey.core.protocol.transition import begin_block, end_block
from joey.core.protocol.windows import compute_claim_window, compute_settlement_height
from joey.core.units import UPOKT_PER_POKT, ComputeUnits, Height, Upokt
from joey.core.wire.messages import CreateClaim, Message, StakeApplication
from joey.testing.settlements import make_root
from joey.testing.worlds import WITHOUT_PROOFS, World, make_genesis, make_key
from speed.machine import describe_machine

ROUNDS = 3
SUPPLIERS, APPLICATIONS = 50, 200
CLAIMS = SUPPLIERS * APPLICATIONS


async def submit_all(chain: LocalChain, batch: list[tuple[list[Message], str]]) -> None:
    """Send transactions side by side and put them into one block."""
    async with anyio.create_task_group() as tasks:
        for messages, name in batch:
            tasks.start_soon(chain.submit, messages, make_key(name))
        await anyio.wait_all_tasks_blocked()
        await chain.make_block()


async def settle_once(path: Path | None) -> dict[str, float]:
    """Return the seconds of each part of one round."""
    session_params = replace(WITHOUT_PROOFS.session, num_suppliers_per_session=SUPPLIERS)
    params = replace(WITHOUT_PROOFS, session=session_params)
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
    bare = await execute_bare(chain)
    started = time.perf_counter()
    await chain.make_block()
    settled_s = time.perf_counter() - started
    settled = [event for event in await chain.events(settlement) if isinstance(event, ClaimSettled)]
    assert len(settled) == CLAIMS
    await chain.aclose()
    return {"claim_block_s": claimed_s, "settle_block_s": settled_s, **bare}


async def execute_bare(chain: LocalChain) -> dict[str, float]:
    """Return the seconds that the rules of the next block take, and those of the bytes of its results."""
    state, head = await chain.state_at()
    draft = state.draft()
    context = BlockContext(
        chain_id=await chain.chain_id(),
        height=Height(head.height + 1),
        previous_hash=head.hash,
        time=head.time,
    )
    started = time.perf_counter()
    begin_block(draft, context)
    events = end_block(draft, context)
    middle = time.perf_counter()
    for event in events:
        encode_row(event)
    for _, _, row in draft.changes():
        if row is not None:
            encode_row(row)
    return {"rules_s": middle - started, "encoding_s": time.perf_counter() - middle}


async def measure() -> dict[str, object]:
    """Measure everything, each round on a chain of its own."""
    result: dict[str, object] = {"measurement": "settlement", "claims": CLAIMS}
    with tempfile.TemporaryDirectory() as folder:
        rounds = [await settle_once(Path(folder) / f"{number}.db") for number in range(ROUNDS)]
        in_memory = [await settle_once(None) for _ in range(ROUNDS)]
    for name in rounds[0]:
        result[name] = summarize([one[name] for one in rounds])
    result["settle_block_in_memory_s"] = summarize([one["settle_block_s"] for one in in_memory])
    result["settled_claims_per_s"] = summarize([CLAIMS / one["settle_block_s"] for one in rounds])
    result["machine"] = describe_machine()
    return result


def summarize(samples: list[float]) -> dict[str, float | int]:
    """Return median, least, greatest and how many there were."""
    return {
        "median": round(statistics.median(samples), 3),
        "min": round(min(samples), 3),
        "max": round(max(samples), 3),
        "n": len(samples),
    }


def main() -> None:
    """Measure and print."""
    print(json.dumps(anyio.run(measure, backend_options={"use_uvloop": True})))


if __name__ == "__main__":
    main()
