"""Values of the rulebook as canonical bytes and back: what a chain keeps on disk and hashes.

The bytes are JSON in ASCII without spaces, members in the order of the dataclass's fields. `bytes`
are hex, an `Enum` is its value, a `Fraction` is `"39/40"`, a time is microseconds since 1970 UTC, a
`dict` is a list of pairs by ascending key. Equal values have equal bytes.

A member that is missing when reading takes the field's default, so that a field with a default can
be added later.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any, TypeVar, cast

__all__ = ["decode_row", "encode_row"]

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def encode_row(value: object) -> bytes:
    """Return the canonical bytes of a dataclass made of the types named above.

    Raises `TypeError` for a field of another type.
    """
    writer, _ = _make_codec(cast(Hashable, type(value)))
    return json.dumps(writer(value), separators=(",", ":")).encode("ascii")


def decode_row(row_type: type[T], data: bytes) -> T:
    """Read what `encode_row` made of a `row_type`. Raises `ValueError` when it is nothing of that type."""
    _, reader = _make_codec(cast(Hashable, row_type))
    try:
        return cast(T, reader(json.loads(data)))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"this is no {row_type.__name__}: {error}") from None


Writer = Callable[[Any], Any]
Reader = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


_SCALARS: Mapping[object, tuple[Writer, Reader]] = {
    int: (_same, _same),
    str: (_same, _same),
    bool: (_same, _same),
    bytes: (bytes.hex, bytes.fromhex),
    Fraction: (lambda value: f"{value.numerator}/{value.denominator}", Fraction),
    datetime: (
        lambda value: (value - _EPOCH) // _MICROSECOND,
        lambda count: _EPOCH + count * _MICROSECOND,
    ),
}


@cache
def _make_codec(hint: Any) -> tuple[Writer, Reader]:
    """Return how values of a type hint are written and read."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    if isinstance(hint, typing.NewType):
        return _make_codec(hint.__supertype__)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return (lambda member: member.value), hint
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _make_dataclass_codec(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        write, read = _make_codec(arguments[0])
        return (lambda items: [write(item) for item in items]), (lambda items: tuple(map(read, items)))
    if origin is tuple:
        return _make_pair_codec(arguments)
    if origin is dict:
        write_pair, read_pair = _make_pair_codec(arguments)
        return (
            lambda items: [write_pair(item) for item in sorted(items.items())],
            lambda items: dict(map(read_pair, items)),
        )
    if origin in (types.UnionType, typing.Union) and len(arguments) == 2 and arguments[1] is type(None):
        write, read = _make_codec(arguments[0])
        return (
            lambda value: None if value is None else write(value),
            lambda value: None if value is None else read(value),
        )
    raise TypeError(f"values of type {hint} have no canonical bytes")


def _make_pair_codec(hints: tuple[Any, ...]) -> tuple[Writer, Reader]:
    codecs = [_make_codec(hint) for hint in hints]
    return (
        lambda items: [write(item) for (write, _), item in zip(codecs, items, strict=True)],
        lambda items: tuple(read(item) for (_, read), item in zip(codecs, items, strict=True)),
    )


def _make_dataclass_codec(row_type: type) -> tuple[Writer, Reader]:
    hints = typing.get_type_hints(row_type)
    codecs = [(field.name, *_make_codec(hints[field.name])) for field in dataclasses.fields(row_type)]

    def write(value: Any) -> dict[str, Any]:
        return {name: write_field(getattr(value, name)) for name, write_field, _ in codecs}

    def read(data: dict[str, Any]) -> Any:
        return row_type(**{name: read_field(data[name]) for name, _, read_field in codecs if name in data})

    return write, read
