from __future__ import annotations

import re

import pytest

from joey.core import errors
from joey.core.errors import (
    RELAY_MINER_ERRORS,
    Busy,
    ClientError,
    ConfigError,
    EngineFailed,
    JoeyError,
    ProtocolViolation,
    Rejection,
    Signal,
    SupplierError,
    read_rejection,
    walk_errors,
)

ALL = list(walk_errors())


def test_every_error_is_public_and_named_once() -> None:
    assert {cls.__name__ for cls in ALL} <= set(errors.__all__)
    codes = [cls.code for cls in ALL]
    assert len(set(codes)) == len(codes)
    for code in codes:
        assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", code)


@pytest.mark.parametrize("cls", ALL)
def test_an_error_says_whose_fault_it_is(cls: type[JoeyError]) -> None:
    assert 400 <= cls.http_status < 600
    assert cls.exit_code > 0
    if issubclass(cls, ClientError):
        assert cls.http_status < 500
        assert not cls.retry
        assert cls.signal is Signal.NONE
    if issubclass(cls, SupplierError):
        assert cls.http_status >= 500
        assert cls.retry
        assert cls.signal is not Signal.NONE
    if issubclass(cls, ProtocolViolation):
        assert cls.signal is Signal.FATAL
    if issubclass(cls, ConfigError):
        assert cls.exit_code == 2


@pytest.mark.parametrize("cls", [cls for cls in ALL if issubclass(cls, Rejection | SupplierError)])
def test_what_a_node_raises_is_rebuilt_as_the_same_class(cls: type[Rejection]) -> None:
    codespace, code = RELAY_MINER_ERRORS[cls]
    rebuilt = read_rejection(codespace, code, cls.code, "why")
    assert type(rebuilt) is cls
    assert str(rebuilt) == "why"
    assert rebuilt.fields == {"codespace": codespace, "relay_miner_code": code}


def test_errors_of_another_make_of_node_are_read_by_their_pair() -> None:
    assert type(read_rejection("relayer_proxy", 10, "context deadline", "")) is errors.DeadlineExceeded
    assert type(read_rejection("relayer_proxy", 7, "rate limited", "")) in {Busy, errors.StakeExhausted}
    assert type(read_rejection("somewhere", 99, "something", "")) is EngineFailed


def test_an_error_is_one_line_with_its_context_in_fields() -> None:
    error = errors.SessionExpired("the session ended at height 8", height=8)
    assert str(error) == "the session ended at height 8"
    assert error.fields == {"height": 8}
