"""Relays served: whole and streamed, counted only when they are on record."""

from __future__ import annotations

import json
import logging
import sqlite3

import anyio
import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.engines.echo import EchoEngine
from joey.core.errors import DeadlineExceeded, EngineFailed
from joey.core.protocol.relays import check_response
from joey.core.wire.envelope import HttpRequest, HttpResponse, decode_response
from joey.core.wire.relay import (
    compute_relay_hash,
    decode_relay_response,
    encode_relay,
    encode_relay_request,
)
from joey.core.wire.stream import RELAY_STREAM_TYPE, Frame, FrameKind, FrameReader, rebuild_response
from joey.testing.nodes import NodeBench, ScriptedAnswer, ScriptedEngine, run_node
from joey.testing.relays import make_call
from joey.testing.worlds import World, make_key

pytestmark = pytest.mark.anyio

STREAM = f"{RELAY_STREAM_TYPE}, application/x-protobuf"
EVENTS = (("Content-Type", "text/event-stream; charset=utf-8"),)


async def test_a_whole_answer_is_signed_and_on_record(chain: LocalChain, world: World) -> None:
    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        request = await bench.relay(make_call("hello pocket"))
        reply = await bench.post(request)
        response = decode_relay_response(reply.body)
        check_response(response, request, make_key("supplier 1").public_key)
        answer = decode_response(response.payload)
        assert answer.status == 200
        assert answer.headers == (("Content-Type", "application/json"),)
        assert json.loads(answer.body)["choices"][0]["message"]["content"] == "hello pocket"
        (relay,) = await bench.relay_log.relays(request.header.session_id, bench.supplier)
        assert relay.relay_bytes == encode_relay(request, response)
        assert relay.relay_hash == compute_relay_hash(relay.relay_bytes)
        assert bench.node.counts == {"served": 1}


async def test_the_engine_sees_path_body_and_two_headers(chain: LocalChain, world: World) -> None:
    engine = ScriptedEngine()
    call = make_call(path="/base/v1/chat/completions?key=1", unknown_field={"kept": True})
    headers = (*call.headers, ("Authorization", "Bearer secret"), ("X-Forwarded-For", "10.0.0.1"))
    async with run_node(engine, chain=chain, world=world) as bench:
        await bench.ask(await bench.relay(HttpRequest(call.method, call.url, headers, call.body)))
    (seen,) = engine.calls
    assert seen.url == "/v1/chat/completions"
    assert seen.body == call.body
    assert {name for name, _ in seen.headers} == {"Accept", "Content-Type"}


async def read_frames(bench: NodeBench, wire: bytes) -> list[tuple[Frame, float]]:
    frames: list[tuple[Frame, float]] = []
    reader = FrameReader(1 << 20)
    post = HttpRequest("POST", f"{bench.url}/", (("Accept", STREAM),), wire)
    async with bench.http.open(post, deadline=anyio.current_time() + 30) as exchange:
        assert exchange.status == 200
        assert dict(exchange.headers)["Content-Type"] == RELAY_STREAM_TYPE
        async for chunk in exchange.chunks():
            frames += [(frame, anyio.current_time()) for frame in reader.feed(chunk)]
    assert reader.finished
    return frames


async def test_a_stream_is_sent_as_it_comes_and_proven_by_its_end(chain: LocalChain, world: World) -> None:
    engine = EchoEngine(word_delay_s=0.05)
    async with run_node(engine, chain=chain, world=world) as bench:
        request = await bench.relay(make_call("one two three", stream=True))
        frames = await read_frames(bench, encode_relay_request(request))
        assert [frame.kind for frame, _ in frames] == [0, 1, 1, 1, 1, 1, 2]
        assert frames[3][1] - frames[1][1] > 0.05, "chunks are held back"
        head = decode_response(frames[0][0].data)
        body = b"".join(frame.data for frame, _ in frames if frame.kind is FrameKind.BODY)
        response = rebuild_response(frames[-1][0], head, body)
        check_response(response, request, make_key("supplier 1").public_key)
        assert body.endswith(b"data: [DONE]\n\n")
        (relay,) = await bench.relay_log.relays(request.header.session_id, bench.supplier)
        assert relay.relay_bytes == encode_relay(request, response)


async def test_who_does_not_ask_for_frames_gets_the_events_whole(chain: LocalChain, world: World) -> None:
    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        answer = await bench.ask(await bench.relay(make_call("one two", stream=True)))
    assert answer.header("content-type") == "text/event-stream"
    assert answer.body.endswith(b"data: [DONE]\n\n")


async def test_who_asks_for_frames_gets_what_is_no_stream_whole(chain: LocalChain, world: World) -> None:
    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        request = await bench.relay()
        reply = await bench.post(request, accept=STREAM)
        assert reply.header("content-type") == "application/x-protobuf"
        check_response(decode_relay_response(reply.body), request, make_key("supplier 1").public_key)


async def test_the_callers_mistakes_are_answered_and_paid(chain: LocalChain, world: World) -> None:
    engine = ScriptedEngine(ScriptedAnswer(status=422, chunks=(b'{"error":{}}',)))
    async with run_node(engine, chain=chain, world=world) as bench:
        answer = await bench.ask()
        assert answer == HttpResponse(422, (("Content-Type", "application/json"),), b'{"error":{}}')
        assert await bench.count_logged() == 1


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (ScriptedAnswer(status=500), 502, "supplier.engine_failed"),
        (ScriptedAnswer(status=503), 502, "supplier.engine_failed"),
        (ScriptedAnswer(status=401), 502, "supplier.engine_failed"),
        (ScriptedAnswer(status=429), 502, "supplier.engine_failed"),
        (ScriptedAnswer(status=101), 502, "supplier.engine_failed"),
        (ScriptedAnswer(status=204), 502, "supplier.engine_failed"),
        (ScriptedAnswer(status=302), 502, "supplier.engine_failed"),
        (ScriptedAnswer(error=EngineFailed("it broke off", cause="reset")), 502, "supplier.engine_failed"),
        (ScriptedAnswer(error=DeadlineExceeded("too slow")), 504, "supplier.deadline_exceeded"),
        (ScriptedAnswer(chunks=(b"x" * 700_000, b"x" * 700_000)), 502, "supplier.engine_failed"),
        (ScriptedAnswer(error=ZeroDivisionError("ZEBRAWORD")), 500, "invariant_broken"),
    ],
)
async def test_an_engine_that_fails_is_not_paid(
    chain: LocalChain,
    world: World,
    answer: ScriptedAnswer,
    status: int,
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = ScriptedEngine(answer)
    async with run_node(engine, chain=chain, world=world) as bench:
        request = await bench.relay()
        told_status, told_code, response = await bench.ask_in_vain(request)
        assert (told_status, told_code) == (status, code)
        assert response.header == request.header
        assert await bench.count_logged() == 0
        assert bench.node.counts == {code: 1}
        engine.answer = ScriptedAnswer()
        await bench.ask(request)
        assert await bench.count_logged() == 1
    assert "ZEBRAWORD" not in caplog.text
    assert engine.running == 0


async def test_an_engine_that_breaks_off_a_stream_ends_it_with_an_error(
    chain: LocalChain, world: World
) -> None:
    broken = ScriptedAnswer(
        headers=EVENTS, chunks=(b"data: 1\n\n", b"data: 2\n\n"), error=EngineFailed("gone")
    )
    async with run_node(ScriptedEngine(broken), chain=chain, world=world) as bench:
        request = await bench.relay(make_call(stream=True))
        frames = await read_frames(bench, encode_relay_request(request))
        assert [frame.kind for frame, _ in frames] == [0, 1, 1, 3]
        told = decode_relay_response(frames[-1][0].data)
        assert told.error is not None
        assert told.error.description == "supplier.engine_failed"
        assert told.signature == b""
        assert await bench.count_logged() == 0


@pytest.mark.parametrize("accept", [STREAM, "*/*"])
@pytest.mark.parametrize(
    ("last", "relays"),
    [(b"data: 2\n\n", 0), (b'data: "[DONE]"\n\n', 0), (b"data: [DO", 0), (b"data: [DONE]\n\n", 1)],
)
async def test_a_stream_without_its_end_mark_is_no_answer(
    chain: LocalChain, world: World, accept: str, last: bytes, relays: int
) -> None:
    # A body that is delimited by the end of its connection looks whole wherever the engine died.
    cut = ScriptedAnswer(headers=EVENTS, chunks=(b"data: 1\n\n", last))
    async with run_node(ScriptedEngine(cut), chain=chain, world=world) as bench:
        await bench.post(await bench.relay(make_call(stream=True)), accept=accept)
        assert await bench.count_logged() == relays
        assert bench.node.counts == {"served" if relays else "supplier.engine_failed": 1}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_hangs_up_cancels_the_engine_and_pays_nothing(
    chain: LocalChain, world: World, stream: bool
) -> None:
    gate = anyio.Event()
    headers = EVENTS if stream else (("Content-Type", "application/json"),)
    chunks = (b"data: 1\n\n", b"data: [DONE]\n\n")
    engine = ScriptedEngine(ScriptedAnswer(headers=headers, chunks=chunks, gate=gate))
    async with run_node(engine, chain=chain, world=world) as bench:
        request = await bench.relay(make_call(stream=stream))
        post = HttpRequest("POST", f"{bench.url}/", (("Accept", STREAM),), encode_relay_request(request))
        with anyio.move_on_after(5) as patience:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(hang_up_when_running, bench, post, engine, tasks)
        assert not patience.cancelled_caught
        with anyio.fail_after(5):
            while engine.running:
                await anyio.lowlevel.checkpoint()
        assert engine.left_early == 1
        assert await bench.count_logged() == 0
        gate.set()
        await bench.ask(request)  # what came to nothing was given back, and may be sent again
        assert await bench.count_logged() == 1


async def hang_up_when_running(
    bench: NodeBench, post: HttpRequest, engine: ScriptedEngine, tasks: anyio.abc.TaskGroup
) -> None:
    async def send() -> None:
        async with bench.http.open(post, deadline=anyio.current_time() + 30) as exchange:
            async for _ in exchange.chunks():
                pass

    tasks.start_soon(send)
    while not engine.running:
        await anyio.lowlevel.checkpoint()
    tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    "break_disk",
    [
        pytest.param("PRAGMA query_only = ON", id="read-only"),
        pytest.param("PRAGMA max_page_count = 1", id="full"),
    ],
)
async def test_what_cannot_be_kept_is_not_acknowledged(
    chain: LocalChain, world: World, break_disk: str, caplog: pytest.LogCaptureFixture
) -> None:
    big = make_call("word", user="x" * 40_000)

    def pragma(connection: sqlite3.Connection) -> None:
        connection.execute(break_disk).fetchall()

    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        await bench.ask(await bench.relay(big))
        await bench.database.write(pragma)
        status, code, response = await bench.ask_in_vain(await bench.relay(big))
        assert (status, code) == (502, "supplier")
        assert response.payload == b""
        stream = encode_relay_request(await bench.relay(make_call("word", user="x" * 40_000, stream=True)))
        assert (await read_frames(bench, stream))[-1][0].kind is FrameKind.ERROR
        assert await bench.count_logged() == 1
    assert "a relay was not paid" in caplog.text


async def test_a_full_engine_refuses_beyond_its_queue(chain: LocalChain, world: World) -> None:
    gate = anyio.Event()
    engine = ScriptedEngine(ScriptedAnswer(gate=gate), slots=2)
    statuses: list[int] = []

    async def send(bench: NodeBench) -> None:
        reply = await bench.post(await bench.relay())
        statuses.append(reply.status)
        if reply.status != 200:
            error = decode_relay_response(reply.body).error
            assert error is not None
            assert error.description == "rejection.busy"
        if statuses.count(503) == 5:
            gate.set()

    async with (
        run_node(engine, chain=chain, world=world, queue_max=3) as bench,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(10):
            tasks.start_soon(send, bench)
    assert sorted(statuses) == [200] * 5 + [503] * 5
    assert engine.running_most == 2


async def test_an_answer_that_comes_too_late_is_sent_but_not_paid(
    chain: LocalChain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    gate = anyio.Event()
    engine = ScriptedEngine(ScriptedAnswer(gate=gate))
    async with run_node(engine, chain=chain, world=world) as bench:
        request = await bench.relay()
        end = request.header.height_end
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bench.ask, request)
            with anyio.fail_after(5):
                while not engine.running:
                    await anyio.lowlevel.checkpoint()
            await bench.advance_to(end + 10)
            gate.set()
        assert await bench.count_logged() == 0
        assert bench.node.counts == {"late": 1}
    with caplog.at_level(logging.WARNING):
        assert "too late to be paid" in caplog.text


async def test_health_and_readiness(chain: LocalChain, world: World) -> None:
    engine = ScriptedEngine()
    async with run_node(engine, chain=chain, world=world) as bench:
        assert (await bench.get("/health")).status == 200
        ready = await bench.get("/ready")
        assert ready.status == 200
        assert json.loads(ready.body)["engines"] == {"text": True}
        engine.healthy = False
        assert (await bench.get("/ready")).status == 503
        assert (await bench.get("/anything")).status == 405
