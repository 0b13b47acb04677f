from __future__ import annotations

import json

import pytest

from joey.adapters.engines.echo import EchoEngine
from joey.core.wire.envelope import HttpRequest
from joey.testing.engine_contract import ask, make_chat

pytestmark = pytest.mark.anyio


@pytest.fixture
async def engine() -> EchoEngine:
    engine = EchoEngine()
    await engine.start()
    return engine


async def test_it_says_the_last_message_and_depends_on_the_request_alone(engine: EchoEngine) -> None:
    first = await ask(engine, make_chat("echo", "one  two\nthree"))
    assert await ask(engine, make_chat("echo", "one  two\nthree")) == first
    body = json.loads(first.body)
    assert body["choices"][0]["message"]["content"] == "one two three"
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"] == {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
async def test_it_ends_at_the_maximum(engine: EchoEngine, limit: str) -> None:
    body = json.loads((await ask(engine, make_chat("echo", "one two three", **{limit: 2}))).body)
    assert body["choices"][0]["message"]["content"] == "one two"
    assert body["choices"][0]["finish_reason"] == "length"


async def test_a_stream_says_the_same_as_a_whole_answer(engine: EchoEngine) -> None:
    answer = await ask(engine, make_chat("echo", "one two three", stream=True))
    events = [json.loads(line[6:]) for line in answer.body.split(b"\n\n") if line.startswith(b"data: {")]
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in events)
    assert text == "one two three"
    assert all("usage" not in event for event in events)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"messages":[]}', b'{"messages":[{"content":1}]}'])
async def test_what_it_cannot_read_is_a_400(engine: EchoEngine, body: bytes) -> None:
    answer = await ask(engine, HttpRequest("POST", "/v1/chat/completions", (), body))
    assert answer.status == 400
    assert json.loads(answer.body)["error"]["type"] == "invalid_request_error"


async def test_methods_and_paths(engine: EchoEngine) -> None:
    assert (await ask(engine, HttpRequest("GET", "/v1/completions"))).status == 405
    assert (await ask(engine, HttpRequest("POST", "/v1/images"))).status == 404
