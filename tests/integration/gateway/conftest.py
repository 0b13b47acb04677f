from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import anyio
import anyio.to_thread
import openai
import pytest

from joey.core.wire.envelope import Headers, HttpRequest, HttpResponse
from joey.http.client import HttpClient
from joey.testing.portals import API_KEY, Portal, run_portal


@pytest.fixture
async def portal() -> AsyncGenerator[Portal, None]:
    async with run_portal() as portal:
        yield portal


@pytest.fixture
def ask() -> Callable[..., Awaitable[Any]]:
    """Use the official client against a portal, in a thread, as its users do."""

    def ask(portal: Portal, call: Callable[[openai.OpenAI], Any], **options: Any) -> Awaitable[Any]:
        def use() -> Any:
            settings = {"base_url": f"{portal.url}/v1", "api_key": API_KEY, "max_retries": 0, **options}
            with openai.OpenAI(**settings) as client:
                return call(client)

        return anyio.to_thread.run_sync(use)

    return ask


@pytest.fixture
async def raw() -> AsyncGenerator[Callable[..., Awaitable[HttpResponse]], None]:
    """Send bytes as they are, with the right API key unless told otherwise."""
    client = HttpClient(body_bytes_max=2**20)

    async def send(
        portal: Portal,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Headers = (),
        *,
        api_key: str | None = API_KEY,
    ) -> HttpResponse:
        if api_key is not None:
            headers = (*headers, ("Authorization", f"Bearer {api_key}"))
        request = HttpRequest(method, portal.url + path, headers, body)
        return await client.request(request, deadline=anyio.current_time() + 30)

    yield send
    await client.aclose()
