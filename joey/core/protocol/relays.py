"""Is this request, is this response, acceptable.

`check_request_*` and `is_response_signed` are the chain's own judgement; `check_request` and
`check_response` add what a careful node and a careful gateway ask besides.
Source: pocket pkg/crypto/rings/client.go, x/service/types/relay.go, x/session/types/session_header.go.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256

from joey.core.crypto.keys import is_address, verify_signature
from joey.core.crypto.ring import RingSignature, is_ring_valid, read_ring
from joey.core.errors import (
    BadRelay,
    BadRing,
    BadSupplierSignature,
    Malformed,
    PayloadHashMismatch,
    WrongSession,
)
from joey.core.protocol.sessions import is_service_id
from joey.core.wire.relay import RelayRequest, RelayResponse, compute_request_hash, compute_response_hash
from joey.core.wire.session import SessionHeader

__all__ = [
    "check_request",
    "check_request_fields",
    "check_request_signature",
    "check_response",
    "check_response_fields",
    "check_signature",
    "find_header_fault",
    "is_response_signed",
    "read_signature",
]


def check_request(request: RelayRequest, *, ring: Collection[bytes]) -> None:
    """Hold a request to all that a node asks of it before it looks at the payload.

    `ring` are the public keys of the application's ring at the session's end. Raises `BadRelay` for
    a field that is missing or wrong, `BadRing` for the signature.
    """
    check_request_fields(request)
    check_signature(request, read_signature(request, members_max=len(ring)), ring=ring)


def check_request_fields(request: RelayRequest) -> None:
    """Raise `BadRelay` unless header, signature and supplier address can be what they are for."""
    if fault := find_header_fault(request.header):
        raise BadRelay(f"session header: {fault}")
    if not request.signature:
        raise BadRelay("the relay request is not signed")
    if not request.supplier_address:
        raise BadRelay("the relay request names no supplier")


def check_request_signature(request: RelayRequest, *, ring: Collection[bytes]) -> None:
    """Raise `BadRelay` or `BadRing` unless members of `ring` alone signed the request.

    The signature brings a ring of its own, which may have any order, leave members out or repeat
    one: only membership counts.
    """
    if fault := find_header_fault(request.header):
        raise BadRelay(f"session header: {fault}")
    if not request.signature:
        raise BadRelay("the relay request is not signed")
    check_signature(request, read_signature(request), ring=ring)


def read_signature(request: RelayRequest, *, members_max: int | None = None) -> RingSignature:
    """Return a request's ring signature as it is written; raises `BadRing` when it is none.

    A ring may repeat a member, and each costs a verification: the chain has no bound, a node passes
    how many the application's ring has. The smallest ring that can sign has two.
    """
    if members_max is not None:
        members = int.from_bytes(request.signature[:4], "big")
        if members > max(2, members_max):
            raise BadRing(f"the signature's ring has {members} members, the application's {members_max}")
    try:
        return read_ring(request.signature)
    except ValueError as error:
        raise BadRing(f"the ring signature cannot be read: {error}") from None


def check_signature(request: RelayRequest, signature: RingSignature, *, ring: Collection[bytes]) -> None:
    """Raise `BadRing` unless members of `ring` alone signed; `signature` is what was read of the request."""
    if not frozenset(ring).issuperset(signature.public_keys):
        raise BadRing("the ring signature has a member that is not in the application's ring")
    if not is_ring_valid(compute_request_hash(request), request.signature):
        raise BadRing("the ring signature is not one over this request")


def check_response(response: RelayResponse, request: RelayRequest, supplier_public_key: bytes) -> None:
    """Hold a supplier's response to the request it answers.

    Raises `Malformed`, `WrongSession`, `PayloadHashMismatch` or `BadSupplierSignature`. The chain
    never compares a payload with its signed hash, so this must.
    """
    # The header of the request is our own: one that equals it needs no look at its fields.
    if response.header != request.header or not response.signature:
        check_response_fields(response)
        raise WrongSession("the response is for another session", session_id=response.header.session_id)
    if response.payload_hash is not None and sha256(response.payload).digest() != response.payload_hash:
        raise PayloadHashMismatch("the response's payload is not the one that was signed")
    if not is_response_signed(response, supplier_public_key):
        raise BadSupplierSignature("the response is not signed by the supplier that was asked")


def check_response_fields(response: RelayResponse) -> None:
    """Raise `Malformed` unless the header can be one, and `BadSupplierSignature` without signature."""
    if fault := find_header_fault(response.header):
        raise Malformed(f"session header: {fault}")
    if not response.signature:
        raise BadSupplierSignature("the response is not signed")


def is_response_signed(response: RelayResponse, supplier_public_key: bytes) -> bool:
    """Tell whether the signature is the supplier's over the response."""
    return verify_signature(supplier_public_key, compute_response_hash(response), response.signature)


def find_header_fault(header: SessionHeader) -> str | None:
    """Return what is wrong with a header on its own, or `None`."""
    if not is_address(header.application_address):
        return "the application address is none"
    if not header.session_id:
        return "the session id is missing"
    if not is_service_id(header.service_id):
        return "the service id is none"
    if header.height_start <= 0:
        return "the start height is not positive"
    if header.height_end <= header.height_start:
        return "the end height is not above the start height"
    return None
