"""Exact numbers, each with its unit, and the only roundings the project uses.

Money and work are integers. The types are `int` at run time; a strict type checker keeps a
`Height` from being used as `ComputeUnits`. Fractions appear between integers, never floats.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import NewType

__all__ = [
    "ComputeUnits",
    "Height",
    "NanoUsd",
    "UPOKT_PER_POKT",
    "NANO_USD_PER_USD",
    "Upokt",
    "format_pokt",
    "format_usd",
    "read_amount",
    "read_usd",
    "round_down",
    "round_half_down",
    "round_up",
]

Upokt = NewType("Upokt", int)
"""10^-6 POKT, the only unit in which POKT is stored."""

NanoUsd = NewType("NanoUsd", int)
"""10^-9 US dollar. $0.00075 is 750,000."""

ComputeUnits = NewType("ComputeUnits", int)
"""The network's unit of work."""

Height = NewType("Height", int)
"""A block height; the first block is 1."""

UPOKT_PER_POKT = 10**6
NANO_USD_PER_USD = 10**9


def round_down(value: Fraction) -> int:
    """Return the greatest integer that is at most `value`."""
    return value.numerator // value.denominator


def round_up(value: Fraction) -> int:
    """Return the least integer that is at least `value`."""
    return -(-value.numerator // value.denominator)


def round_half_down(value: Fraction) -> int:
    """Return the nearest integer; of two equally near ones, the lesser."""
    return round_up(value - Fraction(1, 2))


def read_usd(text: str) -> NanoUsd:
    """Return a decimal dollar amount such as `"0.00075"` exactly.

    Raises `ValueError` when the text is no finite decimal or is finer than a nano-dollar.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a decimal amount of dollars") from None
    if not amount.is_finite():
        raise ValueError(f"{text!r} is not a finite amount of dollars")
    nano = Fraction(amount) * NANO_USD_PER_USD
    if nano.denominator != 1:
        raise ValueError(f"{text!r} is finer than a billionth of a dollar")
    return NanoUsd(nano.numerator)


_AMOUNT = re.compile(r"([0-9]{1,30})(?:\.([0-9]{1,6}))?(u?pokt)")


def read_amount(text: str) -> Upokt:
    """Return an amount such as `12.5pokt` or `12500000upokt`, exactly.

    The unit is part of the amount, lower case, without a space; of a POKT there are six decimals, of a
    upokt none. Raises `ValueError` for anything else.
    """
    matched = _AMOUNT.fullmatch(text)
    if matched is None or (matched[3] == "upokt" and matched[2] is not None):
        raise ValueError(f"an amount is like 12.5pokt or 12500000upokt, not {text!r}")
    if matched[3] == "upokt":
        return Upokt(int(matched[1]))
    return Upokt(int(matched[1]) * UPOKT_PER_POKT + int((matched[2] or "").ljust(6, "0")))


def format_pokt(amount: Upokt) -> str:
    """Return an amount as POKT with all of its decimals, such as `300.000000`."""
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), UPOKT_PER_POKT)
    return f"{sign}{whole}.{part:06d}"


def format_usd(amount: NanoUsd) -> str:
    """Return an amount as dollars, exact, with at least two decimals, such as `75.00`."""
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), NANO_USD_PER_USD)
    decimals = f"{part:09d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}"
