"""One vector: typed access to its fields, and the comparisons that were made with them."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeVar

__all__ = ["Item", "MalformedItem", "Mismatch", "Record"]

AnyValue = TypeVar("AnyValue")


class MalformedItem(ValueError):
    """A field is missing or of another type than its kind of vector has."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A comparison that failed. `field` is the path of names, the kind of the mismatch."""

    field: str
    expected: str
    actual: str


@dataclass(slots=True)
class Record:
    """What became of one item: comparisons made, those that failed, fields present and looked at."""

    compared: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)
    present: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)


class Item:
    """A JSON object whose fields are asked for by name and type; bytes are lower-case hex.

    Raises `MalformedItem` for a field that is missing or of another type.
    """

    def __init__(self, data: object, record: Record, path: str = "") -> None:
        if not isinstance(data, dict):
            raise MalformedItem(f"{path or 'the item'} is no object")
        self._data = data
        self._record = record
        self._path = path
        record.present.update(map(self._name, data))

    def has(self, name: str) -> bool:
        """Tell whether a field is there, `null` or not."""
        return name in self._data

    def is_null(self, name: str) -> bool:
        """Tell whether a field is `null`."""
        return self._get(name) is None

    def text(self, name: str) -> str:
        """Return a string."""
        return self._typed(name, str)

    def texts(self, name: str) -> list[str]:
        """Return a list of strings."""
        return [self._cast(name, one, str) for one in self._typed(name, list)]

    def integer(self, name: str) -> int:
        """Return a number, of any size."""
        return self._typed(name, int)

    def flag(self, name: str) -> bool:
        """Return a truth value."""
        return self._typed(name, bool)

    def octets(self, name: str) -> bytes:
        """Return bytes."""
        return self._hex(name, self._get(name))

    def octets_or_none(self, name: str) -> bytes | None:
        """Return bytes, or `None` for `null`."""
        value = self._get(name)
        return None if value is None else self._hex(name, value)

    def octets_list(self, name: str) -> list[bytes]:
        """Return a list of bytes."""
        return [self._hex(name, one) for one in self._typed(name, list)]

    def item(self, name: str) -> Item:
        """Return an object inside."""
        return Item(self._get(name), self._record, self._name(name))

    def items(self, name: str) -> list[Item]:
        """Return a list of objects inside."""
        return [Item(one, self._record, self._name(name)) for one in self._typed(name, list)]

    def expect(self, name: str, actual: object) -> None:
        """Compare a field with what we computed: bytes, text, number, truth value, list or `None`."""
        self._compare(name, self._get(name), _plain(actual))

    def expect_presence(self, name: str, actual: bool) -> None:
        """Compare whether a field is other than `null`: for errors, whose wording is not ours."""
        self._record.compared += 1
        expected = self._get(name)
        if (expected is not None) != actual:
            shown = "an error" if actual else "no error"
            self._add(Mismatch(self._name(name), json.dumps(expected), shown))

    def expect_ratio(self, name: str, actual: Fraction) -> None:
        """Compare an object of decimal strings `num`, `denom` and `float64` with an exact fraction."""
        ratio = self.item(name)
        ratio.expect("num", str(actual.numerator))
        ratio.expect("denom", str(actual.denominator))
        # Formats of floats differ between languages; the number they read as does not.
        ratio.expect_number("float64", float(actual))

    def expect_number(self, name: str, actual: float) -> None:
        """Compare a decimal string, by the 64-bit float that it reads as."""
        self._compare(name, float(self.text(name)), actual)

    def expect_single(self, name: str, actual: float) -> None:
        """Compare a decimal string, by the 32-bit float that it reads as."""
        self._compare(name, _round_single(float(self.text(name))), _round_single(actual))

    def expect_count(self, name: str, actual: int) -> None:
        """Compare the length of a list, whose elements are compared one by one."""
        self._compare(f"{name} (length)", len(self._typed(name, list)), actual)

    def _name(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _get(self, name: str) -> object:
        if name not in self._data:
            raise MalformedItem(f"{self._name(name)} is missing")
        self._record.read.add(self._name(name))
        value: object = self._data[name]
        return value

    def _typed(self, name: str, kind: type[AnyValue]) -> AnyValue:
        return self._cast(name, self._get(name), kind)

    def _cast(self, name: str, value: object, kind: type[AnyValue]) -> AnyValue:
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise MalformedItem(f"{self._name(name)} is no {kind.__name__}")
        return value

    def _hex(self, name: str, value: object) -> bytes:
        text = self._cast(name, value, str)
        try:
            octets = bytes.fromhex(text)
        except ValueError:
            octets = None
        if octets is None or octets.hex() != text:
            raise MalformedItem(f"{self._name(name)} is no lower-case hex")
        return octets

    def _compare(self, name: str, expected: object, actual: object) -> None:
        self._record.compared += 1
        # As JSON, so that true is not 1 and an empty list is not null.
        expected_text, actual_text = (json.dumps(one, sort_keys=True) for one in (expected, actual))
        if expected_text != actual_text:
            self._add(Mismatch(self._name(name), expected_text, actual_text))

    def _add(self, mismatch: Mismatch) -> None:
        self._record.mismatches.append(mismatch)


def _round_single(number: float) -> float:
    """Return the nearest 32-bit float."""
    single: float = struct.unpack("<f", struct.pack("<f", number))[0]
    return single


def _plain(value: object) -> object:
    """Return a value as JSON would have it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
