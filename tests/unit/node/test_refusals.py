from __future__ import annotations

import pytest

from joey.core.errors import (
    RELAY_MINER_ERRORS,
    Busy,
    InvariantBroken,
    JoeyError,
    Rejection,
    StakeExhausted,
    SupplierError,
    read_rejection,
)
from joey.core.wire.relay import decode_relay_response
from joey.http.exchange import Response
from joey.node.refusals import make_refusal, refuse_relay, refuse_unread
from joey.testing.settlements import make_header

HEADER = make_header("application", "text")


def read_error(answer: Response) -> tuple[int, JoeyError]:
    assert isinstance(answer.body, bytes)
    response = decode_relay_response(answer.body)
    assert response.signature == b""
    assert response.payload == b""
    told = response.error
    assert told is not None
    return answer.status, read_rejection(told.codespace, told.code, told.description, told.message)


@pytest.mark.parametrize("cls", list(RELAY_MINER_ERRORS))
def test_a_gateway_rebuilds_the_same_class(cls: type[Rejection] | type[SupplierError]) -> None:
    status, error = read_error(refuse_relay(HEADER, cls("a clear line")))
    assert type(error) is cls
    assert error.message == "a clear line"
    assert status == cls.http_status


def test_the_header_is_echoed_or_empty() -> None:
    assert make_refusal(HEADER, Busy("full")).header == HEADER
    assert make_refusal(None, Busy("full")).header.session_id == ""


def test_a_bug_of_ours_is_an_internal_error_of_the_network() -> None:
    response = make_refusal(HEADER, InvariantBroken("oops"))
    assert response.error is not None
    assert (response.error.codespace, response.error.code) == ("relayer_proxy", 5)
    assert response.error.description == "invariant_broken"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "rejection.bad_relay"),
        (408, "rejection.bad_relay"),
        (413, "rejection.over_limit"),
        (431, "rejection.bad_relay"),
        (500, "supplier"),
        (503, "supplier"),
    ],
)
def test_what_never_became_a_request(status: int, code: str) -> None:
    told, error = read_error(refuse_unread(status, "why"))
    assert (told, error.code) == (status, code)


def test_a_subclass_that_nobody_listed_is_told_as_its_parent() -> None:
    class Poorer(StakeExhausted):
        code = "rejection.poorer"

    response = make_refusal(HEADER, Poorer("broke"))
    assert response.error is not None
    assert (response.error.codespace, response.error.code) == RELAY_MINER_ERRORS[StakeExhausted]
