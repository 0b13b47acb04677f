"""What clients see: every response of the gateway, with its headers, in OpenAI's shape."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from joey.core.errors import (
    JoeyError,
    MethodNotAllowed,
    NoSupplierLeft,
    NotAuthenticated,
    RequestTooLarge,
)
from joey.core.offers.offer import ServiceOffer
from joey.core.openai.failures import encode_failure, encode_message
from joey.core.units import format_usd
from joey.core.wire.envelope import HttpResponse
from joey.http.server import Response
from joey.relaying.client import RelayAnswer, RelayStream

__all__ = [
    "describe_content_type",
    "describe_models",
    "make_answer_headers",
    "make_failure",
    "make_json",
    "make_refusal",
]

Headers = list[tuple[str, str]]

_JSON = ("content-type", "application/json")
_RETRY_AFTER_S = "1"
_CONTENT_TYPE = re.compile(
    r"(?:application/(?:[a-z.]+\+)?json|text/event-stream|text/plain)(?:\s*;\s*[\w-]+=[\w.\"-]+)?",
    re.IGNORECASE,
)
_REFUSALS = {
    400: "the request is not valid HTTP/1.1",
    408: "the request did not arrive in time",
    431: "the request's head is too large",
    503: "too many connections; try again shortly",
}


def make_json(body: object, status: int = 200) -> Response:
    """Return a response with a JSON body, a success unless another status is given."""
    return Response(status, [_JSON], json.dumps(body, separators=(",", ":")).encode())


def make_failure(error: JoeyError) -> Response:
    """Return the response to an error."""
    headers: Headers = [_JSON]
    status = error.http_status
    if isinstance(error, NotAuthenticated):
        headers.append(("www-authenticate", "Bearer"))
    if isinstance(error, MethodNotAllowed):
        headers.append(("allow", str(error.fields["allow"])))
    if status in (429, 503):
        headers.append(("retry-after", _RETRY_AFTER_S))
    if isinstance(error, NoSupplierLeft) and error.fields.get("repeatable") is False:
        # A supplier may have served this, and be paid for it: the client's SDK must not ask again.
        headers.append(("x-should-retry", "false"))
    return Response(status, headers, encode_failure(error))


def make_refusal(status: int, reason: str) -> Response:
    """Return the response to what never reached a handler: broken, slow or oversized HTTP."""
    if status == 413:
        return make_failure(RequestTooLarge(reason))
    headers: Headers = [_JSON]
    if status == 503:
        headers.append(("retry-after", _RETRY_AFTER_S))
    if status >= 500:
        text = _REFUSALS.get(status, "internal error")
        return Response(status, headers, encode_message(text, "server_error"))
    text = f"{_REFUSALS.get(status, 'the request cannot be read')}: {reason}"
    return Response(status, headers, encode_message(text, "invalid_request_error"))


def make_answer_headers(answer: RelayAnswer | RelayStream, offer: ServiceOffer) -> Headers:
    """Return the headers of an answer: what it is, who gave it, what it cost.

    Of the engine's headers only the content type is passed on. `x-joey-relay-hash` is there when the
    relay is already complete: not at the head of a stream.
    """
    response = (
        answer.response if isinstance(answer, RelayAnswer) else HttpResponse(answer.status, answer.headers)
    )
    headers = [
        ("content-type", describe_content_type(response.header("content-type"))),
        ("x-joey-supplier", answer.supplier_address),
        ("x-joey-session", answer.session_id),
        ("x-joey-price-usd", format_usd(offer.price)),
    ]
    if answer.relay_hash is not None:
        headers.append(("x-joey-relay-hash", answer.relay_hash.hex()))
    if isinstance(answer, RelayStream):
        headers.append(("cache-control", "no-cache"))
    if response.status >= 400:
        # The relay is complete and paid; the same request would be paid again.
        headers.append(("x-should-retry", "false"))
    return headers


def describe_content_type(value: str | None) -> str:
    """Return the content type under which an engine's body is passed on: never one a browser runs."""
    if value is None:
        return "application/json"
    return value if len(value) <= 128 and _CONTENT_TYPE.fullmatch(value) else "application/octet-stream"


def describe_models(offers: Sequence[tuple[str, ServiceOffer]], created: int) -> list[dict[str, object]]:
    """Return model objects for (name, offer) pairs; what OpenAI's have not stands under `joey`."""
    return [
        {
            "id": name,
            "object": "model",
            "created": created,
            "owned_by": offer.service_id,
            "joey": json.loads(offer.card()),
        }
        for name, offer in offers
    ]
