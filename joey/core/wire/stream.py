"""How a node streams an answer to a gateway: frames, of which the last one proves the whole.

A frame is one byte of kind, four bytes of length (big-endian) and data:

| kind | data |
|---|---|
| 0 head | the answer as an envelope without its body, once, first |
| 1 body | the next bytes of the body, at least one |
| 2 end | last: the signed relay response over the envelope of the whole answer, its payload left out |
| 3 error | last, instead: an unsigned relay response with a relay miner error; the engine broke off |

The framing is ours, not the network's: a node uses it only when the relay's POST accepted
`RELAY_STREAM_TYPE` and the engine answered with an event stream. What is signed and mined is the
same as if the answer had been sent whole; `rebuild_response` puts the payload back.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from enum import IntEnum
from typing import NamedTuple

from joey.core.wire.envelope import HttpResponse, encode_response
from joey.core.wire.relay import RelayResponse, decode_relay_response, encode_relay_response

__all__ = [
    "RELAY_STREAM_TYPE",
    "Frame",
    "FrameKind",
    "FrameReader",
    "StreamTooLarge",
    "encode_end",
    "encode_error",
    "encode_frame",
    "encode_head",
    "rebuild_response",
]

RELAY_STREAM_TYPE = "application/vnd.joey.relay-stream"

_FRAME_HEAD = struct.Struct(">BI")
_LENGTH_MAX = 0xFFFFFFFF
_BODILESS_BYTES_MAX = 64 * 1024
"""The most bytes of a head, end or error frame: headers, or a signature with its session header."""


class FrameKind(IntEnum):
    """The first byte of a frame."""

    HEAD = 0
    BODY = 1
    END = 2
    ERROR = 3


_KINDS = tuple(FrameKind)
_HEAD_KIND, _BODY_KIND = FrameKind.HEAD, FrameKind.BODY


class StreamTooLarge(ValueError):
    """A stream has more bytes than its reader takes; nothing else is wrong with it."""


class Frame(NamedTuple):
    """One frame as it was read."""

    kind: FrameKind
    data: bytes


def encode_frame(kind: FrameKind, data: bytes) -> bytes:
    """Return one frame. Raises `ValueError` for an empty body frame or data of 4 GiB and more."""
    if kind is FrameKind.BODY and not data:
        raise ValueError("a body frame carries at least one byte")
    if len(data) > _LENGTH_MAX:
        raise ValueError(f"a frame carries at most {_LENGTH_MAX} bytes, not {len(data)}")
    return _FRAME_HEAD.pack(kind, len(data)) + data


def encode_head(response: HttpResponse) -> bytes:
    """Return the head frame of an answer; its body, if it has one, is left out."""
    return encode_frame(FrameKind.HEAD, encode_response(replace(response, body=b"")))


def encode_end(response: RelayResponse) -> bytes:
    """Return the end frame for a signed response over the whole answer."""
    return encode_frame(FrameKind.END, encode_relay_response(replace(response, payload=b"")))


def encode_error(response: RelayResponse) -> bytes:
    """Return the error frame for an unsigned response with a relay miner error."""
    return encode_frame(FrameKind.ERROR, encode_relay_response(response))


def rebuild_response(end: Frame, head: HttpResponse, body: bytes) -> RelayResponse:
    """Return the response of an end or error frame; an end gets its payload back. Raises `ValueError`.

    `head` and `body` are what the frames before it carried.
    """
    response = decode_relay_response(end.data)
    if end.kind is FrameKind.END:
        return replace(response, payload=encode_response(replace(head, body=body)))
    return response


class FrameReader:
    """Splits a byte stream into frames and holds it to their order.

    `body_bytes_max` bounds the body, which is the data of all body frames together; every other
    frame has its own, fixed bound. After an error the reader is of no use.
    """

    def __init__(self, body_bytes_max: int) -> None:
        self._body_bytes_left = body_bytes_max
        self._body_bytes_max = body_bytes_max
        self._parts: list[bytes] = []
        self._missing = 0
        self._begun = False
        self._finished = False

    @property
    def finished(self) -> bool:
        """Whether the last frame has been read; a stream that ends before is cut off."""
        return self._finished

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes and return the frames that they complete.

        Raises `ValueError` for an unknown kind, a frame out of order, an empty body frame or bytes
        after the last frame, and `StreamTooLarge` for more than is taken.
        """
        if len(data) < self._missing:
            # In the middle of a frame: gathered, and joined once it is whole.
            self._parts.append(data)
            self._missing -= len(data)
            return []
        if self._parts:
            data = b"".join((*self._parts, data))
            self._parts.clear()
        frames = []
        position, size, self._missing = 0, len(data), 0
        while position < size:
            if self._finished:
                raise ValueError("bytes after the last frame")
            begin = position + _FRAME_HEAD.size
            if begin > size:
                self._missing = begin - size
                break
            number, length = _FRAME_HEAD.unpack_from(data, position)
            kind = self._check_head(number, length)
            end = begin + length
            if end > size:
                self._missing = end - size
                break
            frames.append(Frame(kind, data[begin:end]))
            position = end
            self._begun = True
            if kind is _BODY_KIND:
                self._body_bytes_left -= length
            else:
                self._finished = kind is not _HEAD_KIND
        if position < size:
            self._parts.append(data[position:])
        return frames

    def _check_head(self, number: int, length: int) -> FrameKind:
        """Return the kind of a frame that may come now, checked before its data is there."""
        if number >= len(_KINDS):
            raise ValueError(f"unknown frame kind {number}")
        kind = _KINDS[number]
        if (kind is _HEAD_KIND) == self._begun:
            raise ValueError("the head frame must come first and once")
        if kind is not _BODY_KIND:
            if length > _BODILESS_BYTES_MAX:
                raise StreamTooLarge(f"a frame without body has more than {_BODILESS_BYTES_MAX} bytes")
        elif length == 0:
            raise ValueError("an empty body frame")
        elif length > self._body_bytes_left:
            raise StreamTooLarge(f"the stream has more than {self._body_bytes_max} bytes")
        return kind
