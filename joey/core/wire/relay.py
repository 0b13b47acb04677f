"""Relays: their bytes, what of them is signed, and the hash under which they are mined.

What is signed is the hash of the message *as the Go side would write it again* without its
signature, so everything here goes through `joey.core.wire.gogo`. Three traps of that side:

- `meta` is written even when it is empty;
- a response with a payload hash, even an empty one, leaves its payload out of the signed bytes;
- an empty byte field is never written, though it may have been read.

Whether a signature is the right one's is asked in `joey.core.protocol.relays`.
Source: pocket.service, x/service/types/relay.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from joey.core.crypto.keys import PrivateKey
from joey.core.wire.codec import header_from_proto, header_to_proto, read_text
from joey.core.wire.gogo import marshal, unmarshal
from joey.core.wire.proto import relay_pb2
from joey.core.wire.session import SessionHeader

__all__ = [
    "Relay",
    "RelayMinerError",
    "RelayRequest",
    "RelayResponse",
    "compute_relay_hash",
    "compute_request_hash",
    "compute_response_hash",
    "decode_relay",
    "decode_relay_request",
    "decode_relay_response",
    "encode_relay",
    "encode_relay_request",
    "encode_relay_response",
    "encode_signable_request",
    "encode_signable_response",
    "sign_response",
    "write_relay",
    "write_request",
    "write_response",
    "write_signable_request",
    "write_signable_response",
]


@dataclass(frozen=True, slots=True)
class RelayRequest:
    """`payload` is an envelope; `signature` a ring signature, empty while there is none."""

    header: SessionHeader
    supplier_address: str
    payload: bytes
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class RelayMinerError:
    """What went wrong at a node. An unsigned response that has one is a refusal."""

    codespace: str
    code: int
    description: str
    message: str


@dataclass(frozen=True, slots=True)
class RelayResponse:
    """`signature` is the supplier's, 64 bytes, empty in an error reply.

    `payload_hash` is SHA-256 of the payload. `None` is the form before v0.1.25, which signs the
    payload itself; an empty one is present to the signature and lost when written.
    """

    header: SessionHeader
    payload: bytes
    payload_hash: bytes | None
    signature: bytes = b""
    error: RelayMinerError | None = None


@dataclass(frozen=True, slots=True)
class Relay:
    """A request and the response to it, as it lies in a session trie: without the answer."""

    request: RelayRequest
    response: RelayResponse


def encode_relay_request(request: RelayRequest) -> bytes:
    """Return `pocket.service.RelayRequest`, the body of a relay's POST."""
    return write_request(_request_to_proto(request))


def decode_relay_request(wire: bytes) -> RelayRequest:
    """Read a request. Raises `ValueError`, also when it has no session header."""
    return _request_from_proto(unmarshal(relay_pb2.RelayRequest, wire))


def encode_relay_response(response: RelayResponse) -> bytes:
    """Return `pocket.service.RelayResponse`, the body of the answer to a relay."""
    return write_response(_response_to_proto(response))


def decode_relay_response(wire: bytes) -> RelayResponse:
    """Read a response. Raises `ValueError`, also when it has no session header."""
    return _response_from_proto(unmarshal(relay_pb2.RelayResponse, wire))


def encode_signable_request(request: RelayRequest) -> bytes:
    """Return the bytes of a request without its signature."""
    return write_signable_request(_request_to_proto(request))


def encode_signable_response(response: RelayResponse) -> bytes:
    """Return the bytes of a response without its signature and, with a payload hash, its payload."""
    return write_signable_response(_response_to_proto(response))


def compute_request_hash(request: RelayRequest) -> bytes:
    """Return the 32 bytes that the ring signs, as they are."""
    return sha256(encode_signable_request(request)).digest()


def compute_response_hash(response: RelayResponse) -> bytes:
    """Return the 32 bytes that the supplier signs as a message, so hashed once more."""
    return sha256(encode_signable_response(response)).digest()


def sign_response(header: SessionHeader, payload: bytes, key: PrivateKey) -> RelayResponse:
    """Return the signed response that carries `payload`; the key is the supplier operator's.

    Raises `ValueError` for an empty payload, which the network cannot mine.
    """
    if not payload:
        raise ValueError("a response without a payload cannot be signed")
    payload_hash = sha256(payload).digest()
    message = compute_response_hash(RelayResponse(header, b"", payload_hash))
    return RelayResponse(header, payload, payload_hash, signature=key.sign(message))


def encode_relay(request: RelayRequest, response: RelayResponse) -> bytes:
    """Return `pocket.service.Relay`, the value of a leaf: the response's payload is left out.

    A response without a payload hash keeps its payload: nothing else there commits to it.
    """
    relay = relay_pb2.Relay(req=_request_to_proto(request), res=_response_to_proto(response))
    if response.payload_hash is not None:
        relay.res.ClearField("payload")
    return write_relay(relay)


def decode_relay(wire: bytes) -> Relay:
    """Read a leaf's value. Raises `ValueError`, also when a part or a session header is missing."""
    message = unmarshal(relay_pb2.Relay, wire)
    if not (message.HasField("req") and message.HasField("res")):
        raise ValueError("the relay lacks its request or its response")
    return Relay(_request_from_proto(message.req), _response_from_proto(message.res))


def compute_relay_hash(relay_bytes: bytes) -> bytes:
    """Return SHA-256 of a relay: the key of its leaf, and what difficulty is asked of."""
    return sha256(relay_bytes).digest()


def write_request(message: relay_pb2.RelayRequest) -> bytes:
    """Return the bytes the Go side would write for a request, whatever was read."""
    _settle_request(message)
    return marshal(message)


def write_response(message: relay_pb2.RelayResponse) -> bytes:
    """Return the bytes the Go side would write for a response, whatever was read."""
    _settle_response(message)
    return marshal(message)


def write_relay(message: relay_pb2.Relay) -> bytes:
    """Return the bytes the Go side would write for a relay, whatever was read."""
    if message.HasField("req"):
        _settle_request(message.req)
    if message.HasField("res"):
        _settle_response(message.res)
    return marshal(message)


def write_signable_request(message: relay_pb2.RelayRequest) -> bytes:
    """Return what is hashed of a request. Its signature is removed from `message`."""
    message.meta.ClearField("signature")
    return write_request(message)


def write_signable_response(message: relay_pb2.RelayResponse) -> bytes:
    """Return what is hashed of a response. Signature and covered payload are removed from `message`."""
    message.meta.ClearField("supplier_operator_signature")
    if message.HasField("payload_hash"):
        message.ClearField("payload")
    return write_response(message)


def _settle_request(message: relay_pb2.RelayRequest) -> None:
    message.meta.SetInParent()
    if not message.meta.signature:
        message.meta.ClearField("signature")


def _settle_response(message: relay_pb2.RelayResponse) -> None:
    message.meta.SetInParent()
    if not message.payload_hash:
        message.ClearField("payload_hash")


def _request_to_proto(request: RelayRequest) -> relay_pb2.RelayRequest:
    return relay_pb2.RelayRequest(
        meta=relay_pb2.RelayRequestMetadata(
            session_header=header_to_proto(request.header),
            signature=request.signature,
            supplier_operator_address=request.supplier_address,
        ),
        payload=request.payload,
    )


def _request_from_proto(message: relay_pb2.RelayRequest) -> RelayRequest:
    if not message.meta.HasField("session_header"):
        raise ValueError("the relay request has no session header")
    return RelayRequest(
        header=header_from_proto(message.meta.session_header),
        supplier_address=read_text(message.meta.supplier_operator_address),
        payload=message.payload,
        signature=message.meta.signature,
    )


def _response_to_proto(response: RelayResponse) -> relay_pb2.RelayResponse:
    return relay_pb2.RelayResponse(
        meta=relay_pb2.RelayResponseMetadata(
            session_header=header_to_proto(response.header),
            supplier_operator_signature=response.signature,
        ),
        payload=response.payload,
        relay_miner_error=_error_to_proto(response.error),
        payload_hash=response.payload_hash,
    )


def _error_to_proto(error: RelayMinerError | None) -> relay_pb2.RelayMinerError | None:
    if error is None:
        return None
    return relay_pb2.RelayMinerError(
        codespace=error.codespace,
        code=error.code,
        description=error.description,
        message=error.message,
    )


def _error_from_proto(message: relay_pb2.RelayMinerError) -> RelayMinerError:
    return RelayMinerError(
        codespace=read_text(message.codespace),
        code=message.code,
        description=read_text(message.description),
        message=read_text(message.message),
    )


def _response_from_proto(message: relay_pb2.RelayResponse) -> RelayResponse:
    if not message.meta.HasField("session_header"):
        raise ValueError("the relay response has no session header")
    return RelayResponse(
        header=header_from_proto(message.meta.session_header),
        payload=message.payload,
        payload_hash=message.payload_hash if message.HasField("payload_hash") else None,
        signature=message.meta.supplier_operator_signature,
        error=_error_from_proto(message.relay_miner_error) if message.HasField("relay_miner_error") else None,
    )
