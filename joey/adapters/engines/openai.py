"""Any server that speaks the OpenAI dialect over HTTP: vLLM, llama.cpp, TGI, a hosted API.

Bytes pass unchanged in both directions; the model name in a request is the one its client asked
for, so the server must answer to it (vLLM: `--served-model-name`).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio

from joey.core.errors import ConfigError, DeadlineExceeded, EngineFailed
from joey.core.offers.answers import ANSWER_BYTES_MAX
from joey.core.wire.envelope import Headers, HttpRequest
from joey.http.client import ClientExchange, HttpClient
from joey.http.errors import TimedOut, TransportError
from joey.http.target import read_target
from joey.ports.engine import EngineStatus

__all__ = ["OpenAIEngine"]

_STATUS_TIMEOUT_S = 5.0


class OpenAIEngine:
    """Fulfils `joey.ports.engine.Engine` over HTTP.

    `url` is the server's root, with or without the `/v1` that its documentation may show.
    `models` are the names it answers to; left empty, the server is asked. `answer_bytes_max` bounds
    one answer. A server that is down is not an error of the configuration: `status` says so.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        models: Sequence[str] = (),
        slots: int = 16,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        kind: str = "openai",
    ) -> None:
        try:
            read_target(url)
        except ValueError:
            raise ConfigError(f"the engine url {url!r} must look like http://127.0.0.1:8000") from None
        if "?" in url or "#" in url:
            raise ConfigError(f"the engine url {url!r} must end with its path, without ? or #")
        self._url = url.rstrip("/").removesuffix("/v1")
        self._models = tuple(models)
        self._slots = slots
        self._kind = kind
        self._headers: Headers = (("Authorization", f"Bearer {api_key}"),) if api_key else ()
        self._answer_bytes_max = answer_bytes_max
        self._http: HttpClient | None = None

    async def start(self) -> None:
        """Make the connection pool. Nothing is asked of the server yet."""
        self._http = HttpClient(body_bytes_max=self._answer_bytes_max)

    async def stop(self) -> None:
        """Close all connections."""
        if self._http is not None:
            http, self._http = self._http, None
            await http.aclose()

    async def status(self) -> EngineStatus:
        """Ask the server for its models; not healthy when it does not list them within 5 s."""
        models = self._models
        try:
            listed = await self._list_models()
        except (EngineFailed, DeadlineExceeded):
            return EngineStatus(self._kind, models, self._slots, healthy=False)
        return EngineStatus(self._kind, models or listed, self._slots, healthy=True)

    async def _list_models(self) -> tuple[str, ...]:
        body = b""
        deadline = anyio.current_time() + _STATUS_TIMEOUT_S
        async with self.open(HttpRequest("GET", "/v1/models"), deadline=deadline) as exchange:
            if exchange.status != 200:
                raise EngineFailed(f"the engine answers {exchange.status} when asked for its models")
            async for chunk in exchange.chunks():
                body += chunk
        try:
            return tuple(str(model["id"]) for model in json.loads(body)["data"])
        except (ValueError, KeyError, TypeError):
            raise EngineFailed("the engine's list of models cannot be read") from None

    @asynccontextmanager
    async def open(self, request: HttpRequest, *, deadline: float) -> AsyncIterator[_HttpExchange]:
        """Send one request and yield the answer while it arrives. Leaving early hangs up.

        Raises `EngineFailed` or `DeadlineExceeded`; their texts name no address, `cause` does.
        """
        if self._http is None:
            raise EngineFailed("the engine is stopped")
        headers = request.headers + self._headers
        outgoing = HttpRequest(request.method, self._url + request.url, headers, request.body)
        try:
            opening = self._http.open(outgoing, deadline=deadline)
            exchange = await opening.__aenter__()
        except TransportError as error:
            raise _translate(error) from None
        try:
            yield _HttpExchange(exchange)
        finally:
            await opening.__aexit__(None, None, None)


class _HttpExchange:
    """An answer over HTTP, with the transport's failures told as the engine's."""

    def __init__(self, exchange: ClientExchange) -> None:
        self._exchange = exchange
        self.status: int = exchange.status
        self.headers: Headers = tuple(exchange.headers)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        try:
            async for chunk in self._exchange.chunks():
                yield chunk
        except TransportError as error:
            raise _translate(error) from None


def _translate(error: TransportError) -> EngineFailed | DeadlineExceeded:
    cause = f"{type(error).__name__}: {error}"
    if isinstance(error, TimedOut):
        return DeadlineExceeded("the engine did not answer in time", cause=cause)
    return EngineFailed("the engine is not reachable or broke off its answer", cause=cause)
