"""One relay, from its bytes to its answer: admitted, asked of the engine, signed, on record, sent.

**When a relay counts.** From the moment its whole answer is there and its record is durable, which is
before the last byte leaves. Then it is mined and paid, even if the client hangs up on that last byte.
Everything that ends before is given back and not mined: a refusal, an engine that fails (a status
that is no answer, timeout, no connection, an answer that breaks off), a record that cannot be kept,
and a client that hangs up, which cancels the engine's call at once. An answer that is whole only when
its session is being claimed is sent, but it is too late to be paid.

**Streams.** When the request accepts `RELAY_STREAM_TYPE` and the engine answers with events, its bytes
are sent as they come; every other requester gets the same answer whole, in one signed response.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing

import anyio

from joey.core.errors import EngineFailed, InvariantBroken, JoeyError, SupplierError
from joey.core.offers.answers import is_answer
from joey.core.openai.events import EventSplitter, is_end_mark
from joey.core.wire.envelope import Headers, HttpResponse, encode_response
from joey.core.wire.relay import (
    RelayRequest,
    RelayResponse,
    compute_relay_hash,
    encode_relay,
    encode_relay_response,
    sign_response,
)
from joey.core.wire.session import SessionHeader
from joey.core.wire.stream import (
    RELAY_STREAM_TYPE,
    FrameKind,
    encode_end,
    encode_error,
    encode_frame,
    encode_head,
)
from joey.http.exchange import Response, ServerRequest
from joey.node.admission import Admission, Admitted
from joey.node.capacity import Capacity
from joey.node.head import Head
from joey.node.refusals import RELAY_TYPE, make_refusal, refuse_relay
from joey.ports.engine import Engine, EngineExchange
from joey.ports.stores import LoggedRelay, RelayLog

__all__ = ["RelayServer"]

_log = logging.getLogger("joey.node")

_EVENT_STREAM = "text/event-stream"

_END_BYTES = 1024
"""How far from the end of a stream its end mark may stand."""


class RelayServer:
    """Answers relays. `counts` tells how many ended how, by error code or as `served` and `late`.

    `on_kept` is told of every relay that is on record, by its session and supplier.
    """

    def __init__(
        self,
        admission: Admission,
        capacities: Mapping[Engine, Capacity],
        head: Head,
        log: RelayLog,
        on_kept: Callable[[SessionHeader, str], None],
        *,
        deadline_s: float,
        answer_bytes_max: int,
    ) -> None:
        self._admission = admission
        self._capacities = capacities
        self._head = head
        self._relay_log = log
        self._on_kept = on_kept
        self._deadline_s = deadline_s
        self._answer_bytes_max = answer_bytes_max
        self.counts: Counter[str] = Counter()

    async def answer(self, request: ServerRequest) -> Response:
        """Answer one POST, whatever comes of it."""
        header: SessionHeader | None = None
        try:
            relay = self._admission.read(request.body)
            header = relay.header
            return await self._answer_relay(relay, RELAY_STREAM_TYPE in request.headers.get("accept", ""))
        except Exception as error:  # noqa: BLE001 - the outermost handler of a request
            return refuse_relay(header, self._judge(error))

    async def _answer_relay(self, relay: RelayRequest, may_stream: bool) -> Response:
        admitted = await self._admission.admit(relay)
        deadline = anyio.current_time() + self._deadline_s
        engine = admitted.service.engine
        capacity = self._capacities[engine]
        async with AsyncExitStack() as held:
            held.callback(self._admission.abandon, admitted)
            await capacity.acquire(deadline)
            held.callback(capacity.release)
            exchange = await held.enter_async_context(engine.open(admitted.call, deadline=deadline))
            if not is_answer(exchange.status):
                raise EngineFailed(f"the engine answered with status {exchange.status}")
            head = HttpResponse(exchange.status, _keep_content_type(exchange.headers))
            if may_stream and _is_event_stream(head):
                stream = self._stream(admitted, head, exchange, held.pop_all())
                return Response(200, (("Content-Type", RELAY_STREAM_TYPE),), stream)
            parts = [chunk async for chunk in self._read(exchange)]
            signed = await self._conclude(admitted, head, parts)
            return Response(200, (("Content-Type", RELAY_TYPE),), encode_relay_response(signed))

    async def _stream(
        self, admitted: Admitted, head: HttpResponse, exchange: EngineExchange, held: AsyncExitStack
    ) -> AsyncIterator[bytes]:
        """Yield the frames of an answer; the first leaves together with the first bytes of the body."""
        async with held:
            unsent = encode_head(head)
            parts: list[bytes] = []
            try:
                async with aclosing(self._read(exchange)) as chunks:
                    async for chunk in chunks:
                        parts.append(chunk)
                        yield unsent + encode_frame(FrameKind.BODY, chunk)
                        unsent = b""
                last = encode_end(await self._conclude(admitted, head, parts))
            except Exception as error:  # noqa: BLE001 - the outermost handler of a request
                last = encode_error(make_refusal(admitted.request.header, self._judge(error)))
            yield unsent + last

    async def _read(self, exchange: EngineExchange) -> AsyncGenerator[bytes]:
        """Yield an engine's answer within its bound, never empty bytes."""
        size = 0
        async for chunk in exchange.chunks():
            size += len(chunk)
            if size > self._answer_bytes_max:
                raise EngineFailed(f"the engine's answer has more than {self._answer_bytes_max} bytes")
            if chunk:
                yield chunk

    async def _conclude(self, admitted: Admitted, head: HttpResponse, parts: list[bytes]) -> RelayResponse:
        """Sign a whole answer and put the relay on record. Raises `SupplierError` when that fails."""
        request = admitted.request
        body = b"".join(parts)
        # A body that ends with its connection looks whole wherever the engine died.
        if head.status == 200 and _is_event_stream(head) and not _has_end_mark(body):
            raise EngineFailed("the engine's stream ended without its end mark")
        payload = encode_response(HttpResponse(head.status, head.headers, body))
        signed = sign_response(request.header, payload, admitted.key)
        if self._head.height >= admitted.session.height_cutoff:
            self.counts["late"] += 1
            _log.warning(
                "an answer came too late to be paid: session %s counts none from height %d on",
                request.header.session_id,
                admitted.session.height_cutoff,
            )
            return signed
        relay_bytes = encode_relay(request, signed)
        relay = LoggedRelay(compute_relay_hash(relay_bytes), relay_bytes)
        # A client that hangs up now is too late: what may be on disk must be counted.
        with anyio.CancelScope(shield=True):
            try:
                await self._relay_log.append(request.header, request.supplier_address, relay)
            except OSError as error:
                _log.error("a relay was not paid: %s", error)
                raise SupplierError("this node cannot keep its evidence at the moment") from None
            self._on_kept(request.header, request.supplier_address)
        admitted.reservation.keep()
        self.counts["served"] += 1
        return signed

    def _judge(self, error: Exception) -> JoeyError:
        """Count what ended a relay and return what the requester is told."""
        if not isinstance(error, JoeyError):
            # The text of a stranger's error may quote what it worked on: only its place is logged.
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.error("bug: %s at %s:%s", type(error).__name__, place.filename, place.lineno)
            error = InvariantBroken("the node failed on this relay")
        self.counts[error.code] += 1
        if isinstance(error, SupplierError):
            _log.warning("relay failed: %s; %s", error, error.fields.get("cause", error.code))
        else:
            # At the level that no operator sees by default: anybody can have a relay refused.
            _log.debug("relay refused: %s; %s", error.code, error)
        return error


def _keep_content_type(headers: Headers) -> Headers:
    """Return the content type alone: the rest speaks of the engine's own connection."""
    return tuple((name, value) for name, value in headers if name.lower() == "content-type")[:1]


def _is_event_stream(head: HttpResponse) -> bool:
    media_type = (head.header("content-type") or "").partition(";")[0]
    return media_type.strip().lower() == _EVENT_STREAM


def _has_end_mark(body: bytes) -> bool:
    """Tell whether one of the last events of a stream is `[DONE]`, by which OpenAI ends it."""
    splitter = EventSplitter()
    events = splitter.feed(body[-_END_BYTES:])
    return any(map(is_end_mark, [*events, splitter.rest]))
