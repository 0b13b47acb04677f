from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from joey.core.errors import UnbalancedEntry
from joey.core.ledger.accounts import Unit
from joey.core.ledger.journal import (
    Entry,
    EntryKind,
    Posting,
    compute_balances,
    decode_entry,
    encode_entry,
    make_postings,
)
from joey.core.units import Height

TIME = datetime(2026, 11, 18, 9, 30, tzinfo=UTC)


def make_entry(*postings: Posting, name: str = "one") -> Entry:
    return Entry(
        name,
        EntryKind.SETTLEMENT,
        TIME,
        Height(7),
        postings,
        link="other",
        memo=(("relays", 3), ("service_id", "text")),
    )


def upokt(account: str, amount: int) -> Posting:
    return Posting(account, Unit.UPOKT, amount)


def test_balanced_entry_stands() -> None:
    entry = make_entry(upokt("a", -3), upokt("b", 1), upokt("c", 2))
    assert entry.sum_of("b") == 1
    assert entry.sum_of("nobody") == 0
    assert (entry.text("service_id"), entry.number("relays")) == ("text", 3)


def test_unbalanced_entry_is_refused_with_its_sums() -> None:
    with pytest.raises(UnbalancedEntry) as caught:
        make_entry(upokt("a", -3), upokt("b", 1))
    assert caught.value.fields == {"id": "one", "sums": {"upokt": -2}}


def test_entry_may_not_balance_pokt_with_dollars() -> None:
    with pytest.raises(UnbalancedEntry):
        make_entry(upokt("a", -3), Posting("b", Unit.FEMTO_USD, 3))


def test_entry_may_not_mix_pokt_and_dollars_even_if_each_balances() -> None:
    with pytest.raises(UnbalancedEntry, match="mixes"):
        make_entry(
            upokt("a", -3),
            upokt("b", 3),
            Posting("a", Unit.FEMTO_USD, -1),
            Posting("b", Unit.FEMTO_USD, 1),
        )


def test_time_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        replace(make_entry(), time=datetime(2026, 11, 18))  # noqa: DTZ001 - what is tested


def test_postings_are_merged_and_zero_is_none() -> None:
    postings = make_postings(Unit.UPOKT, [("a", 5), ("b", 0), ("a", -2), ("c", 1), ("c", -1)])
    assert postings == (upokt("a", 3),)


def test_balances_are_by_account_and_unit() -> None:
    dollars = Entry(
        "two",
        EntryKind.INVOICE,
        TIME,
        Height(0),
        (Posting("a", Unit.FEMTO_USD, -9), Posting("b", Unit.FEMTO_USD, 9)),
    )
    balances = compute_balances([make_entry(upokt("a", -3), upokt("b", 3)), dollars])
    assert balances == {
        ("a", Unit.UPOKT): -3,
        ("b", Unit.UPOKT): 3,
        ("a", Unit.FEMTO_USD): -9,
        ("b", Unit.FEMTO_USD): 9,
    }


def test_text_is_the_entry_and_back() -> None:
    entry = make_entry(upokt("a", -(10**30)), upokt("b", 10**30))
    assert decode_entry(encode_entry(entry)) == entry


def test_text_does_not_depend_on_the_zone() -> None:
    entry = make_entry()
    moved = replace(entry, time=TIME.astimezone(timezone(timedelta(hours=3))))
    assert encode_entry(moved) == encode_entry(entry)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": 1}', "null"])
def test_what_is_no_entry(text: str) -> None:
    with pytest.raises(ValueError):
        decode_entry(text)
