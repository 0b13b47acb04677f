"""What routing and limits must see of a chat or completion call; the body itself is never rewritten.

The engine reads the same bytes later, with a parser of its own: what two parsers may read
differently is refused, here a member that differs from one we read only in case, the rest in
`joey.core.openai.bodies`.

**What counts as text in.** Every string that may reach the model: of each message its content, the
text of its content parts and every further member (name, tool calls); prompts and suffix; tools;
and any member of the body that we do not know. Strings count their UTF-8 bytes, structures the
bytes of their compact JSON. The role of a message is free when it is one of the six known ones.
A single number, true, false or null is free, and so are the members listed in `_CONTROLS`, which
steer sampling and are not shown to a model. Token ids count one token each.

**What counts as a maximum out.** The largest of all members by which some engine takes one, because
the engine may prefer another than OpenAI's: llama.cpp obeys `n_predict` before `max_tokens`.

**What is held to its form.** Members that engines fail on, with a 5xx, instead of refusing them: a
caller's slip must not look like a supplier's failure. And log probabilities are bounded as OpenAI
bounds them, because an answer grows with them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from joey.core.errors import InvalidRequest
from joey.core.openai.bodies import read_members

__all__ = ["CHAT_COMPLETIONS", "COMPLETIONS", "ModelRequest", "read_request"]

CHAT_COMPLETIONS = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"

_INTEGER_MAX = 2**53 - 1
"""The largest integer that every JSON parser reads exactly (RFC 8259, section 6)."""

_MODEL_BYTES_MAX = 256

_TOKENS_OUT = (
    "max_completion_tokens",
    "max_tokens",
    "max_output_tokens",
    "max_new_tokens",
    "min_tokens",
    "n_predict",
    "num_predict",
)
_CHOICES = ("n", "best_of", "n_cmpl", "num_return_sequences")
_PROBABILITIES = ("top_logprobs", "n_probs", "prompt_logprobs")
_PROBABILITIES_MAX = 20
_COMPLETION_LOGPROBS_MAX = 5
_REASONING_FORMATS = ("none", "auto", "deepseek", "deepseek-legacy")
"""Source: llama.cpp, common_reasoning_format_from_name."""

_SHOWN = frozenset({"messages", "prompt", "tools"})
_READ = _SHOWN | frozenset(
    {"model", "stream", "logprobs", "reasoning_format", *_TOKENS_OUT, *_CHOICES, *_PROBABILITIES}
)
_CONTROLS = _READ - _SHOWN | frozenset(
    {
        "cache_salt",
        "logit_bias",
        "metadata",
        "modalities",
        "prompt_cache_key",
        "prompt_cache_retention",
        "reasoning_effort",
        "request_id",
        "safety_identifier",
        "service_tier",
        "stop",
        "stop_token_ids",
        "stream_options",
        "user",
        "verbosity",
    }
)
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_MESSAGE_TEXTS = frozenset({"name", "tool_call_id", "reasoning_content"})
_TEXT_PARTS = ("text", "refusal", "input_text", "output_text")


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a call asks for, as far as an offer limits it. Holds no text of the client's.

    `messages_text_bytes` is the UTF-8 length of all text in; `token_ids` the number of ids sent
    instead of text; `inputs` the number of messages or prompts, each at least one token.
    `tokens_out_max_requested` is for one choice, `None` when the client set no maximum; `choices` is
    how many answers are generated in all. `text_param` and `tokens_out_param` name the members that
    an error should point to.
    """

    model: str
    messages_text_bytes: int
    tokens_out_max_requested: int | None
    choices: int
    stream: bool
    token_ids: int = 0
    inputs: int = 1
    text_param: str = "messages"
    tokens_out_param: str = "max_tokens"


def read_request(path: str, body: bytes) -> ModelRequest:
    """Return what the body of a call to `path` asks for.

    Raises `InvalidRequest`, with the member at fault in `param` where there is one.
    """
    if path not in _TEXTS:
        raise InvalidRequest("this path takes no chat or completion request", param=None)
    members = read_members(body)
    model = members.get("model")
    if not isinstance(model, str) or not model or _count_bytes(model) > _MODEL_BYTES_MAX:
        _refuse("model", "must be the name of a model")
    stream = members.get("stream")
    if stream is not None and not isinstance(stream, bool):
        _refuse("stream", "must be true or false")
    _check_probabilities(path, members)
    _check_reasoning_format(members.get("reasoning_format"))
    _check_tools(members.get("tools"))
    text_param, read_text = _TEXTS[path]
    texts: list[object] = []
    inputs, token_ids = read_text(members.get(text_param), texts)
    for name, value in members.items():
        if name not in _CONTROLS and name != text_param:
            if name not in _READ and name.casefold() in _READ:
                raise InvalidRequest("a member differs from a known one only in case", param=name.casefold())
            if isinstance(value, str | list | dict):
                texts.append(value)
    tokens_out_param, tokens_out = _read_largest(members, _TOKENS_OUT)
    _, choices = _read_largest(members, _CHOICES)
    prompts = inputs if path == COMPLETIONS else 1
    return ModelRequest(
        model=model,
        messages_text_bytes=_measure(texts),
        tokens_out_max_requested=tokens_out,
        choices=(choices or 1) * prompts,
        stream=bool(stream),
        token_ids=token_ids,
        inputs=inputs,
        text_param=text_param,
        tokens_out_param=tokens_out_param or "max_tokens",
    )


def _refuse(param: str, what: str) -> NoReturn:
    raise InvalidRequest(f"{param!r} {what}", param=param)


def _check_probabilities(path: str, members: dict[str, Any]) -> None:
    """Hold to OpenAI's bounds how many alternatives are told for each token."""
    for name in _PROBABILITIES:
        _check_count(name, members.get(name), _PROBABILITIES_MAX)
    logprobs = members.get("logprobs")
    if path == COMPLETIONS:
        _check_count("logprobs", logprobs, _COMPLETION_LOGPROBS_MAX)
    elif logprobs is not None and not isinstance(logprobs, bool):
        _refuse("logprobs", "must be true or false")


def _check_count(name: str, value: object, maximum: int) -> None:
    if value is not None and (type(value) is not int or not 0 <= value <= maximum):
        _refuse(name, f"must be an integer from 0 to {maximum}")


def _check_reasoning_format(value: object) -> None:
    if value is not None and value not in _REASONING_FORMATS:
        _refuse("reasoning_format", f"must be one of {', '.join(_REASONING_FORMATS)}")


def _check_tools(tools: object) -> None:
    """Hold tools to their form; a function's parameters are the engine's to judge."""
    if tools is None:
        return
    if not isinstance(tools, list):
        _refuse("tools", "must be a list of tools")
    for number, tool in enumerate(tools):
        function = _read_function(tool, f"tools[{number}]")
        _check_text(function.get("description"), f"tools[{number}].function.description")


def _check_tool_calls(calls: object, param: str) -> None:
    if calls is None:
        return
    if not isinstance(calls, list):
        _refuse(param, "must be a list of calls")
    for number, call in enumerate(calls):
        function = _read_function(call, f"{param}[{number}]")
        _check_text(call.get("id"), f"{param}[{number}].id")
        if not isinstance(function.get("arguments"), str | dict):
            _refuse(f"{param}[{number}].function.arguments", "must be the JSON of the arguments, as text")


def _read_function(tool: Any, param: str) -> dict[str, Any]:
    """Return the function of a tool or of a call to one; engines know no other kind."""
    if not isinstance(tool, dict):
        _refuse(param, "must be an object")
    if tool.get("type") != "function":
        _refuse(f"{param}.type", "must be 'function'")
    function = tool.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        _refuse(f"{param}.function", "must be an object with a name")
    return function


def _check_text(value: object, param: str) -> None:
    if value is not None and not isinstance(value, str):
        _refuse(param, "must be text")


def _read_messages(messages: object, texts: list[object]) -> tuple[int, int]:
    """Return the number of messages and that of token ids, none; what is text in goes to `texts`."""
    if not isinstance(messages, list) or not messages:
        _refuse("messages", "must be a list of at least one message")
    for number, message in enumerate(messages):
        if not isinstance(message, dict):
            _refuse(f"messages[{number}]", "must be an object")
        if not isinstance(message.get("role"), str):
            _refuse(f"messages[{number}].role", "must be text: who speaks")
        for name, value in message.items():
            if name == "content":
                _read_content(value, texts, f"messages[{number}].content")
            elif name != "role" or value not in _ROLES:
                texts.append(value)
            if name == "tool_calls":
                _check_tool_calls(value, f"messages[{number}].tool_calls")
            elif name in _MESSAGE_TEXTS:
                _check_text(value, f"messages[{number}].{name}")
    return len(messages), 0


def _read_content(content: object, texts: list[object], param: str) -> None:
    """Gather a message's content; a part that is no text has no rule to be counted by."""
    if content is None or isinstance(content, str):
        texts.append(content)
        return
    if not isinstance(content, list):
        _refuse(param, "must be text or a list of parts")
    for number, part in enumerate(content):
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and part.get("type") in _TEXT_PARTS:
            if part["type"] != "refusal" and not isinstance(part.get("text"), str):
                _refuse(f"{param}[{number}].text", "must be text")
            texts.extend(value for name, value in part.items() if name != "type")
        else:
            _refuse(f"{param}[{number}]", "must be a part of text: this service takes no other kind")


def _read_prompt(prompt: object, texts: list[object]) -> tuple[int, int]:
    """Return the number of prompts and how many token ids they hold; their text goes to `texts`."""
    if isinstance(prompt, str):
        texts.append(prompt)
        return 1, 0
    if isinstance(prompt, list) and prompt:
        if all(isinstance(item, str) for item in prompt):
            texts.extend(prompt)
            return len(prompt), 0
        if _are_token_ids(prompt):
            return 1, len(prompt)
        if all(isinstance(item, list) and item and _are_token_ids(item) for item in prompt):
            return len(prompt), sum(map(len, prompt))
    _refuse("prompt", "must be text, token ids, or a list of only one of these")


def _are_token_ids(items: list[Any]) -> bool:
    return all(type(item) is int and 0 <= item <= _INTEGER_MAX for item in items)


def _read_largest(members: dict[str, Any], names: tuple[str, ...]) -> tuple[str | None, int | None]:
    """Return the largest of some integer members and its name; `None` when none is set."""
    largest_name, largest = None, None
    for name in names:
        value = members.get(name)
        if value is None:
            continue
        # `type`, not `isinstance`: true is an int to Python and 1 to some engines.
        if type(value) is not int or not 1 <= value <= _INTEGER_MAX:
            _refuse(name, f"must be an integer from 1 to {_INTEGER_MAX}")
        if largest is None or value > largest:
            largest_name, largest = name, value
    return largest_name, largest


def _count_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _measure(values: Iterable[object]) -> int:
    """Return the bytes that values count: a string its own, null none, anything else its compact JSON."""
    text_bytes = 0
    structures: list[object] = []
    for value in values:
        if isinstance(value, str):
            text_bytes += _count_bytes(value)
        elif value is not None:
            structures.append(value)
    if structures:
        # In one list, because an encoder's start costs more than most values; less its commas and brackets.
        text_bytes += _count_bytes(_COMPACT.encode(structures)) - len(structures) - 1
    return text_bytes


_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)
_TEXTS = {CHAT_COMPLETIONS: ("messages", _read_messages), COMPLETIONS: ("prompt", _read_prompt)}
