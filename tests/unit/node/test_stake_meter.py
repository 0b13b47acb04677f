from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joey.core.errors import StakeExhausted
from joey.core.units import Height
from joey.node.stake_meter import Reservation, StakeMeter
from joey.testing.settlements import make_header

HEADER = make_header("application", "text", number=3)
OTHER = make_header("application", "text", number=4)


def test_relays_are_charged_up_to_the_maximum() -> None:
    meter = StakeMeter()
    for _ in range(3):
        meter.reserve(HEADER, "supplier", 3)
    with pytest.raises(StakeExhausted) as raised:
        meter.reserve(HEADER, "supplier", 3)
    assert raised.value.fields["relays_max"] == 3
    assert meter.count(HEADER, "supplier") == 3


def test_suppliers_and_sessions_are_charged_apart() -> None:
    meter = StakeMeter()
    meter.reserve(HEADER, "supplier", 1)
    meter.reserve(HEADER, "another", 1)
    meter.reserve(OTHER, "supplier", 1)
    with pytest.raises(StakeExhausted):
        meter.check(HEADER, "supplier", 1)


def test_what_came_to_nothing_is_given_back_once() -> None:
    meter = StakeMeter()
    reservation = meter.reserve(HEADER, "supplier", 1)
    assert reservation.release()
    assert not reservation.release()
    assert meter.count(HEADER, "supplier") == 0


def test_what_was_kept_stays_charged() -> None:
    meter = StakeMeter()
    reservation = meter.reserve(HEADER, "supplier", 1)
    reservation.keep()
    assert not reservation.release()
    assert meter.count(HEADER, "supplier") == 1


def test_free_relays_have_no_maximum_and_no_stake_pays_for_none() -> None:
    meter = StakeMeter()
    for _ in range(10):
        meter.reserve(HEADER, "supplier", None)
    with pytest.raises(StakeExhausted):
        meter.check(OTHER, "supplier", 0)


def test_sessions_that_ended_are_dropped_and_late_releases_do_no_harm() -> None:
    meter = StakeMeter()
    reservation = meter.reserve(HEADER, "supplier", 1)
    meter.restore(OTHER, "supplier", 5)
    meter.forget_ended(Height(HEADER.height_end + 1))
    assert meter.count(HEADER, "supplier") == 0
    assert meter.count(OTHER, "supplier") == 5
    reservation.release()
    assert meter.count(HEADER, "supplier") == 0


@given(st.lists(st.sampled_from(["reserve", "keep", "release"])), st.integers(0, 5), st.integers(0, 5))
def test_never_more_than_the_maximum_is_out(steps: list[str], relays_max: int, restored: int) -> None:
    meter = StakeMeter()
    meter.restore(HEADER, "supplier", min(restored, relays_max))
    kept, out = min(restored, relays_max), list[Reservation]()
    for step in steps:
        if step == "reserve":
            try:
                out.append(meter.reserve(HEADER, "supplier", relays_max))
            except StakeExhausted:
                assert kept + len(out) == relays_max
        elif out and step == "keep":
            out.pop().keep()
            kept += 1
        elif out:
            out.pop().release()
        assert meter.count(HEADER, "supplier") == kept + len(out) <= relays_max
