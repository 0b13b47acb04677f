"""Refuses fields that nobody here knows, where the network refuses them.

A transaction must not carry what its readers do not understand: a full node drops none of it silently.
Only a body and its messages may carry additions, and only those that say by their number that they are
not critical.
Source: cosmos-sdk, codec/unknownproto/unknown_fields.go.
"""

from __future__ import annotations

from google.protobuf.any_pb2 import Any
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet

from joey.core.wire.codec import read_message

__all__ = ["check_no_unknown_fields", "check_no_unknown_fields_within"]

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


def check_no_unknown_fields_within(packed: Any, *, may_add: bool = False) -> None:
    """Do the same with what an `Any` holds. Raises `ValueError`, also for a type that is not defined here."""
    name = packed.type_url.rpartition("/")[2]
    try:
        message_type = GetMessageClass(Default().FindMessageTypeByName(name))
    except KeyError:
        raise ValueError(f"messages of type {packed.type_url!r} are unknown") from None
    check_no_unknown_fields(read_message(message_type, packed.value), may_add=may_add)
