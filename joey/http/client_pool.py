"""The connections of a client to one origin: kept, handed out, bounded.

A caller for whom there is none waits for one within its deadline, in order; so many wait, no more.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque

import anyio

from joey.http.client_connection import ClientConnection
from joey.http.errors import ConnectionFailed, TimedOut
from joey.http.target import Origin

__all__ = ["Pool"]


class Pool:
    """At most `connections_max` connections, and as many callers again that wait for one."""

    def __init__(
        self,
        origin: Origin,
        *,
        connections_max: int,
        connect_timeout_s: float,
        idle_timeout_s: float,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self._origin = origin
        self._connections_max = connections_max
        self._connect_timeout_s = connect_timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._ssl_context = ssl_context
        self._idle: deque[ClientConnection] = deque()
        self._waiters: deque[asyncio.Future[ClientConnection | None]] = deque()
        self._count = 0
        self._closed = False

    @property
    def empty(self) -> bool:
        """Whether it holds no connection and nobody waits for one."""
        return self._count == 0 and not self._waiters

    async def acquire(self, deadline: float, *, fresh: bool = False) -> ClientConnection:
        """Return a connection; with `fresh`, one that no exchange has gone over.

        Raises `ConnectionFailed` or `TimedOut`, both with `request_sent` False.
        """
        while True:
            if self._closed:
                raise ConnectionFailed("the client is closed")
            if fresh and self._count >= self._connections_max and self._idle:
                self._discard(self._idle.popleft())
            if not fresh and (kept := self._take_idle()) is not None:
                return kept
            if self._count < self._connections_max:
                return await self._connect(deadline)
            handed = await self._wait(deadline)
            if handed is not None and not fresh:
                return handed
            if handed is not None:
                self._discard(handed)

    def release(self, connection: ClientConnection) -> None:
        """Take a connection back after its exchange; keep it if it can carry another."""
        if not connection.end() or self._closed:
            self._discard(connection)
            return
        if self._hand(connection):
            return
        now = asyncio.get_running_loop().time()
        connection.released = now
        self._idle.append(connection)
        while self._idle and self._idle[0].released + self._idle_timeout_s < now:
            self._discard(self._idle.popleft())

    def close(self) -> None:
        """Close idle connections; those in use are closed when released."""
        self._closed = True
        self.discard_idle()
        while self._hand(None):
            pass

    def discard_idle(self) -> None:
        """Close the connections that no exchange goes over."""
        while self._idle:
            self._discard(self._idle.popleft())

    def _take_idle(self) -> ClientConnection | None:
        oldest = asyncio.get_running_loop().time() - self._idle_timeout_s
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and connection.released >= oldest:
                return connection
            self._discard(connection)
        return None

    def _discard(self, connection: ClientConnection) -> None:
        connection.abort()
        self._vacate()

    def _vacate(self) -> None:
        """Give a place up, to the first who waits for one."""
        self._count -= 1
        self._hand(None)

    def _hand(self, connection: ClientConnection | None) -> bool:
        """Wake the first who waits, with a connection or to look again; return whether anyone did."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    async def _connect(self, deadline: float) -> ClientConnection:
        loop = asyncio.get_running_loop()
        origin = self._origin
        self._count += 1
        try:
            with anyio.fail_after(min(self._connect_timeout_s, deadline - loop.time())):
                _, connection = await loop.create_connection(
                    lambda: ClientConnection(origin.address),
                    origin.host,
                    origin.port,
                    ssl=self._ssl_context,
                    server_hostname=origin.host if self._ssl_context is not None else None,
                )
        except TimeoutError:
            self._vacate()
            if loop.time() >= deadline:
                raise TimedOut(f"no connection to {origin.address} in time", request_sent=False) from None
            raise ConnectionFailed(f"{origin.address} did not accept a connection in time") from None
        except OSError as error:
            self._vacate()
            reason = error.strerror or type(error).__name__
            raise ConnectionFailed(f"cannot connect to {origin.address}: {reason}") from None
        except BaseException:
            self._vacate()
            raise
        return connection

    async def _wait(self, deadline: float) -> ClientConnection | None:
        """Return a connection that another caller handed over, or `None`: look again."""
        if len(self._waiters) >= self._connections_max:
            raise ConnectionFailed(f"too many calls wait for a connection to {self._origin.address}")
        waiter: asyncio.Future[ClientConnection | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            with anyio.fail_after(deadline - asyncio.get_running_loop().time()):
                return await waiter
        except TimeoutError:
            self._decline(waiter)
            raise TimedOut(
                f"no connection to {self._origin.address} became free in time", request_sent=False
            ) from None
        except BaseException:
            self._decline(waiter)
            raise

    def _decline(self, waiter: asyncio.Future[ClientConnection | None]) -> None:
        """Pass on what was given to a caller that no longer wants it."""
        if not waiter.done() or waiter.cancelled():
            waiter.cancel()
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            return
        handed = waiter.result()
        if handed is not None:
            self.release(handed)
        else:
            self._hand(None)
