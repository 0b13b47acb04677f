"""A node in front of the real llama.cpp: what the model says is signed, on record, and paid."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from joey.adapters.engines.llamacpp import LlamaCppEngine
from joey.adapters.stores.sqlite.node import SqliteRelayLog, open_node_database
from joey.core.protocol.relays import check_response
from joey.core.wire.envelope import HttpRequest, decode_response
from joey.core.wire.relay import decode_relay_response, encode_relay_request
from joey.core.wire.stream import RELAY_STREAM_TYPE, Frame, FrameKind, FrameReader, rebuild_response
from joey.http.server import ServerLimits
from joey.testing.nodes import OFFER, NodeBench, run_node, start_chain
from joey.testing.relays import make_call
from joey.testing.worlds import World, make_key

pytestmark = pytest.mark.anyio

NAME = "smollm2-135m-instruct"


async def read_frames(bench: NodeBench, wire: bytes, engine: LlamaCppEngine | None = None) -> list[Frame]:
    """Read a streamed relay; `engine`: kill its process at the first bytes of the body."""
    frames: list[Frame] = []
    reader = FrameReader(1 << 20)
    post = HttpRequest("POST", f"{bench.url}/", (("Accept", RELAY_STREAM_TYPE),), wire)
    async with bench.http.open(post, deadline=anyio.current_time() + 60) as exchange:
        async for chunk in exchange.chunks():
            frames += reader.feed(chunk)
            if engine is not None and engine.process_id is not None:
                os.kill(engine.process_id, signal.SIGKILL)
                engine = None
    assert reader.finished
    return frames


async def test_a_real_answer_is_served_streamed_claimed_and_settled(small_model: Path) -> None:
    world = World.of_service("text")
    chain = await start_chain(world)
    engine = LlamaCppEngine(small_model, name=NAME, threads=1)
    offer = replace(OFFER, models=(NAME,))
    async with run_node(engine, chain=chain, world=world, offer=offer) as bench:
        header = await bench.header()
        answer = await bench.ask(await bench.relay(make_call("Say hello.", model=NAME, max_tokens=8)))
        assert answer.status == 200
        assert json.loads(answer.body)["choices"][0]["message"]["content"]

        request = await bench.relay(make_call("Say hello.", model=NAME, max_tokens=8, stream=True))
        frames = await read_frames(bench, encode_relay_request(request))
        body = b"".join(frame.data for frame in frames if frame.kind is FrameKind.BODY)
        assert body.endswith(b"data: [DONE]\n\n")
        assert len(frames) > 6
        response = rebuild_response(frames[-1], decode_response(frames[0].data), body)
        check_response(response, request, make_key("supplier 1").public_key)

        mistake = await bench.ask(await bench.relay(make_call(model=NAME, top_k="not a number")))
        assert 400 <= mistake.status < 500

        await bench.advance_to(header.height_end + 13)
        record = await bench.claims.get(header.session_id, bench.supplier)
        assert record is not None
        assert (record.state, record.relays) == ("settled", 3)
    await chain.aclose()


async def test_a_model_that_dies_in_mid_answer_costs_nobody_anything(small_model: Path) -> None:
    world = World.of_service("text")
    chain = await start_chain(world)
    engine = LlamaCppEngine(small_model, name=NAME, threads=1)
    async with run_node(engine, chain=chain, world=world) as bench:
        request = await bench.relay(make_call("Tell me a story.", model=NAME, stream=True, ignore_eos=True))
        frames = await read_frames(bench, encode_relay_request(request), engine)
        assert frames[-1].kind is FrameKind.ERROR
        error = decode_relay_response(frames[-1].data).error
        assert error is not None
        assert error.description == "supplier.engine_failed"
        assert await bench.count_logged() == 0
        with anyio.fail_after(30):
            await engine.wait_healthy(False)
            await engine.wait_healthy()
        assert (await bench.get("/ready")).status == 200
        await bench.ask(await bench.relay(make_call("Hello?", model=NAME, max_tokens=2)))
        assert await bench.count_logged() == 1
    await chain.aclose()


async def test_streams_that_run_when_the_node_is_stopped_are_finished(small_model: Path) -> None:
    world = World.of_service("text")
    chain = await start_chain(world)
    engine = LlamaCppEngine(small_model, name=NAME, threads=1)
    database = open_node_database(None)
    limits = ServerLimits(drain_s=30)
    kinds: list[FrameKind] = []
    begun = anyio.Event()

    async def read(bench: NodeBench, wire: bytes) -> None:
        reader = FrameReader(1 << 20)
        post = HttpRequest("POST", f"{bench.url}/", (("Accept", RELAY_STREAM_TYPE),), wire)
        async with bench.http.open(post, deadline=anyio.current_time() + 60) as exchange:
            async for chunk in exchange.chunks():
                kinds.extend(frame.kind for frame in reader.feed(chunk))
                begun.set()

    async with (
        anyio.create_task_group() as tasks,
        run_node(engine, chain=chain, world=world, database=database, limits=limits) as bench,
    ):
        call = make_call("Count.", model=NAME, max_tokens=80, stream=True, ignore_eos=True)
        request = await bench.relay(call)
        tasks.start_soon(read, bench, encode_relay_request(request))
        await begun.wait()
        assert FrameKind.END not in kinds
    assert kinds[-1] is FrameKind.END
    assert engine.process_id is None
    assert await SqliteRelayLog(database).sessions()
    database.close()
    await chain.aclose()
