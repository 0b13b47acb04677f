"""How a node says no: an unsigned relay response with a relay miner error, and an HTTP status.

`description` carries our own error code, by which a Joey gateway rebuilds the error; codespace and
code are the network's, for everybody else's.
"""

from __future__ import annotations

from joey.core.errors import RELAY_MINER_ERRORS, BadRelay, JoeyError, OverLimit, Rejection, SupplierError
from joey.core.units import Height
from joey.core.wire.relay import RelayMinerError, RelayResponse, encode_relay_response
from joey.core.wire.session import SessionHeader
from joey.http.exchange import Response

__all__ = ["RELAY_TYPE", "make_refusal", "refuse_relay", "refuse_unread"]

RELAY_TYPE = "application/x-protobuf"

_NO_HEADER = SessionHeader("", "", "", Height(0), Height(0))
_TOO_LARGE = 413


def make_refusal(header: SessionHeader | None, error: JoeyError) -> RelayResponse:
    """Return the unsigned response that tells `error`; `header` is `None` when none could be read."""
    codespace, code = _find_pair(error)
    told = RelayMinerError(codespace, code, error.code, error.message)
    return RelayResponse(header or _NO_HEADER, payload=b"", payload_hash=None, error=told)


def refuse_relay(header: SessionHeader | None, error: JoeyError) -> Response:
    """Return the whole HTTP answer that tells `error`, with the status of its class."""
    body = encode_relay_response(make_refusal(header, error))
    return Response(error.http_status, (("Content-Type", RELAY_TYPE),), body)


def refuse_unread(status: int, reason: str) -> Response:
    """Answer what never became a request; `reason` is the transport's."""
    error: JoeyError = OverLimit(reason) if status == _TOO_LARGE else BadRelay(reason)
    if status >= 500:
        error = SupplierError(reason)
    answer = refuse_relay(None, error)
    return Response(status, answer.headers, answer.body)


def _find_pair(error: JoeyError) -> tuple[str, int]:
    for cls in type(error).__mro__:
        if issubclass(cls, Rejection | SupplierError) and cls in RELAY_MINER_ERRORS:
            return RELAY_MINER_ERRORS[cls]
    return RELAY_MINER_ERRORS[SupplierError]
