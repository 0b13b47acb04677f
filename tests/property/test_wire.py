"""Round trips of relays and envelopes, and frames cut anywhere."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joey.core.units import Height, Upokt
from joey.core.wire.envelope import (
    HttpRequest,
    HttpResponse,
    canonicalize_name,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from joey.core.wire.gogo import marshal, unmarshal
from joey.core.wire.message_codec import TYPE_URLS, decode_message
from joey.core.wire.messages import Send
from joey.core.wire.proto.relay_pb2 import RelayRequest as RequestMessage
from joey.core.wire.relay import (
    RelayMinerError,
    RelayRequest,
    RelayResponse,
    compute_request_hash,
    compute_response_hash,
    decode_relay_request,
    decode_relay_response,
    encode_relay_request,
    encode_relay_response,
)
from joey.core.wire.session import SessionHeader
from joey.core.wire.stream import FrameKind, FrameReader, encode_frame
from joey.core.wire.transactions import decode_transaction, sign_transaction
from joey.testing.worlds import make_key

TEXT = st.text(max_size=20)
HEIGHTS = st.integers(-(2**63), 2**63 - 1).map(Height)
HEADERS = st.builds(SessionHeader, TEXT, TEXT, TEXT, HEIGHTS, HEIGHTS)
REQUESTS = st.builds(RelayRequest, HEADERS, TEXT, st.binary(max_size=50), st.binary(max_size=50))
ERRORS = st.builds(RelayMinerError, TEXT, st.integers(0, 2**32 - 1), TEXT, TEXT)
RESPONSES = st.builds(
    RelayResponse,
    HEADERS,
    st.binary(max_size=50),
    st.none() | st.binary(min_size=1, max_size=32),
    st.binary(max_size=64),
    st.none() | ERRORS,
)
NAMES = st.text("abcXYZ-", min_size=1, max_size=8)
FIELDS = st.lists(st.tuples(NAMES, TEXT), max_size=6).map(tuple)


@given(REQUESTS)
def test_requests(request: RelayRequest) -> None:
    wire = encode_relay_request(request)
    assert decode_relay_request(wire) == request
    # Unknown fields before and after change nothing of what is read or signed.
    odd = decode_relay_request(b"\x7a\x01x" + wire + b"\x78\x01")
    assert odd == request
    assert compute_request_hash(odd) == compute_request_hash(request)


@given(RESPONSES)
def test_responses(response: RelayResponse) -> None:
    decoded = decode_relay_response(encode_relay_response(response))
    assert decoded == response
    assert compute_response_hash(decoded) == compute_response_hash(response)


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_settle_at_once(wire: bytes) -> None:
    try:
        message = unmarshal(RequestMessage, wire)
    except ValueError:
        return
    written = marshal(message)
    assert marshal(unmarshal(RequestMessage, written)) == written


def grouped(headers: tuple[tuple[str, str], ...]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in headers:
        groups.setdefault(canonicalize_name(name), []).append(value)
    return groups


@given(TEXT, TEXT, FIELDS, st.binary(max_size=50))
def test_envelopes(method: str, url: str, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
    request = decode_request(encode_request(HttpRequest(method, url, headers, body)))
    assert (request.method, request.url, request.body) == (method, url, body)
    assert grouped(request.headers) == grouped(headers)
    response = decode_response(encode_response(HttpResponse(len(method), headers, body)))
    assert (response.status, response.body) == (len(method), body)
    assert grouped(response.headers) == grouped(headers)
    assert encode_request(request) == encode_request(HttpRequest(method, url, headers, body))


BODIES = st.lists(st.binary(min_size=1, max_size=30), max_size=6)
CUTS = st.lists(st.integers(0, 300), max_size=12)


def frames_of(head: bytes, bodies: list[bytes], last: bytes) -> list[bytes]:
    return [
        encode_frame(FrameKind.HEAD, head),
        *(encode_frame(FrameKind.BODY, body) for body in bodies),
        encode_frame(FrameKind.END, last),
    ]


def feed_in_pieces(reader: FrameReader, stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(edges)]
    return [encode_frame(frame.kind, frame.data) for piece in pieces for frame in reader.feed(piece)]


@given(st.binary(max_size=20), BODIES, st.binary(max_size=20), CUTS)
def test_frames_come_out_however_they_are_cut(
    head: bytes, bodies: list[bytes], last: bytes, cuts: list[int]
) -> None:
    frames = frames_of(head, bodies, last)
    reader = FrameReader(10_000)
    assert feed_in_pieces(reader, b"".join(frames), cuts) == frames
    assert reader.finished


@given(st.binary(max_size=20), BODIES, st.binary(max_size=20), CUTS, st.integers(1, 400))
def test_a_stream_cut_short_never_finishes(
    head: bytes, bodies: list[bytes], last: bytes, cuts: list[int], missing: int
) -> None:
    frames = frames_of(head, bodies, last)
    stream = b"".join(frames)[:-missing]
    reader = FrameReader(10_000)
    read = feed_in_pieces(reader, stream, cuts)
    assert not reader.finished
    assert read == frames[: len(read)]


@given(BODIES, st.data())
def test_frames_in_another_order_are_refused_unless_only_bodies_moved(
    bodies: list[bytes], data: st.DataObject
) -> None:
    frames = frames_of(b"head", bodies, b"end")
    order = data.draw(st.permutations(range(len(frames))))
    stream = b"".join(frames[place] for place in order)
    in_place = order[0] == 0 and order[-1] == len(frames) - 1
    reader = FrameReader(10_000)
    try:
        reader.feed(stream)
    except ValueError:
        assert not in_place
    else:
        assert in_place


FUZZED = int(os.environ.get("JOEY_SOAK", "0")) * 1_000_000 or 400
SENT = sign_transaction(
    [Send(make_key("a").address, make_key("b").address, Upokt(5))],
    make_key("a"), chain_id="joey-test", account_number=1, sequence=2, fee=Upokt(3), gas_limit=4, memo="memo",
)  # fmt: skip


@pytest.mark.soak
@settings(max_examples=FUZZED, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SENT)), st.binary(max_size=6), st.integers(0, 6)), max_size=4))
def test_mutated_transactions_are_read_or_refused(changes: list[tuple[int, bytes, int]]) -> None:
    raw = SENT
    for place, inserted, removed in changes:
        raw = raw[:place] + inserted + raw[place + removed :]
    try:
        transaction = decode_transaction(raw)
    except ValueError:
        return
    assert transaction.size == len(raw)


@pytest.mark.soak
@settings(max_examples=FUZZED, deadline=None)
@given(st.sampled_from(TYPE_URLS), st.binary(max_size=80))
def test_any_bytes_are_a_message_or_refused(type_url: str, wire: bytes) -> None:
    try:
        message = decode_message(type_url, wire)
    except ValueError:
        return
    assert isinstance(message.signer, str)
