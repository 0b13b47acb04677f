"""Targets: who counts, what for, and how they move."""

from __future__ import annotations

from fractions import Fraction

import pytest

from joey.core.protocol.difficulty import (
    BASE_TARGET,
    compute_average,
    compute_multiplier,
    compute_new_target,
    compute_probability,
    is_counted,
    scale_hash,
)

HALF = b"\x7f" + b"\xff" * 31


def test_a_relay_counts_strictly_below_the_target() -> None:
    assert is_counted(b"\x7f" + b"\xff" * 30 + b"\xfe", HALF)
    assert not is_counted(HALF, HALF)
    assert not is_counted(b"\x80" + bytes(31), HALF)
    assert is_counted(b"\xff" * 31 + b"\xfe", BASE_TARGET)
    assert not is_counted(b"\xff" * 32, BASE_TARGET)


def test_multipliers_are_exact() -> None:
    assert compute_multiplier(BASE_TARGET) == 1
    assert compute_probability(HALF) == Fraction(2**255 - 1, 2**256 - 1)
    assert compute_multiplier(HALF) * compute_probability(HALF) == 1
    with pytest.raises(ValueError, match="zero"):
        compute_multiplier(bytes(32))


def test_scaled_hashes_are_shortest() -> None:
    assert scale_hash(b"\0\0\x09", Fraction(1, 2)) == b"\x04"
    assert scale_hash(bytes(32), Fraction(7)) == b""
    assert scale_hash(BASE_TARGET, Fraction(2)) == b"\x01" + b"\xff" * 31 + b"\xfe"


def test_new_targets() -> None:
    assert compute_new_target(BASE_TARGET, 1, 2) == HALF
    assert compute_new_target(HALF, 5, 5) is HALF
    assert compute_new_target(HALF, 0, 0) is HALF
    assert compute_new_target(HALF, 9, 2) == BASE_TARGET
    assert compute_new_target(b"\0" * 31 + b"\x10", 1, 4) == b"\0" * 31 + b"\x04"
    with pytest.raises(ValueError, match="zero"):
        compute_new_target(HALF, 5, 0)


@pytest.mark.parametrize(
    ("previous", "relays", "average"),
    [(0, 0, 0), (10, 10, 10), (10, 30, 12), (100, 0, 89), (0, 100, 10), (0, 9, 0), (7, 8, 7)],
)
def test_averages(previous: int, relays: int, average: int) -> None:
    assert compute_average(previous, relays) == average


def test_averages_round_as_go_does() -> None:
    """The double of a tenth is a little more than one: 10 of them make one, and nine tenths less."""
    assert compute_average(0, 10) == 1
    assert compute_average(10, 0) == 8
    # Of equals the two parts make the whole again, however many bits the products lose.
    for number in (2**40 + 1, 2**63 - 1, 2**64 - 1):
        assert compute_average(number, number) == number
    # Exactly it is 3.5 less than 2^63; the sum of the rounded products is what Go truncates.
    assert compute_average(2**63, 2**63 - 35) == 2**63 - 4
