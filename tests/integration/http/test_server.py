"""The server by the bytes it answers, over raw sockets."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream

from joey.core.errors import ConfigError
from joey.http.server import Handler, HttpServer, Response, ServerLimits, ServerRequest

pytestmark = pytest.mark.anyio

GET = b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n"
PROMPT = "words that must not be logged"
LAST = b"GET /%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


def split(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(headers) == len(lines)
    return int(first.split()[1]), {name.lower(): value for name, value in headers.items()}, body


async def test_an_answer_in_full(serve: Any, echo: Handler) -> None:
    async with serve(echo) as running:
        answer = await running.exchange(LAST % b"a?b=c")
    status, headers, body = split(answer)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b"GET /a?b=c\n"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", headers.pop("date"))
    assert headers == {"content-type": "text/plain", "content-length": "11", "connection": "close"}
    assert status == 200


async def test_one_connection_serves_many_requests(serve: Any, echo: Handler, until: Any) -> None:
    async with serve(echo) as running, await running.connect() as stream:
        for name in (b"1", b"2", b"3"):
            await stream.send(GET % name)
            answer = await until(stream, b"GET /" + name)
            assert b"onnection" not in answer
        assert len(running.server.connections) == 1


async def test_pipelined_requests_are_answered_in_order(serve: Any, everything: Any) -> None:
    both_in = anyio.Event()
    asked: list[str] = []

    async def handle(request: ServerRequest) -> Response:
        asked.append(request.path)
        if request.path == "/1":
            await both_in.wait()
        return Response(200, (), request.path.encode() + request.body)

    async with serve(handle) as running, await running.connect() as stream:
        await stream.send(
            GET % b"1" + b"POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab" + GET % b"3"
        )
        await stream.send(GET % b"4" + LAST % b"5")
        both_in.set()
        answer = await everything(stream)
    assert re.findall(rb"\r\n\r\n(/\d(?:ab)?)", answer) == [b"/1", b"/2ab", b"/3", b"/4", b"/5"]
    assert asked == ["/1", "/2", "/3", "/4", "/5"]


async def test_a_flood_of_pipelined_requests_is_answered_in_order(serve: Any, echo: Handler) -> None:
    async with serve(echo, write_timeout_s=10) as running:
        requests = b"".join(GET % (b"%d" % number) for number in range(2000))
        async with await running.connect() as stream, anyio.create_task_group() as tasks:
            tasks.start_soon(stream.send, requests + LAST % b"end")
            answer = b""
            with anyio.fail_after(10):
                async for part in stream:
                    answer += part
    numbers = re.findall(rb"GET /(\w+)\?", answer)
    assert numbers == [*(b"%d" % number for number in range(2000)), b"end"]


async def test_a_chunked_request(serve: Any, echo: Handler) -> None:
    head = b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    async with serve(echo) as running:
        answer = await running.exchange(head + b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n")
    assert split(answer)[2] == b"POST /x?\nabc0123456789"


async def test_head_has_the_length_and_no_body(serve: Any, echo: Handler, until: Any) -> None:
    async with serve(echo) as running, await running.connect() as stream:
        await stream.send(b"HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n")
        status, headers, body = split(await until(stream, b"\r\n\r\n"))
        assert (status, headers["content-length"], body) == (200, "9", b"")
        await stream.send(GET % b"y")
        assert (await until(stream, b"GET /y?\n")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("status", [204, 304])
async def test_some_answers_have_no_body_at_all(serve: Any, status: int) -> None:
    async def handle(request: ServerRequest) -> Response:
        return Response(status, (), b"never sent")

    async with serve(handle) as running:
        answer = await running.exchange(LAST % b"x")
    assert answer.endswith(b"\r\n\r\n")
    assert b"ontent-" not in answer


async def test_the_transport_owns_what_speaks_of_the_connection(serve: Any) -> None:
    async def handle(request: ServerRequest) -> Response:
        headers = (("Content-Length", "99"), ("Transfer-Encoding", "gzip"), ("Connection", "upgrade"))
        return Response(200, (*headers, ("Date", "never"), ("X-Kept", "yes")), b"abc")

    async with serve(handle) as running:
        status, headers, body = split(await running.exchange(LAST % b"x"))
    assert (status, body, headers["content-length"], headers["x-kept"]) == (200, b"abc", "3", "yes")
    assert headers["connection"] == "close"
    assert "transfer-encoding" not in headers
    assert headers["date"] != "never"


async def test_a_body_is_invited_when_its_sender_waits(serve: Any, echo: Handler, until: Any) -> None:
    async with serve(echo) as running, await running.connect() as stream:
        await stream.send(b"POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await until(stream, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await stream.send(b"ab")
        assert split(await until(stream, b"ab"))[2] == b"POST /x?\nab"


async def test_an_invitation_waits_for_the_answer_before_it(serve: Any, until: Any) -> None:
    release = anyio.Event()

    async def handle(request: ServerRequest) -> Response:
        if request.path == "/1":
            await release.wait()
        return Response(200, (), request.path.encode() + request.body)

    async with serve(handle) as running, await running.connect() as stream:
        waiting = b"POST /2 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        await stream.send(GET % b"1" + waiting)
        release.set()
        received = await until(stream, b"100 Continue\r\n\r\n")
        assert received.startswith(b"HTTP/1.1 200 OK\r\n")
        assert received.endswith(b"/1HTTP/1.1 100 Continue\r\n\r\n")
        await stream.send(b"ab")
        assert (await until(stream, b"ab")).endswith(b"/2ab")


async def test_a_body_too_large_is_not_invited(serve: Any, echo: Handler) -> None:
    head = b"POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 99\r\n\r\n"
    async with serve(echo, body_bytes_max=98) as running:
        answer = await running.exchange(head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer


async def test_an_old_client(serve: Any, echo: Handler, until: Any) -> None:
    async with serve(echo) as running:
        answer = await running.exchange(b"GET /x HTTP/1.0\r\n\r\n")
        assert split(answer)[1]["connection"] == "close"
        assert split(answer)[2] == b"GET /x?\n"
        async with await running.connect() as stream:
            for name in (b"1", b"2"):
                await stream.send(b"GET /%s HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" % name)
                answer = await until(stream, b"GET /" + name)
                assert split(answer)[1]["connection"] == "keep-alive"


# Streams.


def stream_of(*parts: bytes) -> Handler:
    async def send() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    async def handle(request: ServerRequest) -> Response:
        return Response(200, (("content-type", "text/event-stream"),), send())

    return handle


async def test_a_stream_is_sent_in_chunks(serve: Any, until: Any) -> None:
    async with serve(stream_of(b"ab", b"", b"c" * 20)) as running, await running.connect() as stream:
        for _ in range(2):
            await stream.send(GET % b"x")
            _, headers, body = split(await until(stream, b"0\r\n\r\n"))
            assert headers["transfer-encoding"] == "chunked"
            assert "content-length" not in headers
            assert body == b"2\r\nab\r\n14\r\n" + b"c" * 20 + b"\r\n0\r\n\r\n"


async def test_the_head_comes_with_the_first_part_and_each_part_as_it_is_made(serve: Any) -> None:
    taken = [anyio.Event() for _ in range(3)]

    async def send() -> AsyncIterator[bytes]:
        for number, event in enumerate(taken):
            yield b"%d" % number
            await event.wait()

    async def handle(request: ServerRequest) -> Response:
        return Response(200, (), send())

    async with serve(handle) as running, await running.connect() as stream:
        await stream.send(GET % b"x")
        with anyio.fail_after(5):
            first = await stream.receive()
            assert first.startswith(b"HTTP/1.1 200 OK\r\n")
            assert first.endswith(b"\r\n\r\n1\r\n0\r\n")
            for number, event in enumerate(taken[:2], 1):
                event.set()
                assert await stream.receive() == b"1\r\n%d\r\n" % number
            taken[2].set()
            assert await stream.receive() == b"0\r\n\r\n"


async def test_an_empty_stream_and_the_head_of_one(serve: Any, until: Any) -> None:
    async with serve(stream_of()) as running, await running.connect() as stream:
        await stream.send(GET % b"x")
        assert split(await until(stream, b"0\r\n\r\n"))[2] == b"0\r\n\r\n"
    async with serve(stream_of(b"a", b"b")) as running, await running.connect() as stream:
        await stream.send(b"HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n")
        assert split(await until(stream, b"\r\n\r\n"))[2] == b""
        await stream.send(GET % b"x")
        assert split(await until(stream, b"0\r\n\r\n"))[2] == b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"


async def test_an_old_client_gets_a_stream_until_the_connection_ends(serve: Any) -> None:
    async with serve(stream_of(b"ab", b"cd")) as running:
        answer = await running.exchange(b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    _, headers, body = split(answer)
    assert body == b"abcd"
    assert "transfer-encoding" not in headers
    assert headers["connection"] == "close"


class Source:
    """A body that is told apart: whether it was started, and whether it was freed."""

    def __init__(self, parts: int = 1, part: bytes = b"part", fails: bool = False) -> None:
        self.started = anyio.Event()
        self.freed = anyio.Event()
        self.made = 0
        self._parts = parts
        self._part = part
        self._fails = fails

    async def send(self) -> AsyncIterator[bytes]:
        try:
            for _ in range(self._parts):
                self.made += 1
                yield self._part
                self.started.set()
            if self._fails:
                raise RuntimeError(PROMPT)
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()  # freeing may take its time
                self.freed.set()


def answer_with(source: Source) -> Handler:
    async def handle(request: ServerRequest) -> Response:
        return Response(200, (), source.send())

    return handle


@pytest.mark.parametrize("how", ["close", "reset", "half"])
async def test_a_client_that_hangs_up_ends_the_stream(serve: Any, how: str, until: Any) -> None:
    source = Source()
    async with serve(answer_with(source)) as running:
        stream = await running.connect()
        await stream.send(GET % b"x")
        await until(stream, b"part")
        await hang_up(stream, how)
        with anyio.fail_after(1):
            await source.freed.wait()
        await stream.aclose()


async def hang_up(stream: SocketStream, how: str) -> None:
    if how == "close":
        await stream.aclose()
    elif how == "half":
        await stream.send_eof()
    else:
        from anyio.abc import SocketAttribute

        raw = stream.extra(SocketAttribute.raw_socket)
        import socket
        import struct

        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()


@pytest.mark.parametrize("requests", [1, 3])
@pytest.mark.parametrize("how", ["close", "reset", "half"])
async def test_a_client_that_hangs_up_cancels_the_handler(serve: Any, how: str, requests: int) -> None:
    asked, cancelled = anyio.Event(), anyio.Event()

    async def handle(request: ServerRequest) -> Response:
        asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        raise AssertionError

    async with serve(handle) as running:
        stream = await running.connect()
        await stream.send((GET % b"x") * requests)
        await asked.wait()
        await hang_up(stream, how)
        with anyio.fail_after(1):
            await cancelled.wait()
        await stream.aclose()


async def test_a_body_is_freed_even_if_its_client_went_before_it_was_started(serve: Any) -> None:
    source = Source()
    asked, go_on = anyio.Event(), anyio.Event()

    async def handle(request: ServerRequest) -> Response:
        asked.set()
        with anyio.CancelScope(shield=True):
            await go_on.wait()
        return Response(200, (), source.send())

    async with serve(handle) as running:
        stream = await running.connect()
        await stream.send(GET % b"x")
        await asked.wait()
        (connection,) = running.server.connections
        await stream.aclose()
        with anyio.fail_after(5):
            while running.server.connections:
                await anyio.lowlevel.checkpoint()
            go_on.set()
            await source.freed.wait()
        assert connection.deadline is not None


class Kept:
    """A body that is no generator: nobody but the server closes it."""

    def __init__(self) -> None:
        self.closed = anyio.Event()

    def __aiter__(self) -> Kept:
        return self

    async def __anext__(self) -> bytes:
        return b"x" * 65536

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.closed.set()


@pytest.mark.parametrize("case", ["gone", "stalled", "cut", "head", "unsendable"])
async def test_a_body_that_is_not_exhausted_is_closed(serve: Any, case: str, until: Any) -> None:
    body = Kept()

    async def handle(request: ServerRequest) -> Response:
        return Response(200, (("x", "a\r\nb" if case == "unsendable" else "a"),), body)

    timeout_s = 0.1 if case == "stalled" else 5
    async with serve(handle, write_timeout_s=timeout_s, drain_s=0) as running:
        stream = await running.connect()
        await stream.send(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" if case == "head" else GET % b"x")
        await until(stream, b"\r\n\r\n")
        if case == "gone":
            await stream.aclose()
        if case == "cut":
            running.end()
        with anyio.CancelScope(shield=True), anyio.fail_after(5):
            await body.closed.wait()
        await stream.aclose()


async def test_while_one_is_answered_a_client_cannot_send_requests_without_end(serve: Any) -> None:
    asked, release = anyio.Event(), anyio.Event()
    count = 0

    async def handle(request: ServerRequest) -> Response:
        nonlocal count
        count += 1
        asked.set()
        await release.wait()
        return Response(204)

    post = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000
    requests = post * 200
    sent = anyio.Event()
    async with (
        serve(handle, drain_s=0) as running,
        await running.connect() as stream,
        anyio.create_task_group() as tasks,
    ):

        async def send() -> None:
            await stream.send(requests)
            sent.set()

        tasks.start_soon(send)
        await asked.wait()
        with anyio.move_on_after(0.5):
            await sent.wait()
        assert not sent.is_set()
        assert count == 1
        tasks.cancel_scope.cancel()


async def test_a_slow_reader_holds_the_stream_back_and_gets_all_of_it(serve: Any) -> None:
    parts = 2000
    made = 0
    finished = anyio.Event()

    async def send() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(parts):
            made += 1
            yield b"x" * 16384
        finished.set()

    async def handle(request: ServerRequest) -> Response:
        return Response(200, (), send())

    async with serve(handle) as running, await running.connect() as stream:
        await stream.send(LAST % b"x")
        await stream.receive(1)
        with anyio.move_on_after(0.3):
            await finished.wait()
        assert made < parts / 2
        received = 0
        with anyio.fail_after(30):
            async for part in stream:
                received += part.count(b"x")
        assert received == parts * 16384


async def test_a_client_that_reads_nothing_is_cut_off(serve: Any) -> None:
    source = Source(parts=10**9, part=b"x" * 65536)
    async with serve(answer_with(source), write_timeout_s=0.1) as running:
        async with await running.connect() as stream:
            await stream.send(GET % b"x")
            with anyio.fail_after(5):
                await source.freed.wait()
        assert source.made < 1000


async def test_a_slow_reader_of_a_whole_answer_is_not_cut_off_while_it_reads(serve: Any) -> None:
    size = 24 * 2**20

    async def handle(request: ServerRequest) -> Response:
        return Response(200, (), b"x" * size)

    async with serve(handle, write_timeout_s=0.4) as running, await running.connect() as stream:
        await stream.send(LAST % b"x")
        received = 0
        began = anyio.current_time()
        with anyio.fail_after(30):
            async for part in stream:
                received += part.count(b"x")
                if anyio.current_time() - began < 1.0:
                    with anyio.move_on_after(0.003):
                        await anyio.sleep_forever()
        assert received == size


async def test_a_failure_before_the_first_part_is_a_500(
    serve: Any, caplog: pytest.LogCaptureFixture, until: Any
) -> None:
    source = Source(parts=0, fails=True)
    async with serve(answer_with(source)) as running, await running.connect() as stream:
        for _ in range(2):
            await stream.send(GET % b"x")
            answer = await until(stream, b"internal error")
            assert answer.startswith(b"HTTP/1.1 500 ")
            assert b"x-refused: yes" in answer
    assert "RuntimeError" in caplog.text
    assert PROMPT not in caplog.text


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_a_failure_later_breaks_the_connection_off(
    serve: Any, caplog: pytest.LogCaptureFixture, version: bytes
) -> None:
    source = Source(parts=2, fails=True)
    async with serve(answer_with(source)) as running, await running.connect() as stream:
        await stream.send(b"GET /x HTTP/" + version + b"\r\nHost: h\r\n\r\n")
        received = b""
        broken = False
        try:
            with anyio.fail_after(5):
                async for part in stream:
                    received += part
        except anyio.BrokenResourceError:
            broken = True
        if version == b"1.1":
            assert received.endswith(b"4\r\npart\r\n")
        else:
            assert broken, "an ordinary end would look like the end of the body"
    assert source.freed.is_set()
    assert "RuntimeError" in caplog.text
    assert PROMPT not in caplog.text


# Failures and refusals.


async def test_a_handler_that_fails_is_a_500_and_its_words_are_not_logged(
    serve: Any, caplog: pytest.LogCaptureFixture, until: Any
) -> None:
    async def handle(request: ServerRequest) -> Response:
        raise KeyError(PROMPT)

    async with serve(handle) as running, await running.connect() as stream:
        for _ in range(2):
            await stream.send(GET % b"x")
            assert (await until(stream, b"internal error")).startswith(b"HTTP/1.1 500 ")
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert "KeyError" in caplog.text
    assert "test_server.py" in caplog.text
    assert PROMPT not in caplog.text


@pytest.mark.parametrize(
    "response",
    [
        Response(200, (("x", "a\r\nSet-Cookie: b"),), b"body"),
        Response(200, (("x\r\nSet-Cookie", "b"),), b"body"),
        Response(100, (), b"body"),
        Response(200, (("x", "\u20ac"),), b"body"),
    ],
)
async def test_an_answer_that_cannot_be_sent_is_a_500(serve: Any, response: Response) -> None:
    async def handle(request: ServerRequest) -> Response:
        return response

    async with serve(handle) as running:
        answer = await running.exchange(LAST % b"x")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"Set-Cookie" not in answer
    assert b"body" not in answer


async def test_a_stream_whose_head_cannot_be_sent_is_a_500_and_freed(serve: Any) -> None:
    source = Source()

    async def handle(request: ServerRequest) -> Response:
        return Response(200, (("x", "a\r\nb: c"),), source.send())

    async with serve(handle) as running:
        assert (await running.exchange(LAST % b"x")).startswith(b"HTTP/1.1 500 ")
    assert source.freed.is_set()


@pytest.mark.parametrize(
    "data",
    [
        b"BREW / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nXX\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\x01\x02\x03",
    ],
)
async def test_broken_requests_are_refused_and_the_connection_ends(serve: Any, data: bytes) -> None:
    asked = []

    async def handle(request: ServerRequest) -> Response:
        asked.append(request)
        return Response(200)

    async with serve(handle) as running:
        answer = await running.exchange(data + GET % b"smuggled")
    status, headers, _ = split(answer)
    assert (status, headers["connection"], headers["x-refused"]) == (400, "close", "yes")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert asked == []


async def test_a_refusal_comes_after_the_answers_before_it(serve: Any, everything: Any) -> None:
    release = anyio.Event()

    async def handle(request: ServerRequest) -> Response:
        await release.wait()
        return Response(200, (), request.path.encode())

    async with serve(handle) as running, await running.connect() as stream:
        await stream.send(GET % b"1" + GET % b"2" + b"BROKEN\r\n\r\n")
        release.set()
        answer = await everything(stream)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"400"]


async def test_a_refusal_reaches_a_client_that_goes_on_sending(serve: Any, echo: Handler) -> None:
    async with serve(echo, body_bytes_max=1000) as running, await running.connect() as stream:
        answer = b""
        async with anyio.create_task_group() as tasks:

            async def send() -> None:
                await stream.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n")
                with anyio.move_on_after(10):
                    await stream.send(b"x" * 9_000_000)

            tasks.start_soon(send)
            with anyio.fail_after(5):
                async for part in stream:
                    answer += part
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert answer.endswith(b"the body has more than 1000 bytes")


async def test_a_head_too_large(serve: Any, echo: Handler) -> None:
    async with serve(echo, head_bytes_max=1000) as running:
        answer = await running.exchange(b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 1000 + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_the_body_of_a_refusal_of_head_is_not_sent_to_who_cannot_expect_it(serve: Any) -> None:
    async def handle(request: ServerRequest) -> Response:
        raise ValueError

    async with serve(handle) as running:
        answer = await running.exchange(b"HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "part"),
    [
        (b"GET / HTTP/1.1\r\nHo", b"head"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab", b"body"),
    ],
)
async def test_a_slow_request_is_refused(serve: Any, echo: Handler, sent: bytes, part: bytes) -> None:
    async with serve(echo, head_timeout_s=0.1, body_timeout_s=0.1) as running:
        answer = await running.exchange(sent)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert part in answer


async def test_a_trickled_head_does_not_extend_its_time(serve: Any, echo: Handler, everything: Any) -> None:
    async with serve(echo, head_timeout_s=0.2) as running, await running.connect() as stream:
        answer = b""
        async with anyio.create_task_group() as tasks:

            async def trickle() -> None:
                with anyio.move_on_after(5):
                    await stream.send(b"GET / HTTP/1.1\r\n")
                    while True:
                        await stream.send(b"a: b\r\n")
                        with anyio.move_on_after(0.02):
                            await anyio.sleep_forever()

            tasks.start_soon(trickle)
            with anyio.fail_after(2):
                answer = await everything(stream)
            tasks.cancel_scope.cancel()
        assert answer.startswith(b"HTTP/1.1 408 ")


async def test_silence_ends_a_connection_without_a_word(serve: Any, echo: Handler, until: Any) -> None:
    async with serve(echo, head_timeout_s=0.1) as running:
        assert await running.exchange(b"") == b""
    async with serve(echo, idle_timeout_s=0.1) as running, await running.connect() as stream:
        await stream.send(GET % b"x")
        await until(stream, b"GET /x?\n")
        with anyio.fail_after(5), pytest.raises(anyio.EndOfStream):
            await stream.receive()


async def test_a_handler_may_take_longer_than_any_timeout(serve: Any) -> None:
    async def handle(request: ServerRequest) -> Response:
        with anyio.move_on_after(0.3):
            await anyio.sleep_forever()
        return Response(200, (), b"done")

    async with serve(
        handle, head_timeout_s=0.05, body_timeout_s=0.05, idle_timeout_s=0.05, write_timeout_s=0.05
    ) as running:
        assert (await running.exchange(LAST % b"x")).endswith(b"done")


async def test_one_connection_too_many_is_refused_and_the_next_is_served(
    serve: Any, echo: Handler, until: Any, everything: Any
) -> None:
    async with serve(echo, connections_max=1) as running:
        async with await running.connect() as first:
            await first.send(GET % b"1")
            await until(first, b"GET /1?\n")
            async with await running.connect() as second:
                assert (await everything(second)).startswith(b"HTTP/1.1 503 ")
            await first.send(GET % b"2")
            await until(first, b"GET /2?\n")
        with anyio.fail_after(5):
            while running.server.connections:
                await anyio.lowlevel.checkpoint()
        assert (await running.exchange(LAST % b"3")).startswith(b"HTTP/1.1 200 ")


async def test_a_refusal_that_cannot_be_made_ends_that_connection_only(
    serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(request: ServerRequest) -> Response:
        if request.path == "/fail":
            raise LookupError
        return Response(200, (), b"served")

    def fail(status: int, reason: str) -> Response:
        raise ValueError

    async with serve(handle) as running:
        running.server.refuse = fail
        assert await running.exchange(b"BROKEN\r\n\r\n") == b""
        assert await running.exchange(GET % b"fail") == b""
        assert (await running.exchange(LAST % b"x")).endswith(b"served")
    assert caplog.text.count("a refusal failed with ValueError") == 2


async def test_far_too_many_connections_are_not_even_refused(serve: Any, echo: Handler) -> None:
    async with serve(echo, connections_max=0) as running:
        held = [await running.connect() for _ in range(64)]
        with anyio.fail_after(5):
            while len(running.server.connections) < 64:
                await anyio.lowlevel.checkpoint()
        async with await running.connect() as stream:
            with anyio.fail_after(5), pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await stream.receive()
        for stream in held:
            assert (await stream.receive()).startswith(b"HTTP/1.1 503 ")
            await stream.aclose()


# Beginning and end.


async def test_a_port_that_is_taken(serve: Any, echo: Handler) -> None:
    async with serve(echo) as running:
        server = HttpServer(
            echo,
            host="127.0.0.1",
            port=running.port,
            limits=ServerLimits(),
            refuse=lambda status, reason: Response(status),
        )
        with pytest.raises(ConfigError, match=f"port {running.port} is taken"):
            await server.serve()


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
async def test_an_address_that_is_not_ours(echo: Handler, host: str) -> None:
    server = HttpServer(
        echo, host=host, port=1, limits=ServerLimits(), refuse=lambda status, reason: Response(status)
    )
    with pytest.raises(ConfigError, match="cannot listen on"):
        await server.serve()


async def test_running_requests_finish_when_the_server_ends(serve: Any, everything: Any) -> None:
    asked, release = anyio.Event(), anyio.Event()

    async def handle(request: ServerRequest) -> Response:
        asked.set()
        await release.wait()
        return Response(200, (), b"finished")

    async with serve(handle) as running:
        busy, idle = await running.connect(), await running.connect()
        await busy.send(GET % b"x")
        await asked.wait()
        running.end()
        with anyio.CancelScope(shield=True):
            assert await everything(idle) == b""
            with pytest.raises(OSError):
                await running.connect()
            release.set()
            answer = await everything(busy)
            assert answer.endswith(b"finished")
            assert b"Connection: close" in answer
            await busy.aclose()
            await idle.aclose()


async def test_what_does_not_finish_is_cut_off(serve: Any) -> None:
    source = Source()
    async with serve(answer_with(source), drain_s=0.1) as running:
        stream = await running.connect()
        await stream.send(GET % b"x")
        await source.started.wait()
        running.end()
    assert source.freed.is_set()
    await stream.aclose()
