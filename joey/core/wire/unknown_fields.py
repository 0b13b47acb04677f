"""Refuses fields that nobody here knows, where the network refuses them.

A transaction must not carry what its readers do not understand: a full node drops none of it silently.
Only a body may carry additions, and only those that say by their number that they are not critical.
Source: cosmos-sdk, codec/unknownproto/unknown_fields.go.
"""

from __future__ import annotations

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

__all__ = ["check_no_unknown_fields"]

_NOT_CRITICAL = 1 << 10
"""The bit of a field number that says: whoever does not know this field may ignore it."""


def check_no_unknown_fields(message: Message, *, may_add: bool = False) -> None:
    """Raise `ValueError` when a message, or one within it, has a field that its definition has not.

    `may_add`: fields whose number has bit 11 set are let pass.
    """
    unknown = UnknownFieldSet(message)
    for position in range(len(unknown)):
        field = unknown[position]
        if not (may_add and field.field_number & _NOT_CRITICAL):
            raise ValueError(f"{message.DESCRIPTOR.full_name} has no field {field.field_number}")
    for descriptor, value in message.ListFields():
        if descriptor.type != FieldDescriptor.TYPE_MESSAGE:
            continue
        for part in value if descriptor.is_repeated else (value,):
            check_no_unknown_fields(part, may_add=may_add)
