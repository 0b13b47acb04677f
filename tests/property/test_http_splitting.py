"""However the network cuts the bytes of HTTP messages, the same messages are read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import anyio
from hypothesis import given
from hypothesis import strategies as st

from joey.http.client_connection import ClientConnection
from joey.http.errors import ConnectionLost, TransportError
from joey.http.exchange import ServerLimits
from joey.http.request_reader import Asked, Refused, RequestReader

TOKENS = st.text("abcXYZ019-_!", min_size=1, max_size=8)
VALUES = st.text("abc XYZ;,=\t\xe9", max_size=12)
BODIES = st.binary(max_size=40)
RESERVED = {"host", "connection", "content-length", "transfer-encoding", "expect", "upgrade"}
HEADERS = st.lists(st.tuples(TOKENS.filter(lambda name: name.lower() not in RESERVED), VALUES), max_size=4)


@st.composite
def framed_bodies(draw: Any) -> bytes:
    body = draw(BODIES)
    if draw(st.booleans()):
        return b"Content-Length: %d\r\n\r\n" % len(body) + body
    framed = b"Transfer-Encoding: chunked\r\n\r\n"
    while body:
        size = draw(st.integers(1, len(body)))
        framed += b"%x%b\r\n%b\r\n" % (size, draw(st.sampled_from([b"", b";a=b"])), body[:size])
        body = body[size:]
    return framed + b"0\r\n" + draw(st.sampled_from([b"", b"Trailer: t\r\n"])) + b"\r\n"


def encode(headers: Sequence[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")


@st.composite
def requests(draw: Any) -> bytes:
    method = draw(st.sampled_from(["GET", "POST", "PUT"]))
    start = f"{method} /{draw(TOKENS)}?{draw(TOKENS)} HTTP/1.1\r\nHost: h\r\n"
    upgrade = draw(st.sampled_from([b"", b"", b"Connection: upgrade\r\nUpgrade: h2c\r\n"]))
    return start.encode() + encode(draw(HEADERS)) + upgrade + draw(framed_bodies())


@st.composite
def responses(draw: Any) -> bytes:
    interim = draw(st.sampled_from([b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n"]))
    start = b"HTTP/1.1 %d Words\r\n" % draw(
        st.integers(200, 599).filter(lambda status: status not in (204, 304))
    )
    return interim + start + encode(draw(HEADERS)) + draw(framed_bodies())


@st.composite
def cut(draw: Any, messages: st.SearchStrategy[list[bytes]]) -> tuple[bytes, list[bytes]]:
    data = b"".join(draw(messages))
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=30)))
    if draw(st.integers(0, 9)) == 0:
        places = list(range(len(data)))
    edges = [0, *places, len(data)]
    return data, [data[a:b] for a, b in pairwise(edges) if a < b]


@st.composite
def broken(draw: Any) -> list[bytes]:
    data = b"".join(draw(st.lists(requests(), min_size=1, max_size=2)))
    at = draw(st.integers(0, len(data) - 1))
    return [data[:at] + draw(st.binary(max_size=3)) + data[at + draw(st.integers(0, 3)) :]]


LIMITS = ServerLimits(head_bytes_max=4096, body_bytes_max=4096)


def read(pieces: Sequence[bytes]) -> tuple[list[Asked], int]:
    """Return the requests, and the status of the refusal that ended the reading (0: none)."""
    reader = RequestReader(LIMITS, "peer")
    asked: list[Asked] = []
    for piece in pieces:
        status = 0
        try:
            reader.feed(piece)
        except Refused as refused:
            status = refused.status
        asked += reader.take()
        if status or reader.finished:
            return asked, status
    return asked, 0


@given(cut(st.lists(requests(), min_size=1, max_size=4)))
def test_requests(messages: tuple[bytes, list[bytes]]) -> None:
    data, pieces = messages
    whole, status = read([data])
    assert status == 0
    assert whole
    assert read(pieces) == (whole, 0)


@given(cut(broken()))
def test_broken_requests(messages: tuple[bytes, list[bytes]]) -> None:
    data, pieces = messages
    whole, status = read([data])
    asked, status_of_pieces = read(pieces)
    # After a request that is the last, one read may have held more than it and another not.
    assert asked[: len(whole)] == whole[: len(asked)]
    if not any(not one.keep_alive for one in whole):
        assert (asked, status_of_pieces) == (whole, status)


class Wire(asyncio.Transport):
    """A transport that leads nowhere."""

    def __init__(self) -> None:
        super().__init__({"socket": self})
        self.aborted = False

    def setsockopt(self, *arguments: object) -> None:
        pass

    def write(self, data: Any) -> None:
        pass

    def writelines(self, data: Any) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.aborted

    def pause_reading(self) -> None:
        raise AssertionError("bodies here are small")

    def abort(self) -> None:
        self.aborted = True


def receive(pieces: Sequence[bytes]) -> tuple[object, ...]:
    async def exchange() -> tuple[object, ...]:
        connection = ClientConnection("peer")
        connection.connection_made(Wire())
        connection.send(
            b"", b"", deadline=anyio.current_time() + 60, head_only=False, whole=False, body_bytes_max=4096
        )
        for piece in pieces:
            connection.data_received(piece)
        if not connection.complete:
            connection.connection_lost(None)
        try:
            await connection.wait_head()
            await connection.wait_complete()
            return connection.status, connection.headers, connection.take(), connection.end()
        except TransportError as error:
            connection.end()
            return (type(error),)

    return anyio.run(exchange)


@given(cut(responses().map(lambda response: [response])))
def test_responses(messages: tuple[bytes, list[bytes]]) -> None:
    data, pieces = messages
    whole = receive([data])
    assert whole[-1] is True, "read to its end, and the connection kept"
    assert receive(pieces) == whole


@given(responses(), st.data())
def test_a_response_cut_short_is_never_taken_for_a_whole_one(response: bytes, data: st.DataObject) -> None:
    short = response[: data.draw(st.integers(0, len(response) - 1))]
    assert receive([short] if short else []) == (ConnectionLost,)
