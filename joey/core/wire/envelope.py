"""An HTTP exchange as the payload of a relay.

`encode_*` make `sdk.types.POKTHTTPRequest` and `POKTHTTPResponse` exactly as the network's own SDK
does: header names in Go's canonical form, the map sorted by key. A map forgets the order of
different headers and the case of their names; the order of the values of one name is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import DecodeError

from joey.core.wire.proto import http_pb2

__all__ = [
    "Headers",
    "HttpRequest",
    "HttpResponse",
    "canonicalize_name",
    "decode_request",
    "decode_response",
    "encode_request",
    "encode_response",
]

Headers = tuple[tuple[str, str], ...]

_AnyEnvelope = TypeVar("_AnyEnvelope", http_pb2.POKTHTTPRequest, http_pb2.POKTHTTPResponse)

_NAME_CHARACTERS = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`url` is absolute inside a relay; `headers` keep their order, a name may repeat."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole answer."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the first value of a header, whatever the case of its name."""
        lowered = name.lower()
        return next((value for key, value in self.headers if key.lower() == lowered), None)


def encode_request(request: HttpRequest) -> bytes:
    """Return `sdk.types.POKTHTTPRequest`. Raises `ValueError` for text that is not Unicode."""
    message = http_pb2.POKTHTTPRequest(method=request.method, url=request.url, body_bz=request.body)
    return _write(message, request.headers)


def decode_request(payload: bytes) -> HttpRequest:
    """Read a request; headers come sorted by name. Raises `ValueError`."""
    message = _read(http_pb2.POKTHTTPRequest, payload)
    return HttpRequest(message.method, message.url, _read_headers(message), message.body_bz)


def encode_response(response: HttpResponse) -> bytes:
    """Return `sdk.types.POKTHTTPResponse`. Raises `ValueError` for text that is not Unicode."""
    message = http_pb2.POKTHTTPResponse(status_code=response.status, body_bz=response.body)
    return _write(message, response.headers)


def decode_response(payload: bytes) -> HttpResponse:
    """Read a response; headers come sorted by name. Raises `ValueError`."""
    message = _read(http_pb2.POKTHTTPResponse, payload)
    return HttpResponse(message.status_code, _read_headers(message), message.body_bz)


def canonicalize_name(name: str) -> str:
    """Return a header name in Go's form, `Content-Type`; one with an illegal character stays as it is.

    Source: Go, net/textproto, CanonicalMIMEHeaderKey.
    """
    if not _NAME_CHARACTERS.issuperset(name):
        return name
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


def _write(message: _AnyEnvelope, headers: Headers) -> bytes:
    for name, value in headers:
        key = canonicalize_name(name)
        header = message.header[key]
        header.key = key
        header.values.append(value)
    return message.SerializeToString(deterministic=True)


def _read(message_type: type[_AnyEnvelope], payload: bytes) -> _AnyEnvelope:
    message = message_type()
    try:
        message.ParseFromString(payload)
    except DecodeError as error:
        raise ValueError(f"no {message_type.DESCRIPTOR.full_name}: {error}") from None
    return message


def _read_headers(message: http_pb2.POKTHTTPRequest | http_pb2.POKTHTTPResponse) -> Headers:
    """Return one pair for each value. The map's key is the name; the key inside is ignored."""
    header = message.header
    return tuple((name, value) for name in sorted(header) for value in header[name].values)
