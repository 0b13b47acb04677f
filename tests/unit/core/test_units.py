from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joey.core.units import (
    NanoUsd,
    Upokt,
    format_pokt,
    format_usd,
    read_amount,
    read_usd,
    round_down,
    round_half_down,
    round_up,
)

fractions = st.fractions(min_value=-(10**6), max_value=10**6)


@given(fractions)
def test_roundings_enclose_their_value(value: Fraction) -> None:
    assert round_down(value) <= value < round_down(value) + 1
    assert round_up(value) - 1 < value <= round_up(value)
    assert abs(round_half_down(value) - value) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("value", "down", "half_down", "up"),
    [
        (Fraction(5, 2), 2, 2, 3),
        (Fraction(-5, 2), -3, -3, -2),
        (Fraction(8, 3), 2, 3, 3),
        (Fraction(7, 3), 2, 2, 3),
        (Fraction(4), 4, 4, 4),
    ],
)
def test_roundings(value: Fraction, down: int, half_down: int, up: int) -> None:
    assert (round_down(value), round_half_down(value), round_up(value)) == (down, half_down, up)


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("0.00075", 750_000),
        ("0.25", 250_000_000),
        ("18e-3", 18_000_000),
        ("1000000000000", 10**21),
        ("-1", -(10**9)),
    ],
)
def test_dollars_are_read_exactly(text: str, nano: int) -> None:
    assert read_usd(text) == nano


@pytest.mark.parametrize("text", ["", "1,5", "NaN", "Infinity", "0.0000000001", "$1"])
def test_what_is_no_exact_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="dollar"):
        read_usd(text)


@given(st.integers(min_value=-(10**24), max_value=10**24))
def test_dollars_are_written_as_they_are_read(amount: int) -> None:
    assert read_usd(format_usd(NanoUsd(amount))) == amount


def test_amounts_are_written_with_their_decimals() -> None:
    assert format_usd(NanoUsd(75 * 10**9)) == "75.00"
    assert format_usd(NanoUsd(750_000)) == "0.00075"
    assert format_usd(NanoUsd(-1)) == "-0.000000001"
    assert format_pokt(Upokt(300_000_000)) == "300.000000"
    assert format_pokt(Upokt(-1)) == "-0.000001"


@pytest.mark.parametrize(
    ("text", "upokt"),
    [
        ("12.5pokt", 12_500_000),
        ("12500000upokt", 12_500_000),
        ("0.000001pokt", 1),
        ("0pokt", 0),
        ("007pokt", 7_000_000),
        ("123456789012345678901234567890pokt", 123456789012345678901234567890_000_000),
    ],
)
def test_an_amount_is_read_exactly(text: str, upokt: int) -> None:
    assert read_amount(text) == upokt


@pytest.mark.parametrize(
    "text",
    ["", "1", "pokt", "1 pokt", "1.pokt", ".1pokt", "1.1upokt", "1.0000001pokt", "-1pokt", "+1pokt",
     "1e6upokt", "1POKT", "1mpokt", "1,5pokt", "1_000pokt", "\u0661pokt", "1pokt\n", "nanpokt"],
)  # fmt: skip
def test_anything_else_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="an amount is like"):
        read_amount(text)
