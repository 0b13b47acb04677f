"""Bytes as the network's Go code (gogoproto) reads and writes them, on top of google.protobuf.

The chain decodes what it is sent and hashes what it would itself have written. So we must accept
what it accepts, refuse what it refuses, and keep what it keeps, where the two libraries differ:

- a known field with another wire type is an error there, an unknown field to google.protobuf;
- unknown fields are dropped there, kept by google.protobuf;
- groups of unknown fields are skipped there without comparing their numbers;
- a field number is cut to 32 bits there before it is looked up.

That strings need not be UTF-8 is said in the `.proto` files. This module knows messages without
repeated fields and maps, which all messages of the relay path are.
"""

from __future__ import annotations

from typing import TypeVar, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

__all__ = ["marshal", "unmarshal", "write_varint"]

AnyMessage = TypeVar("AnyMessage", bound=Message)

_VARINT, _FIXED64, _BYTES, _GROUP_START, _GROUP_END, _FIXED32 = range(6)

_WIRE_TYPES = {
    FieldDescriptor.TYPE_INT64: _VARINT,
    FieldDescriptor.TYPE_UINT64: _VARINT,
    FieldDescriptor.TYPE_UINT32: _VARINT,
    FieldDescriptor.TYPE_STRING: _BYTES,
    FieldDescriptor.TYPE_BYTES: _BYTES,
    FieldDescriptor.TYPE_MESSAGE: _BYTES,
}


def marshal(message: Message) -> bytes:
    """Return a message's bytes: fields ascending, defaults left out, maps sorted by key."""
    return message.SerializeToString(deterministic=True)


def unmarshal(message_type: type[AnyMessage], wire: bytes) -> AnyMessage:
    """Read a message as the Go side does. Raises `ValueError` for what the Go side refuses.

    Bytes that we would have written ourselves, the usual case, cost one parse and one comparison;
    only others are walked through field by field.
    """
    message = message_type()
    try:
        message.ParseFromString(wire)
    except DecodeError:
        pass
    else:
        message.DiscardUnknownFields()
        if marshal(message) == wire:
            return message
    message = message_type()
    message.ParseFromString(_normalize(wire, cast(Descriptor, message_type.DESCRIPTOR)))
    return message


def write_varint(value: int) -> bytes:
    """Return a non-negative integer in base 128, least significant digit first."""
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def _normalize(wire: bytes, descriptor: Descriptor) -> bytes:
    """Return the known fields of `wire` in their given order, each written the one proper way."""
    fields = descriptor.fields_by_number
    normal = bytearray()
    position = 0
    while position < len(wire):
        start = position
        tag, position = _read_varint(wire, position)
        wire_type, number = tag & 7, tag >> 3 & 0xFFFFFFFF
        if wire_type == _GROUP_END:
            raise ValueError(f"{descriptor.name}: a group ends that never began")
        if not 0 < number < 1 << 31:
            raise ValueError(f"{descriptor.name}: illegal field number in tag {tag}")
        field = fields.get(number)
        if field is None:
            position = _skip_field(wire, start)
            continue
        if wire_type != _WIRE_TYPES[field.type]:
            raise ValueError(f"{descriptor.name}: wrong wire type {wire_type} for field {field.name}")
        value, position = _read_varint(wire, position)
        normal += write_varint(number << 3 | wire_type)
        if wire_type == _VARINT:
            normal += write_varint(value)
            continue
        end = position + value
        if end > len(wire):
            raise ValueError(f"{descriptor.name}: field {field.name} ends beyond the input")
        content = wire[position:end]
        if field.message_type is not None:
            content = _normalize(content, field.message_type)
        normal += write_varint(len(content)) + content
        position = end
    return bytes(normal)


def _read_varint(wire: bytes, position: int) -> tuple[int, int]:
    """Return a varint, cut to 64 bits, and the position after it. It has at most ten bytes."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(wire):
            raise ValueError("unexpected end of input")
        byte = wire[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
    raise ValueError("a varint has more than ten bytes")


def _skip_field(wire: bytes, position: int) -> int:
    """Return the position after the field that begins at `position`, groups within it included."""
    depth = 0
    while position < len(wire):
        tag, position = _read_varint(wire, position)
        match tag & 7:
            case 0:
                _, position = _read_varint(wire, position)
            case 1:
                position += 8
            case 2:
                length, position = _read_varint(wire, position)
                position += length
            case 3:
                depth += 1
            case 4 if depth:
                depth -= 1
            case 5:
                position += 4
            case wire_type:
                raise ValueError(f"illegal wire type {wire_type} in an unknown field")
        if depth == 0:
            if position > len(wire):
                break
            return position
    raise ValueError("unexpected end of input in an unknown field")
