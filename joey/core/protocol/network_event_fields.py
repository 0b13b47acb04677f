"""One event as CometBFT carries it: a type and attributes, each the proto-JSON of one field.

The network's typed events are written by gogoproto's JSON marshaller with zero values included, split
into one attribute a field, in the order of the fields' names. Strings and 64-bit integers are quoted,
32-bit integers and booleans bare, enums quoted names; strings are escaped as Go escapes them.
Source: cosmos-sdk types/events.go, TypedEventToEvent; cosmos/gogoproto jsonpb.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joey.core.units import Upokt

__all__ = [
    "EventFields",
    "NetworkEvent",
    "make_event",
    "write_coin",
    "write_flag",
    "write_integer_32",
    "write_integer_64",
    "write_text",
]

_COIN = re.compile(r"([0-9]{1,78})upokt")
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_GO_ESCAPES = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)
_SIGNED_64 = range(-(2**63), 2**63)
_UNSIGNED_64 = range(2**64)
_UNSIGNED_32 = range(2**32)


@dataclass(frozen=True, slots=True)
class NetworkEvent:
    """An ABCI event. `type` is a full proto name for typed events; attributes are (key, value)."""

    type: str
    attributes: tuple[tuple[str, str], ...]

    def extend(self, key: str, value: str) -> NetworkEvent:
        """Return this event with one more attribute at its end."""
        return NetworkEvent(self.type, (*self.attributes, (key, value)))


def make_event(event_type: str, fields: Mapping[str, str]) -> NetworkEvent:
    """Return a typed event of fields that are proto-JSON already."""
    return NetworkEvent(event_type, tuple(sorted(fields.items())))


def write_text(value: str) -> str:
    """Return a string as proto-JSON."""
    return json.dumps(value, ensure_ascii=False).translate(_GO_ESCAPES)


def write_integer_64(value: int) -> str:
    """Return an int64 or uint64 as proto-JSON, which is quoted."""
    return f'"{value}"'


def write_integer_32(value: int) -> str:
    """Return an int32 or uint32 as proto-JSON, which is bare."""
    return str(value)


def write_flag(value: bool) -> str:
    """Return a boolean as proto-JSON."""
    return "true" if value else "false"


def write_coin(amount: int) -> str:
    """Return an amount as the text of a coin, quoted: `"379574upokt"`."""
    return f'"{amount}upokt"'


class EventFields:
    """Reads the attributes of one typed event. Every method raises `ValueError` for what it is not."""

    def __init__(self, event: NetworkEvent) -> None:
        self._type = event.type
        self._values = dict(event.attributes)

    def has(self, name: str) -> bool:
        """Tell whether the event has an attribute."""
        return name in self._values

    def text(self, name: str) -> str:
        """Return a string field."""
        value = self._read_json(name)
        if not isinstance(value, str):
            raise self._complain(name)
        return value

    def signed(self, name: str) -> int:
        """Return an int64 field."""
        return self._read_integer(name, _SIGNED_64)

    def unsigned(self, name: str) -> int:
        """Return a uint64 field."""
        return self._read_integer(name, _UNSIGNED_64)

    def small(self, name: str) -> int:
        """Return a 32-bit field that is not negative."""
        return self._read_integer(name, _UNSIGNED_32)

    def flag(self, name: str) -> bool:
        """Return a boolean field."""
        value = self._read_json(name)
        if not isinstance(value, bool):
            raise self._complain(name)
        return value

    def coin(self, name: str) -> Upokt:
        """Return a field that is the text of a coin in upokt."""
        return read_coin(self.text(name), self._complain(name))

    def digest(self, name: str) -> bytes:
        """Return a field of 32 bytes in hex."""
        try:
            value = bytes.fromhex(self.text(name))
        except ValueError:
            raise self._complain(name) from None
        if len(value) != 32:
            raise self._complain(name)
        return value

    def amount(self, name: str) -> Upokt:
        """Return a field that is the text of a number of upokt, without a denomination."""
        text = self.text(name)
        if not (text.isascii() and text.isdigit()) or len(text) > 78:
            raise self._complain(name)
        return Upokt(int(text))

    def rewards(self, name: str) -> tuple[tuple[str, str, Upokt], ...]:
        """Return a list of {recipient_address, op_reason, amount}."""
        values = self._read_json(name)
        if not isinstance(values, list):
            raise self._complain(name)
        return tuple(self._read_reward(name, value) for value in values)

    def _read_reward(self, name: str, value: Any) -> tuple[str, str, Upokt]:
        if not isinstance(value, dict):
            raise self._complain(name)
        recipient, reason, amount = (value.get(key) for key in ("recipient_address", "op_reason", "amount"))
        if not (isinstance(recipient, str) and isinstance(reason, str) and isinstance(amount, str)):
            raise self._complain(name)
        return recipient, reason, read_coin(amount, self._complain(name))

    def _read_integer(self, name: str, values: range) -> int:
        """Return an integer, quoted or bare: readers of proto-JSON take both."""
        text = self._find(name)
        bare = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
        if not _INTEGER.fullmatch(bare) or int(bare) not in values:
            raise self._complain(name)
        return int(bare)

    def _read_json(self, name: str) -> Any:
        try:
            return json.loads(self._find(name))
        except (ValueError, RecursionError):
            raise self._complain(name) from None

    def _find(self, name: str) -> str:
        value = self._values.get(name)
        if value is None:
            raise ValueError(f"{self._type} has no attribute {name}")
        return value

    def _complain(self, name: str) -> ValueError:
        return ValueError(f"{self._type}: attribute {name} is malformed: {self._values.get(name, '')[:200]}")


def read_coin(text: str, complaint: ValueError) -> Upokt:
    """Return the amount of a coin's text; raises the complaint when it is none of upokt."""
    match = _COIN.fullmatch(text)
    if match is None:
        raise complaint
    return Upokt(int(match[1]))
