"""One connection of a server: what is asked on it is answered one after another, in order.

Bytes are read as they come; one task per connection calls the handler and writes. So a request
costs neither a task nor a timer, and a client that hangs up while its answer is being made cancels
that task. While enough requests wait behind the first, nothing more is read; then a hang-up shows
only when their turn comes.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import struct
import traceback
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol, cast

import anyio

from joey.http.answer import encode_stream_head, encode_whole, is_without_body
from joey.http.exchange import Handler, Refuse, Response, ServerLimits
from joey.http.request_reader import Asked, Refused, RequestReader, Stage

__all__ = ["ServerConnection"]

_log = logging.getLogger("joey.http")

_LINGER_S = 2.0
"""How long to go on reading after a refusal: closing on unread bytes would destroy the answer."""
_CLOSE_BODY_S = 5.0
_WAITING_TURNS_MAX = 16
_WAITING_BYTES_MAX = 64 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


class Owner(Protocol):
    """What a connection needs of its server."""

    handler: Handler
    refuse: Refuse
    limits: ServerLimits
    draining: bool
    date_line: str

    @property
    def is_full(self) -> bool:
        """Whether there are more connections than are served."""
        ...

    def admit(self, connection: ServerConnection) -> bool:
        """Take in a new connection and `run` it; False: there is no room even to refuse it."""
        ...

    def forget(self, connection: ServerConnection) -> None:
        """Let a connection go that is gone."""
        ...


class ServerConnection(asyncio.Protocol):
    """See the module. `deadline` is when the server calls `expire`, an instant of the loop's clock."""

    def __init__(self, server: Owner) -> None:
        self.deadline = math.inf
        self._server = server
        self._limits = server.limits
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        # Reading: `None` when what comes is thrown away.
        self._reader: RequestReader | None = None
        self._watched = (0, Stage.BETWEEN)
        self._patience_s = server.limits.head_timeout_s
        # Answering: the turns not yet taken, and the task that takes them.
        self._turns: deque[Asked | Refused] = deque()
        self._waiter: asyncio.Future[Asked | Refused | None] | None = None
        self._scope: anyio.CancelScope | None = None
        self._busy = False
        self._held = False
        # Ends: the peer has gone; we have said our last.
        self._gone = False
        self._ending = False
        # Writing.
        self._paused = False
        self._drained: asyncio.Future[None] | None = None
        self._unsent = 0

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place at the server, or be refused for want of one."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none of asyncio's classes
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._server.admit(self):
            self._gone = True
            self._transport.abort()
        elif self._server.is_full:
            self._put(Refused(503, "too many connections"))
        else:
            self._reader = RequestReader(self._limits, transport.get_extra_info("peername")[0])
            self.deadline = self._loop.time() + self._patience_s

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all work for a client that is gone."""
        del exc
        self._hang_up()
        self._server.forget(self)

    def eof_received(self) -> bool:
        """Take the end of what the client sends for its hanging up, and let the transport close.

        A client that only shut down its sending side cannot be told from one that is gone.
        """
        self._hang_up()
        self._ending = True
        self._unsent = self._transport.get_write_buffer_size()
        self.deadline = self._loop.time() + _LINGER_S
        return False

    def data_received(self, data: bytes) -> None:
        """Read on, and hand over what became whole."""
        reader = self._reader
        if reader is None:
            return
        refused: Refused | None = None
        try:
            reader.feed(data)
        except Refused as error:
            refused = error
        for asked in reader.take():
            self._put(asked)
        if refused is not None:
            self._stop_reading()
            self._put(refused)
        elif reader.finished:
            self._stop_reading()
        elif not self._busy:
            self._watch()

    def pause_writing(self) -> None:
        """Let the answering task wait: the client reads more slowly than we write."""
        self._paused = True
        self._unsent = self._transport.get_write_buffer_size()
        self.deadline = self._loop.time() + self._limits.write_timeout_s

    def resume_writing(self) -> None:
        """Let the answering task go on."""
        self._paused = False
        self.deadline = self._loop.time() + _LINGER_S if self._ending else math.inf
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # What the server calls.

    def expire(self, now: float) -> None:
        """Act on a deadline that has passed."""
        if self._paused or self._ending:
            unsent = self._transport.get_write_buffer_size()
            if unsent < self._unsent:
                self._unsent = unsent
                self.deadline = now + self._limits.write_timeout_s
            else:
                self.abort()
        elif self._reader is None or self._reader.stage is Stage.BETWEEN:
            self._end()
        else:
            part = self._reader.stage.name.lower()
            self._stop_reading()
            self._put(Refused(408, f"the {part} of the request took too long"))

    def drain(self) -> None:
        """End the connection now if nothing is being answered, or else after that answer."""
        if not self._busy and not self._ending:
            self._end()

    def abort(self) -> None:
        """Cut the connection."""
        self._hang_up()
        self._transport.abort()

    async def run(self) -> None:
        """Answer what is asked on this connection; return when it ends."""
        with anyio.CancelScope() as self._scope:
            try:
                while not self._gone and (turn := await self._next_turn()) is not None:
                    if not await self._answer(turn):
                        if isinstance(turn, Refused):
                            self._linger()
                        else:
                            self._end()
            except Exception as error:  # noqa: BLE001 - not even a refusal could be made: end this client only
                _log_failure("a refusal", error)
                self.abort()
        self._scope = None

    # Turns.

    def _put(self, turn: Asked | Refused) -> None:
        self.deadline = math.inf
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(turn)
        else:
            self._turns.append(turn)
            if self._busy and not self._held and self._is_enough_waiting():
                self._held = True
                self._transport.pause_reading()
        self._busy = True

    def _is_enough_waiting(self) -> bool:
        if self._transport.is_closing():
            return False
        waiting_bytes = sum(len(turn.request.body) for turn in self._turns if isinstance(turn, Asked))
        return len(self._turns) >= _WAITING_TURNS_MAX or waiting_bytes >= _WAITING_BYTES_MAX

    async def _next_turn(self) -> Asked | Refused | None:
        if self._ending:
            return None
        if self._turns:
            turn = self._turns.popleft()
            if self._held and not self._turns and not self._transport.is_closing():
                self._held = False
                self._transport.resume_reading()
            return turn
        if self._server.draining:
            self._end()
            return None
        self._busy = False
        self._watched = (0, Stage.BETWEEN)
        self._watch()
        self._waiter = self._loop.create_future()
        try:
            return await self._waiter
        finally:
            self._waiter = None
            self._patience_s = self._limits.idle_timeout_s

    def _watch(self) -> None:
        """Set the deadline of whatever is read next, while nothing is being answered."""
        reader = self._reader
        if reader is None:
            return
        if reader.invitation_due:
            reader.invitation_due = False
            self._transport.write(_CONTINUE)
        watched = (reader.messages, reader.stage)
        if watched == self._watched:
            return
        self._watched = watched
        if reader.stage is Stage.BETWEEN:
            patience_s = self._patience_s
        elif reader.stage is Stage.HEAD:
            patience_s = self._limits.head_timeout_s
        else:
            patience_s = self._limits.body_timeout_s
        self.deadline = self._loop.time() + patience_s

    # Ends.

    def _stop_reading(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _hang_up(self) -> None:
        """Forget a client that is gone, and cancel what is being done for it."""
        if self._gone:
            return
        self._gone = True
        self._stop_reading()
        self._turns.clear()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        elif self._scope is not None:
            self._scope.cancel()

    def _end(self) -> None:
        """Close once what was written is sent."""
        self._ending = True
        self._stop_reading()
        self._unsent = self._transport.get_write_buffer_size()
        self.deadline = self._loop.time() + (self._limits.write_timeout_s if self._unsent else _LINGER_S)
        self._transport.close()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _linger(self) -> None:
        """Say that nothing more comes, and throw away what the client still sends."""
        self._ending = True
        self._stop_reading()
        if self._held and not self._transport.is_closing():
            self._held = False
            self._transport.resume_reading()
        self._unsent = self._transport.get_write_buffer_size()
        self.deadline = self._loop.time() + _LINGER_S
        if not self._transport.is_closing():
            self._transport.write_eof()

    def _reset(self) -> None:
        """Cut with a reset, where an ordinary close would look like the end of an answer."""
        handle = self._transport.get_extra_info("socket")
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    # Answers.

    async def _answer(self, turn: Asked | Refused) -> bool:
        """Answer; return whether the connection may serve another request."""
        if isinstance(turn, Refused):
            self._refuse(turn)
            return False
        try:
            response = await self._server.handler(turn.request)
            if not isinstance(response.body, bytes):
                return await self._stream(response, response.body, turn)
            keep_alive = self._may_keep_alive(turn)
            data = encode_whole(response, turn, self._server.date_line, keep_alive=keep_alive)
        except Exception as error:  # noqa: BLE001 - the outermost handler of a request
            _log_failure("a handler", error)
            keep_alive = self._may_keep_alive(turn)
            refusal = self._server.refuse(500, "internal error")
            data = encode_whole(refusal, turn, self._server.date_line, keep_alive=keep_alive)
        if self._gone:
            return False
        self._transport.write(data)
        if self._paused:
            await self._wait_drained()
        return keep_alive

    async def _stream(self, response: Response, body: AsyncIterator[bytes], asked: Asked) -> bool:
        """Send a body as it comes. What goes wrong before its first byte is raised."""
        keep_alive = self._may_keep_alive(asked) and not asked.is_old
        is_bodiless = is_without_body(response, asked)
        begun = ended = False
        try:
            async for chunk in body:
                if self._gone:
                    break
                if not chunk:
                    continue
                data = chunk if asked.is_old else b"%x\r\n%b\r\n" % (len(chunk), chunk)
                if not begun:
                    head = encode_stream_head(response, asked, self._server.date_line, keep_alive=keep_alive)
                    begun = True
                    if is_bodiless:
                        self._transport.write(head)
                        break
                    data = head + data
                self._transport.write(data)
                if self._paused:
                    await self._wait_drained()
            else:
                ended = True
        except Exception as error:
            if not begun:
                raise
            _log_failure("the body of an answer", error)
            if asked.is_old:
                self._reset()
            return False
        finally:
            if not ended:
                await _close_body(body)
        if ended and not self._gone:
            data = b"" if is_bodiless or asked.is_old else _LAST_CHUNK
            if not begun:
                head = encode_stream_head(response, asked, self._server.date_line, keep_alive=keep_alive)
                data = head + data
            self._transport.write(data)
            if self._paused:
                await self._wait_drained()
        return keep_alive

    def _refuse(self, refused: Refused) -> None:
        """Answer what cannot be asked; nothing else follows it."""
        response = self._server.refuse(refused.status, refused.reason)
        self._transport.write(encode_whole(response, None, self._server.date_line, keep_alive=False))

    async def _wait_drained(self) -> None:
        self._drained = self._loop.create_future()
        try:
            await self._drained
        finally:
            self._drained = None

    def _may_keep_alive(self, asked: Asked) -> bool:
        return asked.keep_alive and not self._server.draining


async def _close_body(body: AsyncIterator[bytes]) -> None:
    """Let a body that is not exhausted free what it holds, even while we are being cancelled."""
    close = getattr(body, "aclose", None)
    if close is None:
        return
    with anyio.move_on_after(_CLOSE_BODY_S, shield=True):
        try:
            await close()
        except Exception as error:  # noqa: BLE001 - the answer is over: nobody else can hear of it
            _log_failure("the closing of an answer's body", error)


def _log_failure(what: str, error: Exception) -> None:
    """Log where something failed and with which class; its text may quote a prompt and is left out."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s failed with %s\n%s", what, type(error).__qualname__, frames)
