"""What clients do wrong, and what the portal says: the right class of the SDK, one clear line."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import openai
import pytest

from joey.core.errors import Busy
from joey.core.wire.envelope import HttpResponse
from joey.testing.portals import Portal
from joey.testing.suppliers import refuse_with

pytestmark = pytest.mark.anyio

Ask = Callable[..., Awaitable[Any]]
Raw = Callable[..., Awaitable[HttpResponse]]
CANARY = "xyzzy-canary"


def complete(client: openai.OpenAI, content: str = "Hi", model: str = "smollm2", **members: Any) -> Any:
    messages = [{"role": "user", "content": content}]
    return client.chat.completions.create(model=model, messages=messages, **members)


def read_error(response: HttpResponse) -> dict[str, Any]:
    assert dict(response.headers)["content-type"] == "application/json"
    assert dict(response.headers)["x-request-id"].startswith("req_")
    body = json.loads(response.body)
    assert list(body) == ["error"]
    assert list(body["error"]) == ["message", "type", "param", "code"]
    return body["error"]


async def test_a_wrong_key_is_an_authentication_error(portal: Portal, ask: Ask) -> None:
    with pytest.raises(openai.AuthenticationError, match="Authorization: Bearer") as caught:
        await ask(portal, complete, api_key="sk-wrong")
    assert caught.value.code == "invalid_api_key"
    assert caught.value.response.headers["www-authenticate"] == "Bearer"
    assert "sk-wrong" not in caught.value.message
    assert portal.served == []


async def test_every_path_but_health_wants_a_key(portal: Portal, raw: Raw) -> None:
    for method, path in (
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/completions"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/smollm2"),
    ):
        response = await raw(portal, method, path, api_key=None)
        assert response.status == 401
        assert read_error(response)["code"] == "invalid_api_key"
    health = await raw(portal, "GET", "/health", api_key=None)
    assert health.status == 200
    assert json.loads(health.body)["status"] == "ok"
    assert json.loads(health.body)["height"] == (await portal.chain.head()).height


async def test_an_unknown_model_is_not_found(portal: Portal, ask: Ask) -> None:
    with pytest.raises(openai.NotFoundError, match="GET /v1/models") as caught:
        await ask(portal, lambda client: complete(client, model="gpt-4o"))
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.NotFoundError):
        await ask(portal, lambda client: client.models.retrieve("gpt-4o"))


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"content": "x" * 601}, "messages"),
        ({"max_tokens": 1001}, "max_tokens"),
        ({"max_completion_tokens": 1001}, "max_completion_tokens"),
        ({"n": 2}, "n"),
        ({"n": 3, "max_tokens": 400}, "n"),
        ({"extra_body": {"n_predict": 5000}}, "n_predict"),
    ],
)
async def test_over_a_limit_is_refused_before_anything_is_spent(
    portal: Portal, ask: Ask, members: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await ask(portal, lambda client: complete(client, **members))
    assert (caught.value.param, caught.value.code) == (param, "context_length_exceeded")
    assert portal.served == []
    assert portal.outcomes == []


async def test_the_limits_themselves_are_admitted(portal: Portal, ask: Ask) -> None:
    await ask(portal, lambda client: complete(client, content="x" * 600, max_tokens=1000))
    await ask(portal, lambda client: complete(client, n=2, max_tokens=500))
    assert portal.codes == [None, None]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'{"model":"smollm2"}', "messages"),
        (b'{"model":"smollm2","messages":[],"n":1}', "messages"),
        (b'{"messages":[{"role":"user","content":"hi"}]}', "model"),
        (b'{"model":"smollm2","messages":[{"role":"user","content":"a"}],"max_tokens":NaN}', "max_tokens"),
        (b'{"model":"smollm2","messages":[{"role":"user","content":"a"}],"max_tokens":true}', "max_tokens"),
        (b'{"model":"smollm2","messages":[{"role":"user","content":"a"}],"max_tokens":-1}', "max_tokens"),
        (b'{"model":"smollm2","model":"smollm2","messages":[{"role":"user","content":"a"}]}', "model"),
        (b'{"model":"smollm2","messages":[{"content":"\xff"}]}', None),
        (b'{"model":"smollm2","messages":' + b"[" * 50_000, None),
        (b'{"model":"smollm2","messages":[{"content":"\\ud800"}]}', None),
    ],
)
async def test_a_malformed_body_is_a_bad_request(
    portal: Portal, raw: Raw, body: bytes, param: str | None
) -> None:
    response = await raw(portal, "POST", "/v1/chat/completions", body)
    assert response.status == 400
    error = read_error(response)
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert portal.served == []


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/completions", "POST"),
        ("POST", "/v1/models", "GET"),
        ("DELETE", "/v1/models/smollm2", "GET"),
        ("POST", "/health", "GET"),
        ("OPTIONS", "/v1/models", "GET"),
    ],
)
async def test_another_method_is_answered_with_the_right_one(
    portal: Portal, raw: Raw, method: str, path: str, allow: str
) -> None:
    response = await raw(portal, method, path)
    assert response.status == 405
    assert dict(response.headers)["allow"] == allow
    assert allow in read_error(response)["message"]


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/embeddings", "/v1/models/", "//v1/models", "/v1/chat"])
async def test_an_unknown_path_is_not_found(portal: Portal, raw: Raw, path: str) -> None:
    response = await raw(portal, "GET", path)
    assert response.status == 404
    assert read_error(response)["type"] == "invalid_request_error"


async def test_a_body_too_large_is_refused(portal: Portal, raw: Raw) -> None:
    response = await raw(portal, "POST", "/v1/chat/completions", b"x" * (256 * 1024 + 1))
    assert response.status == 413
    assert read_error(response)["code"] == "request_too_large"


async def test_broken_http_is_refused_in_the_same_shape(portal: Portal) -> None:
    host, port = portal.url.removeprefix("http://").split(":")
    async with await anyio.connect_tcp(host, int(port)) as stream:
        await stream.send(b"NONSENSE\r\n\r\n")
        received = b""
        with anyio.fail_after(5):
            while b"error" not in received:
                received += await stream.receive()
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"x-request-id: req_" in received
    assert json.loads(received.partition(b"\r\n\r\n")[2])["error"]["type"] == "invalid_request_error"


async def test_a_bug_of_ours_is_told_without_its_text(
    portal: Portal, raw: Raw, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr("joey.gateway.dispatch.check_request", fail)
    body = json.dumps({"model": "smollm2", "messages": [{"role": "user", "content": CANARY}]}).encode()
    response = await raw(portal, "POST", "/v1/chat/completions", body)
    assert response.status == 500
    error = read_error(response)
    assert error["type"] == "server_error"
    assert CANARY not in response.body.decode()
    assert CANARY not in caplog.text
    assert dict(response.headers)["x-request-id"] in caplog.text
    assert "RuntimeError" in caplog.text


async def test_no_prompt_and_no_key_is_ever_logged(
    portal: Portal, ask: Ask, raw: Raw, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="joey"):
        await ask(portal, lambda client: complete(client, content=CANARY))
        with pytest.raises(openai.BadRequestError):
            await ask(portal, lambda client: complete(client, content=CANARY * 200))
        with pytest.raises(openai.AuthenticationError):
            await ask(portal, complete, api_key=CANARY)
        await raw(portal, "POST", "/v1/chat/completions", b'{"xyzzy-canary":xyzzy-canary')
        for supplier in portal.suppliers:
            supplier.behave = refuse_with(Busy(""))
        with pytest.raises(openai.InternalServerError):
            await ask(portal, lambda client: complete(client, content=CANARY))
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("joey"))
    assert "no supplier answered" in logged
    assert CANARY not in logged
    assert "sk-joey" not in logged
