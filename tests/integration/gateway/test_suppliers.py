"""Suppliers that fail or lie: the client sees another supplier's answer, or one clear error."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import anyio
import openai
import pytest

from joey.core.errors import (
    BadRing,
    Busy,
    DeadlineExceeded,
    EngineFailed,
    NotOffered,
    OverLimit,
    Rejection,
    SessionExpired,
    StakeExhausted,
    SupplierError,
)
from joey.core.units import Height
from joey.core.wire.envelope import HttpResponse, encode_response
from joey.core.wire.relay import RelayResponse, encode_relay_response, sign_response
from joey.core.wire.stream import FrameKind, encode_end, encode_frame, encode_head
from joey.gateway.routing import ReputationRouting
from joey.http.server import Response
from joey.testing.portals import Portal, run_portal
from joey.testing.suppliers import (
    CHAT_ANSWER,
    CHAT_EVENTS,
    DONE_EVENT,
    EVENT_STREAM,
    Behave,
    Served,
    answer,
    break_off,
    make_refusal,
    refuse_with,
    reply_stream,
    reply_whole,
    stream_frames,
)
from joey.testing.worlds import make_key

pytestmark = pytest.mark.anyio

Ask = Callable[..., Awaitable[Any]]
QUESTION = [{"role": "user", "content": "Who won the world series in 2020?"}]
CANARY = "xyzzy-canary"
FORGED = HttpResponse(200, (("Content-Type", "application/json"),), b'{"forged": true}')


def complete(client: openai.OpenAI, **members: Any) -> str:
    completion = client.chat.completions.create(model="smollm2", messages=QUESTION, **members)
    return completion.choices[0].message.content or ""


def stream(client: openai.OpenAI) -> str:
    chunks = client.chat.completions.create(model="smollm2", messages=QUESTION, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def forge(change: Callable[[Served, RelayResponse], RelayResponse]) -> Behave:
    """Return a supplier that changes its signed response before it sends it."""

    async def behave(served: Served) -> Response:
        return reply_whole(change(served, served.sign()))

    return behave


def sign_for(served: Served, **changes: Any) -> RelayResponse:
    header = replace(served.relay.header, **changes)
    return sign_response(header, encode_response(FORGED), served.key)


def flip(data: bytes, place: int = 5) -> bytes:
    return data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]


WHOLE_LIES = {
    "bad signature": (
        forge(lambda served, signed: replace(signed, signature=flip(signed.signature))),
        "supplier.bad_signature",
    ),
    "another's signature": (
        forge(lambda served, signed: sign_response(signed.header, signed.payload, make_key("thief"))),
        "supplier.bad_signature",
    ),
    "unsigned": (forge(lambda served, signed: replace(signed, signature=b"")), "supplier.bad_signature"),
    "short signature": (
        forge(lambda served, signed: replace(signed, signature=signed.signature[:63])),
        "supplier.bad_signature",
    ),
    "other payload": (
        forge(lambda served, signed: replace(signed, payload=encode_response(FORGED))),
        "supplier.payload_hash_mismatch",
    ),
    "no payload": (
        forge(lambda served, signed: replace(signed, payload=b"")),
        "supplier.payload_hash_mismatch",
    ),
    "other session": (
        forge(lambda served, signed: sign_for(served, session_id="ab" * 32)),
        "supplier.wrong_session",
    ),
    "older answer": (
        forge(
            lambda served, signed: sign_for(
                served,
                session_id="cd" * 32,
                height_start=Height(1),
                height_end=Height(4),
            )
        ),
        "supplier.wrong_session",
    ),
    "other application": (
        forge(lambda served, signed: sign_for(served, application_address=make_key("other").address)),
        "supplier.wrong_session",
    ),
    "signed payload that is no HTTP response": (
        forge(lambda served, signed: sign_response(served.relay.header, b"\xff\xff\xff", served.key)),
        "supplier.malformed",
    ),
    "signed engine failure": (
        forge(
            lambda served, signed: sign_response(
                served.relay.header, encode_response(HttpResponse(500, (), b"x")), served.key
            )
        ),
        "supplier.engine_failed",
    ),
    **{
        f"signed {status}": (
            forge(lambda served, signed, status=status: served.sign(HttpResponse(status, (), b"x"))),  # type: ignore[misc]
            "supplier.engine_failed",
        )
        for status in (100, 201, 204, 302, 304, 401, 403, 404, 407, 429, 503)
    },
}


async def send(body: bytes, status: int = 200, content_type: str = "application/x-protobuf") -> Response:
    return Response(status, [("Content-Type", content_type)], body)


def plain(body: bytes, status: int = 200, content_type: str = "application/x-protobuf") -> Behave:
    return lambda served: send(body, status, content_type)


async def cut_reply(served: Served) -> Response:
    whole = encode_relay_response(served.sign())

    async def half() -> AsyncIterator[bytes]:
        yield whole[: len(whole) // 2]
        raise ConnectionResetError

    return Response(200, [("Content-Type", "application/x-protobuf")], half())


async def truncate(served: Served) -> Response:
    return await send(encode_relay_response(served.sign())[:-10])


FAILURES = {
    "garbage": (plain(b"\xff\xff\xff\xff"), "supplier.malformed"),
    "empty": (plain(b""), "supplier.malformed"),
    "truncated": (truncate, "supplier.malformed"),
    "cut": (cut_reply, "supplier.unreachable"),
    "too large": (plain(bytes(3 * 2**20)), "supplier.engine_failed"),
    "500": (plain(b"oops", 500, "text/plain"), "supplier.engine_failed"),
    "502 JSON": (plain(b'{"error":"backend"}', 502, "application/json"), "supplier.engine_failed"),
    "429 JSON": (plain(b'{"error":"limit"}', 429, "application/json"), "rejection.stake_exhausted"),
    "403 JSON": (plain(b'{"error":"ring"}', 403, "application/json"), "rejection"),
    "404": (plain(b"", 404), "rejection.not_offered"),
    "503": (plain(b"", 503), "rejection.busy"),
    "busy": (refuse_with(Busy("")), "rejection.busy"),
    "busy, with status 200": (refuse_with(Busy(""), 200), "rejection.busy"),
    "expired": (refuse_with(SessionExpired("")), "rejection.session_expired"),
    "not offered": (refuse_with(NotOffered("")), "rejection.not_offered"),
    "stake exhausted": (refuse_with(StakeExhausted("")), "rejection.stake_exhausted"),
    "over limit": (refuse_with(OverLimit("")), "rejection.over_limit"),
    "bad ring": (refuse_with(BadRing("")), "rejection.bad_ring"),
    "engine failed": (refuse_with(EngineFailed("")), "supplier.engine_failed"),
    "engine too slow": (refuse_with(DeadlineExceeded("")), "supplier.deadline_exceeded"),
}


@pytest.mark.parametrize("name", WHOLE_LIES | FAILURES)
@pytest.mark.parametrize("call", [complete, stream])
async def test_the_next_supplier_answers(name: str, call: Callable[[openai.OpenAI], str], ask: Ask) -> None:
    behave, code = (WHOLE_LIES | FAILURES)[name]
    async with run_portal(answer_bytes_max=2**20) as portal:
        portal.suppliers[0].behave = behave
        assert await ask(portal, call) == "The Los Angeles Dodgers"
        assert portal.codes == [code, None]
        assert [outcome.supplier_address for outcome in portal.outcomes] == [
            supplier.address for supplier in portal.suppliers
        ]


async def signed_nothing(served: Served) -> Response:
    return reply_stream(stream_frames(served, (), last=b""))


async def wrong_proof_at_once(served: Served) -> Response:
    end = encode_end(served.sign(replace(EVENT_STREAM, body=b"other")))
    frames = [frame async for frame in stream_frames(served, (CHAT_EVENTS[0],), last=end)]

    async def at_once() -> AsyncIterator[bytes]:
        yield b"".join(frames)

    return reply_stream(at_once())


async def engine_status_500(served: Served) -> Response:
    return reply_stream(stream_frames(served, CHAT_EVENTS, head=replace(EVENT_STREAM, status=500)))


async def no_head(served: Served) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield encode_frame(FrameKind.BODY, CHAT_EVENTS[0])

    return reply_stream(body())


@pytest.mark.parametrize(
    ("behave", "code"),
    [
        (signed_nothing, "supplier.unreachable"),
        (wrong_proof_at_once, "supplier.payload_hash_mismatch"),
        (engine_status_500, "supplier.engine_failed"),
        (no_head, "supplier.malformed"),
        (break_off((), EngineFailed("")), "supplier.engine_failed"),
    ],
)
async def test_a_stream_that_fails_before_its_first_byte_is_asked_elsewhere(
    portal: Portal, ask: Ask, behave: Behave, code: str
) -> None:
    portal.suppliers[0].behave = behave
    assert await ask(portal, stream) == "The Los Angeles Dodgers"
    assert portal.codes == [code, None]


async def hang(served: Served) -> Response:
    await anyio.sleep_forever()
    raise AssertionError


async def hang_after_the_head(served: Served) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield encode_head(EVENT_STREAM)
        await anyio.sleep_forever()

    return reply_stream(body())


@pytest.mark.parametrize(
    ("behave", "call"), [(hang, complete), (hang, stream), (hang_after_the_head, stream)]
)
async def test_a_supplier_that_hangs_leaves_time_for_the_next(
    behave: Behave, call: Callable[[openai.OpenAI], str], ask: Ask
) -> None:
    async with run_portal(deadline_s=2.0) as portal:
        portal.suppliers[0].behave = behave
        assert await ask(portal, call) == "The Los Angeles Dodgers"
        assert portal.codes == ["supplier.deadline_exceeded", None]


async def test_a_dead_supplier_is_no_matter(ask: Ask) -> None:
    async with run_portal(by_reputation=True) as portal:
        portal.suppliers[0].stop()
        for _ in range(40):
            assert await ask(portal, complete) == "The Los Angeles Dodgers"
        # Hit once or twice, then left aside but for a little exploration.
        assert 0 < portal.codes.count("supplier.unreachable") < 8
        assert portal.codes.count(None) == 40


@pytest.mark.parametrize(
    ("behave", "repeatable"),
    [
        (refuse_with(Busy("")), True),
        (refuse_with(EngineFailed("")), True),
        (WHOLE_LIES["bad signature"][0], False),
        (WHOLE_LIES["signed 401"][0], False),
        (WHOLE_LIES["signed 503"][0], False),
        (plain(bytes(5 * 2**20)), False),
        (cut_reply, False),
    ],
)
async def test_when_nobody_answers_the_error_says_why(
    portal: Portal, ask: Ask, behave: Behave, repeatable: bool
) -> None:
    for supplier in portal.suppliers:
        supplier.behave = behave
    with pytest.raises(openai.InternalServerError) as caught:
        await ask(portal, complete)
    error = caught.value
    assert error.status_code == 503
    assert error.code == "no_supplier_left"
    assert "tried 2: " in error.message
    assert str(portal.codes[0]) in error.message
    assert error.response.headers["retry-after"] == "1"
    assert (error.response.headers.get("x-should-retry") != "false") is repeatable


async def test_the_sdk_asks_again_only_where_nothing_may_be_paid(portal: Portal, ask: Ask) -> None:
    for supplier in portal.suppliers:
        supplier.behave = WHOLE_LIES["bad signature"][0]
    with pytest.raises(openai.InternalServerError):
        await ask(portal, complete, max_retries=2)
    assert len(portal.served) == 2


def answer_sized(size: int, piece: int) -> Behave:
    """Return a supplier whose answer's body has `size` bytes, streamed in pieces or signed whole."""

    async def behave(served: Served) -> Response:
        body = b"x" * size
        if not served.wants_stream or not piece:
            return reply_whole(served.sign(HttpResponse(200, (("Content-Type", "application/json"),), body)))
        pieces = [body[start : start + piece] for start in range(0, size, piece)]
        frames = [frame async for frame in stream_frames(served, pieces)]

        async def at_once() -> AsyncIterator[bytes]:
            yield b"".join(frames)

        return reply_stream(at_once())

    return behave


@pytest.mark.parametrize("piece", [0, 1, 5000])
@pytest.mark.parametrize("streamed", [False, True])
async def test_the_size_of_an_answer_is_that_of_its_body_however_it_comes(
    raw: Any, piece: int, streamed: bool
) -> None:
    body = json.dumps({"model": "smollm2", "messages": QUESTION, "stream": streamed}).encode()
    async with run_portal(answer_bytes_max=5000) as portal:
        portal.suppliers[0].behave = answer_sized(5000, piece)
        response = await raw(portal, "POST", "/v1/chat/completions", body)
        assert (response.status, response.body) == (200, b"x" * 5000)
        assert portal.codes == [None]
        portal.suppliers[0].behave = answer_sized(5001, piece)
        response = await raw(portal, "POST", "/v1/chat/completions", body)
        assert response.status == 200
        assert portal.codes == [None, "supplier.engine_failed", None]


async def test_a_relay_is_never_sent_twice(portal: Portal, ask: Ask) -> None:
    """A kept connection that is closed without a byte: the next attempt is a relay of its own."""
    first = portal.suppliers[0]

    async def vanish(served: Served) -> Response:
        first.hang_up()
        await anyio.sleep_forever()
        raise AssertionError

    assert await ask(portal, complete) == "The Los Angeles Dodgers"
    for call in (complete, stream):
        first.script.append(vanish)
        assert await ask(portal, call) == "The Los Angeles Dodgers"
        assert await ask(portal, call) == "The Los Angeles Dodgers"
    unreachable = "supplier.unreachable"
    assert portal.codes == [None, unreachable, None, None, unreachable, None, None]
    signatures = [served.relay.signature for served in portal.served]
    assert len(signatures) == len(set(signatures)) == 7


@pytest.mark.parametrize("call", [complete, stream])
async def test_the_only_supplier_is_asked_again_with_a_new_relay(
    ask: Ask, call: Callable[[openai.OpenAI], str]
) -> None:
    async with run_portal(suppliers=1) as portal:
        (supplier,) = portal.suppliers

        async def vanish(served: Served) -> Response:
            supplier.hang_up()
            await anyio.sleep_forever()
            raise AssertionError

        await ask(portal, call)
        supplier.script.append(vanish)
        assert await ask(portal, call) == "The Los Angeles Dodgers"
        assert portal.codes == [None, "supplier.unreachable", None]
        _, lost, again = portal.served
        assert lost.call == again.call
        assert lost.relay.signature != again.relay.signature
        supplier.script.extend((vanish, vanish))
        with pytest.raises(openai.InternalServerError) as caught:
            await ask(portal, call)
        assert caught.value.response.headers["x-should-retry"] == "false"
        assert len(portal.served) == 5


async def refuse_request(served: Served) -> Response:
    return reply_whole(served.sign(HttpResponse(400, (("Content-Type", "application/json"),), b"{}")))


@pytest.mark.parametrize(
    ("second", "convicted"),
    [(answer, [0]), (refuse_request, []), (refuse_with(EngineFailed("")), []), (refuse_with(Busy("")), [])],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_an_engine_is_to_blame_once_another_has_served_the_request(
    raw: Any, monkeypatch: pytest.MonkeyPatch, second: Behave, convicted: list[int], streamed: bool
) -> None:
    told: list[str] = []
    monkeypatch.setattr(ReputationRouting, "convict", lambda self, service, failed: told.extend(failed))
    async with run_portal() as portal:
        portal.suppliers[0].behave = refuse_with(EngineFailed(""))
        portal.suppliers[1].behave = second
        body = json.dumps({"model": "smollm2", "messages": QUESTION, "stream": streamed}).encode()
        await raw(portal, "POST", "/v1/chat/completions", body)
        assert told == [portal.suppliers[number].address for number in convicted]


async def test_no_more_suppliers_are_asked_than_the_plan_allows(ask: Ask) -> None:
    async with run_portal(suppliers=5, attempts_max=3) as portal:
        for supplier in portal.suppliers:
            supplier.behave = refuse_with(Busy(""))
        with pytest.raises(openai.InternalServerError, match="tried 3"):
            await ask(portal, complete)
        assert len(portal.served) == 3


async def test_what_a_supplier_writes_in_an_error_is_shown_to_nobody(
    portal: Portal, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    errors: list[Rejection | SupplierError] = [Busy(CANARY), EngineFailed(CANARY)]
    with caplog.at_level(logging.DEBUG):
        for supplier, error in zip(portal.suppliers, errors, strict=True):
            supplier.behave = refuse_with(error)
        with pytest.raises(openai.InternalServerError) as caught:
            await ask(portal, complete)
    assert CANARY not in str(caught.value)
    assert CANARY not in caplog.text
    for outcome in portal.outcomes:
        assert outcome.fault is not None
        assert CANARY not in f"{outcome.fault} {outcome.fault.fields}"


async def test_an_error_without_a_name_we_know_is_the_mildest_fault(portal: Portal, ask: Ask) -> None:
    async def behave(served: Served) -> Response:
        refusal = make_refusal(served, Busy(""))
        assert refusal.error is not None
        told = replace(refusal.error, codespace=CANARY, code=99, description=CANARY)
        return reply_whole(replace(refusal, error=told))

    portal.suppliers[0].behave = behave
    assert await ask(portal, complete) == "The Los Angeles Dodgers"
    fault = portal.outcomes[0].fault
    assert isinstance(fault, EngineFailed)
    assert CANARY not in str(fault.fields)


async def test_a_stream_that_must_not_be_trusted_shows_no_end(portal: Portal, raw: Any) -> None:
    async def behave(served: Served) -> Response:
        end = encode_end(served.sign(CHAT_ANSWER))
        return reply_stream(stream_frames(served, (*CHAT_EVENTS, DONE_EVENT), last=end))

    portal.suppliers[0].behave = behave
    body = json.dumps({"model": "smollm2", "messages": QUESTION, "stream": True}).encode()
    response = await raw(portal, "POST", "/v1/chat/completions", body)
    *events, last = response.body.removesuffix(b"\n\n").split(b"\n\n")
    assert b"\n\n".join(events) + b"\n\n" == b"".join(CHAT_EVENTS)
    assert b"[DONE]" not in response.body
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "supplier.payload_hash_mismatch"
    assert portal.codes == ["supplier.payload_hash_mismatch"]
    assert portal.suppliers[1].served == []


async def test_busy_suppliers_may_see_no_chain(portal: Portal, ask: Ask) -> None:
    for supplier in portal.suppliers:
        supplier.behave = refuse_with(Busy("the chain does not answer"))
    with pytest.raises(openai.InternalServerError, match="or they see no new blocks of the chain; tried 2: "):
        await ask(portal, complete)
