from __future__ import annotations

import json

import pytest

from joey.core.errors import InvalidRequest
from joey.core.openai.bodies import read_members


def refuse(body: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        read_members(body)
    return caught.value


def test_members_are_read_as_they_are() -> None:
    body = '{"a": [1, 2.5, "ü"], "b": {"c": null}, "d": "\\u00e9", "e": true}'.encode()
    assert read_members(body) == {"a": [1, 2.5, "ü"], "b": {"c": None}, "d": "é", "e": True}


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert "must be a JSON object" in refuse(body).message


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a":1}}', b'{"a":1,}', b"{'a':1}", b'{"a":01}', b'\xef\xbb\xbf{"a":1}', b'{"a":"\n"}'],
)
def test_broken_json_is_refused_with_its_place(body: bytes) -> None:
    message = refuse(body).message
    assert "not valid JSON" in message
    assert "line" in message


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":2}',
        b'{"max_tokens":1,"x":{"a":1},"max_tokens":2}',
        b'{"x":[{"a":1,"a":1}]}',
        b'{"m\\u0061x":1,"max":2}',
    ],
)
def test_a_member_named_twice_is_refused(body: bytes) -> None:
    assert "twice" in refuse(body).message


def test_a_member_named_twice_is_named_when_it_is_a_plain_word() -> None:
    assert refuse(b'{"max_tokens":1,"max_tokens":2}').fields["param"] == "max_tokens"
    assert refuse(b'{"tell me a secret":1,"tell me a secret":2}').fields["param"] is None


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "9" * 5000])
def test_a_number_that_json_does_not_know_is_refused_by_name(number: str) -> None:
    error = refuse(f'{{"model":"m","max_tokens":{number}}}'.encode())
    assert error.fields["param"] == "max_tokens"


def test_such_a_number_further_in_is_refused_without_a_name() -> None:
    assert refuse(b'{"a":{"b":NaN}}').fields["param"] is None
    assert refuse(b'{"a":NaN,"b":').fields["param"] is None
    assert refuse(b"[NaN]").fields["param"] is None


@pytest.mark.parametrize("body", [b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', '{"a":1}'.encode("utf-16")])
def test_what_is_not_utf8_is_refused(body: bytes) -> None:
    assert "UTF-8" in refuse(body).message


@pytest.mark.parametrize("text", [r"\ud800", r"\uDC00", r"\uD83D x"])
def test_half_of_a_surrogate_pair_is_refused(text: str) -> None:
    assert "surrogate" in refuse(f'{{"a":"{text}"}}'.encode()).message


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert read_members(rb'{"a":"\ud83d\ude00"}') == {"a": "😀"}


@pytest.mark.parametrize("depth", [101, 900, 4000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_deep_nesting_is_refused(depth: int, opening: str, closing: str) -> None:
    body = '{"a":' + opening * depth + "1" + closing * depth + "}"
    assert "nested" in refuse(body.encode()).message


def test_broad_bodies_and_moderate_nesting_are_read() -> None:
    assert len(read_members(('{"a":[' + ",".join(["{}"] * 4000) + "]}").encode())["a"]) == 4000
    read_members(('{"a":' + "[" * 90 + "]" * 90 + "}").encode())


def test_no_error_repeats_the_body() -> None:
    for body in (b'{"canary":canary}', b'{"canary x":1,"canary x":2}', b'{"a":"canary\xff"}', b'["canary"]'):
        error = refuse(body)
        assert "canary" not in error.message
        assert "canary" not in str(error.fields)


@pytest.mark.parametrize("unit", ["[]", "{}", '{"":0}', "[" * 50 + "]" * 50, '"[\\"[",[]'])
def test_a_body_of_thousands_of_lists_and_objects_is_refused_unparsed(unit: str) -> None:
    """Parsing and walking one of 64 KiB would hold up all other calls for ten milliseconds and more."""
    body = '{"a":[' + ",".join([unit] * 5000) + "]}"
    assert "4096 lists and objects" in refuse(body.encode()).message


def test_brackets_in_text_are_no_lists() -> None:
    text = '[{"\\' * 10_000
    assert read_members(json.dumps({"a": text}).encode()) == {"a": text}
    refuse(json.dumps({"a": text}).encode()[:-3])


def test_a_text_that_does_not_end_is_looked_at_once() -> None:
    body = b'{"a":' + b'"[' + b'\\"[' * 300_000
    assert "not valid JSON" in refuse(body).message
