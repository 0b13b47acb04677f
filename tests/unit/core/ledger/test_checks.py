from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from joey.core.errors import SupplyMismatch
from joey.core.ledger.accounts import Unit
from joey.core.ledger.agreements import AgreedPrice, Terms
from joey.core.ledger.checks import (
    Difference,
    MintBurn,
    check_differences,
    check_minted,
    compare_entries,
    sum_mint_burn,
)
from joey.core.ledger.journal import Entry, EntryKind, Posting
from joey.core.ledger.rules import book_event
from joey.core.protocol.params import MAINNET
from joey.core.units import ComputeUnits, Height, NanoUsd, Upokt
from joey.testing.settlements import make_header, make_supply_changed, settle_session

TIME = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)


def make_books() -> list[Entry]:
    """Return a settlement, its sale and the block's supply: the first column of the worked example."""
    price = AgreedPrice(
        "text", Height(1), "2026-W47", NanoUsd(95_000), NanoUsd(250_000_000), ComputeUnits(2600)
    )
    events = settle_session(
        make_header("app", "text"), {"s0": 1000}, compute_units=ComputeUnits(2600), params=MAINNET
    )
    events = (*events, make_supply_changed(Height(9), events, Upokt(10**12)))
    terms = Terms("portal", price)
    return [e for event in events for e in book_event(event, height=Height(9), time=TIME, terms=terms)]


def set_fact(name: str, value: int | str) -> Callable[[Entry], Entry]:
    def change(entry: Entry) -> Entry:
        memo = tuple((key, value if key == name else known) for key, known in entry.memo)
        return replace(entry, memo=memo)

    return change


def move(unit: Unit, origin: str, target: str, amount: int) -> Callable[[Entry], Entry]:
    def change(entry: Entry) -> Entry:
        more = (Posting(origin, unit, -amount), Posting(target, unit, amount))
        return replace(entry, postings=(*entry.postings, *more))

    return change


def test_books_as_booked_have_no_difference() -> None:
    books = make_books()
    assert compare_entries(books) == ()
    check_minted(books)
    assert sum_mint_burn(books) == (MintBurn("text", "app", 1, 379_574, 370_084, 1, 1),)


@pytest.mark.parametrize(
    ("kind", "change", "text"),
    [
        (EntryKind.SETTLEMENT, set_fact("burned", 379_573), "upokt burned should be 379573, is 379574"),
        (EntryKind.SETTLEMENT, set_fact("inflation", 2), "upokt of the global mint should be 2, is 1"),
        (EntryKind.SETTLEMENT, set_fact("claimed", 379_575), "upokt claimed should be 379574, is 379575"),
        (
            EntryKind.SETTLEMENT,
            set_fact("overservicing_loss", 1),
            "upokt claimed should be 379575, is 379574",
        ),
        (EntryKind.SETTLEMENT, set_fact("deflation_loss", 0), "upokt of deflation should be 9490, is 0"),
        (EntryKind.SETTLEMENT, set_fact("mint_ratio", "1"), "upokt minted should be 379574, is 370084"),
        (
            EntryKind.SETTLEMENT,
            move(Unit.UPOKT, "supply:mint", "dao", 9491),
            "upokt minted should be at most 379574, is 379575",
        ),
        (
            EntryKind.SALE,
            move(Unit.FEMTO_USD, "sales:text", "consumed:text", 5),
            "femto-dollars sold should be 95000000000000, is 95000000000005",
        ),
        (
            EntryKind.SALE,
            move(Unit.FEMTO_USD, "consumed:text", "rounding", 5),
            "femto-dollars of rounding should be 106500000000, is 106500000005",
        ),
        (EntryKind.SUPPLY, set_fact("minted", 1), "block 9: upokt minted should be 1, is 370085"),
        (EntryKind.SUPPLY, set_fact("burned", 1), "block 9: upokt burned should be 1, is 379574"),
    ],
)
def test_each_figure_is_compared(kind: EntryKind, change: Callable[[Entry], Entry], text: str) -> None:
    books = [change(entry) if entry.kind is kind else entry for entry in make_books()]
    found = [str(difference) for difference in compare_entries(books)]
    assert any(text in line for line in found), found


def test_error_counts_the_differences_and_carries_them() -> None:
    check_differences([])
    one, two = Difference("a", "it", 1, 2), Difference("b", "it", 3, 4)
    with pytest.raises(SupplyMismatch) as caught:
        check_differences([one, two])
    assert caught.value.message == "a: it should be 1, is 2 (and 1 more)"
    assert caught.value.fields == {"differences": (one, two)}
