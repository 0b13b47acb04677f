"""HTTP exchanges as payloads."""

from __future__ import annotations

import pytest

from joey.core.wire.envelope import (
    HttpRequest,
    HttpResponse,
    canonicalize_name,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("content-type", "Content-Type"),
        ("CONTENT-TYPE", "Content-Type"),
        ("x-foo-bAR", "X-Foo-Bar"),
        ("-a-", "-A-"),
        ("etag", "Etag"),
        ("foo bar", "foo bar"),
        ("ünï", "ünï"),
        ("", ""),
    ],
)
def test_canonical_names(name: str, canonical: str) -> None:
    assert canonicalize_name(name) == canonical


def test_values_of_one_name_keep_their_order_and_names_are_sorted() -> None:
    headers = (("x-b", "2"), ("accept", "a"), ("X-B", "1"), ("X-b", ""))
    response = HttpResponse(200, headers, b"body")
    decoded = decode_response(encode_response(response))
    assert decoded.headers == (("Accept", "a"), ("X-B", "2"), ("X-B", "1"), ("X-B", ""))
    assert decoded.header("x-b") == "2"
    assert decoded.header("missing") is None
    reordered = HttpResponse(200, (headers[1], *headers[:1], *headers[2:]), b"body")
    assert encode_response(reordered) == encode_response(response)


def test_empty_parts() -> None:
    assert encode_request(HttpRequest("", "")) == b""
    assert decode_request(b"") == HttpRequest("", "")
    assert decode_response(encode_response(HttpResponse(204))) == HttpResponse(204)


@pytest.mark.parametrize("payload", [b"\x0a\x7f", b"\x0a\x01\xff", b"\x08"])
def test_refuses_bytes(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"sdk\.types"):
        decode_request(payload)
    with pytest.raises(ValueError, match=r"sdk\.types"):
        decode_response(payload + b"\x12\x7f")


def test_refuses_text_that_is_not_unicode() -> None:
    with pytest.raises(ValueError):
        encode_request(HttpRequest("GET", "/", (("X-A", "\udcff"),)))
