"""A server of ours on loopback, and a raw connection to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream

from joey.http.server import Handler, HttpServer, Response, ServerLimits, ServerRequest

LIMITS = ServerLimits(
    head_bytes_max=8 * 1024,
    body_bytes_max=1024 * 1024,
    connections_max=100,
    head_timeout_s=5,
    body_timeout_s=5,
    idle_timeout_s=5,
    drain_s=5,
    write_timeout_s=5,
)


def refuse(status: int, reason: str) -> Response:
    return Response(status, (("content-type", "text/plain"), ("x-refused", "yes")), reason.encode())


class Running:
    """A server that runs: where it is, what it was asked, and how to end it."""

    def __init__(self, server: HttpServer, host: str, port: int, end: Callable[[], None]) -> None:
        self.server = server
        self.host = host
        self.port = port
        self.url = f"http://{host}:{port}"
        self.end = end

    async def connect(self) -> SocketStream:
        return await anyio.connect_tcp(self.host, self.port)

    async def exchange(self, data: bytes) -> bytes:
        """Send bytes, and return all that comes until the server closes."""
        async with await self.connect() as stream:
            await stream.send(data)
            return await receive_all(stream)


async def receive_all(stream: SocketStream) -> bytes:
    received = b""
    with anyio.fail_after(10):
        async for part in stream:
            received += part
    return received


async def receive_until(stream: SocketStream, end: bytes) -> bytes:
    received = b""
    with anyio.fail_after(10):
        while end not in received:
            received += await stream.receive()
    return received


Serve = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def serve() -> Serve:
    @asynccontextmanager
    async def start(handler: Handler, **limits: Any) -> AsyncIterator[Running]:
        server = HttpServer(
            handler, host="127.0.0.1", port=0, limits=replace(LIMITS, **limits), refuse=refuse
        )
        async with anyio.create_task_group() as tasks:
            host, port = await tasks.start(server.serve)
            yield Running(server, host, port, tasks.cancel_scope.cancel)
            tasks.cancel_scope.cancel()
        assert not server.connections

    return start


@pytest.fixture
def echo() -> Handler:
    async def handle(request: ServerRequest) -> Response:
        line = f"{request.method} {request.path}?{request.query}\n".encode()
        return Response(200, (("Content-Type", "text/plain"),), line + request.body)

    return handle


@pytest.fixture
def until() -> Callable[[SocketStream, bytes], Any]:
    return receive_until


@pytest.fixture
def everything() -> Callable[[SocketStream], Any]:
    return receive_all
