"""Frames of a streamed answer, and what a reader refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joey.core.crypto.keys import PrivateKey
from joey.core.units import Height
from joey.core.wire.envelope import HttpResponse, decode_response, encode_response
from joey.core.wire.relay import RelayMinerError, RelayResponse, decode_relay_response, sign_response
from joey.core.wire.session import SessionHeader
from joey.core.wire.stream import (
    Frame,
    FrameKind,
    FrameReader,
    StreamTooLarge,
    encode_end,
    encode_error,
    encode_frame,
    encode_head,
    rebuild_response,
)

HEADER = SessionHeader("pokt1app", "svc", "ab" * 32, Height(5), Height(8))
KEY = PrivateKey(bytes(31) + b"\7")
WHOLE = HttpResponse(200, (("Content-Type", "text/event-stream"),), b"data: 1\n\ndata: 2\n\n")
SIGNED = sign_response(HEADER, encode_response(WHOLE), KEY)
HEAD = encode_head(WHOLE)
BODY = [encode_frame(FrameKind.BODY, WHOLE.body[:9]), encode_frame(FrameKind.BODY, WHOLE.body[9:])]
END = encode_end(SIGNED)
ERROR = encode_error(RelayResponse(HEADER, b"", None, error=RelayMinerError("relayer_proxy", 5, "x", "y")))


def test_a_stream_is_the_answer_sent_whole() -> None:
    reader = FrameReader(10_000)
    head, first, second, end = reader.feed(HEAD + b"".join(BODY) + END)
    assert reader.finished
    assert (head.kind, end.kind) == (FrameKind.HEAD, FrameKind.END)
    assert decode_response(head.data) == replace(WHOLE, body=b"")
    assert decode_relay_response(end.data).payload == b""
    assert rebuild_response(end, decode_response(head.data), first.data + second.data) == SIGNED


def test_an_error_ends_a_stream() -> None:
    reader = FrameReader(10_000)
    frames = reader.feed(HEAD + BODY[0] + ERROR)
    assert reader.finished
    rebuilt = rebuild_response(frames[-1], WHOLE, b"")
    assert rebuilt.payload == b""
    assert rebuilt.error == RelayMinerError("relayer_proxy", 5, "x", "y")


def test_layout() -> None:
    assert encode_frame(FrameKind.BODY, b"abc") == b"\x01\x00\x00\x00\x03abc"


@pytest.mark.parametrize(
    ("stream", "complaint"),
    [
        (BODY[0], "head frame"),
        (END, "head frame"),
        (ERROR, "head frame"),
        (HEAD + HEAD, "head frame"),
        (HEAD + END + b"\0", "after the last"),
        (HEAD + ERROR + END, "after the last"),
        (HEAD + b"\x01\0\0\0\0", "empty body"),
        (HEAD + b"\x04\0\0\0\0", "unknown frame kind 4"),
        (HEAD + b"\x01\xff\xff\xff\xff", "more than 1000 bytes"),
        (HEAD + encode_frame(FrameKind.BODY, bytes(600)) * 2, "more than 1000 bytes"),
    ],
)
def test_the_reader_refuses(stream: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        FrameReader(1000).feed(stream)


def test_a_frame_too_large_is_refused_before_it_arrives() -> None:
    reader = FrameReader(100)
    reader.feed(HEAD)
    with pytest.raises(ValueError, match="more than 100 bytes"):
        reader.feed(b"\x01\x00\x00\x00\x65")


def test_bytes_after_the_last_frame_are_refused_later_too() -> None:
    reader = FrameReader(1000)
    reader.feed(HEAD + END)
    assert reader.feed(b"") == []
    with pytest.raises(ValueError, match="after the last"):
        reader.feed(HEAD)


def test_a_body_frame_has_a_body() -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        encode_frame(FrameKind.BODY, b"")


def test_an_unfinished_stream_is_not_finished() -> None:
    reader = FrameReader(1000)
    assert reader.feed(HEAD + BODY[0] + END[:-1])[-1] == Frame(FrameKind.BODY, WHOLE.body[:9])
    assert not reader.finished


@pytest.mark.parametrize("piece", [1, 2, 7, 1000])
def test_the_bound_is_that_of_the_body_however_it_is_cut(piece: int) -> None:
    body = bytes(100)
    pieces = [body[start : start + piece] for start in range(0, 100, piece)]
    stream = HEAD + b"".join(encode_frame(FrameKind.BODY, part) for part in pieces) + END
    reader = FrameReader(100)
    frames = [frame for start in range(0, len(stream), 3) for frame in reader.feed(stream[start : start + 3])]
    assert reader.finished
    assert b"".join(frame.data for frame in frames if frame.kind is FrameKind.BODY) == body
    with pytest.raises(StreamTooLarge):
        FrameReader(99).feed(stream)


@pytest.mark.parametrize("start", [b"", HEAD])
def test_frames_without_body_have_a_bound_too(start: bytes) -> None:
    kind = b"\2" if start else b"\0"
    reader = FrameReader(10**9)
    reader.feed(start)
    with pytest.raises(StreamTooLarge):
        reader.feed(kind + b"\0\1\0\1")


def test_a_long_frame_in_many_pieces_is_gathered_once() -> None:
    frame = encode_frame(FrameKind.BODY, bytes(4_000_000))
    reader = FrameReader(4_000_000)
    reader.feed(HEAD)
    for start in range(0, len(frame) - 20, 20):
        assert reader.feed(frame[start : start + 20]) == []
    assert (
        len(reader.feed(frame[-20:] if len(frame) % 20 == 0 else frame[len(frame) // 20 * 20 :])[0].data)
        == 4_000_000
    )
