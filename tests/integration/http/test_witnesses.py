"""Others' programs at the other end: aiohttp, curl, and the standard library's client."""

from __future__ import annotations

import http.client
import io
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import anyio.to_thread
import pytest
from aiohttp import web

from joey.core.wire.envelope import HttpRequest
from joey.http.client import HttpClient
from joey.http.errors import ConnectionFailed
from joey.http.server import Handler, Response, ServerRequest

pytestmark = pytest.mark.anyio

CERTIFICATE = Path(__file__).with_name("loopback.pem")


def in_s(seconds: float) -> float:
    return anyio.current_time() + seconds


@pytest.fixture
def handler() -> Handler:
    async def stream() -> AsyncIterator[bytes]:
        for number in range(5):
            yield b"data: %d\n\n" % number
            await anyio.lowlevel.checkpoint()

    async def handle(request: ServerRequest) -> Response:
        if request.path == "/stream":
            return Response(200, (("content-type", "text/event-stream"),), stream())
        if request.path == "/fail":
            raise LookupError
        if request.path == "/nothing":
            return Response(204)
        headers = (("x-query", request.query), ("x-agent", request.headers.get("user-agent", "")))
        return Response(200, headers, request.method.encode() + request.body)

    return handle


STREAMED = b"".join(b"data: %d\n\n" % number for number in range(5))


async def test_the_client_of_aiohttp(serve: Any, handler: Handler) -> None:
    async with serve(handler) as running, aiohttp.ClientSession() as session:
        async with session.get(f"{running.url}/x?a=%20b") as response:
            assert (response.status, await response.read()) == (200, b"GET")
            assert response.headers["x-query"] == "a=%20b"
        async with session.post(f"{running.url}/x", data=io.BytesIO(b"x" * 500_000)) as response:
            assert await response.read() == b"POST" + b"x" * 500_000

        async def upload() -> AsyncIterator[bytes]:
            for _ in range(10):
                yield b"y" * 10_000

        async with session.post(f"{running.url}/x", data=upload(), expect100=True) as response:
            assert await response.read() == b"POST" + b"y" * 100_000
        async with session.get(f"{running.url}/stream") as response:
            assert response.content_type == "text/event-stream"
            assert await response.read() == STREAMED
        async with session.head(f"{running.url}/x") as response:
            assert (response.status, await response.read()) == (200, b"")
        async with session.get(f"{running.url}/nothing") as response:
            assert (response.status, await response.read()) == (204, b"")
        async with session.get(f"{running.url}/fail") as response:
            assert (response.status, await response.read()) == (500, b"internal error")
        async with session.post(f"{running.url}/x", data=io.BytesIO(b"x" * 2_000_000)) as response:
            assert response.status == 413


async def test_the_client_of_the_standard_library(serve: Any, handler: Handler) -> None:
    async with serve(handler) as running:

        def call() -> list[tuple[int, bytes]]:
            answers = []
            connection = http.client.HTTPConnection(running.host, running.port, timeout=5)
            try:
                for method, path, body in (
                    ("GET", "/x", None),
                    ("POST", "/x", b"abc"),
                    ("GET", "/stream", None),
                    ("HEAD", "/x", None),
                    ("GET", "/nothing", None),
                    ("POST", "/x", iter([b"de", b"fg"])),
                ):
                    connection.request(method, path, body)
                    response = connection.getresponse()
                    answers.append((response.status, response.read()))
            finally:
                connection.close()
            return answers

        answers = await anyio.to_thread.run_sync(call)
    assert answers == [
        (200, b"GET"),
        (200, b"POSTabc"),
        (200, STREAMED),
        (200, b""),
        (204, b""),
        (200, b"POSTdefg"),
    ]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("version", ["--http1.1", "--http1.0", "--http2"])
async def test_curl(serve: Any, handler: Handler, version: str, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(b"z" * 900_000)

    def call(*arguments: str) -> bytes:
        command = [
            "curl",
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "--max-time",
            "5",
            version,
            *arguments,
        ]
        return subprocess.run(command, capture_output=True, check=True).stdout

    async with serve(handler) as running:
        url = running.url
        assert await anyio.to_thread.run_sync(call, f"{url}/x", f"{url}/stream") == b"GET" + STREAMED
        # More than curl sends without being invited.
        answer = await anyio.to_thread.run_sync(call, "--data-binary", f"@{big}", f"{url}/x")
        assert answer == b"POST" + b"z" * 900_000
        answer = await anyio.to_thread.run_sync(
            call, "--data-binary", "abc", "--write-out", "%{http_code}", f"{url}/x"
        )
        assert answer == b"POSTabc200"
        answer = await anyio.to_thread.run_sync(call, "--head", f"{url}/x")
        assert b"Content-Length: 4\r\n" in answer


@asynccontextmanager
async def aiohttp_server(context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(
            body=request.method.encode() + await request.read(), headers={"x-host": request.host}
        )

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for number in range(5):
            await response.write(b"data: %d\n\n" % number)
            await anyio.lowlevel.checkpoint()
        await response.write_eof()
        return response

    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/x", echo)
    app.router.add_get("/stream", stream)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def check_client(client: HttpClient, base: str) -> None:
    for _ in range(2):
        response = await client.request(HttpRequest("POST", f"{base}/x", (), b"abc"), deadline=in_s(5))
        assert (response.status, response.body) == (200, b"POSTabc")
        big = HttpRequest("PUT", f"{base}/x", (), b"x" * 3_000_000)
        assert (await client.request(big, deadline=in_s(10))).body == b"PUT" + b"x" * 3_000_000
        response = await client.request(HttpRequest("HEAD", f"{base}/x"), deadline=in_s(5))
        assert (response.status, response.body) == (200, b"")
        assert (await client.request(HttpRequest("GET", f"{base}/none"), deadline=in_s(5))).status == 404
        received = b""
        async with client.open(HttpRequest("GET", f"{base}/stream"), deadline=in_s(5)) as exchange:
            async for part in exchange.chunks():
                received += part
        assert received == STREAMED


async def test_the_server_of_aiohttp() -> None:
    client = HttpClient(body_bytes_max=2**23)
    async with aiohttp_server() as port:
        await check_client(client, f"http://127.0.0.1:{port}")
        response = await client.request(HttpRequest("GET", f"http://localhost:{port}/x"), deadline=in_s(5))
        assert response.header("X-Host") == f"localhost:{port}"
        await client.aclose()


async def test_the_server_of_aiohttp_over_tls() -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(CERTIFICATE)
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
    async with aiohttp_server(server_side) as port:
        client = HttpClient(body_bytes_max=2**23, ssl_context=trusting)
        await check_client(client, f"https://127.0.0.1:{port}")
        await client.aclose()
        # The default context does not trust a certificate that nobody vouches for.
        client = HttpClient(body_bytes_max=2**23)
        with pytest.raises(ConnectionFailed) as failed:
            await client.request(HttpRequest("GET", f"https://127.0.0.1:{port}/x"), deadline=in_s(5))
        assert not failed.value.request_sent
        await client.aclose()


async def test_client_and_server_of_ours(serve: Any, handler: Handler) -> None:
    client = HttpClient(body_bytes_max=2**23)
    async with serve(handler) as running:
        for _ in range(3):
            response = await client.request(HttpRequest("GET", f"{running.url}/stream"), deadline=in_s(5))
            assert response.body == STREAMED
            body = b"w" * 900_000
            response = await client.request(
                HttpRequest("POST", f"{running.url}/x", (), body), deadline=in_s(5)
            )
            assert response.body == b"POST" + body
        assert len(running.server.connections) == 1
        await client.aclose()
