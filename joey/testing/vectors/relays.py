"""Checks of `relays.json`: addresses, rings, requests, responses, leaves, envelopes, odd encodings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import TypeVar

from joey.core.crypto.keys import PrivateKey, compute_address, read_address
from joey.core.crypto.ring import sign_ring
from joey.core.errors import JoeyError
from joey.core.protocol.params import MINIMAL
from joey.core.protocol.proofs import compute_proof_path
from joey.core.protocol.relays import (
    check_request_fields,
    check_request_signature,
    check_response_fields,
    is_response_signed,
)
from joey.core.protocol.rings import (
    PLACEHOLDER_PUBLIC_KEY,
    PLACEHOLDER_SECRET,
    PLACEHOLDER_SORT_ADDRESS,
    compute_placeholder_key,
    compute_ring,
)
from joey.core.protocol.sessions import compute_session_end
from joey.core.units import Height, Upokt
from joey.core.wire.envelope import (
    HttpRequest,
    HttpResponse,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from joey.core.wire.gogo import unmarshal
from joey.core.wire.proto import relay_pb2
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
    encode_signable_request,
    encode_signable_response,
    sign_response,
    write_relay,
    write_request,
    write_response,
    write_signable_request,
    write_signable_response,
)
from joey.core.wire.session import Application, SessionHeader
from joey.testing.vectors.item import Item, MalformedItem
from joey.testing.vectors.ring_signatures import replay_scalars

__all__ = ["GROUPS"]

Subject = TypeVar("Subject")


def check_address(item: Item) -> None:
    """Compare a key's public key and address, both ways."""
    key = PrivateKey(item.octets("private_key"))
    item.expect("public_key", key.public_key)
    item.expect("address", key.address)
    item.expect("address", compute_address(item.octets("public_key")))
    item.expect("address_bytes", read_address(item.text("address")))


def check_placeholder(item: Item) -> None:
    """Compare the key that joins a ring without gateways."""
    key = compute_placeholder_key()
    item.expect("secret_utf8", PLACEHOLDER_SECRET.decode())
    item.expect("private_key", key.secret)
    item.expect("public_key", key.public_key)
    item.expect("public_key", PLACEHOLDER_PUBLIC_KEY)
    item.expect("ring_sort_address", PLACEHOLDER_SORT_ADDRESS)
    item.expect("ring_sort_address", read_address(key.address).hex().upper())


def check_ring(item: Item) -> None:
    """Compare the ring of an application at a height, key by key."""
    blocks = item.integer("num_blocks_per_session")
    shared = replace(MINIMAL.shared, num_blocks_per_session=blocks)
    end = compute_session_end(Height(item.integer("block_height")), shared)
    item.expect("target_session_end_height", end)
    keys: dict[str, bytes] = {}
    address = _read_account(item.item("application"), keys)
    gateways = tuple(_read_account(gateway, keys) for gateway in item.items("delegatee_gateways"))
    pending: dict[int, tuple[str, ...]] = {}
    for undelegation in item.items("pending_undelegations"):
        height = undelegation.integer("undelegation_height")
        gateway = _read_account(undelegation.item("gateway"), keys)
        pending[height] = (*pending.get(height, ()), gateway)
    application = Application(address, Upokt(0), "svc", gateways, pending)
    item.expect("ring_public_keys", compute_ring(application, end, keys))


def check_request(item: Item) -> None:
    """Sign a request with the recorded scalars; compare bytes at every step, and the verdicts."""
    key = PrivateKey(item.octets("signer_private_key"))
    ring = item.octets_list("ring_public_keys")
    unsigned = RelayRequest(
        header=_read_header(item.item("session_header")),
        supplier_address=item.text("supplier_operator_address"),
        payload=item.octets_or_none("payload") or b"",
    )
    message = compute_request_hash(unsigned)
    item.expect("signable_bytes", encode_signable_request(unsigned))
    item.expect("signable_hash", message)
    if key.public_key not in ring:
        raise MalformedItem("the signer is not in the ring")
    scalars = item.octets_list("random_scalars")
    item.expect_count("random_scalars", len(ring))
    signature = sign_ring(message, ring, ring.index(key.public_key), key, replay_scalars(scalars))
    item.expect("signature", signature)
    signed = replace(unsigned, signature=signature)
    item.expect("serialized", encode_relay_request(signed))

    given = decode_relay_request(item.octets("serialized"))
    item.expect("serialized", encode_relay_request(given))
    item.expect("signable_hash", compute_request_hash(given))
    item.expect("signature", given.signature)
    item.expect_presence("validate_basic_error", _raises(check_request_fields, given))
    item.expect("verify", not _raises(lambda request: check_request_signature(request, ring=ring), given))


def check_response(item: Item) -> None:
    """Sign a response; compare bytes at every step, and the verdicts."""
    supplier = item.item("supplier")
    key = PrivateKey(supplier.octets("private_key"))
    supplier.expect("public_key", key.public_key)
    supplier.expect("address", key.address)
    header, payload = _read_header(item.item("session_header")), item.octets_or_none("payload") or b""
    payload_hash = None if item.is_null("payload_hash") else sha256(payload).digest()
    item.expect("payload_hash", payload_hash)
    unsigned = RelayResponse(header, payload, payload_hash, error=_read_error(item))
    message = compute_response_hash(unsigned)
    item.expect("signable_bytes", encode_signable_response(unsigned))
    item.expect("signable_hash", message)
    signed = replace(unsigned, signature=key.sign(message))
    item.expect("supplier_operator_signature", signed.signature)
    item.expect("serialized", encode_relay_response(signed))
    if payload_hash is not None and unsigned.error is None:
        item.expect("serialized", encode_relay_response(sign_response(header, payload, key)))

    given = decode_relay_response(item.octets("serialized"))
    item.expect("serialized", encode_relay_response(given))
    item.expect("signable_hash", compute_response_hash(given))
    item.expect_presence("validate_basic_error", _raises(check_response_fields, given))
    item.expect("verify", is_response_signed(given, supplier.octets("public_key")))


def check_relay(item: Item) -> None:
    """Compare the leaf that a request and its response become."""
    request = decode_relay_request(item.octets("request"))
    response = decode_relay_response(item.octets("response"))
    relay_bytes = encode_relay(request, response)
    item.expect("relay_bytes", relay_bytes)
    item.expect("relay_hash", compute_relay_hash(relay_bytes))
    leaf = decode_relay(item.octets("relay_bytes"))
    item.expect("payload_dropped_from_response", bool(response.payload) and not leaf.response.payload)
    item.expect("relay_bytes", encode_relay(leaf.request, leaf.response))


def check_verification(item: Item) -> None:
    """Compare the verdict on a signed request or response; a crash counts as invalid."""
    serialized = item.octets("serialized")
    match item.text("target"):
        case "request":
            ring = item.octets_list("expected_ring_public_keys")
            valid = not _raises(
                lambda wire: check_request_signature(decode_relay_request(wire), ring=ring), serialized
            )
        case "response":
            key = item.octets("supplier_public_key")
            try:
                valid = is_response_signed(decode_relay_response(serialized), key)
            except ValueError:
                valid = False
        case target:
            raise MalformedItem(f"target is {target}, neither request nor response")
    item.expect("valid", valid)


def check_encoding(item: Item) -> None:
    """Compare how odd bytes are read, written again and hashed, or that they are refused."""
    kind = item.text("type")
    if kind == "Relay" and not item.has("wire"):
        item.expect("remarshalled", write_relay(_build_relay(item)))
        given = item.octets("remarshalled")
        item.expect("remarshalled", write_relay(unmarshal(relay_pb2.Relay, given)))
        return
    wire = item.octets("wire")
    message = _unmarshal(kind, wire)
    item.expect_presence("unmarshal_error", message is None)
    if message is None:
        return
    # Writing settles a message, hashing takes it apart: what was read is looked at first.
    if isinstance(message, relay_pb2.RelayRequest):
        item.expect("has_session_header", message.meta.HasField("session_header"))
        item.expect("signature_is_nil", not message.meta.HasField("signature"))
        item.expect("payload", message.payload)
        item.expect("remarshalled", write_request(message))
        item.expect("signable_hash", sha256(write_signable_request(message)).digest())
    elif isinstance(message, relay_pb2.RelayResponse):
        present = message.HasField("payload_hash")
        item.expect("payload_hash", message.payload_hash if present else None)
        item.expect("payload", message.payload)
        # The hash distinguishes a payload hash that is empty from none, writing forgets it.
        signable = relay_pb2.RelayResponse()
        signable.CopyFrom(message)
        item.expect("remarshalled", write_response(message))
        item.expect("signable_hash", sha256(write_signable_response(signable)).digest())
    else:
        item.expect("remarshalled", write_relay(message))


def check_envelope(item: Item) -> None:
    """Compare the bytes of an HTTP request or response as a payload, and read them back."""
    headers = tuple(
        (header.text("key"), value) for header in item.items("header") for value in header.texts("values")
    )
    match item.text("type"):
        case "POKTHTTPRequest":
            request = HttpRequest(
                item.text("method"), item.text("url"), headers, item.octets_or_none("body") or b""
            )
            item.expect("serialized", encode_request(request))
            item.expect("serialized", encode_request(decode_request(item.octets("serialized"))))
        case "POKTHTTPResponse":
            response = HttpResponse(item.integer("status_code"), headers, item.octets_or_none("body") or b"")
            item.expect("serialized", encode_response(response))
            item.expect("serialized", encode_response(decode_response(item.octets("serialized"))))
        case kind:
            raise MalformedItem(f"type is {kind}, no envelope")


def check_proof_path(item: Item) -> None:
    """Compare the path that a block hash and a session lead to."""
    item.expect("path", compute_proof_path(item.octets("block_hash"), item.text("session_id")))


def _read_account(item: Item, keys: dict[str, bytes]) -> str:
    """Return an account's address, and note its public key; both must be the private key's."""
    key = PrivateKey(item.octets("private_key"))
    item.expect("public_key", key.public_key)
    item.expect("address", key.address)
    keys[key.address] = key.public_key
    return key.address


def _read_header(item: Item) -> SessionHeader:
    return SessionHeader(
        application_address=item.text("application_address"),
        service_id=item.text("service_id"),
        session_id=item.text("session_id"),
        height_start=Height(item.integer("session_start_block_height")),
        height_end=Height(item.integer("session_end_block_height")),
    )


def _read_error(item: Item) -> RelayMinerError | None:
    if item.is_null("relay_miner_error"):
        return None
    error = item.item("relay_miner_error")
    return RelayMinerError(
        error.text("codespace"), error.integer("code"), error.text("description"), error.text("message")
    )


def _unmarshal(
    kind: str, wire: bytes
) -> relay_pb2.RelayRequest | relay_pb2.RelayResponse | relay_pb2.Relay | None:
    """Return the message, or `None` where the Go side refuses the bytes."""
    try:
        match kind:
            case "RelayRequest":
                return unmarshal(relay_pb2.RelayRequest, wire)
            case "RelayResponse":
                return unmarshal(relay_pb2.RelayResponse, wire)
            case "Relay":
                return unmarshal(relay_pb2.Relay, wire)
    except ValueError:
        return None
    raise MalformedItem(f"type is {kind}, no message of relays")


def _build_relay(item: Item) -> relay_pb2.Relay:
    """Return the relay that a note describes: items of this type bring no bytes to read."""
    match item.text("note"):
        case "no request, no response":
            return relay_pb2.Relay()
        case "empty request and response":
            return relay_pb2.Relay(req=relay_pb2.RelayRequest(), res=relay_pb2.RelayResponse())
        case note:
            raise MalformedItem(f"the note describes no relay that we can build: {note}")


def _raises(check: Callable[[Subject], None], subject: Subject) -> bool:
    """Tell whether a check refuses its subject."""
    try:
        check(subject)
    except (JoeyError, ValueError):
        return True
    return False


GROUPS: Mapping[str, Callable[[Item], None]] = {
    "addresses": check_address,
    "placeholder_ring_key": check_placeholder,
    "ring_construction": check_ring,
    "requests": check_request,
    "responses": check_response,
    "relays": check_relay,
    "verifications": check_verification,
    "encoding_corner_cases": check_encoding,
    "http_payloads": check_envelope,
    "proof_paths": check_proof_path,
}
