"""One attempt at one supplier: sign, send, verify; whole or as a stream.

Every attempt that ends, well or badly, is published once as a `RelayOutcome`. One that the client
gave up is not: it says nothing about the supplier.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

import anyio

from joey.core.errors import (
    ClientError,
    DeadlineExceeded,
    JoeyError,
    Malformed,
    Rejection,
    SupplierError,
    Unreachable,
)
from joey.core.wire.envelope import Headers, HttpRequest, HttpResponse, decode_response
from joey.core.wire.relay import RelayResponse
from joey.core.wire.stream import (
    RELAY_STREAM_TYPE,
    Frame,
    FrameKind,
    FrameReader,
    StreamTooLarge,
    rebuild_response,
)
from joey.http.client import ClientExchange, HttpClient
from joey.http.errors import TransportError
from joey.relaying.instants import now
from joey.relaying.outcome import RelayOutcome
from joey.relaying.replies import (
    check_engine_status,
    make_too_large,
    read_fault,
    read_reply,
    translate,
    verify_answer,
)
from joey.relaying.signing import PreparedSession, RelayCall, SessionSigner, SignedRelay

__all__ = ["RelayAnswer", "RelayClient", "RelayStream"]

_RELAY_TYPE = "application/x-protobuf"
_HEADERS = (("Content-Type", _RELAY_TYPE), ("Rpc-Type", "4"), ("Accept", _RELAY_TYPE))
_STREAM_HEADERS = (*_HEADERS[:2], ("Accept", f"{RELAY_STREAM_TYPE}, {_RELAY_TYPE}"))
_WRAPPING_BYTES_MAX = 64 * 1024
"""What may come around the body of an answer: its headers in the envelope, and the relay response's own."""
_FRAMED_BYTES_PER_BYTE = 6
"""A frame may carry a single byte of the body: five bytes of its own and that one."""
_READER_SHARE = 0.1
"""A reader that took this share of a stream's time is to blame when the time runs out."""

Publish = Callable[[RelayOutcome], None]


@dataclass(frozen=True, slots=True)
class RelayAnswer:
    """A whole answer, verified."""

    supplier_address: str
    session_id: str
    response: HttpResponse
    relay_hash: bytes


class RelayClient:
    """Sends relays of one gateway key. `answer_bytes_max` bounds the body of an answer, whole or streamed.

    No relay is sent twice: a node refuses it, having perhaps served it. A new attempt is a new relay.
    """

    def __init__(
        self, http: HttpClient, signer: SessionSigner, publish: Publish, *, answer_bytes_max: int
    ) -> None:
        self._http = http
        self._signer = signer
        self._publish = publish
        self._answer_bytes_max = answer_bytes_max

    async def send(
        self, prepared: PreparedSession, supplier_address: str, call: RelayCall, *, deadline: float
    ) -> RelayAnswer:
        """Return the verified whole answer of one supplier.

        Raises a `SupplierError` or `Rejection`. `deadline` is an instant of the loop's clock.
        """
        attempt = self._begin(prepared, supplier_address, call)
        post = HttpRequest("POST", attempt.relay.target.url, _HEADERS, attempt.relay.wire)
        try:
            reply = await self._http.request(
                post,
                deadline=deadline,
                retry_idle=False,
                body_bytes_max=self._answer_bytes_max + _WRAPPING_BYTES_MAX,
            )
            return attempt.accept(read_reply(reply))
        except TransportError as error:
            raise attempt.fail(translate(error)) from None
        except (SupplierError, Rejection) as fault:
            attempt.fail(fault)
            raise

    async def open(
        self,
        prepared: PreparedSession,
        supplier_address: str,
        call: RelayCall,
        *,
        answer_by: float,
        deadline: float,
    ) -> RelayStream | RelayAnswer:
        """Return an answer whose first byte is here: a stream, or whole if the supplier does not stream.

        The first byte must come by `answer_by`, the last by `deadline`. A stream must be closed.
        Raises a `SupplierError` or `Rejection`.
        """
        attempt = self._begin(prepared, supplier_address, call)
        post = HttpRequest("POST", attempt.relay.target.url, _STREAM_HEADERS, attempt.relay.wire)
        exchange = self._http.open(
            post,
            deadline=deadline,
            retry_idle=False,
            body_bytes_max=_FRAMED_BYTES_PER_BYTE * self._answer_bytes_max + _WRAPPING_BYTES_MAX,
        )
        stream: RelayStream | None = None
        try:
            with anyio.CancelScope(deadline=answer_by) as scope:
                arriving = await exchange.__aenter__()
                if not _is_stream(arriving):
                    reply = await _read_whole(arriving, self._answer_bytes_max + _WRAPPING_BYTES_MAX)
                    return attempt.accept(read_reply(reply))
                opening = RelayStream(attempt, arriving, deadline)
                await opening.begin()
                stream = opening
            if scope.cancelled_caught:
                raise DeadlineExceeded("the supplier sent no answer in time")
        except TransportError as error:
            raise attempt.fail(translate(error)) from None
        except (SupplierError, Rejection) as fault:
            attempt.fail(fault)
            raise
        finally:
            if stream is None:
                await exchange.__aexit__(None, None, None)
        assert stream is not None
        return stream

    def _begin(self, prepared: PreparedSession, supplier_address: str, call: RelayCall) -> _Attempt:
        started = now()
        return _Attempt(
            self._signer.sign(prepared, supplier_address, call),
            started,
            len(call.body),
            self._answer_bytes_max,
            self._publish,
        )


@dataclass(slots=True)
class _Attempt:
    """A relay under way, until it is accepted or fails."""

    relay: SignedRelay
    started: float
    bytes_in: int
    answer_bytes_max: int
    publish: Publish
    first_byte: float | None = None
    bytes_out: int = 0

    def accept(self, response: RelayResponse) -> RelayAnswer:
        """Verify and publish. Raises what is wrong with the response."""
        request = self.relay.request
        verified = verify_answer(
            response, request, self.relay.target.public_key, answer_bytes_max=self.answer_bytes_max
        )
        self.bytes_out = len(verified.response.body)
        self._end(verified.response.status, None, verified.relay_hash)
        return RelayAnswer(
            request.supplier_address, request.header.session_id, verified.response, verified.relay_hash
        )

    def fail(self, fault: SupplierError | Rejection) -> JoeyError:
        """Publish a fault and return it."""
        status = fault.fields.get("status")
        self._end(status if isinstance(status, int) else None, fault, None)
        return fault

    def _end(self, status: int | None, fault: JoeyError | None, relay_hash: bytes | None) -> None:
        ended = now()
        if fault is None and self.first_byte is None:
            self.first_byte = ended
        request = self.relay.request
        self.publish(
            RelayOutcome(
                supplier_address=request.supplier_address,
                service_id=request.header.service_id,
                session_id=request.header.session_id,
                started=self.started,
                first_byte_s=None if self.first_byte is None else self.first_byte - self.started,
                duration_s=ended - self.started,
                bytes_in=self.bytes_in,
                bytes_out=self.bytes_out,
                status=status,
                fault=fault,
                relay_hash=relay_hash,
            )
        )


class RelayStream:
    """An answer while it comes. Its bytes are the supplier's word until `chunks` ends without error."""

    def __init__(self, attempt: _Attempt, exchange: ClientExchange, deadline: float) -> None:
        request = attempt.relay.request
        self.supplier_address = request.supplier_address
        self.session_id = request.header.session_id
        self.relay_hash: bytes | None = None
        """Known once the stream has ended and is verified."""
        self._attempt = attempt
        self._exchange = exchange
        self._deadline = deadline
        self._held_s = 0.0
        self._resumed = 0.0
        self._reader = FrameReader(attempt.answer_bytes_max)
        self._head = HttpResponse(0)
        self._body: list[bytes] = []
        self._end: Frame | None = None

    @property
    def status(self) -> int:
        """The engine's HTTP status."""
        return self._head.status

    @property
    def headers(self) -> Headers:
        """The engine's headers."""
        return self._head.headers

    @property
    def bytes_out(self) -> int:
        """How much of the body has come."""
        return self._attempt.bytes_out

    async def begin(self) -> None:
        """Read up to the first byte of the body; verify at once an answer that is already whole.

        Raises a fault that has come before any byte was handed on; the caller publishes it.
        """
        while not self._body and self._end is None:
            await self._read()
        if self._end is not None:
            self._settle(self._end)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes and return when it is whole and verified.

        Raises a `SupplierError` or `Rejection` where it breaks off, or is not what was signed, and a
        `ClientError`, which is published as nobody's fault, when the time ran out on a slow reader.
        """
        try:
            count = 0
            while True:
                if len(self._body) > count:
                    handed_over = now()
                    yield b"".join(self._body[count:])
                    self._resumed = now()
                    self._held_s += self._resumed - handed_over
                if self._end is not None:
                    break
                count = len(self._body)
                await self._read()
            if self.relay_hash is None:
                self._settle(self._end)
        except TransportError as error:
            raise self._fail(translate(error)) from None
        except (SupplierError, Rejection) as fault:
            raise self._fail(fault) from None

    async def aclose(self) -> None:
        """End the exchange; before its end this cuts the connection, and with it the engine's work."""
        await self._exchange.__aexit__(None, None, None)

    def _fail(self, fault: SupplierError | Rejection) -> JoeyError:
        """Publish a fault and return it; or return whose it is, when the supplier was kept waiting."""
        if isinstance(fault, DeadlineExceeded | Unreachable) and self._is_readers_fault():
            return ClientError("the answer was read too slowly: its time ran out before its end")
        return self._attempt.fail(fault)

    def _is_readers_fault(self) -> bool:
        """Tell whether time ran out while, or because, the client took its time to read.

        While it does, we read nothing from the supplier, who must stop as well, and whose own deadline
        or patience with us may end first.
        """
        allowed_s = self._deadline - self._attempt.started
        return self._resumed >= self._deadline or self._held_s >= _READER_SHARE * allowed_s

    async def _read(self) -> None:
        """Take in what comes next. Raises `TransportError`, `SupplierError` or `Rejection`."""
        try:
            data = await anext(self._exchange)
        except StopAsyncIteration:
            raise Unreachable("the supplier's stream ended before its proof") from None
        try:
            frames = self._reader.feed(data)
            for frame in frames:
                if frame.kind is FrameKind.HEAD:
                    self._head = decode_response(frame.data)
                    check_engine_status(self._head.status)
                elif frame.kind is FrameKind.BODY:
                    self._take(frame.data)
                else:
                    self._end = frame
        except StreamTooLarge:
            raise make_too_large() from None
        except ValueError:
            raise Malformed("the supplier's stream breaks its framing") from None

    def _take(self, data: bytes) -> None:
        if self._attempt.first_byte is None:
            self._attempt.first_byte = now()
        self._attempt.bytes_out += len(data)
        self._body.append(data)

    def _settle(self, end: Frame) -> None:
        """Verify the whole by its last object."""
        try:
            response = rebuild_response(end, self._head, b"".join(self._body))
        except ValueError:
            raise Malformed("the last object of the supplier's stream cannot be read") from None
        if response.error is not None:
            raise read_fault(response.error)
        if end.kind is not FrameKind.END:
            raise Malformed("the supplier's stream ended in an error that names none")
        self.relay_hash = self._attempt.accept(response).relay_hash


def _is_stream(exchange: ClientExchange) -> bool:
    content_type = HttpResponse(exchange.status, exchange.headers).header("content-type") or ""
    return exchange.status == 200 and content_type.partition(";")[0].strip().lower() == RELAY_STREAM_TYPE


async def _read_whole(exchange: ClientExchange, bytes_max: int) -> HttpResponse:
    parts: list[bytes] = []
    size = 0
    async for part in exchange.chunks():
        size += len(part)
        if size > bytes_max:
            raise make_too_large()
        parts.append(part)
    return HttpResponse(exchange.status, exchange.headers, b"".join(parts))
