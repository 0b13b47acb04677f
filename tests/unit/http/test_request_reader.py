from __future__ import annotations

import pytest

from joey.http.exchange import ServerLimits, ServerRequest
from joey.http.request_reader import Asked, Refused, RequestReader, Stage

LIMITS = ServerLimits(head_bytes_max=200, body_bytes_max=10)
HEAD = b"POST /x HTTP/1.1\r\nHost: h\r\n"


def read(data: bytes, limits: ServerLimits = LIMITS) -> list[Asked]:
    reader = RequestReader(limits, "peer")
    reader.feed(data)
    return reader.take()


def read_one(data: bytes) -> ServerRequest:
    (asked,) = read(data)
    return asked.request


def refusal(*pieces: bytes, limits: ServerLimits = LIMITS) -> int:
    reader = RequestReader(limits, "peer")
    with pytest.raises(Refused) as refused:
        for piece in pieces:
            reader.feed(piece)
    assert reader.take() == []
    assert str(refused.value)
    return refused.value.status


def test_a_request_as_it_came() -> None:
    head = b"POST /a%2Fb?c=%20d?e HTTP/1.1\r\nHost: H\r\nX-One:  a \r\nx-one: b\r\nEmpty:\r\n"
    assert read_one(head + b"Content-Length: 3\r\n\r\nabc") == ServerRequest(
        "POST",
        "/a%2Fb",
        "c=%20d?e",
        {"host": "H", "x-one": "a, b", "empty": "", "content-length": "3"},
        b"abc",
        "peer",
    )


def test_a_chunked_body_loses_its_framing_extensions_and_trailers() -> None:
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    request = read_one(head + b"3;name=value\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n")
    assert request.body == b"abcde"
    assert "x-trailer" not in request.headers


def test_requests_in_one_read_come_out_in_order() -> None:
    first, second = read(HEAD + b"Content-Length: 1\r\n\r\na" + b"GET /y HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (first.request.path, first.request.body) == ("/x", b"a")
    assert (second.request.path, second.request.method, second.request.body) == ("/y", "GET", b"")


@pytest.mark.parametrize(
    ("version", "connection", "keep_alive"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: close\r\n", False),
        (b"1.1", b"Connection: X, Close\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: keep-alive\r\n", True),
    ],
)
def test_who_may_ask_again(version: bytes, connection: bytes, keep_alive: bool) -> None:
    reader = RequestReader(LIMITS, "peer")
    reader.feed(b"GET / HTTP/" + version + b"\r\nHost: h\r\n" + connection + b"\r\n")
    (asked,) = reader.take()
    assert asked.keep_alive is keep_alive
    assert asked.is_old is (version == b"1.0")
    assert reader.finished is not keep_alive


def test_what_follows_a_last_request_is_not_read() -> None:
    reader = RequestReader(LIMITS, "peer")
    reader.feed(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGARBAGE\r\n\r\n")
    assert reader.finished
    assert len(reader.take()) == 1


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        (b"http://other:81/a?b", "/a", "b", "other:81"),
        (b"HTTP://other", "/", "", "other"),
        (b"http://other?b", "/", "b", "other"),
        (b"//a//b", "//a//b", "", "h"),
        (b"/?", "/", "", "h"),
    ],
)
def test_targets(target: bytes, path: str, query: str, host: str) -> None:
    request = read_one(b"GET " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (request.path, request.query, request.headers["host"]) == (path, query, host)


def test_options_may_be_of_the_server_itself() -> None:
    assert read_one(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").path == "*"


@pytest.mark.parametrize(
    ("status", "data"),
    [
        (400, b"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, b"GET * HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, b"GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, b"GET http://u:p@h/ HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        (405, b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"),
        (505, b"GET / HTTP/2.0\r\nHost: h\r\n\r\n"),
        (505, b"GET /\r\n\r\n"),
        (400, b"GET / HTTP/1.1\nHost: h\n\n"),
        (400, b"GET / HTTP/1.1\r\nHost: h\r\nA : 1\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\n folded\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: h\r\nA: 1\x00\r\n\r\n"),
        (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        # What two readers could take for two different requests.
        (400, HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
        (400, HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
        (400, HEAD + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
        (400, HEAD + b"Content-Length: 3, 3\r\n\r\nabc"),
        (400, HEAD + b"Content-Length: +3\r\n\r\nabc"),
        (400, HEAD + b"Content-Length: -1\r\n\r\n"),
        (400, HEAD + b"Content-Length: 0x3\r\n\r\nabc"),
        (400, HEAD + b"Content-Length:\r\n\r\n"),
        (400, HEAD + b"Content-Length: 99999999999999999999\r\n\r\n"),
        (501, HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        (501, HEAD + b"Transfer-Encoding: xchunked\r\n\r\n"),
        (400, HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
        (400, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"),
        (400, HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
        (400, HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n"),
        (417, HEAD + b"Expect: tea\r\nContent-Length: 1\r\n\r\n"),
        (431, b"GET /" + b"a" * 300 + b" HTTP/1.1\r\nHost: h\r\n\r\n"),
        (431, HEAD + b"A: " + b"a" * 300 + b"\r\n\r\n"),
        (431, HEAD + b"A: b\r\n" * 60 + b"\r\n"),
        (413, HEAD + b"Content-Length: 11\r\n\r\n"),
        (413, HEAD + b"Transfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n5\r\nabcde\r\n"),
    ],
)
def test_what_is_refused_and_how(status: int, data: bytes) -> None:
    assert refusal(data) == status


def test_requests_before_a_broken_one_can_be_taken() -> None:
    reader = RequestReader(LIMITS, "peer")
    with pytest.raises(Refused):
        reader.feed(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nBROKEN\r\n\r\n")
    assert [asked.request.path for asked in reader.take()] == ["/1"]


def test_a_line_without_end_is_bounded() -> None:
    assert refusal(HEAD + b"A: ", *[b"a" * 50] * 5) == 431
    assert refusal(b"GET /", *[b"a" * 50] * 5) == 431


def test_chunk_extensions_and_trailers_without_end_are_bounded() -> None:
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    assert refusal(head, b"1;", *[b"a" * 50] * 5) == 431
    assert refusal(head, b"1\r\na\r\n0\r\nT: ", *[b"a" * 50] * 5) == 431
    assert refusal(head, b"1\r\na\r\n0\r\n", *[b"T: trailer\r\n" * 5] * 5) == 431


def test_a_body_of_one_byte_chunks_one_read_each_is_within_bounds() -> None:
    reader = RequestReader(ServerLimits(head_bytes_max=100, body_bytes_max=1000), "peer")
    data = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 1000 + b"0\r\n\r\n"
    for at in range(len(data)):
        reader.feed(data[at : at + 1])
    (asked,) = reader.take()
    assert asked.request.body == b"a" * 1000


def test_exactly_the_bounds_are_admitted() -> None:
    assert read_one(HEAD + b"Content-Length: 10\r\n\r\n" + b"a" * 10).body == b"a" * 10


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
)
def test_an_upgrade_is_ignored_and_its_body_read(framing: bytes) -> None:
    upgrade = HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" + framing
    first, second, third = read(upgrade + upgrade + b"GET /y HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (first.request.method, first.request.path, first.request.body) == ("POST", "/x", b"abc")
    assert first.keep_alive
    assert second.request == first.request
    assert third.request.path == "/y"


def test_an_upgrade_without_a_body_and_one_that_closes() -> None:
    head = b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: "
    (asked,) = read(head + b"upgrade\r\n\r\n")
    assert asked.keep_alive
    (asked,) = read(head + b"upgrade, close\r\n\r\n")
    assert not asked.keep_alive


def test_the_bounds_hold_after_an_upgrade_too() -> None:
    upgrade = HEAD + b"Connection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert refusal(upgrade + b"6\r\nabcdef\r\n5\r\nabcde\r\n") == 413


def test_stages_and_the_invitation() -> None:
    reader = RequestReader(LIMITS, "peer")
    assert reader.stage is Stage.BETWEEN
    reader.feed(b"POST / HT")
    assert (reader.stage, reader.messages, reader.method) == (Stage.HEAD, 1, "")
    reader.feed(b"TP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
    assert (reader.stage, reader.invitation_due, reader.method) == (Stage.BODY, True, "POST")
    reader.feed(b"a")
    assert not reader.invitation_due
    reader.feed(b"b")
    assert reader.stage is Stage.BETWEEN
    assert len(reader.take()) == 1


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_who_cannot_or_need_not_wait_is_not_invited(head: bytes) -> None:
    reader = RequestReader(LIMITS, "peer")
    reader.feed(head)
    assert not reader.invitation_due
