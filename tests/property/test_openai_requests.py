"""No body surprises the reader, and no text gets past the count."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joey.core.errors import InvalidRequest
from joey.core.openai import requests
from joey.core.openai.requests import CHAT_COMPLETIONS, COMPLETIONS, read_request

LONG = "x€" * 100
LONG_BYTES = len(LONG.encode())
PATHS = (CHAT_COMPLETIONS, COMPLETIONS)
FREE = requests._CONTROLS

NAMES = st.sampled_from(["content", "role", "type", "text", "name", "tool_calls", "image_url", "new"])


def nest(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(NAMES, inner, max_size=3),
    )


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["", "text", "user", LONG])), nest
)


@pytest.mark.parametrize("path", PATHS)
@given(body=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(path: str, body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_request(path, body)


@pytest.mark.parametrize("path", PATHS)
@given(members=st.dictionaries(st.sampled_from(["messages", "prompt", "tools", "n", "stream"]), VALUES))
def test_any_members_are_read_or_refused(path: str, members: dict[str, Any]) -> None:
    try:
        request = read_request(path, json.dumps({"model": "m", **members}).encode())
    except InvalidRequest:
        return
    assert request.choices >= 1
    assert request.inputs >= 1
    assert request.messages_text_bytes >= 0


@pytest.mark.parametrize("ascii_only", [True, False])
@given(
    message=st.dictionaries(NAMES, VALUES, max_size=4),
    others=st.dictionaries(st.sampled_from(["tools", "functions", "documents", "new", "suffix"]), VALUES),
)
def test_no_text_reaches_the_model_uncounted(
    ascii_only: bool, message: dict[str, Any], others: dict[str, Any]
) -> None:
    """Whatever a body is made of, each of its long strings is counted, or the body is refused."""
    body = {"model": "m", "messages": [message], **others}
    strings = json.dumps(body, ensure_ascii=False).count(LONG)
    try:
        request = read_request(CHAT_COMPLETIONS, json.dumps(body, ensure_ascii=ascii_only).encode())
    except InvalidRequest:
        return
    assert request.messages_text_bytes >= strings * LONG_BYTES


@given(name=st.text(min_size=1, max_size=20).filter(lambda name: name.casefold() not in FREE))
def test_a_member_nobody_knows_counts(name: str) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": ""}], name: LONG}
    try:
        request = read_request(CHAT_COMPLETIONS, json.dumps(body).encode())
    except InvalidRequest:
        return
    assert request.messages_text_bytes >= LONG_BYTES
