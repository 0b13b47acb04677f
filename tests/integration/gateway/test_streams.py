"""Streams while they run: no event is held, none is lost, and hanging up reaches the supplier."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import openai
import pytest

from joey.core.errors import DeadlineExceeded, EngineFailed
from joey.core.wire.envelope import HttpRequest
from joey.core.wire.stream import FrameKind, encode_error, encode_frame, encode_head
from joey.http.client import HttpClient
from joey.http.server import Response
from joey.testing.portals import API_KEY, Portal, run_portal
from joey.testing.suppliers import (
    CHAT_EVENTS,
    DONE_EVENT,
    EVENT_STREAM,
    Served,
    break_off,
    make_refusal,
    reply_stream,
    stream_frames,
)

pytestmark = pytest.mark.anyio

Ask = Callable[..., Awaitable[Any]]
QUESTION = [{"role": "user", "content": "Who won the world series in 2020?"}]
BODY = json.dumps({"model": "smollm2", "messages": QUESTION, "stream": True}).encode()


def post(portal: Portal) -> HttpRequest:
    url = f"{portal.url}/v1/chat/completions"
    return HttpRequest("POST", url, (("Authorization", f"Bearer {API_KEY}"),), BODY)


async def test_every_event_is_passed_on_before_the_next_is_made(portal: Portal) -> None:
    release = [anyio.Event() for _ in CHAT_EVENTS]

    async def behave(served: Served) -> Response:
        async def paced() -> AsyncIterator[bytes]:
            number = 0
            async for frame in stream_frames(served, (*CHAT_EVENTS, DONE_EVENT)):
                yield frame
                if number < len(release):
                    await release[number].wait()
                number += 1

        return reply_stream(paced())

    portal.suppliers[0].behave = behave
    client = HttpClient(body_bytes_max=2**20)
    with anyio.fail_after(20):
        async with client.open(post(portal), deadline=anyio.current_time() + 20) as exchange:
            chunks = exchange.chunks()
            for event, released in zip(CHAT_EVENTS, release, strict=True):
                assert await anext(chunks) == event
                released.set()
            assert b"".join([chunk async for chunk in chunks]) == DONE_EVENT
    await client.aclose()


@pytest.mark.parametrize("events", [CHAT_EVENTS[:1], CHAT_EVENTS, (CHAT_EVENTS[0], CHAT_EVENTS[1][:20])])
async def test_an_engine_that_breaks_off_raises_in_the_sdk(
    portal: Portal, ask: Ask, events: tuple[bytes, ...]
) -> None:
    portal.suppliers[0].behave = break_off(events, EngineFailed("out of memory"))
    seen: list[str] = []

    def stream(client: openai.OpenAI) -> None:
        for chunk in client.chat.completions.create(model="smollm2", messages=QUESTION, stream=True):
            seen.append(chunk.choices[0].delta.content or "")

    with pytest.raises(openai.APIError, match="the supplier of this answer failed") as caught:
        await ask(portal, stream)
    assert type(caught.value) is openai.APIError
    assert caught.value.code == "supplier.engine_failed"
    whole = [event for event in events if event.endswith(b"\n\n")]
    assert len(seen) == len(whole)
    assert portal.codes == ["supplier.engine_failed"]
    assert portal.suppliers[1].served == []


async def test_a_supplier_that_dies_in_mid_stream(portal: Portal, ask: Ask) -> None:
    async def behave(served: Served) -> Response:
        async def dying() -> AsyncIterator[bytes]:
            yield encode_head(EVENT_STREAM) + encode_frame(FrameKind.BODY, CHAT_EVENTS[0])
            yield encode_frame(FrameKind.BODY, CHAT_EVENTS[1])
            raise ConnectionResetError

        return reply_stream(dying())

    portal.suppliers[0].behave = behave

    def stream(client: openai.OpenAI) -> None:
        list(client.chat.completions.create(model="smollm2", messages=QUESTION, stream=True))

    with pytest.raises(openai.APIError) as caught:
        await ask(portal, stream)
    assert caught.value.code == "supplier.unreachable"


async def test_a_supplier_that_stalls_in_mid_stream_is_ended_by_the_deadline(ask: Ask) -> None:
    async def behave(served: Served) -> Response:
        async def stalling() -> AsyncIterator[bytes]:
            yield encode_head(EVENT_STREAM) + encode_frame(FrameKind.BODY, CHAT_EVENTS[0])
            await anyio.sleep_forever()

        return reply_stream(stalling())

    def stream(client: openai.OpenAI) -> None:
        list(client.chat.completions.create(model="smollm2", messages=QUESTION, stream=True))

    async with run_portal(suppliers=1, deadline_s=1.0) as portal:
        portal.suppliers[0].behave = behave
        with pytest.raises(openai.APIError) as caught:
            await ask(portal, stream)
        assert caught.value.code == "supplier.deadline_exceeded"


async def test_a_stream_without_end_is_bounded(ask: Ask) -> None:
    async def behave(served: Served) -> Response:
        async def endless() -> AsyncIterator[bytes]:
            yield encode_head(EVENT_STREAM)
            while True:
                yield encode_frame(FrameKind.BODY, b"data: " + b"x" * 8192)
                await anyio.lowlevel.checkpoint()

        return reply_stream(endless())

    def stream(client: openai.OpenAI) -> None:
        list(client.chat.completions.create(model="smollm2", messages=QUESTION, stream=True))

    async with run_portal(answer_bytes_max=2**18) as portal:
        portal.suppliers[0].behave = behave
        with pytest.raises(openai.APIError) as caught:
            await ask(portal, stream)
        assert caught.value.code == "supplier.engine_failed"


async def stall(served: Served) -> bytes:
    await anyio.sleep_forever()
    raise AssertionError


async def lose_patience(served: Served) -> bytes:
    raise ConnectionResetError


async def miss_its_own_deadline(served: Served) -> bytes:
    return encode_error(make_refusal(served, DeadlineExceeded("")))


@pytest.mark.parametrize(
    ("pause_s", "end"), [(1.3, stall), (0.6, stall), (0.6, lose_patience), (0.6, miss_its_own_deadline)]
)
async def test_a_client_that_reads_slowly_is_no_fault_of_the_suppliers(
    pause_s: float, end: Callable[[Served], Awaitable[bytes]]
) -> None:
    """The time runs out while the client reads nothing, or after it left the supplier too little of it."""

    async def behave(served: Served) -> Response:
        async def long() -> AsyncIterator[bytes]:
            yield encode_head(EVENT_STREAM)
            for _ in range(24 * 16):
                yield encode_frame(FrameKind.BODY, b"data: " + b"x" * 65528 + b"\n\n")
            yield await end(served)

        return reply_stream(long())

    async with run_portal(suppliers=1, deadline_s=1.0, answer_bytes_max=2**26) as portal:
        portal.suppliers[0].behave = behave
        request = post(portal)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in request.headers) + "\r\n"
        host, _, port = portal.url.removeprefix("http://").partition(":")
        with socket.socket() as plain:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plain.connect((host, int(port)))
            plain.setblocking(False)
            stream = await anyio.abc.SocketStream.from_socket(plain.dup())
            async with stream:
                await stream.send(head.encode() + BODY)
                await anyio.sleep(pause_s)
                received = b""
                with anyio.fail_after(20):
                    while not received.endswith(b"0\r\n\r\n"):
                        received = received[-500:] + await stream.receive()
        assert b"the answer was read too slowly" in received
        assert b"[DONE]" not in received
        assert portal.outcomes == []


async def wait_until(is_true: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not is_true():
            await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("streamed", [False, True])
async def test_hanging_up_before_an_answer_reaches_the_supplier(portal: Portal, streamed: bool) -> None:
    async def hang(served: Served) -> Response:
        await anyio.sleep_forever()
        raise AssertionError

    portal.suppliers[0].behave = hang
    settings: dict[str, Any] = {"base_url": f"{portal.url}/v1", "api_key": API_KEY, "max_retries": 0}
    async with openai.AsyncOpenAI(**settings) as client:
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                await client.chat.completions.create(model="smollm2", messages=QUESTION, stream=streamed)

            tasks.start_soon(ask)
            await wait_until(lambda: len(portal.served) == 1)
            tasks.cancel_scope.cancel()
        gave_up = anyio.current_time()
        await wait_until(lambda: portal.suppliers[0].cancelled == 1)
        assert anyio.current_time() - gave_up < 1.0
    assert portal.outcomes == []
    assert portal.suppliers[1].served == []
    await portal.stop()
    (count,) = await portal.usage.totals()
    assert (count.relays, count.failed) == (0, 1)


async def test_hanging_up_in_mid_stream_reaches_the_supplier(portal: Portal) -> None:
    ended = anyio.Event()

    async def behave(served: Served) -> Response:
        async def endless() -> AsyncIterator[bytes]:
            try:
                yield encode_head(EVENT_STREAM)
                while True:
                    yield encode_frame(FrameKind.BODY, CHAT_EVENTS[0])
                    await anyio.lowlevel.checkpoint()
            finally:
                ended.set()

        return reply_stream(endless())

    portal.suppliers[0].behave = behave
    settings: dict[str, Any] = {"base_url": f"{portal.url}/v1", "api_key": API_KEY, "max_retries": 0}
    async with openai.AsyncOpenAI(**settings) as client:
        stream = await client.chat.completions.create(model="smollm2", messages=QUESTION, stream=True)
        async for _ in stream:
            break
        await stream.close()
        with anyio.fail_after(1.0):
            await ended.wait()
    assert portal.outcomes == []
    await portal.stop()
    (count,) = await portal.usage.totals()
    assert (count.relays, count.failed) == (0, 1)


async def test_stopping_lets_a_running_stream_finish(portal: Portal) -> None:
    begun, go_on = anyio.Event(), anyio.Event()

    async def behave(served: Served) -> Response:
        async def paced() -> AsyncIterator[bytes]:
            async for frame in stream_frames(served, (*CHAT_EVENTS, DONE_EVENT)):
                yield frame
                begun.set()
                await go_on.wait()

        return reply_stream(paced())

    portal.suppliers[0].behave = behave
    client = HttpClient(body_bytes_max=2**20)
    async with client.open(post(portal), deadline=anyio.current_time() + 20) as exchange:
        chunks = exchange.chunks()
        received = await anext(chunks)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(portal.stop)
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            go_on.set()
            received += b"".join([chunk async for chunk in chunks])
    assert received == b"".join((*CHAT_EVENTS, DONE_EVENT))
    await client.aclose()
