import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from joey.adapters.stores.sqlite.ledger import SqliteLedger
from joey.core.errors import ConfigError, InvariantBroken
from joey.core.ledger.accounts import Unit
from joey.core.ledger.agreements import AgreedPrice, Terms
from joey.core.ledger.invoices import Fixing, Invoice, book_invoice, compute_invoice
from joey.core.ledger.journal import Entry, EntryKind, Posting
from joey.core.ledger.rules import book_event
from joey.core.protocol.params import MINIMAL
from joey.core.units import ComputeUnits, Height, NanoUsd
from joey.testing.settlements import make_header, settle_session

WEEK = "2026-W47"
TIME = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)
FIXING = Fixing(WEEK, NanoUsd(250_000_000), "fixed", TIME)

pytestmark = pytest.mark.anyio


@pytest.fixture
def ledger() -> Iterator[SqliteLedger]:
    store = SqliteLedger(None)
    yield store
    store.close()


def make_entry(name: str, amount: int = 5) -> Entry:
    postings = (Posting("a", Unit.UPOKT, -amount), Posting("b", Unit.UPOKT, amount))
    return Entry(name, EntryKind.SETTLEMENT, TIME, Height(3), postings, memo=(("relays", 1),))


def make_settlements(session: int = 1) -> list[Entry]:
    header = make_header("app", "text", number=session)
    events = settle_session(header, {"s0": 10, "s1": 20}, compute_units=ComputeUnits(3000), params=MINIMAL)
    terms = Terms("portal")
    return [e for event in events for e in book_event(event, height=Height(9), time=TIME, terms=terms)]


def make_invoice(entries: list[Entry], earlier: list[Invoice]) -> Invoice:
    invoice = compute_invoice(
        entries, operator="portal", week=WEEK, fixing=FIXING, earlier=earlier, time=TIME
    )
    assert invoice is not None
    return invoice


async def test_new_books_are_empty(ledger: SqliteLedger) -> None:
    assert await ledger.entries() == []
    assert await ledger.height() == 0
    assert await ledger.invoices() == []
    assert await ledger.fixing(WEEK) is None
    assert await ledger.price_at("text", Height(9)) is None


async def test_entries_come_back_in_order_with_the_height(ledger: SqliteLedger) -> None:
    first, second, third = make_entry("z"), make_entry("a", 10**25), make_entry("m")
    assert await ledger.append([first, second], height=Height(4)) == 2
    assert await ledger.append([third]) == 1
    assert await ledger.entries() == [first, second, third]
    assert await ledger.entries(since_id=2) == [third]
    assert await ledger.height() == 4


async def test_block_without_entries_moves_the_height(ledger: SqliteLedger) -> None:
    assert await ledger.append([], height=Height(8)) == 0
    assert await ledger.height() == 8


async def test_delivery_again_changes_nothing(ledger: SqliteLedger) -> None:
    entry = make_entry("one")
    await ledger.append([entry], height=Height(4))
    assert await ledger.append([make_entry("one"), make_entry("two")], height=Height(3)) == 1
    assert await ledger.entries() == [entry, make_entry("two")]
    assert await ledger.height() == 4


async def test_known_id_with_other_content_is_refused_whole(ledger: SqliteLedger) -> None:
    await ledger.append([make_entry("one")], height=Height(4))
    with pytest.raises(InvariantBroken, match="other content") as caught:
        await ledger.append([make_entry("two"), make_entry("one", 6)], height=Height(5))
    assert caught.value.fields == {"id": "one"}
    assert await ledger.entries() == [make_entry("one")]
    assert await ledger.height() == 4


async def test_first_fixing_stands(ledger: SqliteLedger) -> None:
    assert await ledger.save_fixing(FIXING) == FIXING
    later = replace(FIXING, price=NanoUsd(9), source="other", time=TIME + timedelta(hours=1))
    assert await ledger.save_fixing(later) == FIXING
    assert await ledger.fixing(WEEK) == FIXING


async def test_price_is_the_newest_at_or_below_the_height(ledger: SqliteLedger) -> None:
    old = AgreedPrice("text", Height(1), WEEK, NanoUsd(75), NanoUsd(25), ComputeUnits(3))
    new = replace(old, height=Height(9), rate=NanoUsd(30))
    other = replace(old, service_id="code")
    for price in (new, old, other, new):
        await ledger.save_price(price)
    assert await ledger.price_at("text", Height(8)) == old
    assert await ledger.price_at("text", Height(9)) == new
    assert await ledger.price_at("text", Height(10**9)) == new
    assert await ledger.price_at("text", Height(0)) is None
    assert await ledger.price_at("code", Height(10**9)) == other


async def test_another_price_for_the_same_height_is_refused(ledger: SqliteLedger) -> None:
    price = AgreedPrice("text", Height(1), WEEK, NanoUsd(75), NanoUsd(25), ComputeUnits(3))
    await ledger.save_price(price)
    with pytest.raises(InvariantBroken, match="another price"):
        await ledger.save_price(replace(price, price=NanoUsd(76)))
    assert await ledger.price_at("text", Height(1)) == price


async def test_invoice_is_kept_with_its_entries(ledger: SqliteLedger) -> None:
    settlements = make_settlements()
    await ledger.append(settlements)
    invoice = make_invoice(settlements, [])
    await ledger.save_invoice(invoice)
    assert await ledger.invoices() == [invoice]
    assert await ledger.entries() == [*settlements, *book_invoice(invoice)]


async def test_nothing_is_invoiced_twice(ledger: SqliteLedger) -> None:
    settlements = make_settlements()
    await ledger.append(settlements)
    invoice = make_invoice(settlements, [])
    await ledger.save_invoice(invoice)
    with pytest.raises(InvariantBroken, match="invoiced before"):
        await ledger.save_invoice(invoice)
    more = make_settlements(session=2)
    overlapping = replace(make_invoice([*settlements, *more], []), sequence=2)
    with pytest.raises(InvariantBroken, match="invoiced before"):
        await ledger.save_invoice(overlapping)
    assert await ledger.invoices() == [invoice]
    assert await ledger.entries() == [*settlements, *book_invoice(invoice)]


async def test_books_are_as_they_were_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    settlements = make_settlements()
    invoice = make_invoice(settlements, [])
    store = SqliteLedger(path)
    await store.append(settlements, height=Height(9))
    await store.save_fixing(FIXING)
    await store.save_invoice(invoice)
    store.close()
    store = SqliteLedger(path)
    assert await store.entries() == [*settlements, *book_invoice(invoice)]
    assert await store.height() == 9
    assert await store.fixing(WEEK) == FIXING
    assert await store.invoices() == [invoice]
    store.close()


_KILLED = """
import os, signal, sys
from pathlib import Path
import anyio
from joey.adapters.stores.sqlite.ledger import SqliteLedger
from joey.core.ledger.accounts import Unit
from joey.core.ledger.journal import Entry, EntryKind, Posting
from joey.core.units import Height
from datetime import UTC, datetime

async def main():
    store = SqliteLedger(Path(sys.argv[1]))
    for height in range(1, 1000):
        postings = (Posting("a", Unit.UPOKT, -height), Posting("b", Unit.UPOKT, height))
        time = datetime(2026, 11, 18, tzinfo=UTC)
        entry = Entry(f"entry:{height}", EntryKind.SETTLEMENT, time, Height(height), postings)
        await store.append([entry], height=Height(height))
        print(height, flush=True)
        if height == 20:
            os.kill(os.getpid(), signal.SIGKILL)

anyio.run(main)
"""


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    done = await anyio.run_process([sys.executable, "-c", _KILLED, str(path)], check=False)
    assert done.returncode == -9, done.stderr
    assert done.stdout.split()[-1] == b"20"
    store = SqliteLedger(path)
    assert await store.height() == 20
    assert [entry.id for entry in await store.entries()] == [f"entry:{n}" for n in range(1, 21)]
    store.close()


async def test_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    SqliteLedger(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigError, match="newer version"):
        SqliteLedger(path)


async def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"these are not the books you are looking for" * 100)
    with pytest.raises(ConfigError, match=r"ledger\.db"):
        SqliteLedger(path)
