"""Fractions as the network's doubles: exact both ways for every decimal that governance writes.

The network stores shares and probabilities as `double` and computes with the shortest decimal text
that stands for it: 0.975 is 39/40. Source: poktroll pkg/encoding/decimal.go.
"""

from __future__ import annotations

from fractions import Fraction

__all__ = ["double_from_fraction", "fraction_from_double"]


def fraction_from_double(value: float) -> Fraction:
    """Return the exact value of the shortest decimal that stands for a double.

    Raises `ValueError` for an infinity and for what is no number.
    """
    return Fraction(repr(value))


def double_from_fraction(value: Fraction) -> float:
    """Return the double nearest to a value. Raises `ValueError` beyond the range of doubles."""
    try:
        return float(value)
    except OverflowError:
        raise ValueError("a value is beyond the range of a double") from None
