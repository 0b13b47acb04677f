"""Messages about parameters, which every module has of its own: between our values and their bytes.

The two kinds have the same shape in every module; they differ in the parameters and in which types of
value the single one can carry. Parameters travel through here as bytes, unread.
Source: proto/pocket/{shared,session,proof,tokenomics,service,application,supplier,gateway}/tx.proto.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

from google.protobuf.message import Message as ProtoMessage

from joey.core.wire.codec import coin_from_proto, coin_to_proto, read_message
from joey.core.wire.doubles import double_from_fraction, fraction_from_double
from joey.core.wire.gogo import marshal, write_varint
from joey.core.wire.messages import CoinValue, ParamValue, SharesValue, UpdateParam, UpdateParams
from joey.core.wire.proto import (
    application_tx_pb2,
    gateway_tx_pb2,
    proof_tx_pb2,
    service_tx_pb2,
    session_tx_pb2,
    shared_tx_pb2,
    supplier_tx_pb2,
    tokenomics_params_pb2,
    tokenomics_tx_pb2,
)

__all__ = [
    "GOVERNED_MODULES",
    "read_update_param",
    "read_update_params",
    "write_update_param",
    "write_update_params",
]

_MODULES: dict[str, tuple[type[ProtoMessage], type[ProtoMessage]]] = {
    "shared": (shared_tx_pb2.MsgUpdateParams, shared_tx_pb2.MsgUpdateParam),
    "session": (session_tx_pb2.MsgUpdateParams, session_tx_pb2.MsgUpdateParam),
    "proof": (proof_tx_pb2.MsgUpdateParams, proof_tx_pb2.MsgUpdateParam),
    "tokenomics": (tokenomics_tx_pb2.MsgUpdateParams, tokenomics_tx_pb2.MsgUpdateParam),
    "service": (service_tx_pb2.MsgUpdateParams, service_tx_pb2.MsgUpdateParam),
    "application": (application_tx_pb2.MsgUpdateParams, application_tx_pb2.MsgUpdateParam),
    "supplier": (supplier_tx_pb2.MsgUpdateParams, supplier_tx_pb2.MsgUpdateParam),
    "gateway": (gateway_tx_pb2.MsgUpdateParams, gateway_tx_pb2.MsgUpdateParam),
}

GOVERNED_MODULES = tuple(_MODULES)
"""The modules that have parameters."""

_PARAMS_TAG = b"\x12"
"""Field 2 of every MsgUpdateParams, length-delimited."""


def write_update_params(message: UpdateParams) -> bytes:
    """Return the bytes of a module's MsgUpdateParams; its parameters are in it even when empty."""
    message_type, _ = _find_module(message.module)
    head = marshal(message_type(authority=message.authority))
    return head + _PARAMS_TAG + write_varint(len(message.params)) + message.params


def read_update_params(module: str, wire: bytes) -> UpdateParams:
    """Read a module's MsgUpdateParams. Raises `ValueError` for what is none."""
    message_type, _ = _find_module(module)
    message: Any = read_message(message_type, wire)
    return UpdateParams(message.authority, module, marshal(message.params))


def write_update_param(message: UpdateParam) -> bytes:
    """Return the bytes of a module's MsgUpdateParam. Raises `ValueError` for a value it cannot carry."""
    _, message_type = _find_module(message.module)
    wire: Any = message_type(authority=message.authority, name=message.name)
    if message.value is None:
        return marshal(wire)
    field, value = _write_value(message.value)
    if field not in message_type.DESCRIPTOR.fields_by_name:
        raise ValueError(f"the {message.module} module takes no parameters {field}")
    if isinstance(value, ProtoMessage):
        getattr(wire, field).CopyFrom(value)
    else:
        setattr(wire, field, value)
    return marshal(cast(ProtoMessage, wire))


def read_update_param(module: str, wire: bytes) -> UpdateParam:
    """Read a module's MsgUpdateParam. Raises `ValueError` for what is none."""
    _, message_type = _find_module(module)
    message: Any = read_message(message_type, wire)
    field = message.WhichOneof("as_type")
    value = None if field is None else _read_value(field, getattr(message, field))
    return UpdateParam(message.authority, module, message.name, value)


def _find_module(module: str) -> tuple[type[ProtoMessage], type[ProtoMessage]]:
    found = _MODULES.get(module)
    if found is None:
        raise ValueError(f"no module {module!r} has parameters")
    return found


def _write_value(value: ParamValue) -> tuple[str, Any]:
    """Return the field that carries a value, and the value for it."""
    match value:
        case int():
            return "as_uint64", value
        case str():
            return "as_string", value
        case bytes():
            return "as_bytes", value
        case Fraction():
            return "as_float", double_from_fraction(value)
        case CoinValue(amount):
            return "as_coin", coin_to_proto(amount)
        case SharesValue():
            shares = tokenomics_params_pb2.MintAllocationPercentages(
                dao=double_from_fraction(value.dao),
                proposer=double_from_fraction(value.proposer),
                supplier=double_from_fraction(value.supplier),
                source_owner=double_from_fraction(value.source_owner),
                application=double_from_fraction(value.application),
            )
            return "as_mint_allocation_percentages", shares
        case _:
            raise ValueError(f"{value!r} is no value of a parameter")


def _read_value(field: str, value: Any) -> ParamValue:
    match field:
        case "as_float":
            return fraction_from_double(value)
        case "as_coin":
            return CoinValue(coin_from_proto(value))
        case "as_mint_allocation_percentages":
            return SharesValue(
                *map(
                    fraction_from_double,
                    (value.dao, value.proposer, value.supplier, value.source_owner, value.application),
                )
            )
        case _:
            return cast(ParamValue, value)
