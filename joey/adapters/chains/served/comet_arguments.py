"""The arguments of CometBFT's calls, which look one way in a URL and another in JSON.

In a URL, integers stand bare or quoted, bytes are hex behind `0x` or text in quotes. In JSON,
64-bit integers may be text, and bytes are base64, but for hashes of the `HexBytes` type, which are
hex. Source: CometBFT v0.38 rpc/jsonrpc/server/{http_uri_handler,http_json_handler}.go.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["Arguments", "BadArguments"]

_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_HEX: Final = re.compile(r"0x((?:[0-9a-fA-F]{2})*)")


class BadArguments(Exception):
    """An argument is missing or is not what it must be. The text tells which."""


class Arguments:
    """Reads the arguments of one call by name. Raises `BadArguments`."""

    def __init__(self, values: Mapping[str, Any], *, is_url: bool) -> None:
        self._values = values
        self._is_url = is_url

    @classmethod
    def from_params(cls, params: object, names: Sequence[str]) -> Arguments:
        """Return the arguments of a JSON-RPC call: by name, or by position in the order of `names`."""
        if params is None:
            return cls({}, is_url=False)
        if isinstance(params, list):
            if len(params) > len(names):
                raise BadArguments(f"expected {len(names)} parameters ({list(names)}), got {len(params)}")
            return cls(dict(zip(names, params, strict=False)), is_url=False)
        if isinstance(params, dict):
            return cls(params, is_url=False)
        raise BadArguments("params are neither an object nor an array")

    def integer(self, name: str) -> int | None:
        """Return an int64; `None` when it is absent or null."""
        value = self._values.get(name)
        if value is None or (self._is_url and value == ""):
            return None
        if isinstance(value, str):
            value = value.strip('"') if self._is_url else value
            if _INTEGER.fullmatch(value):
                value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
            raise BadArguments(f"{name} must be an integer")
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean, false when it is absent."""
        value = self._values.get(name)
        if self._is_url and value in ("true", "false", ""):
            return bool(value == "true")
        if value is None or isinstance(value, bool):
            return bool(value)
        raise BadArguments(f"{name} must be true or false")

    def text(self, name: str) -> str:
        """Return a text; empty when it is absent."""
        value = self._values.get(name, "")
        if not isinstance(value, str):
            raise BadArguments(f"{name} must be a string")
        if self._is_url and len(value) > 1 and value[0] == value[-1] == '"':
            value = self._unquote(name, value)
        return _check_unicode(name, value)

    def data(self, name: str) -> bytes:
        """Return bytes; empty when they are absent."""
        value = self._values.get(name)
        if value is None:
            return b""
        if not isinstance(value, str):
            raise BadArguments(f"{name} must be a string")
        if self._is_url:
            return self._read_url_bytes(name, value)
        try:
            return base64.b64decode(value, validate=True)
        except ValueError:
            raise BadArguments(f"{name} must be base64") from None

    def hexadecimal(self, name: str) -> bytes:
        """Return bytes of the `HexBytes` type; empty when they are absent."""
        if self._is_url:
            return self.data(name)
        try:
            return bytes.fromhex(self.text(name))
        except ValueError:
            raise BadArguments(f"{name} must be hex") from None

    def _read_url_bytes(self, name: str, value: str) -> bytes:
        match = _HEX.fullmatch(value)
        if match is not None:
            return bytes.fromhex(match[1])
        if len(value) > 1 and value[0] == value[-1] == '"':
            return self._unquote(name, value).encode()
        if value:
            raise BadArguments(f"{name} must be 0x and hex, or text in quotes")
        return b""

    def _unquote(self, name: str, value: str) -> str:
        try:
            text = json.loads(value)
        except ValueError:
            raise BadArguments(f"{name} is not a quoted string") from None
        assert isinstance(text, str), "what begins with a quote is a string"
        return _check_unicode(name, text)


def _check_unicode(name: str, text: str) -> str:
    """Return a text that has bytes: JSON can write halves of characters, which have none."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadArguments(f"{name} is no Unicode text")
    return text
