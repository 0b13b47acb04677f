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

from dataclasses import dataclass, replace
from enum import IntEnum

from joey.core.wire.envelope import HttpResponse, encode_response
from joey.core.wire.relay import RelayResponse, decode_relay_response, encode_relay_response

__all__ = [
    "RELAY_STREAM_TYPE",
    "Frame",
    "FrameKind",
    "FrameReader",
    "encode_end",
    "encode_error",
    "encode_frame",
    "encode_head",
    "rebuild_response",
]

RELAY_STREAM_TYPE = "application/vnd.joey.relay-stream"

_HEAD_BYTES = 5
_LENGTH_MAX = 0xFFFFFFFF


class FrameKind(IntEnum):
    """The first byte of a frame."""

    HEAD = 0
    BODY = 1
    END = 2
    ERROR = 3


_LAST = (FrameKind.END, FrameKind.ERROR)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it was read."""

    kind: FrameKind
    data: bytes


def encode_frame(kind: FrameKind, data: bytes) -> bytes:
    """Return one frame. Raises `ValueError` for an empty body frame or data of 4 GiB and more."""
    if kind is FrameKind.BODY and not data:
        raise ValueError("a body frame carries at least one byte")
    if len(data) > _LENGTH_MAX:
        raise ValueError(f"a frame carries at most {_LENGTH_MAX} bytes, not {len(data)}")
    return bytes((kind,)) + len(data).to_bytes(4, "big") + data


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

    `bytes_max` bounds the data of all frames together. After an error the reader is of no use.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_left = bytes_max
        self._bytes_max = bytes_max
        self._buffer = bytearray()
        self._begun = False
        self._finished = False

    @property
    def finished(self) -> bool:
        """Whether the last frame has been read; a stream that ends before is cut off."""
        return self._finished

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes and return the frames that they complete.

        Raises `ValueError` for an unknown kind, a frame out of order, an empty body frame, bytes
        after the last frame, or more than `bytes_max`.
        """
        self._buffer += data
        frames = []
        position = 0
        while len(self._buffer) - position >= _HEAD_BYTES and not self._finished:
            kind, length = self._read_head(position)
            end = position + _HEAD_BYTES + length
            if end > len(self._buffer):
                break
            frames.append(Frame(kind, bytes(self._buffer[position + _HEAD_BYTES : end])))
            position = end
            self._bytes_left -= length
            self._begun = True
            self._finished = kind in _LAST
        del self._buffer[:position]
        if self._finished and self._buffer:
            raise ValueError("bytes after the last frame")
        return frames

    def _read_head(self, position: int) -> tuple[FrameKind, int]:
        """Return kind and length of the frame at `position`, checked before its data is there."""
        try:
            kind = FrameKind(self._buffer[position])
        except ValueError:
            raise ValueError(f"unknown frame kind {self._buffer[position]}") from None
        length = int.from_bytes(self._buffer[position + 1 : position + _HEAD_BYTES], "big")
        if (kind is FrameKind.HEAD) == self._begun:
            raise ValueError("the head frame must come first and once")
        if kind is FrameKind.BODY and length == 0:
            raise ValueError("an empty body frame")
        if length > self._bytes_left:
            raise ValueError(f"the stream has more than {self._bytes_max} bytes")
        return kind, length
