"""Relays from end to end: the fixed example of the protocol notes, and the traps of the Go side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest

from joey.core.crypto.curve import ORDER
from joey.core.crypto.keys import PrivateKey, verify_signature
from joey.core.crypto.ring import read_ring, sign_ring
from joey.core.protocol.proofs import compute_proof_path
from joey.core.protocol.sessions import compute_session_id
from joey.core.trie.closest import prove_closest
from joey.core.trie.compact import decode_proof, encode_proof, is_proof_valid
from joey.core.trie.smst import SessionTrie
from joey.core.units import Height
from joey.core.wire.codec import encode_session_header
from joey.core.wire.envelope import HttpRequest, HttpResponse, encode_request, encode_response
from joey.core.wire.relay import (
    RelayMinerError,
    RelayRequest,
    RelayResponse,
    compute_relay_hash,
    compute_request_hash,
    compute_response_hash,
    decode_relay,
    decode_relay_request,
    decode_relay_response,
    encode_relay,
    encode_relay_request,
    encode_relay_response,
    encode_signable_response,
    sign_response,
)
from joey.core.wire.session import SessionHeader

APPLICATION = PrivateKey.from_hex("2d00ef074d9b51e46886dc9a1df11e7b986611d0f336bdcf1f0adce3e037ec0a")
GATEWAY = PrivateKey.from_hex("1a11ef074d9b51e46886dc9a1df11e7b986611d0f336bdcf1f0adce3e037ab11")
SUPPLIER = PrivateKey(sha256(b"supplier").digest())
HEADER = SessionHeader(
    application_address="pokt1mrqt5f7qh8uxs27cjm9t7v9e74a9vvdnq5jva4",
    service_id="eth",
    session_id="5baf014783ac43e0e8821273f1583a33fc9b2e4ac1b185380715482e6365ef32",
    height_start=Height(1021),
    height_end=Height(1040),
)
JSON = (("Content-Type", "application/json"),)
REQUEST_PAYLOAD = encode_request(
    HttpRequest(
        "POST",
        "https://supplier.example/v1",
        JSON,
        b'{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}',
    )
)
RESPONSE_PAYLOAD = encode_response(HttpResponse(200, JSON, b'{"jsonrpc":"2.0","id":1,"result":"0x10"}'))


def hash_of(data: bytes) -> str:
    return sha256(data).hexdigest()


def fixed_scalars() -> Callable[[], int]:
    scalars = iter(int(hash_of(seed), 16) % ORDER for seed in (b"u", b"s0"))
    return lambda: next(scalars)


def make_request() -> RelayRequest:
    unsigned = RelayRequest(HEADER, SUPPLIER.address, REQUEST_PAYLOAD)
    ring = [APPLICATION.public_key, GATEWAY.public_key]
    signature = sign_ring(compute_request_hash(unsigned), ring, 1, GATEWAY, fixed_scalars())
    return replace(unsigned, signature=signature)


def test_the_fixed_example_from_session_to_proof() -> None:
    assert HEADER.application_address == APPLICATION.address
    assert SUPPLIER.address == "pokt13xxp89w76m6eqsy8zcy80jtd0fe98wt7mgegay"
    block_hash = sha256(b"block-1021").digest()
    _, session_id = compute_session_id(block_hash, "eth", APPLICATION.address, Height(1021))
    assert session_id == HEADER.session_id
    header = encode_session_header(HEADER)
    assert len(header) == 122
    assert header.endswith(bytes.fromhex("20fd07289008"))
    assert len(REQUEST_PAYLOAD) == 150
    assert len(RESPONSE_PAYLOAD) == 95

    request = make_request()
    assert len(encode_relay_request(replace(request, signature=b""))) == 325
    assert (
        compute_request_hash(request).hex()
        == "5993b1e1f01497ef3532c47525ecfee9fa897b5d6af396d30dcc966695d6301e"
    )
    signature = read_ring(request.signature)
    assert f"{signature.c0:064x}" == "215ff9f63ca3f5545fdfdda5c91955da8630a346a7b4a11d6473cecf0f0d7565"
    assert (
        f"{signature.members[1][0]:064x}"
        == "79f00bfaa614096427ea9d16acfaf5a9ffc63abc446b5d9b22bcaeba4165757a"
    )
    wire = encode_relay_request(request)
    assert len(wire) == 527
    assert hash_of(wire) == "b20d8c859b5824248da6b42cd300d7a12d339c20f3b5640f2be02e7a3fc2e6b6"

    response = sign_response(HEADER, RESPONSE_PAYLOAD, SUPPLIER)
    assert response.payload_hash is not None
    assert response.payload_hash.hex() == "24523b4991ad82c709f4b722610b6ec7f1a53832baf8ea8bb0ec19aba77f3d13"
    signed = compute_response_hash(response)
    assert signed.hex() == "435091eb6f15683bb4f3f898b82a0fcf4f19fe1baafc647dc3e6c6aae5d49f03"
    assert response.signature.hex() == (
        "c57ff994133ef0d55c262e116b52ae123edd6d2635cc0dde0ef04f917960ecd2"
        "7132b4c93b67ce5f2b59a6d04f7b43aacf4761e09611838cf525804e4636cd5a"
    )
    wire = encode_relay_response(response)
    assert len(wire) == 324
    assert hash_of(wire) == "162d10bfe4c8ea42ff065603472ee33302daa4b4fffa559aaad890f3494663d5"

    relay_bytes = encode_relay(request, response)
    relay_hash = compute_relay_hash(relay_bytes)
    assert len(relay_bytes) == 760
    assert relay_hash.hex() == "0258ec872124d2f900469629976bb1f91ff9be55bec82edb1cb46522527af66e"

    trie = SessionTrie()
    trie.insert(relay_hash, relay_bytes, 2600)
    assert trie.root().hex() == (
        "3b3dfbc28264c7cf5809fce373a7e264a6766c66a471555ec30449b60f3bcea20000000000000a280000000000000001"
    )
    path = compute_proof_path(sha256(b"block-1062").digest(), HEADER.session_id)
    assert path.hex() == "4f445de2617017c302bf93e91d07692a530cd5ef114fe23946e4b1ba522b52fb"
    proof = prove_closest(trie, path)
    assert proof.closest_path.hex() == "51862f602d1ccd88f5fec75bf2eef5f49aa67742ee9ba864ab0c64a0edc68e03"
    blob = encode_proof(proof, (65, 66, 67))
    assert len(blob) == 1146
    assert hash_of(blob) == "e10ad78572d8245e7da9fd986e066a8b9f0d7fc30b265222d3ddbefbe3ee9471"
    assert is_proof_valid(trie.root(), blob)
    assert decode_proof(blob).value == relay_bytes


def test_round_trips() -> None:
    request, response = make_request(), sign_response(HEADER, RESPONSE_PAYLOAD, SUPPLIER)
    assert decode_relay_request(encode_relay_request(request)) == request
    assert decode_relay_response(encode_relay_response(response)) == response
    error = RelayResponse(HEADER, b"text", None, error=RelayMinerError("relayer_proxy", 7, "busy", "full"))
    assert decode_relay_response(encode_relay_response(error)) == error
    relay = decode_relay(encode_relay(request, response))
    assert relay.request == request
    assert relay.response == replace(response, payload=b"")


def test_the_signature_is_over_the_hash_hashed_again() -> None:
    response = sign_response(HEADER, b"answer", SUPPLIER)
    assert verify_signature(SUPPLIER.public_key, compute_response_hash(response), response.signature)
    assert not verify_signature(SUPPLIER.public_key, encode_signable_response(response), response.signature)


def test_the_payload_is_signed_only_without_its_hash() -> None:
    old, new = RelayResponse(HEADER, b"a", None), RelayResponse(HEADER, b"a", sha256(b"a").digest())
    assert compute_response_hash(old) != compute_response_hash(replace(old, payload=b"b"))
    assert compute_response_hash(new) == compute_response_hash(replace(new, payload=b"b"))
    present = replace(old, payload_hash=b"")
    assert compute_response_hash(present) == compute_response_hash(replace(present, payload=b"b"))
    assert encode_relay_response(present) == encode_relay_response(old)
    assert decode_relay(encode_relay(make_request(), old)).response.payload == b"a"


def test_an_empty_payload_cannot_be_signed() -> None:
    with pytest.raises(ValueError, match="without a payload"):
        sign_response(HEADER, b"", SUPPLIER)


def test_decoding_refuses() -> None:
    for wire in (b"", b"\x12\x01a", b"\x10\x01", b"\x0a\x06\x0a\x04\x0a\x02\xff\xfe"):
        with pytest.raises(ValueError):
            decode_relay_request(wire)
        with pytest.raises(ValueError):
            decode_relay_response(wire)
    with pytest.raises(ValueError, match="lacks"):
        decode_relay(b"\x0a\x02\x0a\x00")
