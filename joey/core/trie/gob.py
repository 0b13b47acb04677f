"""Reading Go's `encoding/gob`, as far as structs of bytes, integers and their lists need it.

A gob stream describes its types before it uses them, and numbers them as it pleases; fields are
matched by name. So a reader cannot compare with a fixed prefix: it has to read the descriptions.
A local type is written here as `"int"`, `"bytes"`, `ListOf(local type)` or `StructOf(name -> local
type)`. What Go refuses is a `ValueError`: a matched field of another type, an undefined type, a
length beyond the input. Fields the reader does not know are passed over; absent ones stay absent.
Not read, though Go might pass over them: interface values.
Source: the Go standard library, encoding/gob (decoder.go, decode.go, doc.go).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ListOf", "LocalType", "StructOf", "decode_gob", "encode_int", "encode_uint"]

_BOOL, _INT, _UINT, _FLOAT, _BYTES, _STRING, _COMPLEX = range(1, 8)
_BUILTIN = range(1, 8)
_USER_TYPES_FROM = 64
_TOO_BIG = 1 << 30
_NESTING_MAX = 100
_UINT_LENGTH_MAX = 9


@dataclass(frozen=True, slots=True)
class ListOf:
    """A slice of one type."""

    element: LocalType


@dataclass(frozen=True, slots=True)
class StructOf:
    """A struct with named fields; it is read into a dictionary."""

    fields: Mapping[str, LocalType]


LocalType = str | ListOf | StructOf

Value = Any
"""What a stream's type decides: int, bytes, list, dictionary."""


@dataclass(frozen=True, slots=True)
class _WireType:
    """A type that the stream described. `kind`: struct, slice, array, map or opaque."""

    kind: str
    fields: tuple[tuple[str, int], ...] = ()
    element: int = 0
    key: int = 0
    length: int = 0


def encode_uint(value: int) -> bytes:
    """Return an unsigned integer: itself up to 127, else its negated length and its bytes."""
    if value <= 0x7F:
        return bytes((value,))
    digits = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes((256 - len(digits),)) + digits


def encode_int(value: int) -> bytes:
    """Return a signed integer: the sign in the lowest bit, negative numbers complemented."""
    return encode_uint(~value << 1 | 1 if value < 0 else value << 1)


def decode_gob(stream: bytes, local: StructOf) -> dict[str, Value]:
    """Return the first value of a stream as a dictionary of those fields that `local` names.

    What follows that value is ignored. Raises `ValueError` where Go would give an error.
    """
    types: dict[int, _WireType] = {}
    position = 0
    while True:
        # The rest is never copied: a stream of many messages would cost the square of its length.
        head = _Cursor(stream[position : position + _UINT_LENGTH_MAX], 0)
        length = head.read_uint()
        if length >= _TOO_BIG:
            raise ValueError("gob: a message is too big")
        start = position + head.position
        position = start + length
        if position > len(stream):
            raise ValueError("gob: unexpected end of input")
        message = _Cursor(stream[start:position], 0)
        type_id = message.read_int()
        if type_id >= 0:
            return _read_value(message, type_id, types, local)
        _read_definition(message, -type_id, types)


class _Cursor:
    """A place in the bytes of one message."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position

    @property
    def left(self) -> int:
        return len(self.data) - self.position

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise ValueError("gob: a length exceeds the input")
        self.position += count
        return self.data[self.position - count : self.position]

    def read_uint(self) -> int:
        first = self.take(1)[0]
        if first <= 0x7F:
            return first
        length = 256 - first
        if length > 8:
            raise ValueError("gob: an unsigned integer is out of range")
        return int.from_bytes(self.take(length), "big")

    def read_int(self) -> int:
        number = self.read_uint()
        return ~(number >> 1) if number & 1 else number >> 1

    def read_bytes(self) -> bytes:
        return self.take(self.read_uint())

    def read_string(self) -> str:
        return self.read_bytes().decode("utf-8", "surrogateescape")


def _read_value(
    message: _Cursor, type_id: int, types: Mapping[int, _WireType], local: StructOf
) -> dict[str, Value]:
    _check_type(type_id, local, types, 0, set())
    value: dict[str, Value] = _decode(message, type_id, types, 0)
    return _keep(value, local)


def _check_type(
    type_id: int,
    local: LocalType | None,
    types: Mapping[int, _WireType],
    depth: int,
    checked: set[tuple[int, int]],
) -> None:
    """Refuse a stream type that Go cannot put into the local one; `None` only passes it over.

    `checked` are the pairs that were looked at before: a stream may name them as often as it likes.
    """
    if depth > _NESTING_MAX:
        raise ValueError("gob: types are nested too deeply")
    wire = types.get(type_id)
    if wire is None and type_id not in _BUILTIN:
        raise ValueError(f"gob: type {type_id} is undefined")
    if local is None or (type_id, id(local)) in checked:
        return
    checked.add((type_id, id(local)))
    if isinstance(local, StructOf):
        if wire is None or wire.kind != "struct":
            raise ValueError("gob: a struct is wanted")
        if depth == 0 and wire.fields and not any(name in local.fields for name, _ in wire.fields):
            raise ValueError("gob: no field has a known name")
        for name, field_type in wire.fields:
            if not name:
                raise ValueError("gob: a field has no name")
            _check_type(field_type, local.fields.get(name), types, depth + 1, checked)
    elif isinstance(local, ListOf):
        if wire is None or wire.kind != "slice":
            raise ValueError("gob: a slice is wanted")
        _check_type(wire.element, local.element, types, depth + 1, checked)
    elif type_id != {"int": _INT, "bytes": _BYTES}[local]:
        raise ValueError(f"gob: {local} is wanted, type {type_id} is sent")


def _keep(value: Mapping[str, Value], local: StructOf) -> dict[str, Value]:
    """Return the fields that are known, in structs within as well."""
    kept = {}
    for name, field_type in local.fields.items():
        if name in value:
            inner = value[name]
            kept[name] = _keep(inner, field_type) if isinstance(field_type, StructOf) else inner
    return kept


def _decode(message: _Cursor, type_id: int, types: Mapping[int, _WireType], depth: int) -> Value:
    if depth > _NESTING_MAX:
        raise ValueError("gob: values are nested too deeply")
    read = _READERS.get(type_id)
    if read is not None:
        return read(message)
    wire = types.get(type_id)
    if wire is None:
        raise ValueError(f"gob: type {type_id} is undefined")
    match wire.kind:
        case "struct":
            return _decode_struct(message, wire, types, depth)
        case "slice" | "array" | "map":
            length = message.read_uint()
            if wire.kind == "array" and length != wire.length:
                raise ValueError("gob: an array has another length")
            items = []
            for _ in range(length):
                if not message.left:
                    raise ValueError("gob: a list is longer than the input")
                if wire.kind == "map":
                    _decode(message, wire.key, types, depth + 1)
                items.append(_decode(message, wire.element, types, depth + 1))
            return items
        case _:
            return message.read_bytes()


def _decode_struct(
    message: _Cursor, wire: _WireType, types: Mapping[int, _WireType], depth: int
) -> dict[str, Value]:
    """Read fields, each after its distance from the one before, up to a distance of zero."""
    value: dict[str, Value] = {}
    index = -1
    while message.left and (step := message.read_uint()):
        index += step
        if index >= len(wire.fields):
            raise ValueError("gob: a struct has too many fields")
        name, field_type = wire.fields[index]
        content = _decode(message, field_type, types, depth + 1)
        known = value.get(name)
        if isinstance(known, dict) and isinstance(content, dict):
            known.update(content)
        else:
            value[name] = content
    return value


def _read_complex(message: _Cursor) -> tuple[int, int]:
    return message.read_uint(), message.read_uint()


_READERS: dict[int, Callable[[_Cursor], Value]] = {
    _BOOL: _Cursor.read_uint,
    _INT: _Cursor.read_int,
    _UINT: _Cursor.read_uint,
    _FLOAT: _Cursor.read_uint,
    _BYTES: _Cursor.read_bytes,
    _STRING: _Cursor.read_string,
    _COMPLEX: _read_complex,
}


# How the stream describes a type: these structs are known to every reader, under ids of our own.
_COMMON, _FIELD, _FIELDS, _ARRAY_TYPE, _SLICE_TYPE, _STRUCT_TYPE, _MAP_TYPE, _OPAQUE_TYPE, _TYPE = range(
    -1, -10, -1
)

_DESCRIPTIONS = {
    _COMMON: _WireType("struct", (("Name", _STRING), ("Id", _INT))),
    _FIELD: _WireType("struct", (("Name", _STRING), ("Id", _INT))),
    _FIELDS: _WireType("slice", element=_FIELD),
    _ARRAY_TYPE: _WireType("struct", (("Common", _COMMON), ("Elem", _INT), ("Len", _INT))),
    _SLICE_TYPE: _WireType("struct", (("Common", _COMMON), ("Elem", _INT))),
    _STRUCT_TYPE: _WireType("struct", (("Common", _COMMON), ("Field", _FIELDS))),
    _MAP_TYPE: _WireType("struct", (("Common", _COMMON), ("Key", _INT), ("Elem", _INT))),
    _OPAQUE_TYPE: _WireType("struct", (("Common", _COMMON),)),
    _TYPE: _WireType(
        "struct",
        (
            ("array", _ARRAY_TYPE),
            ("slice", _SLICE_TYPE),
            ("struct", _STRUCT_TYPE),
            ("map", _MAP_TYPE),
            ("gob encoder", _OPAQUE_TYPE),
            ("binary marshaler", _OPAQUE_TYPE),
            ("text marshaler", _OPAQUE_TYPE),
        ),
    ),
}


def _read_definition(message: _Cursor, type_id: int, types: dict[int, _WireType]) -> None:
    if type_id < _USER_TYPES_FROM or type_id in types:
        raise ValueError(f"gob: type {type_id} is defined again")
    described: dict[str, Any] = _decode(message, _TYPE, _DESCRIPTIONS, 0)
    if message.left:
        raise ValueError("gob: extra data after a type definition")
    if len(described) != 1:
        raise ValueError("gob: a type is not of one kind")
    kind, content = described.popitem()
    types[type_id] = _WireType(
        kind,
        fields=tuple((field.get("Name", ""), field.get("Id", 0)) for field in content.get("Field", ())),
        element=content.get("Elem", 0),
        key=content.get("Key", 0),
        length=content.get("Len", 0),
    )
