"""One connection of a client: one exchange at a time, its response read as it comes.

Everything that can end an exchange (the peer, the deadline, the caller) ends it here, so that the
client above only waits. Waiting is one future; the deadline is one timer for the whole exchange.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import httptools

from joey.core.wire.envelope import Headers
from joey.http.errors import BadMessage, ConnectionLost, MessageTooLarge, TimedOut, TransportError

__all__ = ["ClientConnection"]

_HEAD_BYTES_MAX = 64 * 1024
_FRAMING_PER_BODY_BYTE = 8
_BUFFERED_BYTES_HIGH = 256 * 1024
_BODILESS = (204, 304)
_JOIN_BYTES_MAX = 64 * 1024


class ClientConnection(asyncio.Protocol):
    """See the module. `reused` tells whether an exchange went over it before the present one."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.reused = False
        self.released = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._active = False
        self._closed = False
        self._held = False
        self._begin(head_only=False, whole=False, body_bytes_max=0)

    def _begin(self, *, head_only: bool, whole: bool, body_bytes_max: int) -> None:
        self._error: TransportError | None = None
        self._answered = False
        self._head_only = head_only
        self._whole = whole
        self._body: list[bytes] = []
        self._buffered_bytes = 0
        self._body_bytes = 0
        self._body_bytes_max = body_bytes_max
        self.complete = False
        self._begin_head()

    def _begin_head(self) -> None:
        self.status = 0
        self.headers: Headers = ()
        self._lines: list[tuple[str, str]] = []
        self._has_head = False
        self._has_length = False
        self._keep_alive = False
        self._head_bytes = 0
        self._unbounded_bytes = 0

    # What the client calls.

    @property
    def usable(self) -> bool:
        """Whether another exchange may go over it."""
        return not self._closed and not self._transport.is_closing()

    @property
    def answered(self) -> bool:
        """Whether a byte of the present response has come."""
        return self._answered

    def send(
        self, head: bytes, body: bytes, *, deadline: float, head_only: bool, whole: bool, body_bytes_max: int
    ) -> None:
        """Begin an exchange. `whole`: nobody waits for parts of the body, so none is held back."""
        self._begin(head_only=head_only, whole=whole, body_bytes_max=body_bytes_max)
        self._active = True
        self._timer = self._loop.call_at(deadline, self._time_out)
        if len(body) <= _JOIN_BYTES_MAX:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    async def wait_head(self) -> None:
        """Return once `status` and `headers` are there. Raises `TransportError`."""
        while not self._has_head:
            await self._wait()

    async def wait_complete(self) -> None:
        """Return once the whole response is there. Raises `TransportError`."""
        while not self.complete:
            await self._wait()

    async def next_part(self) -> bytes:
        """Return what has come of the body since last asked, or empty bytes at its end."""
        while not self._body and not self.complete:
            await self._wait()
        return self.take()

    def end(self) -> bool:
        """End the exchange; return whether the connection can carry another. If not, it is cut."""
        self._active = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        reusable = (
            self.complete
            and self._keep_alive
            and self._error is None
            and self.usable
            and self._transport.get_write_buffer_size() == 0
        )
        if reusable:
            self.reused = True
            self._body = []
        else:
            self.abort()
        return reusable

    def abort(self) -> None:
        """Cut the connection: the peer sees at once that nobody waits."""
        self._transport.abort()

    # Waiting.

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: TransportError) -> None:
        """End the exchange with the first thing that went wrong."""
        if self._active and self._error is None and not self.complete:
            self._error = error
            self._wake()
        self._keep_alive = False
        self._transport.abort()

    def _time_out(self) -> None:
        self._timer = None
        self._fail(TimedOut(f"{self.address} did not answer in time"))

    def take(self) -> bytes:
        """Return what has come of the body since last asked, and let more come."""
        body = self._body
        data = body[0] if len(body) == 1 else b"".join(body)
        if body:
            self._body = []
        self._buffered_bytes = 0
        if self._held:
            self._held = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
        return data

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; send small writes at once."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none of asyncio's classes
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """End a body that lasts until the connection ends; fail any other."""
        self._closed = True
        del self._parser  # it refers back to us
        if not self._active or self.complete or self._error is not None:
            return
        if exc is None and self._has_head and not self._has_length:
            self.complete = True
            self._wake()
        else:
            self._fail(ConnectionLost(f"{self.address} broke the connection off"))

    def data_received(self, data: bytes) -> None:
        """Parse what came; wake whoever waits for it."""
        if not self._active or self.complete or self._error is not None:
            # A server that speaks unasked is not one to ask again.
            self._keep_alive = False
            self._transport.abort()
            return
        first = not self._answered
        self._answered = True
        try:
            self._parser.feed_data(data)
            if not self.complete and not first:
                self._check_unbounded(len(data))
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if not isinstance(cause, TransportError):
                raise
            self._fail(cause)
        except TransportError as error:
            self._fail(error)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._keep_alive = False
            if not self.complete:
                self._fail(BadMessage(f"{self.address} does not speak HTTP/1.1"))
        if self.complete or (not self._whole and self._has_head):
            self._wake()
        if self._buffered_bytes > _BUFFERED_BYTES_HIGH and not self._whole and not self.complete:
            self._hold()

    def _hold(self) -> None:
        if not self._held and not self._transport.is_closing():
            self._held = True
            self._transport.pause_reading()

    def _check_unbounded(self, count: int) -> None:
        """Bound what no callback counts: a line without end, and chunk extensions."""
        self._unbounded_bytes += count
        allowed, spent = _HEAD_BYTES_MAX, self._unbounded_bytes
        if self._has_head:
            spent -= self._body_bytes
            allowed += _FRAMING_PER_BODY_BYTE * self._body_bytes
        if spent > allowed:
            raise self._head_too_large()

    def _head_too_large(self) -> MessageTooLarge:
        return MessageTooLarge(f"{self.address} sent a head of more than {_HEAD_BYTES_MAX} bytes")

    def _body_too_large(self) -> MessageTooLarge:
        return MessageTooLarge(f"{self.address} sent a body of more than {self._body_bytes_max} bytes")

    # The parser's callbacks. What they raise ends the exchange.

    def on_message_begin(self) -> None:
        """Refuse a second response to one request."""
        if self.complete:
            self._keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Gather a header; a trailer is counted and dropped."""
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > _HEAD_BYTES_MAX:
            raise self._head_too_large()
        if not self._has_head and not self.complete:
            text = value.decode("latin-1").rstrip(" \t")  # the parser leaves it there
            self._lines.append((name.decode("latin-1"), text))

    def on_headers_complete(self) -> None:
        """Take the head, or pass over an interim one."""
        if self.complete:
            return
        status: int = self._parser.get_status_code()
        if 100 <= status < 200:
            return
        self.status = status
        self.headers = tuple(self._lines)
        self._has_head = True
        self._keep_alive = self._parser.should_keep_alive()
        for name, value in self._lines:
            lowered = name.lower()
            if lowered == "content-length":
                self._has_length = True
                may_follow = not self._head_only and status not in _BODILESS
                if may_follow and int(value) > self._body_bytes_max:
                    raise self._body_too_large()
            elif lowered == "transfer-encoding":
                self._has_length = True
                if value.lower() != "chunked":
                    raise BadMessage(f"{self.address} uses a Transfer-Encoding that was not asked for")
        if self._head_only:
            # The parser does not know that no body follows: it cannot read on after this.
            self._keep_alive = False
            self.complete = True

    def on_body(self, body: bytes) -> None:
        """Gather a piece of the body."""
        if self.complete:
            return
        self._body_bytes += len(body)
        if self._body_bytes > self._body_bytes_max:
            raise self._body_too_large()
        self._buffered_bytes += len(body)
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Mark the response whole, or wait on after an interim one."""
        if self._has_head:
            self.complete = True
        elif not self.complete:
            self._begin_head()
