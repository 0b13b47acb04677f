"""Our errors in the shape that OpenAI's clients expect: `{"error": {message, type, param, code}}`.

A client error, and the end of a plan, speak for themselves: their text was written for the caller.
Of every other error only the class is told, in words fixed here, because its own text may hold an
address, a path, or what a supplier wrote.
"""

from __future__ import annotations

import json

from joey.core.errors import ChainError, ClientError, JoeyError, NoSupplierLeft, Rejection, SupplierError

__all__ = ["describe_failure", "encode_failure", "encode_failure_event", "encode_message"]

_TEXTS: tuple[tuple[type[JoeyError], str], ...] = (
    (SupplierError, "the supplier of this answer failed; ask again"),
    (Rejection, "the supplier declined this request; ask again later"),
    (ChainError, "the network cannot be read just now; ask again later"),
)
_INTERNAL = "internal error; the operator finds it in the log by this request's id"


def describe_failure(error: JoeyError) -> dict[str, str | None]:
    """Return the `error` object for an error."""
    if isinstance(error, ClientError | NoSupplierLeft):
        text = error.message
    else:
        text = next((text for cls, text in _TEXTS if isinstance(error, cls)), _INTERNAL)
    param = error.fields.get("param")
    known = isinstance(error, ClientError | NoSupplierLeft | SupplierError | Rejection | ChainError)
    code = error.openai_code
    if code is None and known and not isinstance(error, ClientError):
        code = error.code
    return {
        "message": text,
        "type": error.openai_type,
        "param": param if isinstance(param, str) else None,
        "code": code,
    }


def encode_failure(error: JoeyError) -> bytes:
    """Return the JSON body of an error response, UTF-8."""
    return _encode({"error": describe_failure(error)})


def encode_failure_event(error: JoeyError) -> bytes:
    """Return the event that ends a stream which broke off; no `[DONE]` follows it."""
    return b"data: " + encode_failure(error) + b"\n\n"


def encode_message(message: str, kind: str, code: str | None = None) -> bytes:
    """Return the JSON body of a failure that is no `JoeyError`, such as broken HTTP. `kind` is the `type`."""
    return _encode({"error": {"message": message, "type": kind, "param": None, "code": code}})


def _encode(body: dict[str, dict[str, str | None]]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
