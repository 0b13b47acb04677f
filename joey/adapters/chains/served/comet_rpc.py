"""JSON-RPC 2.0 as CometBFT speaks it: one call at a time, its errors and its answers.

Source: CometBFT v0.38 rpc/jsonrpc/types/types.go and rpc/jsonrpc/server.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from joey.adapters.chains.served.comet_arguments import Arguments, BadArguments
from joey.adapters.chains.served.comet_calls import CallFailed, CometMethod
from joey.core.errors import ChainUnavailable

__all__ = [
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "PARSE_ERROR",
    "SERVER_ERROR",
    "RpcError",
    "answer_call",
    "parse_json",
    "read_request",
    "write_answer",
    "write_error",
]

_log = logging.getLogger(__name__)

PARSE_ERROR = (-32700, "Parse error. Invalid JSON")
INVALID_REQUEST = (-32600, "Invalid Request")
METHOD_NOT_FOUND = (-32601, "Method not found")
INVALID_PARAMS = (-32602, "Invalid params")
INTERNAL_ERROR = (-32603, "Internal error")
SERVER_ERROR = (-32000, "Server error")


class RpcError(Exception):
    """A call's answer is an error. `kind` is code and message, `data` says more."""

    def __init__(self, kind: tuple[int, str], data: str) -> None:
        super().__init__(data)
        self.kind = kind
        self.data = data


def read_request(value: object) -> tuple[object, str, object]:
    """Return id, method and params of a request; the id is `None` for a notification.

    Raises `RpcError` for what is no request.
    """
    if not isinstance(value, dict) or not isinstance(value.get("method"), str):
        raise RpcError(INVALID_REQUEST, "a request is an object with a method")
    identifier = value.get("id")
    if isinstance(identifier, bool) or not isinstance(identifier, str | int | None):
        raise RpcError(INVALID_REQUEST, "an id is a string or an integer")
    return identifier, value["method"], value.get("params")


async def answer_call(method: CometMethod, arguments: Arguments) -> Any:
    """Return the result of a call. Raises `RpcError`."""
    try:
        return await method.answer(arguments)
    except BadArguments as error:
        raise RpcError(INVALID_PARAMS, str(error)) from None
    except CallFailed as error:
        raise RpcError(INTERNAL_ERROR, str(error)) from None
    except ChainUnavailable as error:
        raise RpcError(INTERNAL_ERROR, error.message) from None
    except Exception:  # noqa: BLE001 - the outermost handler of a request
        _log.exception("a call failed")
        raise RpcError(INTERNAL_ERROR, "internal error") from None


def write_answer(identifier: object, result: Any) -> dict[str, Any]:
    """Return the answer to a call."""
    return {"jsonrpc": "2.0", "id": identifier, "result": result}


def write_error(identifier: object, error: RpcError) -> dict[str, Any]:
    """Return the answer to a call that failed; without an id, -1 stands for it."""
    code, message = error.kind
    body: dict[str, Any] = {"code": code, "message": message}
    if error.data:
        body["data"] = error.data
    return {"jsonrpc": "2.0", "id": -1 if identifier is None else identifier, "error": body}


def parse_json(text: str | bytes) -> object:
    """Return what a text holds. Raises `RpcError`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RpcError(PARSE_ERROR, "error unmarshalling request: it is no JSON") from None
