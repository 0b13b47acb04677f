"""What a root is worth, and what an application can still pay."""

from __future__ import annotations

from fractions import Fraction

import pytest

from joey.core.protocol.claims import (
    Claim,
    compute_claimed,
    compute_estimated_relays,
    compute_estimated_units,
    compute_relay_price,
    compute_session_budget,
)
from joey.core.protocol.difficulty import BASE_TARGET
from joey.core.protocol.params import MAINNET, MINIMAL
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.session import SessionHeader
from joey.testing.settlements import make_root

QUARTER = (int.from_bytes(BASE_TARGET, "big") // 4).to_bytes(32, "big")


def test_a_claim_reads_its_root():
    root = make_root(ComputeUnits(2600), 1000)
    claim = Claim("supplier", SessionHeader("app", "svc", "id", Height(1), Height(4)), root)
    assert root[32:].hex() == "000000000027ac4000000000000003e8"
    assert claim.compute_units == 2_600_000
    assert claim.relays == 1000


def test_worth_is_floored_once():
    # 2,600,000 x 0.14599 = 379,574; 7 x 0.14599 = 1.02; 6 x 0.14599 = 0.87.
    assert compute_claimed(make_root(ComputeUnits(2600), 1000), BASE_TARGET, MAINNET.shared) == 379_574
    assert compute_claimed(make_root(ComputeUnits(1), 7), BASE_TARGET, MAINNET.shared) == 1
    assert compute_claimed(make_root(ComputeUnits(1), 6), BASE_TARGET, MAINNET.shared) == 0


def test_a_hard_target_makes_each_leaf_stand_for_more():
    root = make_root(ComputeUnits(2600), 1000)
    assert compute_estimated_units(root, QUARTER) == 10_400_000
    assert compute_estimated_relays(root, QUARTER) == 4000
    # The multiplier is slightly above four: 1,518,296.0... and not 4 x 379,574 by luck of rounding.
    assert compute_claimed(root, QUARTER, MAINNET.shared) == 1_518_296


def test_an_empty_root_stands_for_nothing():
    assert compute_estimated_relays(bytes(48), BASE_TARGET) == 0
    assert compute_estimated_units(bytes(48), BASE_TARGET) == 0
    assert compute_claimed(bytes(48), BASE_TARGET, MAINNET.shared) == 0


def test_a_broken_root_is_an_error():
    with pytest.raises(ValueError):
        compute_claimed(bytes(47), BASE_TARGET, MAINNET.shared)


def test_the_price_of_a_relay_is_exact():
    assert compute_relay_price(ComputeUnits(2600), MAINNET.shared) == Fraction(379_574, 1000)
    assert compute_relay_price(ComputeUnits(3000), MINIMAL.shared) == 3000


def test_the_meter_divides_by_suppliers_and_sessions():
    # Two sessions may wait on main-net and one runs: 10^12 / 50 / 3.
    budget = compute_session_budget(Upokt(10**12), MAINNET.shared, 50)
    assert budget == 10**12 // 50 // 3
    assert compute_session_budget(Upokt(10**12), MAINNET.shared, 50, Upokt(10**9)) == 10**9 // 50
    assert compute_session_budget(Upokt(10**12), MAINNET.shared, 50, Upokt(10**15)) == budget
