from __future__ import annotations

import json

import pytest

from joey.core.errors import (
    BadSupplierSignature,
    Busy,
    ChainUnavailable,
    ClientError,
    InvalidRequest,
    InvariantBroken,
    JoeyError,
    LimitExceeded,
    NoSupplierLeft,
    NotAuthenticated,
    QuotaExceeded,
    UnknownModel,
    walk_errors,
)
from joey.core.openai.failures import describe_failure, encode_failure, encode_failure_event, encode_message


@pytest.mark.parametrize("cls", sorted(walk_errors(), key=lambda cls: cls.__name__))
def test_every_error_has_openai_shape(cls: type[JoeyError]) -> None:
    body = json.loads(encode_failure(cls("text")))
    assert list(body) == ["error"]
    assert list(body["error"]) == ["message", "type", "param", "code"]
    assert body["error"]["message"]
    assert isinstance(body["error"]["type"], str)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (NotAuthenticated(""), "invalid_request_error", "invalid_api_key"),
        (UnknownModel(""), "invalid_request_error", "model_not_found"),
        (InvalidRequest(""), "invalid_request_error", None),
        (LimitExceeded(""), "invalid_request_error", "context_length_exceeded"),
        (QuotaExceeded(""), "insufficient_quota", "insufficient_quota"),
        (NoSupplierLeft(""), "server_error", "no_supplier_left"),
        (BadSupplierSignature(""), "server_error", "supplier.bad_signature"),
        (InvariantBroken(""), "server_error", None),
    ],
)
def test_type_and_code_are_those_clients_know(error: JoeyError, kind: str, code: str | None) -> None:
    described = describe_failure(error)
    assert (described["type"], described["code"]) == (kind, code)


def test_the_member_at_fault_is_named() -> None:
    assert describe_failure(InvalidRequest("x", param="max_tokens"))["param"] == "max_tokens"
    assert describe_failure(InvalidRequest("x", param=None))["param"] is None


@pytest.mark.parametrize("cls", sorted(walk_errors(), key=lambda cls: cls.__name__))
def test_only_errors_written_for_the_caller_speak_for_themselves(cls: type[JoeyError]) -> None:
    told = "http://10.0.0.1/secret" in encode_failure(cls("http://10.0.0.1/secret")).decode()
    assert told == issubclass(cls, ClientError | NoSupplierLeft)


def test_later_errors_say_that_asking_again_may_help() -> None:
    for error in (Busy(""), ChainUnavailable("")):
        assert "ask again" in (describe_failure(error)["message"] or "")


def test_the_event_of_a_broken_stream() -> None:
    event = encode_failure_event(BadSupplierSignature(""))
    assert event.startswith(b"data: {")
    assert event.endswith(b"}\n\n")
    assert event.count(b"\n") == 2
    assert json.loads(event[6:])["error"]["code"] == "supplier.bad_signature"


def test_a_failure_without_an_error_class() -> None:
    error = json.loads(encode_message("too slow", "invalid_request_error"))["error"]
    assert error == {"message": "too slow", "type": "invalid_request_error", "param": None, "code": None}
