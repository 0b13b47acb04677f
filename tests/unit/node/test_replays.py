from __future__ import annotations

from dataclasses import replace

import pytest

from joey.core.crypto.ring import read_ring
from joey.core.errors import BadRelay
from joey.core.units import Height
from joey.core.wire.relay import RelayRequest
from joey.core.wire.session import SessionHeader
from joey.node.replays import ReplayGuard, compute_attempt_name
from joey.testing.relays import make_call, sign_relay
from joey.testing.settlements import make_header
from joey.testing.worlds import make_key

RING = [make_key("application").public_key, make_key("gateway").public_key]


def make_request(number: int = 3) -> RelayRequest:
    header = make_header(make_key("application").address, "text", number=number)
    return sign_relay(header, make_key("supplier 1").address, make_call(), RING, make_key("gateway"))


def name(request: RelayRequest) -> tuple[SessionHeader, bytes]:
    return request.header, compute_attempt_name(read_ring(request.signature))


def test_the_same_question_signed_afresh_is_another_relay() -> None:
    guard = ReplayGuard()
    first, second = make_request(), make_request()
    assert first.payload == second.payload
    guard.remember(*name(first))
    guard.check(*name(second))
    with pytest.raises(BadRelay, match="served before"):
        guard.check(*name(first))


def test_added_bytes_do_not_make_another_relay() -> None:
    guard = ReplayGuard()
    request = make_request()
    guard.remember(*name(request))
    with pytest.raises(BadRelay):
        guard.check(*name(replace(request, signature=request.signature + b"\x00")))


def test_what_came_to_nothing_may_be_sent_again() -> None:
    guard = ReplayGuard()
    request = make_request()
    guard.forget(*name(request))
    guard.remember(*name(request))
    guard.forget(*name(request))
    guard.check(*name(request))


def test_sessions_that_ended_are_dropped() -> None:
    guard = ReplayGuard()
    old, new = make_request(3), make_request(4)
    guard.remember(*name(old))
    guard.remember(*name(new))
    guard.forget_ended(Height(old.header.height_end + 1))
    guard.check(*name(old))
    with pytest.raises(BadRelay):
        guard.check(*name(new))
