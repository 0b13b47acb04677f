"""A model server to call: what a node asks of vLLM, llama.cpp or any compatible server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from joey.core.wire.envelope import Headers, HttpRequest

__all__ = ["Engine", "EngineExchange", "EngineStatus"]


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What an engine says of itself. `models`: names it answers to; `slots`: calls it runs at once."""

    kind: str
    models: tuple[str, ...]
    slots: int
    healthy: bool


class EngineExchange(Protocol):
    """One answer while it arrives. Leaving the context before its end cancels the work at the engine."""

    status: int
    headers: Headers

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; raise `EngineFailed` if it breaks off before its end."""
        ...


class Engine(Protocol):
    """One model server. An engine may own a process: it lives between `start` and `stop`."""

    async def start(self) -> None:
        """Make ready to answer. Raises `ConfigError` when it never will, naming the fix."""
        ...

    async def stop(self) -> None:
        """Release all; leave no process."""
        ...

    async def status(self) -> EngineStatus:
        """Describe the engine as it is now."""
        ...

    def open(self, request: HttpRequest, *, deadline: float) -> AbstractAsyncContextManager[EngineExchange]:
        """Send one request; `request.url` is a path such as `/v1/chat/completions`.

        `deadline` is an instant of the event loop's clock (`anyio.current_time()`), in seconds.
        Raises `EngineFailed` (no connection, 5xx is *returned*) or `DeadlineExceeded`.
        """
        ...
