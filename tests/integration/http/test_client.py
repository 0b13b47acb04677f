"""The client against servers that do what they are told, byte by byte."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from joey.core.wire.envelope import HttpRequest, HttpResponse
from joey.http.client import HttpClient
from joey.http.errors import (
    BadMessage,
    ConnectionFailed,
    ConnectionLost,
    MessageTooLarge,
    TimedOut,
    TransportError,
)

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """One accepted connection of a scripted server."""

    def __init__(self, stream: SocketStream, number: int) -> None:
        self.stream = stream
        self.number = number
        self._buffer = b""

    async def read_request(self) -> bytes:
        """Return one request, head and body by its Content-Length. Raises `EndOfStream`."""
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += await self.stream.receive()
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b": ")
            if name.lower() == b"content-length":
                length = int(value)
        while len(rest) < length:
            rest += await self.stream.receive()
        self._buffer = rest[length:]
        return head + b"\r\n\r\n" + rest[:length]

    async def send(self, data: bytes) -> None:
        await self.stream.send(data)

    async def wait_end(self) -> None:
        """Return when the client has closed."""
        try:
            async for _ in self.stream:
                pass
        except anyio.BrokenResourceError:
            pass


Script = Callable[[Peer], Awaitable[None]]


class Scripted:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/x"
        self.host = f"127.0.0.1:{port}"
        self.connections = 0


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[Scripted]:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    server = Scripted(listener.extra(SocketAttribute.local_port))

    async def accept(stream: SocketStream) -> None:
        server.connections += 1
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                await script(Peer(stream, server.connections))

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, accept)
        yield server
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def using(**options: Any) -> AsyncIterator[HttpClient]:
    client = HttpClient(**{"body_bytes_max": 2**20, **options})
    try:
        yield client
    finally:
        await client.aclose()


def always(answer: bytes) -> Script:
    async def script(peer: Peer) -> None:
        while True:
            await peer.read_request()
            await peer.send(answer)

    return script


def in_s(seconds: float) -> float:
    return anyio.current_time() + seconds


async def get(client: HttpClient, url: str, method: str = "GET", body: bytes = b"") -> HttpResponse:
    return await client.request(HttpRequest(method, url, (), body), deadline=in_s(5))


async def test_what_is_sent(everything: Any) -> None:
    received = []

    async def script(peer: Peer) -> None:
        while True:
            received.append(await peer.read_request())
            await peer.send(OK)

    async with scripted(script) as server, using() as client:
        headers = (
            ("X-One", "1"),
            ("x-one", "2"),
            ("Content-Length", "77"),
            ("Connection", "close"),
            ("Transfer-Encoding", "gzip"),
            ("Expect", "100-continue"),
        )
        for request in (
            HttpRequest("POST", f"{server.url}?q=%20#part", headers, b"body"),
            HttpRequest("GET", server.url, (("HOST", "other"),)),
            HttpRequest("PUT", server.url),
            HttpRequest("DELETE", server.url, (), b"x" * 100_000),
        ):
            assert (await client.request(request, deadline=in_s(5))).body == b"ok"
        host = server.host.encode()
        assert received == [
            b"POST /x?q=%20 HTTP/1.1\r\nX-One: 1\r\nx-one: 2\r\nHost: "
            + host
            + b"\r\nContent-Length: 4\r\n\r\nbody",
            b"GET /x HTTP/1.1\r\nHOST: other\r\n\r\n",
            b"PUT /x HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 0\r\n\r\n",
            b"DELETE /x HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000,
        ]
        assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (OK, HttpResponse(200, (("Content-Length", "2"),), b"ok")),
        (
            b"HTTP/1.1 418 I'm a teapot\r\nX-A: 1 \r\nx-a: \r\nContent-Length: 0\r\n\r\n",
            HttpResponse(418, (("X-A", "1"), ("x-a", ""), ("Content-Length", "0"))),
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"1;x=y\r\na\r\n2\r\nbc\r\n0\r\nTrailer: t\r\n\r\n",
            HttpResponse(200, (("Transfer-Encoding", "chunked"),), b"abc"),
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", HttpResponse(204)),
        (
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99999999\r\n\r\n",
            HttpResponse(304, (("Content-Length", "99999999"),)),
        ),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
            HttpResponse(200, (("Content-Length", "2"),), b"ok"),
        ),
    ],
)
async def test_answers_after_which_the_connection_is_kept(answer: bytes, expected: HttpResponse) -> None:
    async with scripted(always(answer)) as server, using() as client:
        for _ in range(3):
            assert await get(client, server.url) == expected
        assert server.connections == 1


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_answers_that_come_in_small_pieces(size: int) -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"

    async def script(peer: Peer) -> None:
        while True:
            await peer.read_request()
            for at in range(0, len(answer), size):
                await peer.send(answer[at : at + size])
                await anyio.lowlevel.checkpoint()

    async with scripted(script) as server, using() as client:
        for _ in range(2):
            assert (await get(client, server.url)).body == b"abc0123456789"
        assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\n\r\nok",
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nunasked",
        OK + b"garbage",
    ],
)
async def test_answers_after_which_the_connection_is_not_kept(answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer)
        if b"ength" not in answer:
            await peer.stream.aclose()
        else:
            await peer.wait_end()

    async with scripted(script) as server, using() as client:
        for _ in range(2):
            response = await get(client, server.url)
            assert (response.status, response.body) == (200, b"ok")
        assert server.connections == 2


async def test_the_answer_to_head_has_no_body_whatever_its_length_says() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"
    async with scripted(always(answer)) as server, using() as client:
        response = await get(client, server.url, "HEAD")
        assert (response.status, response.body) == (200, b"")
        assert response.header("content-length") == "99999999"


async def test_an_answer_before_the_request_was_read() -> None:
    async def script(peer: Peer) -> None:
        await peer.stream.receive(10)
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await peer.wait_end()

    async with scripted(script) as server, using() as client:
        assert (await get(client, server.url, "POST", b"x" * 20_000_000)).status == 413


async def test_a_connection_on_which_a_request_is_still_being_sent_is_not_kept() -> None:
    async def script(peer: Peer) -> None:
        await peer.stream.receive(10)
        await peer.send(OK)
        await peer.wait_end()

    async with scripted(script) as server, using() as client:
        for _ in range(2):
            assert (await get(client, server.url, "POST", b"x" * 20_000_000)).body == b"ok"
        assert server.connections == 2


# What may go wrong, and whether the request may have been acted on.


async def failure(client: HttpClient, url: str, **options: Any) -> TransportError:
    with pytest.raises(TransportError) as failed:
        await client.request(HttpRequest("POST", url, (), b"b"), deadline=in_s(options.get("within_s", 5)))
    return failed.value


async def test_no_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with using() as client:
            error = await failure(client, f"http://127.0.0.1:{taken.getsockname()[1]}/")
            assert isinstance(error, ConnectionFailed)
            assert not error.request_sent
            for url in ("", "/x", "ftp://a/", "http://no.such.host.invalid/", "http://a b/"):
                error = await failure(client, url)
                assert isinstance(error, ConnectionFailed)
                assert not error.request_sent


async def test_a_connection_that_is_never_accepted() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(8)]
        try:
            for other in waiting:
                other.setblocking(False)
                other.connect_ex(full.getsockname())
            url = f"http://127.0.0.1:{full.getsockname()[1]}/"
            async with using(connect_timeout_s=0.1) as client:
                error = await failure(client, url)
                assert isinstance(error, ConnectionFailed)
                assert not error.request_sent
                error = await failure(client, url, within_s=0.05)
                assert isinstance(error, TimedOut)
                assert not error.request_sent
        finally:
            for other in waiting:
                other.close()


async def test_a_deadline_that_has_passed() -> None:
    async with scripted(always(OK)) as server, using() as client:
        error = await failure(client, server.url, within_s=0)
        assert isinstance(error, TimedOut)
        assert not error.request_sent
        assert server.connections == 0


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"]
)
async def test_a_deadline_that_passes(sent: bytes) -> None:
    hung_up = anyio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        if sent:
            await peer.send(sent)
        await peer.wait_end()
        hung_up.set()

    async with scripted(script) as server, using() as client:
        error = await failure(client, server.url, within_s=0.1)
        assert isinstance(error, TimedOut)
        assert error.request_sent
        with anyio.fail_after(1):
            await hung_up.wait()


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (ConnectionLost, b""),
        (ConnectionLost, b"HTTP/1.1 200"),
        (ConnectionLost, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"),
        (ConnectionLost, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"),
        (ConnectionLost, b"HTTP/1.1 100 Continue\r\n\r\n"),
        (BadMessage, b"SSH-2.0-OpenSSH_9.7\r\n"),
        (BadMessage, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (BadMessage, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
        (BadMessage, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        (BadMessage, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"),
        (BadMessage, b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
        (MessageTooLarge, b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"),
        (MessageTooLarge, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001),
        (MessageTooLarge, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001),
        (MessageTooLarge, b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000 + b"\r\n\r\n"),
        (MessageTooLarge, b"HTTP/1.1 200 OK\r\nA: " + b"x" * 500_000),
        (MessageTooLarge, b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000),
    ],
)
async def test_answers_that_are_none(kind: type[TransportError], answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer)
        if kind is ConnectionLost:
            await peer.stream.aclose()
        else:
            await peer.wait_end()

    async with scripted(script) as server, using(body_bytes_max=1000) as client:
        error = await failure(client, server.url)
        assert type(error) is kind
        assert error.request_sent
        assert server.connections == 1


async def test_errors_name_the_peer_and_quote_nothing() -> None:
    async with scripted(always(b"a secret answer\r\n\r\n")) as server, using() as client:
        error = await failure(client, f"{server.url}?secret")
        assert server.host in str(error)
        assert "secret" not in str(error)


async def test_a_header_that_would_break_the_head_is_the_callers_fault() -> None:
    async with scripted(always(OK)) as server, using() as client:
        for request in (
            HttpRequest("GET", server.url, (("a", "b\r\nc: d"),)),
            HttpRequest("GET", server.url, (("a b", "c"),)),
            HttpRequest("GET / HTTP/1.1\r\nX: y\r\n\r\nGET", server.url),
            HttpRequest("", server.url),
        ):
            with pytest.raises(ValueError):
                await client.request(request, deadline=in_s(5))
        assert (await get(client, server.url)).body == b"ok"
        assert server.connections == 1


# A kept connection that the server closes as it is used.


async def test_a_kept_connection_that_was_closed_is_replaced_and_the_request_sent_again() -> None:
    seen = []

    async def script(peer: Peer) -> None:
        seen.append((peer.number, await peer.read_request()))
        await peer.send(OK)
        if peer.number == 1:
            seen.append((peer.number, await peer.read_request()))  # closed without an answer

    async with scripted(script) as server, using() as client:
        assert (await get(client, server.url)).body == b"ok"
        assert (await get(client, server.url, "POST", b"again")).body == b"ok"
        assert [number for number, _ in seen] == [1, 1, 2]
        assert seen[1][1] == seen[2][1]
        assert seen[2][1].endswith(b"again")


async def test_a_request_is_sent_again_once_at_most() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        if peer.number == 1:
            await peer.send(OK)
            await peer.read_request()

    async with scripted(script) as server, using() as client:
        await get(client, server.url)
        error = await failure(client, server.url)
        assert isinstance(error, ConnectionLost)
        assert error.request_sent
        assert server.connections == 2


async def test_a_request_is_not_sent_again_where_that_is_not_wanted() -> None:
    seen = []

    async def script(peer: Peer) -> None:
        seen.append((peer.number, await peer.read_request()))
        await peer.send(OK)
        seen.append((peer.number, await peer.read_request()))

    async with scripted(script) as server, using() as client:
        request = HttpRequest("POST", server.url, (), b"once")
        await client.request(request, deadline=in_s(5), retry_idle=False)
        with pytest.raises(ConnectionLost) as caught:
            await client.request(request, deadline=in_s(5), retry_idle=False)
        assert caught.value.was_kept
        assert caught.value.request_sent
        await client.request(request, deadline=in_s(5), retry_idle=False)
        with pytest.raises(ConnectionLost) as caught:
            async with client.open(request, deadline=in_s(5), retry_idle=False):
                pass
        assert caught.value.was_kept
        assert [number for number, _ in seen] == [1, 1, 2, 2]


async def test_other_kept_connections_are_given_up_with_one_that_was_closed() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        both.set() if peer.number == 2 else await both.wait()
        await peer.send(OK)
        await peer.read_request()

    both = anyio.Event()
    async with scripted(script) as server, using() as client:
        request = HttpRequest("GET", server.url)
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(partial(client.request, request, deadline=in_s(5)))
        with pytest.raises(ConnectionLost):
            await client.request(request, deadline=in_s(5), retry_idle=False)
        await client.request(request, deadline=in_s(5), retry_idle=False)
        assert server.connections == 3


async def test_one_response_may_have_a_bound_of_its_own() -> None:
    async with scripted(always(OK)) as server, using() as client:
        request = HttpRequest("GET", server.url)
        assert (await client.request(request, deadline=in_s(5), body_bytes_max=2)).body == b"ok"
        with pytest.raises(MessageTooLarge):
            await client.request(request, deadline=in_s(5), body_bytes_max=1)
        async with client.open(request, deadline=in_s(5), body_bytes_max=2) as exchange:
            assert [part async for part in exchange.chunks()] == [b"ok"]


async def test_a_request_is_not_sent_again_once_a_byte_came_back() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(OK)
        await peer.read_request()
        await peer.send(b"H")

    async with scripted(script) as server, using() as client:
        await get(client, server.url)
        assert isinstance(await failure(client, server.url), ConnectionLost)
        assert server.connections == 1


async def test_if_no_second_connection_is_had_the_request_still_counts_as_sent() -> None:
    stop: Callable[[], Awaitable[None]]

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(OK)
        await peer.read_request()
        await stop()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    stop = listener.aclose
    port = listener.extra(SocketAttribute.local_port)

    async def accept(stream: SocketStream) -> None:
        async with stream:
            await script(Peer(stream, 1))

    async def listen() -> None:
        try:
            await listener.serve(accept)
        except* anyio.ClosedResourceError:
            pass

    async with anyio.create_task_group() as tasks, using() as client:
        tasks.start_soon(listen)
        await get(client, f"http://127.0.0.1:{port}/")
        error = await failure(client, f"http://127.0.0.1:{port}/")
        assert isinstance(error, ConnectionFailed)
        assert error.request_sent


async def test_a_connection_kept_too_long_is_not_used() -> None:
    async with scripted(always(OK)) as server, using(idle_timeout_s=0.3) as client:
        for _ in range(2):
            await get(client, server.url)
        assert server.connections == 1
        with anyio.move_on_after(0.4):
            await anyio.sleep_forever()
        await get(client, server.url)
        assert server.connections == 2


# Streams, and leaving them.


async def test_a_body_as_it_comes() -> None:
    taken = [anyio.Event() for _ in range(3)]

    async def script(peer: Peer) -> None:
        while True:
            await peer.read_request()
            await peer.send(b"HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number, event in enumerate(taken):
                await peer.send(b"1\r\n%d\r\n" % number)
                await event.wait()
            await peer.send(b"0\r\n\r\n")

    async with scripted(script) as server, using() as client:
        async with client.open(HttpRequest("GET", server.url), deadline=in_s(5)) as exchange:
            assert exchange.status == 200
            assert ("X-A", "b") in exchange.headers
            parts = []
            async for part in exchange.chunks():
                parts.append(part)
                taken[len(parts) - 1].set()
        assert parts == [b"0", b"1", b"2"]
        assert (await get(client, server.url)).body == b"012"
        assert server.connections == 1


@pytest.mark.parametrize("end", ["leave", "raise", "cancel"])
async def test_leaving_early_hangs_up_at_once(end: str) -> None:
    hung_up = anyio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        await peer.wait_end()
        hung_up.set()

    async with scripted(script) as server, using() as client:
        with anyio.CancelScope() as scope:
            try:
                async with client.open(HttpRequest("GET", server.url), deadline=in_s(60)) as exchange:
                    async for part in exchange.chunks():
                        assert part == b"a"
                        if end == "leave":
                            break
                        if end == "raise":
                            raise LookupError
                        scope.cancel()
            except LookupError:
                pass
        with anyio.fail_after(1):
            await hung_up.wait()
        assert scope.cancelled_caught is (end == "cancel")


async def test_a_cancelled_request_hangs_up_at_once() -> None:
    asked, hung_up = anyio.Event(), anyio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        asked.set()
        await peer.wait_end()
        hung_up.set()

    async with scripted(script) as server, using() as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(get, client, server.url)
            await asked.wait()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(1):
            await hung_up.wait()


async def test_parts_that_came_before_a_break_are_given_before_the_error() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n")

    async with scripted(script) as server, using() as client:
        parts = []
        with pytest.raises(ConnectionLost):
            async with client.open(HttpRequest("GET", server.url), deadline=in_s(5)) as exchange:
                async for part in exchange.chunks():
                    parts.append(part)
        assert parts == [b"part"]


async def test_the_deadline_covers_the_whole_stream() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        await peer.wait_end()

    async with scripted(script) as server, using() as client:
        with anyio.fail_after(2), pytest.raises(TimedOut):
            async with client.open(HttpRequest("GET", server.url), deadline=in_s(0.1)) as exchange:
                async for _ in exchange.chunks():
                    pass


async def test_a_reader_that_waits_holds_the_server_back() -> None:
    size = 64 * 2**20
    all_sent = anyio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // 2**16):
            await peer.send(b"x" * 2**16)
        all_sent.set()

    async with scripted(script) as server, using(body_bytes_max=size) as client:
        async with client.open(HttpRequest("GET", server.url), deadline=in_s(60)) as exchange:
            with anyio.move_on_after(0.3):
                await all_sent.wait()
            assert not all_sent.is_set()
            received = 0
            async for part in exchange.chunks():
                assert len(part) <= 2**20
                received += len(part)
        assert received == size


# The bounds of the pool.


async def test_calls_beyond_the_bound_wait_in_order_or_are_refused() -> None:
    asked = []
    release = anyio.Event()

    async def script(peer: Peer) -> None:
        while True:
            asked.append((await peer.read_request()).split()[1])
            await release.wait()
            await peer.send(OK)

    async with scripted(script) as server, using(connections_max=2) as client:
        base = server.url[:-2]
        done = []

        async def call(name: str) -> None:
            assert (await get(client, f"{base}/{name}")).status == 200
            done.append(name)

        async with anyio.create_task_group() as tasks:
            for name in "abcd":
                tasks.start_soon(call, name)
            with anyio.fail_after(5):
                while len(asked) < 2:
                    await anyio.lowlevel.checkpoint()
            error = await failure(client, server.url)
            assert isinstance(error, ConnectionFailed)
            assert not error.request_sent
            release.set()
        assert sorted(done) == ["a", "b", "c", "d"]
        assert asked[2:] == [b"/c", b"/d"]
        assert server.connections == 2


async def test_waiting_for_a_connection_ends_with_the_deadline() -> None:
    asked, release = anyio.Event(), anyio.Event()

    async def script(peer: Peer) -> None:
        while True:
            await peer.read_request()
            asked.set()
            await release.wait()
            await peer.send(OK)

    async with scripted(script) as server, using(connections_max=1) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(get, client, server.url)
            await asked.wait()
            error = await failure(client, server.url, within_s=0.05)
            assert isinstance(error, TimedOut)
            assert not error.request_sent
            with anyio.move_on_after(0.05) as scope:
                await get(client, server.url)
            assert scope.cancelled_caught
            release.set()
        assert (await get(client, server.url)).body == b"ok"
        assert server.connections == 1


async def test_a_place_given_up_by_a_failure_goes_to_who_waits() -> None:
    first_in = anyio.Event()

    async def script(peer: Peer) -> None:
        while True:
            await peer.read_request()
            if peer.number == 1:
                first_in.set()
                await peer.wait_end()
                return
            await peer.send(OK)

    async with scripted(script) as server, using(connections_max=1) as client:
        async with anyio.create_task_group() as tasks:

            async def fail() -> None:
                assert isinstance(await failure(client, server.url, within_s=0.1), TimedOut)

            tasks.start_soon(fail)
            await first_in.wait()
            assert (await get(client, server.url)).body == b"ok"
        assert server.connections == 2


async def test_a_closed_client_closes_its_connections_and_takes_no_calls() -> None:
    closed = anyio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(OK)
        await peer.wait_end()
        closed.set()

    async with scripted(script) as server:
        client = HttpClient(body_bytes_max=100)
        await get(client, server.url)
        await client.aclose()
        with anyio.fail_after(1):
            await closed.wait()
        error = await failure(client, server.url)
        assert isinstance(error, ConnectionFailed)
        assert not error.request_sent
