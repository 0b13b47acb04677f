"""Drafts read through, keep their writes to themselves, and are folded or dropped as a whole."""

from __future__ import annotations

from joey.core.protocol.state import Account, State, Table, claim_key, height_key
from joey.core.units import Upokt


def account(balance: int) -> Account:
    return Account(0, Upokt(balance))


def test_a_draft_hides_nothing_and_leaks_nothing():
    state = State.empty()
    state.accounts.put("a", account(1))
    draft = state.draft()
    draft.accounts.put("a", account(2))
    draft.accounts.put("b", account(3))
    assert draft.accounts.get("a") == account(2)
    assert state.accounts.get("a") == account(1)
    assert state.accounts.get("b") is None
    draft.fold()
    assert state.accounts.get("a") == account(2)
    assert state.accounts.get("b") == account(3)
    assert draft.changes() == []


def test_a_row_dropped_in_a_draft_is_gone_there_only():
    state = State.empty()
    state.accounts.put("a", account(1))
    draft = state.draft()
    draft.accounts.remove("a")
    assert draft.accounts.get("a") is None
    assert list(draft.accounts.items()) == []
    assert state.accounts.get("a") == account(1)
    assert draft.changes() == [("accounts", "a", None)]
    draft.fold()
    assert state.accounts.get("a") is None
    assert list(state.accounts.items()) == []


def test_drafts_stand_on_drafts():
    state = State.empty()
    state.accounts.put("a", account(1))
    state.accounts.put("b", account(1))
    block = state.draft()
    message = block.draft()
    message.accounts.remove("a")
    message.accounts.put("c", account(3))
    assert [key for key, _ in message.accounts.items()] == ["b", "c"]
    message.fold()
    assert block.accounts.get("a") is None
    assert state.accounts.get("a") == account(1)
    assert block.changes() == [("accounts", "a", None), ("accounts", "c", account(3))]
    block.fold()
    assert [key for key, _ in state.accounts.items()] == ["b", "c"]


def test_a_row_can_come_back():
    state = State.empty()
    state.accounts.put("a", account(1))
    draft = state.draft()
    draft.accounts.remove("a")
    draft.accounts.put("a", account(2))
    draft.fold()
    assert state.accounts.get("a") == account(2)


def test_removing_what_is_not_there_changes_nothing():
    table: Table[Account] = Table()
    table.remove("a")
    assert table.changes() == []


def test_walks_are_in_the_order_of_keys_and_bear_changes():
    table: Table[Account] = Table()
    for key in ("c", "a", "b"):
        table.put(key, account(1))
    seen = []
    for key, _ in table.items():
        seen.append(key)
        table.remove(key)
    assert seen == ["a", "b", "c"]
    assert list(table.items()) == []


def test_keys_sort_as_what_they_stand_for():
    assert height_key(9) < height_key(10) < height_key(10**12)
    assert claim_key("s", "a") == "s/a"
