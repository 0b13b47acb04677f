from __future__ import annotations

import json
from typing import Any

import pytest

from joey.core.errors import InvalidRequest
from joey.core.openai.requests import CHAT_COMPLETIONS, COMPLETIONS, ModelRequest, read_request

TOOL = {"type": "function", "function": {"name": "f"}}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def chat(content: object = "hi", **members: Any) -> ModelRequest:
    return read_request(
        CHAT_COMPLETIONS, encode(model="m", messages=[{"role": "user", "content": content}], **members)
    )


def complete(prompt: object, **members: Any) -> ModelRequest:
    return read_request(COMPLETIONS, encode(model="m", prompt=prompt, **members))


def encode(**members: Any) -> bytes:
    return json.dumps(members).encode()


def compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def refuse(path: str, **members: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        read_request(path, encode(**members))
    return caught.value


def test_a_plain_chat_counts_its_content_only() -> None:
    assert chat("Who won the world series in 2020?") == ModelRequest(
        model="m",
        messages_text_bytes=33,
        tokens_out_max_requested=None,
        choices=1,
        stream=False,
    )


def test_text_counts_in_utf8_bytes() -> None:
    assert chat("ü€😀").messages_text_bytes == 2 + 3 + 4


def test_all_messages_and_text_parts_count() -> None:
    body = encode(
        model="m",
        messages=[
            {"role": "system", "content": "12345"},
            {"role": "user", "content": [{"type": "text", "text": "123"}, {"type": "text", "text": "45"}]},
            {"role": "assistant", "content": None, "refusal": "1234567"},
        ],
    )
    request = read_request(CHAT_COMPLETIONS, body)
    assert request.messages_text_bytes == 5 + 5 + 7
    assert request.inputs == 3


@pytest.mark.parametrize(
    ("message", "text_bytes"),
    [
        ({"role": "user", "content": "", "name": "12345"}, 5),
        ({"role": "x" * 100, "content": ""}, 100),
        ({"role": "tool", "tool_call_id": "12", "content": "3"}, 3),
        ({"role": "assistant", "tool_calls": [CALL | {"a": "é"}]}, len(compact([CALL | {"a": "é"}]))),
        ({"role": "assistant", "content": None, "reasoning_content": "1234"}, 4),
        ({"role": "user", "content": [{"type": "text", "text": "1", "cache_control": {"a": 1}}]}, 1 + 7),
        ({"role": "user", "content": ["12", "3"]}, 3),
        ({"role": "user", "content": "", "new": [1, 22, None]}, len("[1,22,null]")),
    ],
)
def test_whatever_a_message_carries_counts(message: dict[str, Any], text_bytes: int) -> None:
    request = read_request(CHAT_COMPLETIONS, encode(model="m", messages=[message]))
    assert request.messages_text_bytes == text_bytes


@pytest.mark.parametrize(
    ("members", "text_bytes"),
    [
        ({"tools": [TOOL]}, len(compact([TOOL]))),
        ({"functions": [{"name": "f"}]}, len('[{"name":"f"}]')),
        ({"response_format": {"type": "json_object"}}, len('{"type":"json_object"}')),
        ({"chat_template": "x" * 700}, 700),
        ({"prompt": "x" * 700}, 700),
        ({"documents": ["x" * 10]}, 14),
        ({"never_heard_of": "1234"}, 4),
        ({"never_heard_of": 1234, "temperature": 0.5, "seed": None, "echo": True}, 0),
        ({"stop": ["x" * 700], "user": "x" * 700, "metadata": {"a": "b"}, "logit_bias": {"1": 2}}, 0),
    ],
)
def test_members_that_may_reach_the_model_count_and_controls_do_not(
    members: dict[str, Any], text_bytes: int
) -> None:
    assert chat("", **members).messages_text_bytes == text_bytes


def test_a_completion_counts_its_prompt_and_suffix() -> None:
    request = complete("12345", suffix="678")
    assert request.messages_text_bytes == 8
    assert request.text_param == "prompt"
    assert complete("1", messages=[{"a": "b"}]).messages_text_bytes == 1 + len('[{"a":"b"}]')


@pytest.mark.parametrize(
    ("prompt", "text_bytes", "token_ids", "prompts"),
    [
        ("abc", 3, 0, 1),
        (["abc", "de"], 5, 0, 2),
        ([1, 2, 30000], 0, 3, 1),
        ([[1, 2], [3]], 0, 3, 2),
    ],
)
def test_prompts_of_every_kind(prompt: object, text_bytes: int, token_ids: int, prompts: int) -> None:
    request = complete(prompt, n=3)
    assert (request.messages_text_bytes, request.token_ids) == (text_bytes, token_ids)
    assert (request.inputs, request.choices) == (prompts, prompts * 3)


@pytest.mark.parametrize(
    "prompt",
    [None, [], [[]], [1, "a"], ["a", [1]], [True], [-1], [1.5], [None], {"a": 1}, 5, [[1], 2], [2**60]],
)
def test_a_prompt_of_no_known_kind_is_refused(prompt: object) -> None:
    assert refuse(COMPLETIONS, model="m", prompt=prompt).fields["param"] == "prompt"


@pytest.mark.parametrize("messages", [None, [], {}, "hi", 5])
def test_messages_must_be_a_list(messages: object) -> None:
    assert refuse(CHAT_COMPLETIONS, model="m", messages=messages).fields["param"] == "messages"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("hi", "messages[0]"),
        ({"role": "user", "content": 5}, "messages[0].content"),
        ({"role": "user", "content": {"text": "hi"}}, "messages[0].content"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]},
            "messages[0].content[0]",
        ),
        (
            {"role": "user", "content": [{"type": "text", "text": ""}, {"text": "hi"}]},
            "messages[0].content[1]",
        ),
        ({"role": "user", "content": [{"type": ["text"]}]}, "messages[0].content[0]"),
        ({"role": "user", "content": [5]}, "messages[0].content[0]"),
    ],
)
def test_what_no_rule_can_count_is_refused(message: object, param: str) -> None:
    assert refuse(CHAT_COMPLETIONS, model="m", messages=[message]).fields["param"] == param


@pytest.mark.parametrize("model", [None, "", 5, ["m"], "x" * 257])
def test_a_model_must_be_named(model: object) -> None:
    error = refuse(CHAT_COMPLETIONS, model=model, messages=[{"role": "user", "content": "hi"}])
    assert error.fields["param"] == "model"


@pytest.mark.parametrize("stream", [0, 1, "true", []])
def test_stream_is_true_or_false(stream: object) -> None:
    error = refuse(CHAT_COMPLETIONS, model="m", messages=[{"role": "user", "content": ""}], stream=stream)
    assert error.fields["param"] == "stream"


def test_stream_is_read() -> None:
    assert chat(stream=True).stream
    assert not chat(stream=False).stream
    assert not chat(stream=None).stream


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "n_predict", "n", "best_of"])
@pytest.mark.parametrize("value", [0, -1, 1.0, 2.5, True, False, "5", [], {}, 2**53, 10**300, float("nan")])
def test_a_count_must_be_a_sound_integer(name: str, value: object) -> None:
    error = refuse(CHAT_COMPLETIONS, model="m", messages=[{"role": "user", "content": ""}], **{name: value})
    assert error.fields["param"] == name


@pytest.mark.parametrize(
    ("members", "maximum", "param"),
    [
        ({}, None, "max_tokens"),
        ({"max_tokens": None}, None, "max_tokens"),
        ({"max_tokens": 5}, 5, "max_tokens"),
        ({"max_completion_tokens": 7}, 7, "max_completion_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 7}, 7, "max_completion_tokens"),
        ({"max_tokens": 5, "n_predict": 9000}, 9000, "n_predict"),
        ({"max_tokens": 5, "min_tokens": 8}, 8, "min_tokens"),
    ],
)
def test_the_largest_maximum_counts(members: dict[str, Any], maximum: int | None, param: str) -> None:
    request = chat(**members)
    assert (request.tokens_out_max_requested, request.tokens_out_param) == (maximum, param)


def test_choices_are_the_larger_of_n_and_best_of() -> None:
    assert chat(n=3).choices == 3
    assert complete("a", n=2, best_of=5).choices == 5
    assert complete(["a", "b"], best_of=5).choices == 10


@pytest.mark.parametrize(
    "name", ["Max_Tokens", "MODEL", "\u017ftream", "MAX_TOKENS", "N", "Tools", "Top_Logprobs"]
)
def test_a_member_that_differs_only_in_case_is_refused(name: str) -> None:
    error = refuse(CHAT_COMPLETIONS, model="m", messages=[{"role": "user", "content": ""}], **{name: 5})
    assert error.fields["param"] == name.casefold()


def test_another_path_is_refused() -> None:
    assert refuse("/v1/embeddings", model="m", input="x").fields["param"] is None


def test_no_error_repeats_the_text() -> None:
    for content in ({"canary": 1}, [{"type": "canary"}], [{"canary": "x"}]):
        error = refuse(CHAT_COMPLETIONS, model="m", messages=[{"role": "user", "content": content}])
        assert "canary" not in error.message + str(error.fields)


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"content": "x"}, "messages[0].role"),
        ({"role": None, "content": "x"}, "messages[0].role"),
        ({"role": ["user"], "content": "x"}, "messages[0].role"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text"),
        ({"role": "user", "content": [{"type": "text", "text": None}]}, "messages[0].content[0].text"),
        ({"role": "user", "content": "x", "name": 5}, "messages[0].name"),
        ({"role": "tool", "content": "x", "tool_call_id": 5}, "messages[0].tool_call_id"),
        ({"role": "assistant", "reasoning_content": []}, "messages[0].reasoning_content"),
        ({"role": "assistant", "tool_calls": "f"}, "messages[0].tool_calls"),
        ({"role": "assistant", "tool_calls": {}}, "messages[0].tool_calls"),
        ({"role": "assistant", "tool_calls": ["f"]}, "messages[0].tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [CALL, {}]}, "messages[0].tool_calls[1].type"),
        ({"role": "assistant", "tool_calls": [CALL | {"id": 5}]}, "messages[0].tool_calls[0].id"),
        (
            {"role": "assistant", "tool_calls": [CALL | {"function": None}]},
            "messages[0].tool_calls[0].function",
        ),
        ({"role": "assistant", "tool_calls": [TOOL]}, "messages[0].tool_calls[0].function.arguments"),
    ],
)
def test_a_message_that_engines_fail_on_is_refused(message: dict[str, Any], param: str) -> None:
    assert refuse(CHAT_COMPLETIONS, model="m", messages=[message]).fields["param"] == param


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"tools": {}}, "tools"),
        ({"tools": "f"}, "tools"),
        ({"tools": ["f"]}, "tools[0]"),
        ({"tools": [{"function": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [TOOL, {"type": "function"}]}, "tools[1].function"),
        ({"tools": [{"type": "function", "function": {"name": None}}]}, "tools[0].function"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "description": 5}}]},
            "tools[0].function.description",
        ),
        ({"reasoning_format": "x"}, "reasoning_format"),
        ({"reasoning_format": ["none"]}, "reasoning_format"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"top_logprobs": -1}, "top_logprobs"),
        ({"top_logprobs": True}, "top_logprobs"),
        ({"logprobs": 5}, "logprobs"),
        ({"n_probs": 21}, "n_probs"),
        ({"n_probs": "5"}, "n_probs"),
        ({"prompt_logprobs": 10**6}, "prompt_logprobs"),
    ],
)
def test_a_member_that_engines_fail_on_is_refused(members: dict[str, Any], param: str) -> None:
    messages = [{"role": "user", "content": "hi"}]
    assert refuse(CHAT_COMPLETIONS, model="m", messages=messages, **members).fields["param"] == param


@pytest.mark.parametrize("logprobs", [6, -1, True, 2.0, "5"])
def test_a_completion_tells_five_alternatives_at_most(logprobs: object) -> None:
    assert refuse(COMPLETIONS, model="m", prompt="hi", logprobs=logprobs).fields["param"] == "logprobs"
    for allowed in (None, 0, 5):
        assert complete("hi", logprobs=allowed).choices == 1


def test_what_an_answer_carries_may_be_sent_back_as_history() -> None:
    """The official client's `model_dump` of a message has nulls, and members of the engine's own."""
    nulls = dict.fromkeys(("refusal", "annotations", "audio", "function_call", "tool_calls", "name"))
    history = {"role": "assistant", "content": "a", "reasoning_content": None, **nulls}
    body = encode(model="m", messages=[history, {"role": "assistant", "content": None, "tool_calls": [CALL]}])
    assert read_request(CHAT_COMPLETIONS, body).inputs == 2
    chat(tools=None, logprobs=True, top_logprobs=20, n_probs=20, reasoning_format="deepseek")
    chat(tools=[{**TOOL, "new": 1}], logprobs=None, top_logprobs=None, reasoning_format=None)
