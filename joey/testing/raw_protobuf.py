"""Protobuf from field numbers alone: a witness that knows none of our definitions."""

from __future__ import annotations

from typing import Any

__all__ = ["Fields", "read_fields", "read_varint", "write_fields", "write_varint"]

Fields = dict[int, list[Any]]
"""Field number to values, in their order."""


def write_fields(*fields: tuple[int, str | bytes | int]) -> bytes:
    """Write protobuf by hand: texts and bytes are length-delimited, integers varints."""
    wire = b""
    for number, value in fields:
        if isinstance(value, int):
            wire += write_varint(number << 3) + write_varint(value & (2**64 - 1))
        else:
            data = value.encode() if isinstance(value, str) else value
            wire += write_varint(number << 3 | 2) + write_varint(len(data)) + data
    return wire


def write_varint(value: int) -> bytes:
    """Return a non-negative integer in base 128."""
    digits = b""
    while value > 127:
        digits += bytes([value & 127 | 128])
        value >>= 7
    return digits + bytes([value])


def read_fields(wire: bytes) -> Fields:
    """Read protobuf by hand: field number -> values, in order; 64-bit fixed ones as their bytes."""
    fields: Fields = {}
    position = 0
    while position < len(wire):
        tag, position = read_varint(wire, position)
        value: int | bytes
        if tag & 7 == 0:
            value, position = read_varint(wire, position)
        else:
            length = 8
            if tag & 7 == 2:
                length, position = read_varint(wire, position)
            value, position = wire[position : position + length], position + length
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def read_varint(wire: bytes, position: int) -> tuple[int, int]:
    """Return a varint and the position after it."""
    value = shift = 0
    while True:
        byte = wire[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position
