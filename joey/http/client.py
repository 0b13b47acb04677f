"""An HTTP/1.1 client: one deadline over the whole exchange, connections kept and bounded per origin."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

import anyio.lowlevel
import anyio.to_thread

from joey.core.wire.envelope import Headers, HttpRequest, HttpResponse
from joey.http.client_connection import ClientConnection
from joey.http.client_pool import Pool
from joey.http.errors import ConnectionFailed, ConnectionLost, TimedOut
from joey.http.message import encode_head, is_token
from joey.http.target import Origin, Target, read_target

__all__ = ["HttpClient", "ClientExchange"]

_BODIED_METHODS = ("POST", "PUT", "PATCH")


class HttpClient:
    """Sends requests to absolute http and https URLs.

    `connections_max` bounds the connections per origin and the callers that wait for one;
    `body_bytes_max` every response; `idle_timeout_s` how old a kept connection may be (servers
    close theirs a little later). `ssl_context` replaces the default one, which trusts the
    system's authorities.
    """

    def __init__(
        self,
        *,
        body_bytes_max: int,
        connections_max: int = 256,
        connect_timeout_s: float = 5.0,
        idle_timeout_s: float = 50.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._body_bytes_max = body_bytes_max
        self._connections_max = connections_max
        self._connect_timeout_s = connect_timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._ssl_context = ssl_context
        self._pools: dict[Origin, Pool] = {}
        self._closed = False

    async def request(
        self,
        request: HttpRequest,
        *,
        deadline: float,
        retry_idle: bool = True,
        body_bytes_max: int | None = None,
    ) -> HttpResponse:
        """Send a request and return the whole response, whatever its status; redirects are not followed.

        `deadline` is an instant of the event loop's clock, in seconds, and covers all. A kept connection
        that the peer closes without a byte is replaced and the request sent again, unless `retry_idle`
        is False: the peer may have acted on it. `body_bytes_max` replaces the client's. Raises a
        `TransportError`, and `ValueError` for a header that cannot be sent.
        """
        exchange = ClientExchange(self, request, deadline, retry_idle, body_bytes_max, whole=True)
        try:
            connection = await exchange.start()
            return HttpResponse(connection.status, connection.headers, connection.take())
        finally:
            exchange.finish()

    def open(
        self,
        request: HttpRequest,
        *,
        deadline: float,
        retry_idle: bool = True,
        body_bytes_max: int | None = None,
    ) -> AbstractAsyncContextManager[ClientExchange]:
        """Send a request; the context is entered when the response's head is there.

        Leaving it before the end of the body cuts the connection at once. Arguments and errors as in
        `request`.
        """
        return ClientExchange(self, request, deadline, retry_idle, body_bytes_max, whole=False)

    async def aclose(self) -> None:
        """Close all idle connections, and those in use when their exchange ends."""
        self._closed = True
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        await anyio.lowlevel.checkpoint()

    async def pool(self, origin: Origin) -> Pool:
        """Return the connections to an origin."""
        pool = self._pools.get(origin)
        if pool is not None:
            return pool
        if self._closed:
            raise ConnectionFailed("the client is closed")
        if origin.is_tls and self._ssl_context is None:
            self._ssl_context = await anyio.to_thread.run_sync(_make_ssl_context)
        for other in [key for key, kept in self._pools.items() if kept.empty]:
            del self._pools[other]
        return self._pools.setdefault(
            origin,
            Pool(
                origin,
                connections_max=self._connections_max,
                connect_timeout_s=self._connect_timeout_s,
                idle_timeout_s=self._idle_timeout_s,
                ssl_context=self._ssl_context if origin.is_tls else None,
            ),
        )

    @property
    def body_bytes_max(self) -> int:
        """The most bytes of a response's body."""
        return self._body_bytes_max


class ClientExchange:
    """One request and its response while it arrives: entered when the head is there."""

    def __init__(
        self,
        client: HttpClient,
        request: HttpRequest,
        deadline: float,
        retry_idle: bool,
        body_bytes_max: int | None,
        *,
        whole: bool,
    ) -> None:
        self._client = client
        self._request = request
        self._deadline = deadline
        self._retry_idle = retry_idle
        self._body_bytes_max = client.body_bytes_max if body_bytes_max is None else body_bytes_max
        self._whole = whole
        self._pool: Pool | None = None
        self._connection: ClientConnection | None = None
        self.status = 0
        self.headers: Headers = ()

    async def start(self) -> ClientConnection:
        """Send the request and return the connection when the response's head, or all of it, is there."""
        request = self._request
        try:
            target = read_target(request.url)
        except ValueError as error:
            raise ConnectionFailed(str(error)) from None
        head = _encode_request_head(request, target)
        if self._deadline <= asyncio.get_running_loop().time():
            raise TimedOut("the deadline had passed before the request was sent", request_sent=False)
        self._pool = await self._client.pool(target.origin)
        connection = await self._send(head, fresh=False)
        try:
            await self._wait(connection)
        except ConnectionLost as error:
            if not connection.reused or connection.answered:
                raise
            # The server closed a kept connection just as we used it, and answered nothing.
            error.was_kept = True
            if not self._retry_idle:
                self._pool.discard_idle()  # they are no younger: the caller's next try must be a fresh one
                raise
            self.finish()
            connection = await self._send(head, fresh=True)
            await self._wait(connection)
        return connection

    async def _send(self, head: bytes, *, fresh: bool) -> ClientConnection:
        assert self._pool is not None
        try:
            connection = await self._pool.acquire(self._deadline, fresh=fresh)
        except (ConnectionFailed, TimedOut) as error:
            error.request_sent = fresh  # a fresh one is wanted only after a first was sent
            raise
        self._connection = connection
        connection.send(
            head,
            self._request.body,
            deadline=self._deadline,
            head_only=self._request.method == "HEAD",
            whole=self._whole,
            body_bytes_max=self._body_bytes_max,
        )
        return connection

    async def _wait(self, connection: ClientConnection) -> None:
        if self._whole:
            await connection.wait_complete()
        else:
            await connection.wait_head()

    def finish(self) -> None:
        """Give the connection back; if the response is not whole, cut it."""
        connection, self._connection = self._connection, None
        if connection is not None and self._pool is not None:
            self._pool.release(connection)

    async def __aenter__(self) -> Self:
        """Send, and wait for the head."""
        try:
            connection = await self.start()
        except BaseException:
            self.finish()
            raise
        self.status = connection.status
        self.headers = connection.headers
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the exchange, and the connection too if the body was not read to its end."""
        self.finish()

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, never empty bytes; at most a bounded part of it is held.

        Raises a `TransportError` when it breaks off before its end.
        """
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._connection is None:
            raise StopAsyncIteration
        part = await self._connection.next_part()
        if not part:
            raise StopAsyncIteration
        return part


def _encode_request_head(request: HttpRequest, target: Target) -> bytes:
    if not is_token(request.method):
        raise ValueError("the method is not a token")
    framing = ""
    if not any(name.lower() == "host" for name, _ in request.headers):
        framing = f"Host: {target.host}\r\n"
    if request.body or request.method in _BODIED_METHODS:
        framing += f"Content-Length: {len(request.body)}\r\n"
    return encode_head(f"{request.method} {target.path} HTTP/1.1\r\n", request.headers, framing)


def _make_ssl_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
