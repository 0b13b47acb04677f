"""Targets: who counts, what for, and how they move."""

from __future__ import annotations

from fractions import Fraction

import pytest

from joey.core.protocol.difficulty import (
    BASE_TARGET,
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
