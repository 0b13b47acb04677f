"""Tables with drafts behave as plain dictionaries with copies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from joey.core.protocol.state import Table

keys = st.sampled_from("abcd")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), keys, st.integers(0, 9)),
        st.tuples(st.just("remove"), keys),
        st.tuples(st.just("draft")),
        st.tuples(st.just("fold")),
        st.tuples(st.just("drop")),
    ),
    max_size=40,
)


@given(steps)
def test_a_table_is_a_dictionary(history: list[tuple[object, ...]]):
    tables: list[Table[int]] = [Table()]
    copies: list[dict[str, int]] = [{}]
    for step in history:
        match step:
            case ("put", str(key), int(value)):
                tables[-1].put(key, value)
                copies[-1][key] = value
            case ("remove", str(key)):
                tables[-1].remove(key)
                copies[-1].pop(key, None)
            case ("draft",):
                tables.append(Table(tables[-1]))
                copies.append(dict(copies[-1]))
            case ("fold",) if len(tables) > 1:
                tables[-1].fold()
                assert tables.pop().changes() == []
                folded = copies.pop()
                copies[-1] = folded
            case ("drop",) if len(tables) > 1:
                tables.pop()
                copies.pop()
        for table, copy in zip(tables, copies, strict=True):
            assert dict(table.items()) == copy
            assert {key: table.get(key) for key in "abcd" if table.get(key) is not None} == copy
            flat = table.flatten()
            assert dict(flat.items()) == copy
            assert flat is tables[0] or dict(flat.changes()) == copy


@given(steps)
def test_a_flattened_draft_is_a_state_of_its_own(history: list[tuple[object, ...]]):
    """A chain of flattened drafts: each stays what it was, whatever is made of it afterwards."""
    table: Table[int] = Table()
    kept: list[tuple[Table[int], dict[str, int]]] = []
    for step in history:
        draft = Table(table)
        match step:
            case ("put", str(key), int(value)):
                draft.put(key, value)
            case ("remove", str(key)):
                draft.remove(key)
        flat = draft.flatten()
        assert (flat is table) == (not draft.changes())
        assert dict(flat.items()) == dict(draft.items())
        kept.append((flat, dict(flat.items())))
        table = flat
    for flat, copy in kept:
        assert dict(flat.items()) == copy
