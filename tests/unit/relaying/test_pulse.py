from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from joey.core.units import Height
from joey.ports.chain import Block
from joey.relaying.pulse import Pulse

GENESIS = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.instant_s = 1000.0

    def __call__(self) -> float:
        return self.instant_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("joey.relaying.pulse.now", clock)
    return clock


def make_block(height: int, time_s: float) -> Block:
    return Block(Height(height), bytes(32), GENESIS + timedelta(seconds=time_s))


def is_stale_after(pulse: Pulse, clock: Clock, age_s: float) -> bool:
    taken_s = clock.instant_s
    clock.instant_s += age_s
    fault = pulse.find_fault()
    clock.instant_s = taken_s
    return fault is not None


def test_a_chain_of_which_nothing_is_known_is_no_chain(clock: Clock) -> None:
    assert Pulse().find_fault() == "no block of the chain is known yet"


def test_a_head_is_stale_when_five_blocks_are_missing(clock: Clock) -> None:
    pulse = Pulse()
    for height in range(1, 5):
        pulse.take(make_block(height, 20 * height))
    assert not is_stale_after(pulse, clock, 100)
    assert is_stale_after(pulse, clock, 100.1)
    clock.instant_s += 240
    fault = pulse.find_fault()
    assert fault is not None
    assert fault.startswith("no block came for 240 s after block 4, where one usually takes 20 s")
    pulse.take(make_block(5, 320))
    assert pulse.find_fault() is None


def test_no_head_is_stale_within_half_a_minute(clock: Clock) -> None:
    pulse = Pulse()
    for height in range(1, 5):
        pulse.take(make_block(height, 2 * height))
    assert not is_stale_after(pulse, clock, 30)
    assert is_stale_after(pulse, clock, 30.1)


def test_while_one_block_is_known_a_minute_is_assumed(clock: Clock) -> None:
    pulse = Pulse()
    pulse.take(make_block(7, 0))
    assert not is_stale_after(pulse, clock, 300)
    assert is_stale_after(pulse, clock, 300.1)


def test_one_long_pause_is_not_usual_and_the_past_is_forgotten(clock: Clock) -> None:
    pulse = Pulse()
    for height, time_s in ((1, 0), (2, 20), (3, 40), (4, 9040), (5, 9060)):
        pulse.take(make_block(height, time_s))
    assert is_stale_after(pulse, clock, 101)
    for number in range(1, 10):
        pulse.take(make_block(5 + number, 9060 + 60 * number))
    assert not is_stale_after(pulse, clock, 300)


def test_heights_in_between_may_be_missing_and_a_block_twice_is_no_news(clock: Clock) -> None:
    pulse = Pulse()
    pulse.take(make_block(1, 0))
    pulse.take(make_block(11, 200))
    assert is_stale_after(pulse, clock, 101)
    clock.instant_s += 101
    pulse.take(make_block(11, 200))
    pulse.take(make_block(10, 180))
    assert pulse.find_fault() is not None
