"""An HTTP/1.1 server: listens, bounds its connections in number and time, stops in good order.

What happens on one connection is in `joey.http.server_connection`.
"""

from __future__ import annotations

import asyncio
import errno
import time
from email.utils import formatdate

import anyio
from anyio.abc import TaskStatus

from joey.core.errors import ConfigError
from joey.http.exchange import Handler, Refuse, Response, ServerLimits, ServerRequest
from joey.http.server_connection import ServerConnection

__all__ = ["HttpServer", "ServerRequest", "Response", "ServerLimits", "Handler", "Refuse"]

_BACKLOG = 1024
_SWEEP_SLOWEST_S = 1.0
_SWEEP_QUICKEST_S = 0.01
_REFUSED_AT_ONCE_MAX = 64


class HttpServer:
    """Serves one address with one handler.

    `refuse` answers for the handler where no request reached it: broken (400), too slow (408), too
    large (413, 431), too many (503), and where the handler failed (500).
    """

    def __init__(
        self,
        handler: Handler,
        *,
        host: str,
        port: int,
        limits: ServerLimits,
        refuse: Refuse,
    ) -> None:
        self.handler = handler
        self.refuse = refuse
        self.limits = limits
        self.connections: set[ServerConnection] = set()
        self.draining = False
        self.date_line = _encode_date()
        self._host = host
        self._port = port
        self._tasks: asyncio.TaskGroup | None = None
        self._drained = anyio.Event()
        self._empty = anyio.Event()

    async def serve(self, *, task_status: TaskStatus[tuple[str, int]] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; report the bound (host, port) once connections are accepted.

        When cancelled it stops accepting, lets running requests finish within `drain_s`, and closes
        what is left. Raises `ConfigError` when the address cannot be had.
        """
        listener = await self._listen()
        self.draining = False
        self._drained = anyio.Event()
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = await tasks.start(self._hold_connections)
                try:
                    await listener.start_serving()
                    host, port = listener.sockets[0].getsockname()[:2]
                    task_status.started((host, port))
                    await self._sweep()
                finally:
                    listener.close()
                    with anyio.CancelScope(shield=True):
                        await self._drain()
                    self._drained.set()
        finally:
            listener.close()

    async def _hold_connections(self, *, task_status: TaskStatus[asyncio.TaskGroup]) -> None:
        """Own the connections' tasks, out of reach of the server's cancellation so that they may finish.

        A group of asyncio's: one of anyio's takes no task from a callback of the event loop.
        """
        with anyio.CancelScope(shield=True):
            async with asyncio.TaskGroup() as tasks:
                task_status.started(tasks)
                await self._drained.wait()
                for connection in tuple(self.connections):
                    connection.abort()

    async def _listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        try:
            return await loop.create_server(
                lambda: ServerConnection(self), self._host, self._port, backlog=_BACKLOG, start_serving=False
            )
        except OSError as error:
            where = f"{self._host} port {self._port}"
            if error.errno == errno.EADDRINUSE:
                raise ConfigError(
                    f"{where} is taken by another program: stop it, or set another port",
                    host=self._host,
                    port=self._port,
                ) from None
            reason = error.strerror or str(error)
            raise ConfigError(
                f"cannot listen on {where} ({reason}): set another address", host=self._host, port=self._port
            ) from None

    async def _sweep(self) -> None:
        """Hold every connection to its time, and keep the date of answers current.

        One task looks at all of them a few times per shortest timeout, so that no request pays for
        timers of its own.
        """
        limits = self.limits
        shortest = min(
            limits.head_timeout_s, limits.body_timeout_s, limits.idle_timeout_s, limits.write_timeout_s
        )
        pause = min(_SWEEP_SLOWEST_S, max(_SWEEP_QUICKEST_S, shortest / 4))
        while True:
            await anyio.sleep(pause)
            now = anyio.current_time()
            self.date_line = _encode_date()
            for connection in tuple(self.connections):
                if connection.deadline <= now:
                    connection.expire(now)

    async def _drain(self) -> None:
        self.draining = True
        self._empty = anyio.Event()
        for connection in tuple(self.connections):
            connection.drain()
        if self.connections:
            with anyio.move_on_after(self.limits.drain_s):
                await self._empty.wait()

    # What a connection tells its server.

    @property
    def is_full(self) -> bool:
        """Whether there are more connections than are served."""
        return len(self.connections) > self.limits.connections_max

    def admit(self, connection: ServerConnection) -> bool:
        """Take in a new connection and run it; False: there is no room even to refuse it."""
        room = self.limits.connections_max + _REFUSED_AT_ONCE_MAX
        if self.draining or self._tasks is None or len(self.connections) >= room:
            return False
        self.connections.add(connection)
        self._tasks.create_task(connection.run())
        return True

    def forget(self, connection: ServerConnection) -> None:
        """Let a connection go that is gone."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()


def _encode_date() -> str:
    return f"Date: {formatdate(time.time(), usegmt=True)}\r\n"
