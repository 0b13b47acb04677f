"""What every engine must do: derive a test class from `EngineContract` and make your engine in it.

```python
class TestMyEngine(EngineContract):
    model = "my-model"

    def make_engine(self) -> Engine:
        return MyEngine(...)
```
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from joey.core.errors import DeadlineExceeded, EngineFailed
from joey.core.wire.envelope import HttpRequest, HttpResponse
from joey.ports.engine import Engine

__all__ = ["EngineContract", "ask", "make_chat"]

_PATIENCE_S = 60.0


def make_chat(model: str, text: str, **members: object) -> HttpRequest:
    """Return a chat completion request with one message of a user."""
    body = {"model": model, "messages": [{"role": "user", "content": text}], **members}
    headers = (("Content-Type", "application/json"),)
    return HttpRequest("POST", "/v1/chat/completions", headers, json.dumps(body).encode())


async def ask(engine: Engine, request: HttpRequest, *, within_s: float = _PATIENCE_S) -> HttpResponse:
    """Return an engine's whole answer."""
    async with engine.open(request, deadline=anyio.current_time() + within_s) as exchange:
        body = b"".join([chunk async for chunk in exchange.chunks()])
        return HttpResponse(exchange.status, exchange.headers, body)


class EngineContract:
    """The suite. `model` is a name that the engine answers to."""

    model = "echo"

    @abstractmethod
    def make_engine(self) -> Engine:
        """Return an engine that was not started."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Engine]:
        """Start an engine, and stop it whatever happens."""
        engine = self.make_engine()
        await engine.start()
        try:
            yield engine
        finally:
            await engine.stop()

    @pytest.mark.anyio
    async def test_status_tells_models_and_slots(self) -> None:
        """A running engine is healthy, names its models and has at least one slot."""
        async with self.running() as engine:
            status = await engine.status()
        assert status.healthy
        assert self.model in status.models
        assert status.slots >= 1

    @pytest.mark.anyio
    async def test_whole_answer(self) -> None:
        """A chat completion comes in OpenAI's shape, with usage."""
        async with self.running() as engine:
            answer = await ask(engine, make_chat(self.model, "Say one word.", max_tokens=4))
        assert answer.status == 200
        assert (answer.header("content-type") or "").startswith("application/json")
        body = json.loads(answer.body)
        assert body["object"] == "chat.completion"
        assert isinstance(body["choices"][0]["message"]["content"], str)
        assert 1 <= body["usage"]["completion_tokens"] <= 4

    @pytest.mark.anyio
    async def test_text_completion(self) -> None:
        """`/v1/completions` continues a prompt."""
        body = json.dumps({"model": self.model, "prompt": "One two three", "max_tokens": 2}).encode()
        request = HttpRequest("POST", "/v1/completions", (("Content-Type", "application/json"),), body)
        async with self.running() as engine:
            answer = await ask(engine, request)
        assert answer.status == 200
        assert isinstance(json.loads(answer.body)["choices"][0]["text"], str)

    @pytest.mark.anyio
    async def test_streamed_answer(self) -> None:
        """A stream is server-sent events, with usage when asked for, and ends with `[DONE]`."""
        options = {"include_usage": True}
        request = make_chat(self.model, "Count to three.", stream=True, stream_options=options, max_tokens=4)
        async with self.running() as engine:
            answer = await ask(engine, request)
        assert answer.status == 200
        assert (answer.header("content-type") or "").startswith("text/event-stream")
        events = [line[6:] for line in answer.body.split(b"\n") if line.startswith(b"data: ")]
        assert events[-1] == b"[DONE]"
        chunks: list[dict[str, Any]] = [json.loads(event) for event in events[:-1]]
        assert all(chunk["object"] == "chat.completion.chunk" for chunk in chunks)
        assert chunks[-1]["usage"]["completion_tokens"] >= 1

    @pytest.mark.anyio
    async def test_the_callers_mistakes_are_answers(self) -> None:
        """A body that is not JSON and an unknown path are 4xx answers, not exceptions."""
        headers = (("Content-Type", "application/json"),)
        async with self.running() as engine:
            broken = await ask(engine, HttpRequest("POST", "/v1/chat/completions", headers, b"{"))
            unknown = await ask(engine, HttpRequest("POST", "/v1/no-such-path", headers, b"{}"))
        assert 400 <= broken.status < 500
        assert 400 <= unknown.status < 500

    @pytest.mark.anyio
    async def test_a_deadline_that_has_passed(self) -> None:
        """Nothing is waited for beyond the deadline."""
        async with self.running() as engine:
            with pytest.raises(DeadlineExceeded):
                await ask(engine, make_chat(self.model, "Too late."), within_s=-1.0)

    @pytest.mark.anyio
    async def test_leaving_early_frees_the_engine(self) -> None:
        """More calls than slots are left after their first bytes; the engine still answers."""
        async with self.running() as engine:
            slots = (await engine.status()).slots
            for _ in range(min(slots, 4) + 1):
                request = make_chat(self.model, "Count to a thousand.", stream=True, max_tokens=500)
                async with engine.open(request, deadline=anyio.current_time() + _PATIENCE_S) as exchange:
                    async for chunk in exchange.chunks():
                        assert chunk
                        break
            answer = await ask(engine, make_chat(self.model, "Are you there?", max_tokens=1))
        assert answer.status == 200

    @pytest.mark.anyio
    async def test_calls_at_once(self) -> None:
        """As many calls as there are slots are answered side by side."""
        statuses: list[int] = []

        async def call(engine: Engine, number: int) -> None:
            answer = await ask(engine, make_chat(self.model, f"Number {number}", max_tokens=2))
            statuses.append(answer.status)

        async with self.running() as engine:
            count = min((await engine.status()).slots, 4)
            async with anyio.create_task_group() as tasks:
                for number in range(count):
                    tasks.start_soon(call, engine, number)
        assert statuses == [200] * count

    @pytest.mark.anyio
    async def test_a_stopped_engine_fails(self) -> None:
        """After `stop`, which may be called twice, a call is `EngineFailed`."""
        engine = self.make_engine()
        await engine.start()
        await engine.stop()
        await engine.stop()
        with pytest.raises(EngineFailed):
            await ask(engine, make_chat(self.model, "Anyone?"))
