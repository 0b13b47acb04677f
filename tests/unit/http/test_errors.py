from __future__ import annotations

import pytest

from joey.core.errors import JoeyError
from joey.http.errors import (
    BadMessage,
    ConnectionFailed,
    ConnectionLost,
    MessageTooLarge,
    TimedOut,
    TransportError,
)


@pytest.mark.parametrize("cls", [ConnectionLost, TimedOut, MessageTooLarge, BadMessage])
def test_unless_told_otherwise_the_request_may_have_been_acted_on(cls: type[TransportError]) -> None:
    assert cls("x").request_sent
    assert not cls("x", request_sent=False).request_sent


def test_without_a_connection_nothing_was_sent() -> None:
    assert not ConnectionFailed("x").request_sent


def test_the_transport_blames_nobody() -> None:
    assert not issubclass(TransportError, JoeyError)
