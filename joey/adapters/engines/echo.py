"""An engine without a model: it answers with the last text it was given. For tests and for speed.

The shapes are OpenAI's, whole and streamed, and depend on the request alone.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio

from joey.core.errors import DeadlineExceeded, EngineFailed
from joey.core.wire.envelope import Headers, HttpRequest
from joey.ports.engine import EngineStatus

__all__ = ["EchoEngine"]

_JSON: Headers = (("Content-Type", "application/json"),)
_EVENTS: Headers = (("Content-Type", "text/event-stream"),)


@dataclass(frozen=True, slots=True)
class _Call:
    """What an answer depends on."""

    is_chat: bool
    model: str
    words: tuple[str, ...]
    words_in: int
    finish: str
    stream: bool
    with_usage: bool


class EchoEngine:
    """Fulfils `joey.ports.engine.Engine` in memory.

    A token is a word. `word_delay_s` is waited before each word, so that a stream takes time.
    """

    def __init__(
        self, *, models: Sequence[str] = ("echo",), slots: int = 64, word_delay_s: float = 0.0
    ) -> None:
        self._models = tuple(models)
        self._slots = slots
        self._word_delay_s = word_delay_s
        self._running = False

    async def start(self) -> None:
        """Begin to answer."""
        self._running = True

    async def stop(self) -> None:
        """Answer no more."""
        self._running = False

    async def status(self) -> EngineStatus:
        """Describe the engine."""
        return EngineStatus("echo", self._models, self._slots, healthy=self._running)

    @asynccontextmanager
    async def open(self, request: HttpRequest, *, deadline: float) -> AsyncIterator[_EchoExchange]:
        """Answer one request. Raises `EngineFailed` when stopped, `DeadlineExceeded` when too late."""
        if not self._running:
            raise EngineFailed("the engine is stopped")
        if anyio.current_time() >= deadline:
            raise DeadlineExceeded("the engine did not answer in time")
        try:
            call = _read_call(request)
        except _Refused as refused:
            yield _EchoExchange(refused.status, _JSON, (_encode_error(refused),), 0.0, deadline)
            return
        if call.stream:
            yield _EchoExchange(200, _EVENTS, tuple(_stream(call)), self._word_delay_s, deadline)
        else:
            delay_s = self._word_delay_s * len(call.words)
            yield _EchoExchange(200, _JSON, (_encode_whole(call),), delay_s, deadline)


class _EchoExchange:
    """An answer in pieces, each sent `delay_s` after the one before."""

    def __init__(
        self, status: int, headers: Headers, pieces: tuple[bytes, ...], delay_s: float, deadline: float
    ) -> None:
        self.status = status
        self.headers = headers
        self._pieces = pieces
        self._delay_s = delay_s
        self._deadline = deadline

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        for piece in self._pieces:
            if self._delay_s:
                wake = anyio.current_time() + self._delay_s
                await anyio.sleep_until(min(wake, self._deadline))
                if wake > self._deadline:
                    raise DeadlineExceeded("the engine did not answer in time")
            yield piece


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _read_call(request: HttpRequest) -> _Call:
    is_chat = request.url == "/v1/chat/completions"
    if not is_chat and request.url != "/v1/completions":
        raise _Refused(404, "no such path")
    if request.method != "POST":
        raise _Refused(405, "this path takes POST")
    try:
        body: dict[str, Any] = json.loads(request.body)
        given = [message["content"] for message in body["messages"]] if is_chat else [body["prompt"]]
        texts = [_read_text(content) for content in given]
        maximum = body.get("max_completion_tokens", body.get("max_tokens"))
        said = texts[-1].split()
        words = said if maximum is None else said[: int(maximum)]
        return _Call(
            is_chat=is_chat,
            model=str(body.get("model", "echo")),
            words=tuple(words),
            words_in=sum(len(text.split()) for text in texts),
            finish="stop" if len(words) == len(said) else "length",
            stream=bool(body.get("stream")),
            with_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise _Refused(400, "the request cannot be read") from None


def _read_text(content: str | list[Any]) -> str:
    """Return a text, or the texts of a list of parts; raises `TypeError` for anything else."""
    if isinstance(content, str):
        return content
    return " ".join(part if isinstance(part, str) else part["text"] for part in content)


def _encode_error(refused: _Refused) -> bytes:
    error = {"message": str(refused), "type": "invalid_request_error", "param": None, "code": None}
    return json.dumps({"error": error}).encode()


def _encode_whole(call: _Call) -> bytes:
    text = " ".join(call.words)
    said = (
        {"message": {"role": "assistant", "content": text}}
        if call.is_chat
        else {"text": text, "logprobs": None}
    )
    choice = {"index": 0, **said, "finish_reason": call.finish}
    return json.dumps(_wrap(call, [choice], "chat.completion", usage=True)).encode()


def _stream(call: _Call) -> list[bytes]:
    events: list[bytes] = []
    for number, word in enumerate(call.words):
        text = word if number == 0 else f" {word}"
        events.append(_encode_event(call, text, None))
    events.append(_encode_event(call, None, call.finish))
    if call.with_usage:
        events.append(_encode_data(_wrap(call, [], "chat.completion.chunk", usage=True)))
    events.append(b"data: [DONE]\n\n")
    return events


def _encode_event(call: _Call, text: str | None, finish: str | None) -> bytes:
    said: dict[str, Any] = {"delta": {} if text is None else {"content": text}}
    if not call.is_chat:
        said = {"text": text or "", "logprobs": None}
    choice = {"index": 0, **said, "finish_reason": finish}
    return _encode_data(_wrap(call, [choice], "chat.completion.chunk", usage=False))


def _encode_data(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def _wrap(call: _Call, choices: list[dict[str, Any]], chat_object: str, *, usage: bool) -> dict[str, Any]:
    answer = {
        "id": "echo",
        "object": chat_object if call.is_chat else "text_completion",
        "created": 0,
        "model": call.model,
        "choices": choices,
    }
    if usage:
        answer["usage"] = {
            "prompt_tokens": call.words_in,
            "completion_tokens": len(call.words),
            "total_tokens": call.words_in + len(call.words),
        }
    return answer
