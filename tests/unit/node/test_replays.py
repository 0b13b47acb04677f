from __future__ import annotations

from dataclasses import replace

import pytest

from joey.core.errors import BadRelay
from joey.core.units import Height
from joey.core.wire.relay import RelayRequest
from joey.node.replays import ReplayGuard
from joey.testing.relays import make_call, sign_relay
from joey.testing.settlements import make_header
from joey.testing.worlds import make_key

RING = [make_key("application").public_key, make_key("gateway").public_key]


def make_request(number: int = 3) -> RelayRequest:
    header = make_header(make_key("application").address, "text", number=number)
    return sign_relay(header, make_key("supplier 1").address, make_call(), RING, make_key("gateway"))


def test_the_same_question_signed_afresh_is_another_relay() -> None:
    guard = ReplayGuard()
    first, second = make_request(), make_request()
    assert first.payload == second.payload
    guard.remember(first)
    guard.check(second)
    with pytest.raises(BadRelay, match="served before"):
        guard.check(first)


def test_added_bytes_do_not_make_another_relay() -> None:
    guard = ReplayGuard()
    request = make_request()
    guard.remember(request)
    with pytest.raises(BadRelay):
        guard.check(replace(request, signature=request.signature + b"\x00"))


def test_what_came_to_nothing_may_be_sent_again() -> None:
    guard = ReplayGuard()
    request = make_request()
    guard.forget(request)
    guard.remember(request)
    guard.forget(request)
    guard.check(request)


def test_sessions_that_ended_are_dropped() -> None:
    guard = ReplayGuard()
    old, new = make_request(3), make_request(4)
    guard.remember(old)
    guard.remember(new)
    guard.forget_ended(Height(old.header.height_end + 1))
    guard.check(old)
    with pytest.raises(BadRelay):
        guard.check(new)
