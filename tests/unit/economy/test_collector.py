import logging
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from joey.adapters.stores.sqlite.ledger import SqliteLedger
from joey.core.errors import InvariantBroken
from joey.core.ledger.agreements import AgreedPrice
from joey.core.ledger.journal import EntryKind
from joey.core.ledger.rules import read_paid_claim
from joey.core.ledger.weeks import compute_week_start
from joey.core.units import ComputeUnits, Height, NanoUsd
from joey.economy import collector as collector_module
from joey.economy.collector import Collector

pytestmark = pytest.mark.anyio

MakeChain = Callable[..., Any]
START = compute_week_start("2026-W47")
PRICE = AgreedPrice("text", Height(1), "2026-W47", NanoUsd(750_000), NanoUsd(250_000_000), ComputeUnits(3000))


def make_collector(
    chain: Any, ledger: SqliteLedger, turn: Callable[[str, str], Awaitable[None]] | None = None
) -> Collector:
    more = {} if turn is None else {"turn_week": turn}
    return Collector(chain=chain, journal=ledger, prices=ledger, operators={"app": "portal"}, **more)


async def collect(
    chain: Any, ledger: SqliteLedger, turn: Callable[[str, str], Awaitable[None]] | None = None
) -> None:
    """Book what there is, then stop."""
    async with anyio.create_task_group() as tasks:
        await tasks.start(make_collector(chain, ledger, turn).run)
        tasks.cancel_scope.cancel()


async def test_books_what_there_is_and_then_what_comes(make_chain: MakeChain, ledger: SqliteLedger) -> None:
    chain = make_chain()
    chain.push_session(1, {"s0": 10})
    await ledger.save_price(PRICE)
    collector = make_collector(chain, ledger)
    async with anyio.create_task_group() as tasks:
        await tasks.start(collector.run)
        assert await ledger.height() == 2
        height = chain.push_session(2, {"s0": 20, "s1": 30})
        with anyio.fail_after(5):
            await collector.wait_for(height)
        tasks.cancel_scope.cancel()
    entries = await ledger.entries()
    assert [entry.kind for entry in entries].count(EntryKind.SETTLEMENT) == 3
    assert [entry.kind for entry in entries].count(EntryKind.SALE) == 3
    paid = [read_paid_claim(entry) for entry in entries if entry.kind is EntryKind.SETTLEMENT]
    assert [(claim.operator, claim.relays, claim.price) for claim in paid] == [
        ("portal", 10, 750_000),
        ("portal", 20, 750_000),
        ("portal", 30, 750_000),
    ]
    assert await ledger.height() == 4


async def test_goes_on_where_it_was(make_chain: MakeChain, ledger: SqliteLedger) -> None:
    chain = make_chain()
    chain.push_session(1, {"s0": 10})
    await collect(chain, ledger)
    for number in (2, 3, 4):
        chain.push_session(number, {"s0": 10})
    await collect(chain, ledger)
    await collect(chain, ledger)
    other = SqliteLedger(None)
    await collect(chain, other)
    assert await ledger.entries() == await other.entries()
    assert await ledger.height() == 8
    other.close()


async def test_price_is_that_of_the_session_start(make_chain: MakeChain, ledger: SqliteLedger) -> None:
    chain = make_chain()
    later = AgreedPrice(
        "text", Height(4), "2026-W48", NanoUsd(750_000), NanoUsd(500_000_000), ComputeUnits(1500)
    )
    await ledger.save_price(PRICE)
    await ledger.save_price(later)
    chain.push_session(1, {"s0": 10})
    chain.push_session(2, {"s0": 10}, units=1500)
    await collect(chain, ledger)
    paid = [read_paid_claim(e) for e in await ledger.entries() if e.kind is EntryKind.SETTLEMENT]
    assert [(claim.rate, claim.residue) for claim in paid] == [(250_000_000, 0), (500_000_000, 0)]


async def test_unknown_application_pays_for_itself(make_chain: MakeChain, ledger: SqliteLedger) -> None:
    chain = make_chain()
    chain.push_session(1, {"s0": 10}, application="stranger", service="theirs")
    await collect(chain, ledger)
    paid = read_paid_claim((await ledger.entries())[0])
    assert (paid.operator, paid.rate) == ("stranger", 0)


async def test_week_is_turned_before_the_first_block_of_the_next(
    make_chain: MakeChain, ledger: SqliteLedger
) -> None:
    chain = make_chain()
    chain.push_session(1, {"s0": 10}, time=START + timedelta(days=1))
    chain.push_session(2, {"s0": 10}, time=START + timedelta(days=6))
    chain.push_session(3, {"s0": 10}, time=START + timedelta(days=7))
    chain.push_session(4, {"s0": 10}, time=START + timedelta(days=21))
    seen: list[tuple[str, str, int]] = []

    async def turn(ended: str, begun: str) -> None:
        seen.append((ended, begun, await ledger.height()))

    await collect(chain, ledger, turn)
    assert seen == [("2026-W47", "2026-W48", 4), ("2026-W48", "2026-W50", 6)]


async def test_turn_that_was_cut_short_is_made_again(make_chain: MakeChain, ledger: SqliteLedger) -> None:
    chain = make_chain()
    chain.push_session(1, {"s0": 10}, time=START)
    chain.push(time=START + timedelta(days=7))
    seen: list[str] = []

    async def turn(ended: str, begun: str) -> None:
        seen.append(ended)
        if len(seen) == 1:
            raise InvariantBroken("the role is stopped")

    with pytest.raises(ExceptionGroup):
        await collect(chain, ledger, turn)
    assert await ledger.height() == 2
    await collect(chain, ledger, turn)
    assert seen == ["2026-W47", "2026-W47"]
    assert await ledger.height() == 3


async def test_books_of_another_chain_are_refused(make_chain: MakeChain, ledger: SqliteLedger) -> None:
    await ledger.append([], height=Height(9))
    chain = make_chain()
    chain.push()
    with pytest.raises(ExceptionGroup) as caught:
        await collect(chain, ledger)
    assert caught.group_contains(InvariantBroken, match="another chain")


async def test_store_that_fails_makes_the_books_wait(
    make_chain: MakeChain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(collector_module, "_AGAIN_S", 0.01)
    caplog.set_level(logging.INFO, "joey.economy.collector")
    ledger = SqliteLedger(tmp_path / "ledger.db")
    blocker = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    chain = make_chain()
    chain.push_session(1, {"s0": 10})
    collector = make_collector(chain, ledger)
    async with anyio.create_task_group() as tasks:
        await tasks.start(collector.run)
        # Any fault of the file will do: a disk cannot be filled from outside the process.
        blocker.execute("ALTER TABLE entries RENAME TO hidden")
        height = chain.push_session(2, {"s0": 20})
        await anyio.sleep(0.1)
        assert await ledger.height() == height - 1
        blocker.execute("ALTER TABLE hidden RENAME TO entries")
        with anyio.fail_after(5):
            await collector.wait_for(height)
        tasks.cancel_scope.cancel()
    paid = [read_paid_claim(e) for e in await ledger.entries() if e.kind is EntryKind.SETTLEMENT]
    assert [claim.relays for claim in paid] == [10, 20]
    waits = [message for message in caplog.messages if "the books" in message]
    assert len(waits) == 2
    assert "the books wait at block 4: cannot write" in waits[0]
    assert waits[1] == "the books go on from block 4"
    blocker.close()
    ledger.close()
