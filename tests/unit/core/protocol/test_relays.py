"""What a node and a gateway accept, and by which name they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from joey.core.crypto.keys import PrivateKey
from joey.core.crypto.ring import sign_ring
from joey.core.errors import (
    BadRelay,
    BadRing,
    BadSupplierSignature,
    JoeyError,
    Malformed,
    PayloadHashMismatch,
    WrongSession,
)
from joey.core.protocol.proofs import compute_proof_path
from joey.core.protocol.relays import (
    check_request,
    check_request_signature,
    check_response,
    find_header_fault,
    is_response_signed,
)
from joey.core.units import Height
from joey.core.wire.relay import (
    RelayRequest,
    RelayResponse,
    compute_request_hash,
    compute_response_hash,
    sign_response,
)
from joey.core.wire.session import SessionHeader

APPLICATION, GATEWAY, SUPPLIER, STRANGER = (PrivateKey(bytes([number]) * 32) for number in range(1, 5))
RING = [APPLICATION.public_key, GATEWAY.public_key]
HEADER = SessionHeader(APPLICATION.address, "svc", "ab" * 32, Height(5), Height(8))


def scalars() -> Callable[[], int]:
    numbers = count(1000)
    return lambda: next(numbers)


def sign(request: RelayRequest, ring: list[bytes], key: PrivateKey) -> RelayRequest:
    index = ring.index(key.public_key)
    return replace(request, signature=sign_ring(compute_request_hash(request), ring, index, key, scalars()))


UNSIGNED = RelayRequest(HEADER, SUPPLIER.address, b"payload")
REQUEST = sign(UNSIGNED, RING, GATEWAY)
RESPONSE = sign_response(HEADER, b"answer", SUPPLIER)


def test_a_genuine_request() -> None:
    check_request(REQUEST, ring=RING)
    check_request(sign(UNSIGNED, RING[::-1], APPLICATION), ring=RING)
    check_request(sign(UNSIGNED, [RING[0]] * 2, APPLICATION), ring=RING)
    check_request(replace(REQUEST, signature=REQUEST.signature + b"more"), ring=RING)
    check_request(REQUEST, ring=[*RING, STRANGER.public_key])


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (UNSIGNED, BadRelay),
        (replace(REQUEST, supplier_address=""), BadRelay),
        (replace(REQUEST, header=replace(HEADER, height_end=Height(5))), BadRelay),
        (replace(REQUEST, payload=b"other"), BadRing),
        (replace(REQUEST, supplier_address=STRANGER.address), BadRing),
        (replace(REQUEST, header=replace(HEADER, height_end=Height(9))), BadRing),
        (replace(REQUEST, signature=bytes(3)), BadRing),
        (replace(REQUEST, signature=REQUEST.signature[:-1]), BadRing),
        (sign(UNSIGNED, [STRANGER.public_key, RING[0]], STRANGER), BadRing),
        (sign(UNSIGNED, [*RING, RING[0]], GATEWAY), BadRing),
    ],
)
def test_a_request_is_refused(request_: RelayRequest, error: type[JoeyError]) -> None:
    with pytest.raises(error) as caught:
        check_request(request_, ring=RING)
    assert "payload" not in str(caught.value)


def test_the_chain_has_no_bound_on_a_ring() -> None:
    long = sign(UNSIGNED, [*RING, RING[0]], GATEWAY)
    check_request_signature(long, ring=RING)
    with pytest.raises(BadRing, match="3 members"):
        check_request(long, ring=RING)


def test_a_genuine_response() -> None:
    check_response(RESPONSE, REQUEST, SUPPLIER.public_key)
    old = RelayResponse(HEADER, b"answer", None)
    old = replace(old, signature=SUPPLIER.sign(compute_response_hash(old)))
    check_response(old, REQUEST, SUPPLIER.public_key)


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (replace(RESPONSE, payload=b"other"), PayloadHashMismatch),
        (replace(RESPONSE, payload_hash=b""), PayloadHashMismatch),
        (replace(RESPONSE, payload_hash=None), BadSupplierSignature),
        (replace(RESPONSE, signature=b""), BadSupplierSignature),
        (replace(RESPONSE, signature=RESPONSE.signature[:-1]), BadSupplierSignature),
        (sign_response(HEADER, b"answer", STRANGER), BadSupplierSignature),
        (sign_response(replace(HEADER, session_id="cd" * 32), b"answer", SUPPLIER), WrongSession),
        (replace(RESPONSE, header=replace(HEADER, session_id="")), Malformed),
    ],
)
def test_a_response_is_refused(response: RelayResponse, error: type[JoeyError]) -> None:
    with pytest.raises(error):
        check_response(response, REQUEST, SUPPLIER.public_key)


def test_the_chain_does_not_compare_payload_and_hash() -> None:
    assert is_response_signed(replace(RESPONSE, payload=b"other"), SUPPLIER.public_key)


@pytest.mark.parametrize(
    "change",
    [
        {"application_address": "pokt1nobody"},
        {"service_id": "s v c"},
        {"session_id": ""},
        {"height_start": Height(0)},
        {"height_end": Height(5)},
    ],
)
def test_header_faults(change: dict[str, object]) -> None:
    assert find_header_fault(HEADER) is None
    assert find_header_fault(replace(HEADER, **change)) is not None  # type: ignore[arg-type]


def test_proof_path() -> None:
    block_hash = bytes.fromhex("ec81d97635b6a1571656996bda693aeae844c07f3791786e2535c4759ee5e7d6")
    session_id = "5baf014783ac43e0e8821273f1583a33fc9b2e4ac1b185380715482e6365ef32"
    path = "4f445de2617017c302bf93e91d07692a530cd5ef114fe23946e4b1ba522b52fb"
    assert compute_proof_path(block_hash, session_id).hex() == path
