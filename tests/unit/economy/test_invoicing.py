from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from joey.adapters.stores.sqlite.ledger import SqliteLedger
from joey.core.errors import MissingFixing, SupplyMismatch
from joey.core.ledger.accounts import SUPPLY_MINT, VALIDATORS, Unit
from joey.core.ledger.invoices import Fixing
from joey.core.ledger.journal import EntryKind, Posting, compute_balances
from joey.core.ledger.weeks import compute_week_start
from joey.core.units import NanoUsd
from joey.economy.collector import Collector
from joey.economy.invoicing import close_week, find_open_weeks

pytestmark = pytest.mark.anyio

WEEK = "2026-W47"
START = compute_week_start(WEEK)
NOW = datetime(2026, 11, 23, tzinfo=UTC)


async def collect(chain: Any, ledger: SqliteLedger) -> None:
    operators = {"app": "portal", "app2": "portal", "theirs": "rival"}
    collector = Collector(chain=chain, journal=ledger, prices=ledger, operators=operators)
    async with anyio.create_task_group() as tasks:
        await tasks.start(collector.run)
        tasks.cancel_scope.cancel()


@pytest.fixture
async def chain(make_chain: Callable[..., Any], ledger: SqliteLedger) -> Any:
    await ledger.save_fixing(Fixing(WEEK, NanoUsd(250_000_000), "fixed", START))
    chain = make_chain()
    chain.push_session(1, {"s0": 10, "s1": 20})
    chain.push_session(1, {"s0": 5}, application="theirs")
    await collect(chain, ledger)
    return chain


async def test_one_invoice_per_operator(chain: Any, ledger: SqliteLedger) -> None:
    issued = await close_week(WEEK, journal=ledger, invoices=ledger, time=NOW)
    assert [(invoice.number, invoice.relays, invoice.dollars) for invoice in issued] == [
        ("JOEY-2026-W47-portal-1", 30, 22_500_000),
        ("JOEY-2026-W47-rival-1", 5, 3_750_000),
    ]
    assert await ledger.invoices() == list(issued)


async def test_closing_twice_is_nothing_new(chain: Any, ledger: SqliteLedger) -> None:
    await close_week(WEEK, journal=ledger, invoices=ledger, time=NOW)
    before = await ledger.entries()
    assert await close_week(WEEK, journal=ledger, invoices=ledger, time=NOW + timedelta(days=1)) == ()
    assert await ledger.entries() == before


async def test_what_settles_after_an_early_close_is_on_a_second_invoice(
    chain: Any, ledger: SqliteLedger
) -> None:
    first = await close_week(WEEK, journal=ledger, invoices=ledger, time=NOW)
    assert await find_open_weeks(journal=ledger, invoices=ledger) == ()
    chain.push_session(2, {"s0": 3})
    await collect(chain, ledger)
    assert await find_open_weeks(journal=ledger, invoices=ledger) == (WEEK,)
    (second,) = await close_week(WEEK, journal=ledger, invoices=ledger, time=NOW)
    assert (second.number, second.relays) == ("JOEY-2026-W47-portal-2", 3)
    covered = [entry_id for invoice in (*first, second) for entry_id in invoice.entry_ids]
    settled = [e.id for e in await ledger.entries() if e.kind is EntryKind.SETTLEMENT]
    assert sorted(covered) == sorted(settled)


async def test_week_without_settlements_needs_no_fixing(chain: Any, ledger: SqliteLedger) -> None:
    assert await close_week("2026-W40", journal=ledger, invoices=ledger, time=NOW) == ()


async def test_missing_fixing_stops_the_close(chain: Any, ledger: SqliteLedger) -> None:
    chain.push_session(2, {"s0": 3}, time=START + timedelta(days=8))
    await collect(chain, ledger)
    with pytest.raises(MissingFixing, match="2026-W48"):
        await close_week("2026-W48", journal=ledger, invoices=ledger, time=NOW)
    assert await ledger.invoices() == []


async def test_week_that_is_none(ledger: SqliteLedger) -> None:
    with pytest.raises(ValueError, match="is not a week"):
        await close_week("next", journal=ledger, invoices=ledger, time=NOW)


async def test_too_much_minted_stops_the_close(chain: Any, ledger: SqliteLedger) -> None:
    entry = next(e for e in await ledger.entries() if e.kind is EntryKind.SETTLEMENT)
    forged = replace(
        entry,
        id="settlement:forged:s0",
        postings=(*entry.postings, Posting(SUPPLY_MINT, Unit.UPOKT, -1), Posting(VALIDATORS, Unit.UPOKT, 1)),
    )
    await ledger.append([forged])
    with pytest.raises(SupplyMismatch, match="minted should be at most 30000, is 30001"):
        await close_week(WEEK, journal=ledger, invoices=ledger, time=NOW)
    assert await ledger.invoices() == []


async def test_receivables_are_what_was_invoiced(chain: Any, ledger: SqliteLedger) -> None:
    await close_week(WEEK, journal=ledger, invoices=ledger, time=NOW)
    balances = compute_balances(await ledger.entries())
    assert balances["receivable:portal", Unit.FEMTO_USD] == 22_500_000 * 10**6
    assert balances["restore:portal", Unit.UPOKT] == -90_000
    assert balances["conversion", Unit.UPOKT] * 250_000_000 == -balances["conversion", Unit.FEMTO_USD]
