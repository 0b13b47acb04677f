"""What a supplier sent back, as a verified answer or as the fault it is.

Three shapes are read: a signed relay response; an unsigned one with a relay miner error; and a plain
HTTP error. Nothing a supplier wrote in an error is repeated: it may quote the prompt.
Source: the two relay miners of the network, see `joey.core.errors.RELAY_MINER_ERRORS`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from joey.core.errors import (
    BadRelay,
    Busy,
    DeadlineExceeded,
    EngineFailed,
    Malformed,
    NotOffered,
    OverLimit,
    Rejection,
    StakeExhausted,
    SupplierError,
    Unreachable,
    read_rejection,
)
from joey.core.offers.answers import is_answer
from joey.core.protocol.relays import check_response
from joey.core.wire.envelope import HttpResponse, decode_response
from joey.core.wire.relay import (
    RelayMinerError,
    RelayRequest,
    RelayResponse,
    compute_relay_hash,
    decode_relay_response,
    encode_relay,
)
from joey.http.errors import BadMessage, ConnectionLost, MessageTooLarge, TimedOut, TransportError

__all__ = [
    "VerifiedAnswer",
    "check_engine_status",
    "make_too_large",
    "read_fault",
    "read_reply",
    "translate",
    "verify_answer",
]

_STATUS_FAULTS: dict[int, type[Rejection]] = {
    400: BadRelay,
    403: Rejection,
    404: NotOffered,
    413: OverLimit,
    429: StakeExhausted,
    503: Busy,
}
_CODESPACE = re.compile(r"[a-z_]{1,32}")


@dataclass(frozen=True, slots=True)
class VerifiedAnswer:
    """An engine's answer that the supplier signed, and the hash of the relay it completes."""

    response: HttpResponse
    relay_hash: bytes


def translate(error: TransportError) -> SupplierError:
    """Return the supplier's fault that a failure of the transport is.

    Field `request_sent` is false when the supplier cannot have seen the request, `was_kept` true when
    a connection kept from an earlier relay was closed without a byte.
    """
    if isinstance(error, MessageTooLarge):
        return make_too_large()
    cls: type[SupplierError] = Unreachable
    if isinstance(error, TimedOut):
        cls = DeadlineExceeded
    elif isinstance(error, BadMessage):
        cls = Malformed
    was_kept = isinstance(error, ConnectionLost) and error.was_kept
    return cls(str(error), request_sent=error.request_sent, was_kept=was_kept)


def make_too_large() -> EngineFailed:
    """Return the fault of an answer that is larger than we take: nobody forged it, and it may be paid."""
    return EngineFailed("the supplier's answer is too large", may_be_paid=True)


def read_reply(reply: HttpResponse) -> RelayResponse:
    """Return the relay response in a supplier's HTTP response.

    Raises what the supplier declares to have gone wrong, or `Malformed`.
    """
    is_json = (reply.header("content-type") or "").startswith("application/json")
    try:
        response = None if is_json and reply.status != 200 else decode_relay_response(reply.body)
    except ValueError:
        response = None
    if response is not None and response.error is not None:
        raise read_fault(response.error)
    if reply.status != 200:
        cls = _STATUS_FAULTS.get(reply.status, EngineFailed)
        raise cls(f"the supplier answered with HTTP status {reply.status}", status=reply.status)
    if response is None:
        raise Malformed("the supplier's answer is no relay response")
    return response


def read_fault(error: RelayMinerError) -> Rejection | SupplierError:
    """Return the error a supplier declares, in our words."""
    codespace = error.codespace if _CODESPACE.fullmatch(error.codespace) else "unknown"
    return read_rejection(codespace, error.code, error.description, "")


def verify_answer(
    response: RelayResponse, request: RelayRequest, public_key: bytes, *, answer_bytes_max: int
) -> VerifiedAnswer:
    """Return the engine's answer once it is proven to be this supplier's, in this session.

    Raises a `ProtocolViolation`, or `EngineFailed` for an engine's status that is no answer and for a
    body of more than `answer_bytes_max`. The network's signature does not name the request: an older
    answer of the same supplier in the same session cannot be told from a new one.
    """
    check_response(response, request, public_key)
    try:
        answer = decode_response(response.payload)
    except ValueError:
        raise Malformed("the payload of the supplier's answer is no HTTP response") from None
    check_engine_status(answer.status)
    if len(answer.body) > answer_bytes_max:
        raise make_too_large()
    return VerifiedAnswer(answer, compute_relay_hash(encode_relay(request, response)))


def check_engine_status(status: int) -> None:
    """Raise `EngineFailed` unless an engine's response is an answer: our nodes are paid for no other.

    A supplier of another make that passes it on all the same may have signed it to be paid.
    """
    if not is_answer(status):
        raise EngineFailed(
            f"the supplier's engine answered with status {status}", status=status, may_be_paid=True
        )
