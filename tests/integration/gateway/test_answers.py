"""What the official client gets: plain, streamed, async, and untouched."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import openai
import pytest

from joey.core.crypto.ring import read_ring
from joey.core.wire.envelope import HttpResponse
from joey.core.wire.relay import compute_relay_hash, encode_relay
from joey.http.server import Response
from joey.testing.portals import API_KEY, OFFER, Portal, run_portal
from joey.testing.suppliers import CHAT_EVENTS, DONE_EVENT, Served, reply_stream, reply_whole, stream_frames

pytestmark = pytest.mark.anyio

Ask = Callable[..., Awaitable[Any]]
QUESTION = [{"role": "user", "content": "Who won the world series in 2020?"}]
WORDS = "The Los Angeles Dodgers"


def complete(client: openai.OpenAI, **members: Any) -> Any:
    return client.chat.completions.create(model="smollm2", messages=QUESTION, **members)


async def test_a_plain_answer(portal: Portal, ask: Ask) -> None:
    completion = await ask(portal, complete)
    assert completion.choices[0].message.content == WORDS
    assert completion.usage.total_tokens == 14
    assert completion._request_id.startswith("req_")
    assert portal.codes == [None]


async def test_a_streamed_answer(portal: Portal, ask: Ask) -> None:
    def stream(client: openai.OpenAI) -> list[str]:
        with complete(client, stream=True) as chunks:
            return [chunk.choices[0].delta.content for chunk in chunks]

    assert await ask(portal, stream) == ["The ", "Los Angeles ", "Dodgers"]
    assert portal.codes == [None]


async def test_the_async_client(portal: Portal) -> None:
    settings: dict[str, Any] = {"base_url": f"{portal.url}/v1", "api_key": API_KEY, "max_retries": 0}
    async with openai.AsyncOpenAI(**settings) as client:
        completion = await client.chat.completions.create(model="smollm2", messages=QUESTION)
        assert completion.choices[0].message.content == WORDS
        stream = await client.chat.completions.create(model="smollm2", messages=QUESTION, stream=True)
        assert "".join([chunk.choices[0].delta.content async for chunk in stream]) == WORDS


async def test_legacy_completions_go_to_their_own_path(portal: Portal, ask: Ask) -> None:
    body = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": []}

    async def behave(served: Served) -> Response:
        answer = HttpResponse(200, (("Content-Type", "application/json"),), json.dumps(body).encode())
        return reply_whole(served.sign(answer))

    portal.suppliers[0].behave = behave
    completion = await ask(portal, lambda client: client.completions.create(model="smollm2", prompt="Hi"))
    assert completion.id == "cmpl-1"
    assert portal.served[0].call.url.endswith("/relay/v1/completions")


async def test_the_body_reaches_the_engine_byte_for_byte(portal: Portal, raw: Any) -> None:
    body = (
        b'{ "messages":[{"content":"caf\\u00e9 \xf0\x9f\x98\x80","role":"user"}],\n'
        b' "zz_unknown":{"b":1,"a":[null,1.50]}, "model":"smollm2" , "temperature":0.70}'
    )
    response = await raw(portal, "POST", "/v1/chat/completions", body)
    assert response.status == 200
    assert portal.served[0].call.body == body
    assert portal.served[0].call.method == "POST"


async def test_nothing_of_the_client_but_the_body_reaches_the_supplier(portal: Portal, raw: Any) -> None:
    body = json.dumps({"model": "smollm2", "messages": QUESTION}).encode()
    headers = (
        ("Cookie", "canary=1"),
        ("X-Forwarded-For", "10.1.2.3"),
        ("User-Agent", "canary"),
        ("Accept", "canary/accept"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("X-Canary", "canary"),
    )
    await raw(portal, "POST", "/v1/chat/completions?canary=1", body, headers)
    served = portal.served[0]
    assert dict(served.call.headers) == {"Accept": "application/json", "Content-Type": "application/json"}
    assert set(served.headers) == {"host", "content-length", "content-type", "accept", "rpc-type"}
    assert served.headers["rpc-type"] == "4"
    assert served.headers["content-type"] == "application/x-protobuf"
    everything = repr(served.headers) + repr(served.call)
    assert "canary" not in everything
    assert API_KEY not in everything


async def test_a_relay_is_ring_signed_for_the_application(portal: Portal, ask: Ask) -> None:
    await ask(portal, complete)
    relay = portal.served[0].relay
    session = await portal.chain.session(portal.application_address, OFFER.service_id)
    assert session is not None
    assert relay.header == session.header
    assert portal.gateway_key.public_key in read_ring(relay.signature).public_keys


async def test_every_attempt_is_signed_afresh(portal: Portal, ask: Ask) -> None:
    await ask(portal, complete)
    await ask(portal, complete)
    first, second = portal.served
    assert first.call == second.call
    assert first.relay.signature != second.relay.signature


async def test_response_headers_say_who_answered_and_what_it_cost(portal: Portal, raw: Any) -> None:
    body = json.dumps({"model": "smollm2", "messages": QUESTION}).encode()
    response = await raw(portal, "POST", "/v1/chat/completions", body)
    served = portal.served[0]
    leaf = encode_relay(served.relay, served.sign())
    headers = dict(response.headers)
    assert headers["x-joey-supplier"] == portal.suppliers[0].address
    assert headers["x-joey-session"] == served.relay.header.session_id
    assert headers["x-joey-relay-hash"] == compute_relay_hash(leaf).hex()
    assert headers["x-joey-price-usd"] == "0.00075"
    assert headers["content-type"] == "application/json"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-request-id"].startswith("req_")
    assert headers["openai-processing-ms"].isdigit()
    assert "x-should-retry" not in headers
    outcome = portal.outcomes[0]
    assert outcome.relay_hash == compute_relay_hash(leaf)
    assert (outcome.bytes_in, outcome.bytes_out) == (len(body), len(response.body))
    assert outcome.status == 200


async def test_of_the_engines_headers_only_a_safe_content_type_is_passed_on(portal: Portal, raw: Any) -> None:
    async def behave(served: Served) -> Response:
        headers = (
            ("Content-Type", "text/html"),
            ("Set-Cookie", "a=b"),
            ("X-Engine", "x"),
            ("Location", "http://elsewhere"),
            ("Access-Control-Allow-Origin", "*"),
        )
        return reply_whole(served.sign(HttpResponse(200, headers, b"<script>")))

    portal.suppliers[0].behave = behave
    body = json.dumps({"model": "smollm2", "messages": QUESTION}).encode()
    response = await raw(portal, "POST", "/v1/chat/completions", body)
    headers = dict(response.headers)
    assert headers["content-type"] == "application/octet-stream"
    assert not {"set-cookie", "x-engine", "location", "access-control-allow-origin"} & set(headers)
    assert response.body == b"<script>"


async def test_an_engines_4xx_is_the_clients_as_it_is(portal: Portal, ask: Ask, raw: Any) -> None:
    error = b'{"error": {"message": "odd temperature", "type": "x", "param": "temperature", "code": null}}'

    async def behave(served: Served) -> Response:
        return reply_whole(served.sign(HttpResponse(400, (("Content-Type", "application/json"),), error)))

    portal.suppliers[0].behave = behave
    for streamed in (False, True):
        with pytest.raises(openai.BadRequestError, match="odd temperature"):
            await ask(portal, lambda client, streamed=streamed: complete(client, stream=streamed))
    body = json.dumps({"model": "smollm2", "messages": QUESTION}).encode()
    response = await raw(portal, "POST", "/v1/chat/completions", body)
    assert (response.status, response.body) == (400, error)
    assert dict(response.headers)["x-should-retry"] == "false"
    assert portal.codes == [None] * 3
    assert len(portal.suppliers[1].served) == 0


async def test_a_stream_is_passed_on_as_it_is_cut_anywhere(portal: Portal, raw: Any) -> None:
    whole = b"".join((*CHAT_EVENTS, b": comment\r\n\r\n", DONE_EVENT))

    async def behave(served: Served) -> Response:
        pieces = [whole[start : start + 7] for start in range(0, len(whole), 7)]
        return reply_stream(stream_frames(served, pieces))

    portal.suppliers[0].behave = behave
    body = json.dumps({"model": "smollm2", "messages": QUESTION, "stream": True}).encode()
    response = await raw(portal, "POST", "/v1/chat/completions", body)
    assert response.body == whole
    headers = dict(response.headers)
    assert headers["content-type"] == "text/event-stream"
    assert headers["x-joey-supplier"] == portal.suppliers[0].address
    assert "x-joey-relay-hash" not in headers
    assert portal.outcomes[0].relay_hash is not None
    assert portal.outcomes[0].bytes_out == len(whole)


async def test_a_stream_that_was_short_enough_to_be_proven_at_once(portal: Portal, raw: Any) -> None:
    async def behave(served: Served) -> Response:
        frames = [frame async for frame in stream_frames(served, (DONE_EVENT,))]

        async def at_once() -> Any:
            yield b"".join(frames)

        return reply_stream(at_once())

    portal.suppliers[0].behave = behave
    body = json.dumps({"model": "smollm2", "messages": QUESTION, "stream": True}).encode()
    response = await raw(portal, "POST", "/v1/chat/completions", body)
    assert response.body == DONE_EVENT
    assert len(dict(response.headers)["x-joey-relay-hash"]) == 64


async def test_a_supplier_that_does_not_stream_answers_a_stream_whole(portal: Portal, ask: Ask) -> None:
    async def behave(served: Served) -> Response:
        events = HttpResponse(
            200, (("Content-Type", "text/event-stream"),), b"".join((*CHAT_EVENTS, DONE_EVENT))
        )
        return reply_whole(served.sign(events))

    portal.suppliers[0].behave = behave

    def stream(client: openai.OpenAI) -> str:
        return "".join(chunk.choices[0].delta.content for chunk in complete(client, stream=True))

    assert await ask(portal, stream) == WORDS


async def test_models_are_listed_and_found(portal: Portal, ask: Ask) -> None:
    models = await ask(portal, lambda client: client.models.list().data)
    assert [model.id for model in models] == ["smollm2", "org/smollm2:instruct"]
    assert all(model.object == "model" and model.created > 0 for model in models)
    assert models[0].joey["price_usd_per_relay"] == "0.00075"
    assert models[0].joey["limits"] == {"tokens_in_max": 200, "tokens_out_max": 1000}
    for name in ("smollm2", "org/smollm2:instruct"):
        model = await ask(portal, lambda client, name=name: client.models.retrieve(name))
        assert model.id == name


async def test_usage_is_counted_and_written_at_the_end() -> None:
    async with run_portal() as portal:
        settings: dict[str, Any] = {"base_url": f"{portal.url}/v1", "api_key": API_KEY, "max_retries": 0}
        async with openai.AsyncOpenAI(**settings) as client:
            await client.chat.completions.create(model="smollm2", messages=QUESTION)
            stream = await client.chat.completions.create(model="smollm2", messages=QUESTION, stream=True)
            async for _ in stream:
                pass
            with pytest.raises(openai.NotFoundError):
                await client.chat.completions.create(model="other", messages=QUESTION)
        await portal.stop()
        (count,) = await portal.usage.totals()
    assert (count.tenant, count.service_id, count.relays, count.failed) == ("acme", "text", 2, 0)
    assert count.bytes_out == sum(outcome.bytes_out for outcome in portal.outcomes)
    assert count.bytes_in == sum(outcome.bytes_in for outcome in portal.outcomes)
