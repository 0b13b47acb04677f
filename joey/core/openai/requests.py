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
"""

from __future__ import annotations

import json
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
_READ = frozenset({"model", "messages", "prompt", "stream", *_TOKENS_OUT, *_CHOICES})
_CONTROLS = _READ - {"messages", "prompt"} | frozenset(
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
    text_param, read_text = _TEXTS[path]
    inputs, text_bytes, token_ids = read_text(members.get(text_param))
    for name, value in members.items():
        if name not in _CONTROLS and name != text_param:
            if name.casefold() in _READ and name not in _READ:
                raise InvalidRequest("a member differs from a known one only in case", param=name.casefold())
            if isinstance(value, str | list | dict):
                text_bytes += _measure(value)
    tokens_out_param, tokens_out = _read_largest(members, _TOKENS_OUT)
    _, choices = _read_largest(members, _CHOICES)
    prompts = inputs if path == COMPLETIONS else 1
    return ModelRequest(
        model=model,
        messages_text_bytes=text_bytes,
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


def _read_messages(messages: object) -> tuple[int, int, int]:
    """Return the number of messages and the bytes of their text."""
    if not isinstance(messages, list) or not messages:
        _refuse("messages", "must be a list of at least one message")
    text_bytes = 0
    for number, message in enumerate(messages):
        if not isinstance(message, dict):
            _refuse(f"messages[{number}]", "must be an object")
        for name, value in message.items():
            if name == "content":
                text_bytes += _read_content(value, f"messages[{number}].content")
            elif name != "role" or not isinstance(value, str) or value not in _ROLES:
                text_bytes += _measure(value)
    return len(messages), text_bytes, 0


def _read_content(content: object, param: str) -> int:
    """Return the bytes of a message's content; a part that is no text has no rule to be counted by."""
    if content is None:
        return 0
    if isinstance(content, str):
        return _count_bytes(content)
    if not isinstance(content, list):
        _refuse(param, "must be text or a list of parts")
    text_bytes = 0
    for number, part in enumerate(content):
        if isinstance(part, str):
            text_bytes += _count_bytes(part)
        elif isinstance(part, dict) and any(part.get("type") == kind for kind in _TEXT_PARTS):
            text_bytes += sum(_measure(value) for name, value in part.items() if name != "type")
        else:
            _refuse(f"{param}[{number}]", "must be a part of text: this service takes no other kind")
    return text_bytes


def _read_prompt(prompt: object) -> tuple[int, int, int]:
    """Return the number of prompts, the bytes of their text and how many token ids they hold."""
    if isinstance(prompt, str):
        return 1, _count_bytes(prompt), 0
    if isinstance(prompt, list) and prompt:
        if all(isinstance(item, str) for item in prompt):
            return len(prompt), sum(map(_count_bytes, prompt)), 0
        if _are_token_ids(prompt):
            return 1, 0, len(prompt)
        if all(isinstance(item, list) and item and _are_token_ids(item) for item in prompt):
            return len(prompt), 0, sum(map(len, prompt))
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


def _measure(value: object) -> int:
    """Return the bytes a value counts: of a string itself, of anything else its compact JSON."""
    if value is None:
        return 0
    if isinstance(value, str):
        return _count_bytes(value)
    return _count_bytes(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


_TEXTS = {CHAT_COMPLETIONS: ("messages", _read_messages), COMPLETIONS: ("prompt", _read_prompt)}
