"""Relays as a gateway makes them, for tests of whoever receives them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from joey.adapters.entropy import SystemEntropy
from joey.core.crypto.keys import PrivateKey
from joey.core.crypto.ring import sign_ring
from joey.core.wire.envelope import HttpRequest, encode_request
from joey.core.wire.relay import RelayRequest, compute_request_hash
from joey.core.wire.session import SessionHeader

__all__ = ["make_call", "sign_request", "sign_relay"]

_ENTROPY = SystemEntropy()


def make_call(
    text: str = "one two three",
    *,
    path: str = "/v1/chat/completions",
    method: str = "POST",
    **members: object,
) -> HttpRequest:
    """Return a chat completion call as a gateway envelops it; `members` are added to its body."""
    body = {"model": "echo", "messages": [{"role": "user", "content": text}], **members}
    headers = (("Accept", "application/json"), ("Content-Type", "application/json"))
    return HttpRequest(method, f"http://supplier.test{path}", headers, json.dumps(body).encode())


def sign_request(request: RelayRequest, ring: Sequence[bytes], signer: PrivateKey) -> RelayRequest:
    """Return the request with a fresh ring signature; the signer is a member of `ring`."""
    message = compute_request_hash(replace(request, signature=b""))
    index = list(ring).index(signer.public_key)
    return replace(request, signature=sign_ring(message, ring, index, signer, _ENTROPY.random_scalar))


def sign_relay(
    header: SessionHeader,
    supplier_address: str,
    call: HttpRequest,
    ring: Sequence[bytes],
    signer: PrivateKey,
) -> RelayRequest:
    """Return one signed relay request, different each time."""
    return sign_request(RelayRequest(header, supplier_address, encode_request(call)), ring, signer)
