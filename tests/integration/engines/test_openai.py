"""The HTTP engine against a server on loopback: the echo engine behind our own HTTP server."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest

from joey.adapters.engines.echo import EchoEngine
from joey.adapters.engines.openai import OpenAIEngine
from joey.core.errors import ConfigError, DeadlineExceeded, EngineFailed
from joey.core.wire.envelope import HttpRequest
from joey.http.server import HttpServer, Response, ServerLimits, ServerRequest
from joey.ports.engine import Engine
from joey.testing.engine_contract import EngineContract, ask, make_chat

pytestmark = pytest.mark.anyio

Handler = Callable[[ServerRequest], Awaitable[Response]]


def refuse(status: int, reason: str) -> Response:
    return Response(status, (), reason.encode())


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    server = HttpServer(handler, host="127.0.0.1", port=0, limits=ServerLimits(drain_s=0.1), refuse=refuse)
    async with anyio.create_task_group() as tasks:
        host, port = await tasks.start(server.serve)
        yield f"http://{host}:{port}"
        tasks.cancel_scope.cancel()


class EchoServer:
    """An OpenAI-compatible server with the echo engine inside."""

    def __init__(self) -> None:
        self.requests: list[ServerRequest] = []
        self.engine = EchoEngine(word_delay_s=0.001)
        self.streams_running = 0

    async def __call__(self, request: ServerRequest) -> Response:
        self.requests.append(request)
        if request.path == "/v1/models":
            body = {"object": "list", "data": [{"id": "echo", "object": "model"}]}
            return Response(200, (("Content-Type", "application/json"),), json.dumps(body).encode())
        call = HttpRequest(request.method, request.path, (), request.body)
        opening = self.engine.open(call, deadline=anyio.current_time() + 30)
        exchange = await opening.__aenter__()
        return Response(exchange.status, exchange.headers, self._pass_on(exchange.chunks()))

    async def _pass_on(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        self.streams_running += 1
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            self.streams_running -= 1


class TestOpenAIEngine(EngineContract):
    url = ""

    def make_engine(self) -> Engine:
        return OpenAIEngine(self.url, slots=4)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Engine]:
        server = EchoServer()
        await server.engine.start()
        async with serving(server) as self.url, super().running() as engine:
            yield engine

    async def test_a_stopped_engine_fails(self) -> None:
        self.url = "http://127.0.0.1:9"
        await super().test_a_stopped_engine_fails()


@asynccontextmanager
async def engine_at(url: str, **settings: object) -> AsyncIterator[OpenAIEngine]:
    engine = OpenAIEngine(url, **settings)  # type: ignore[arg-type]
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


async def test_the_key_and_nothing_else_is_added_and_v1_is_not_doubled() -> None:
    server = EchoServer()
    await server.engine.start()
    request = make_chat("echo", "hello", unknown_member=1)
    async with serving(server) as url, engine_at(f"{url}/v1/", api_key="secret") as engine:
        await ask(engine, request)
    (seen,) = server.requests
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == "Bearer secret"
    assert seen.body == request.body
    assert set(seen.headers) == {"authorization", "content-type", "content-length", "host"}


async def test_chunks_come_as_they_are_made() -> None:
    server = EchoServer()
    server.engine = EchoEngine(word_delay_s=0.05)
    await server.engine.start()
    times = []
    async with serving(server) as url, engine_at(url) as engine:
        request = make_chat("echo", "one two three", stream=True)
        async with engine.open(request, deadline=anyio.current_time() + 10) as exchange:
            async for _ in exchange.chunks():
                times.append(anyio.current_time())
    assert times[-1] - times[0] > 0.05


async def test_leaving_hangs_up_at_once() -> None:
    server = EchoServer()
    server.engine = EchoEngine(word_delay_s=0.05)
    await server.engine.start()
    async with serving(server) as url, engine_at(url) as engine:
        request = make_chat("echo", "word " * 200, stream=True)
        async with engine.open(request, deadline=anyio.current_time() + 60) as exchange:
            async for _ in exchange.chunks():
                break
            assert server.streams_running == 1
        with anyio.fail_after(2):
            while server.streams_running:
                await anyio.lowlevel.checkpoint()


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with engine_at(url, models=("my-model",)) as engine:
            with pytest.raises(EngineFailed) as raised:
                await ask(engine, make_chat("echo", "hello"))
            status = await engine.status()
    assert url.removeprefix("http://") not in raised.value.message
    assert "ConnectionFailed" in str(raised.value.fields["cause"])
    assert not status.healthy
    assert status.models == ("my-model",)


async def test_an_answer_that_breaks_off() -> None:
    async def handler(request: ServerRequest) -> Response:
        async def body() -> AsyncIterator[bytes]:
            yield b"data: 1\n\n"
            raise OSError("the disk is gone")

        return Response(200, (("Content-Type", "text/event-stream"),), body())

    parts = []
    async with serving(handler) as url, engine_at(url) as engine:
        with pytest.raises(EngineFailed, match="broke off"):
            async with engine.open(make_chat("echo", "x"), deadline=anyio.current_time() + 10) as exchange:
                async for chunk in exchange.chunks():
                    parts.append(chunk)
    assert parts == [b"data: 1\n\n"]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_takes_too_long(stream: bool) -> None:
    server = EchoServer()
    server.engine = EchoEngine(word_delay_s=0.2)
    await server.engine.start()
    async with serving(server) as url, engine_at(url) as engine:
        with pytest.raises(DeadlineExceeded):
            await ask(engine, make_chat("echo", "word " * 20, stream=stream), within_s=0.3)


async def test_an_answer_that_is_too_long() -> None:
    server = EchoServer()
    await server.engine.start()
    async with serving(server) as url, engine_at(url, answer_bytes_max=500) as engine:
        with pytest.raises(EngineFailed):
            await ask(engine, make_chat("echo", "word " * 200))


@pytest.mark.parametrize(
    ("status", "body"), [(500, b""), (200, b"not json"), (200, b"[]"), (200, b'{"data":[{}]}')]
)
async def test_a_server_that_lists_no_models_is_not_healthy(status: int, body: bytes) -> None:
    async def handler(request: ServerRequest) -> Response:
        return Response(status, (), body)

    async with serving(handler) as url, engine_at(url) as engine:
        assert not (await engine.status()).healthy


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8000", "ftp://host", "http://", "http://host?key=1", "/v1", "http://host:port"]
)
async def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError, match="the engine url"):
        OpenAIEngine(url)
