"""A supplier on loopback that behaves as told, right or wrong.

It is made of the real wire functions: it checks each relay request as a node would and signs as a
node would. In between it does what its script says, so that a gateway can be held to what it does
with suppliers that fail or lie.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import anyio
import anyio.lowlevel
from anyio.abc import TaskStatus

from joey.core.crypto.keys import PrivateKey
from joey.core.errors import RELAY_MINER_ERRORS, Rejection, SupplierError
from joey.core.protocol.relays import check_request
from joey.core.protocol.rings import compute_ring, list_ring_addresses
from joey.core.wire.envelope import HttpRequest, HttpResponse, decode_request, encode_response
from joey.core.wire.relay import (
    RelayMinerError,
    RelayRequest,
    RelayResponse,
    decode_relay_request,
    encode_relay_response,
    sign_response,
)
from joey.core.wire.stream import (
    RELAY_STREAM_TYPE,
    FrameKind,
    encode_end,
    encode_error,
    encode_frame,
    encode_head,
)
from joey.http.server import HttpServer, Response, ServerLimits, ServerRequest
from joey.ports.chain import Chain

__all__ = [
    "CHAT_ANSWER",
    "CHAT_EVENTS",
    "DONE_EVENT",
    "EVENT_STREAM",
    "Behave",
    "Served",
    "SupplierDouble",
    "answer",
    "break_off",
    "make_refusal",
    "refuse_with",
    "reply_stream",
    "reply_whole",
    "stream_frames",
]

_RELAY_TYPE = "application/x-protobuf"
_JSON_TYPE = (("Content-Type", "application/json"),)
_WORDS = ("The ", "Los Angeles ", "Dodgers")


def _make_chunk(word: str) -> bytes:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "double",
        "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}],
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


CHAT_EVENTS = tuple(_make_chunk(word) for word in _WORDS)
"""The events of a short streamed chat completion, without the one that ends it."""

DONE_EVENT = b"data: [DONE]\n\n"

EVENT_STREAM = HttpResponse(200, (("Content-Type", "text/event-stream"),))
"""The head of a streamed answer."""

CHAT_ANSWER = HttpResponse(
    200,
    _JSON_TYPE,
    json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "double",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "".join(_WORDS)},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
        }
    ).encode(),
)
"""The same completion whole."""


@dataclass(frozen=True, slots=True)
class Served:
    """A relay as the supplier got it: the request, what it asks an engine, the POST's own headers."""

    relay: RelayRequest
    call: HttpRequest
    headers: dict[str, str]
    key: PrivateKey

    @property
    def wants_stream(self) -> bool:
        """Whether the gateway takes a relay stream."""
        return RELAY_STREAM_TYPE in self.headers["accept"]

    def sign(self, engine_answer: HttpResponse = CHAT_ANSWER) -> RelayResponse:
        """Return the relay response that a good node would make of an engine's answer."""
        return sign_response(self.relay.header, encode_response(engine_answer), self.key)


Behave = Callable[[Served], Awaitable[Response]]
"""What a supplier makes of a relay."""


def reply_whole(response: RelayResponse, status: int = 200) -> Response:
    """Return a relay response as the answer to the POST."""
    return Response(status, [("Content-Type", _RELAY_TYPE)], encode_relay_response(response))


def reply_stream(frames: AsyncIterator[bytes]) -> Response:
    """Return frames as the answer to the POST."""
    return Response(200, [("Content-Type", RELAY_STREAM_TYPE)], frames)


async def stream_frames(
    served: Served,
    events: Sequence[bytes],
    *,
    last: bytes | None = None,
    head: HttpResponse = EVENT_STREAM,
) -> AsyncIterator[bytes]:
    """Yield a stream of events, a frame each; `last` replaces the frame with the signed end."""
    unsent = encode_head(head)
    for event in events:
        yield unsent + encode_frame(FrameKind.BODY, event)
        unsent = b""
        await anyio.lowlevel.checkpoint()
    if last is None:
        last = encode_end(served.sign(replace(head, body=b"".join(events))))
    yield unsent + last


def make_refusal(served: Served, error: Rejection | SupplierError) -> RelayResponse:
    """Return the unsigned response that declares an error."""
    codespace, code = RELAY_MINER_ERRORS[type(error)]
    told = RelayMinerError(codespace, code, error.code, error.message)
    return RelayResponse(served.relay.header, b"", None, error=told)


async def answer(served: Served) -> Response:
    """Do what a good node does."""
    if served.wants_stream:
        return reply_stream(stream_frames(served, (*CHAT_EVENTS, DONE_EVENT)))
    return reply_whole(served.sign())


def refuse_with(error: Rejection | SupplierError, status: int | None = None) -> Behave:
    """Return the behaviour of a node that declines, with the HTTP status of the error or another."""

    async def behave(served: Served) -> Response:
        return reply_whole(make_refusal(served, error), error.http_status if status is None else status)

    return behave


def break_off(events: Sequence[bytes], error: SupplierError) -> Behave:
    """Return the behaviour of a node whose engine fails after some events."""

    async def behave(served: Served) -> Response:
        return reply_stream(stream_frames(served, events, last=encode_error(make_refusal(served, error))))

    return behave


class SupplierDouble:
    """One supplier.

    Each relay takes the next behaviour of `script`, or `behave` when it is used up. `served` is what
    was asked of it, `cancelled` how often the gateway hung up before there was an answer.
    """

    def __init__(self, key: PrivateKey, chain: Chain) -> None:
        self.key = key
        self.address = key.address
        self.behave: Behave = answer
        self.script: deque[Behave] = deque()
        self.served: list[Served] = []
        self.cancelled = 0
        self.url = ""
        self._chain = chain
        self._scope = anyio.CancelScope()
        self._server: HttpServer | None = None

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; `url` is set once it is started."""
        server = self._server = HttpServer(
            self._handle,
            host="127.0.0.1",
            port=0,
            limits=ServerLimits(drain_s=0.0),
            refuse=lambda status, reason: Response(status, [], reason.encode()),
        )
        with self._scope:
            async with anyio.create_task_group() as tasks:
                host, port = await tasks.start(server.serve)
                self.url = f"http://{host}:{port}/relay"
                task_status.started()

    def stop(self) -> None:
        """Die: connections are cut, new ones refused."""
        self._scope.cancel()

    def hang_up(self) -> None:
        """Cut every connection without a word, and go on serving on new ones."""
        assert self._server is not None, "the supplier is not started"
        for connection in tuple(self._server.connections):
            connection.abort()

    async def _handle(self, request: ServerRequest) -> Response:
        served = await self._read(request)
        self.served.append(served)
        behave = self.script.popleft() if self.script else self.behave
        try:
            return await behave(served)
        except anyio.get_cancelled_exc_class():
            self.cancelled += 1
            raise

    async def _read(self, request: ServerRequest) -> Served:
        """Read a relay and hold it to the network's rules."""
        relay = decode_relay_request(request.body)
        assert relay.supplier_address == self.address, "the relay is for another supplier"
        application = await self._chain.application(relay.header.application_address)
        assert application is not None, "the relay is for no application"
        keys: dict[str, bytes] = {}
        for address in list_ring_addresses(application, relay.header.height_end):
            key = await self._chain.public_key(address)
            assert key is not None, "a member of the ring has no key"
            keys[address] = key
        check_request(relay, ring=compute_ring(application, relay.header.height_end, keys))
        return Served(relay, decode_request(relay.payload), dict(request.headers), self.key)
