"""Messages to the chain, between our values and the bytes inside a transaction.

A message travels as `google.protobuf.Any`: a type URL such as `/pocket.proof.MsgCreateClaim` and
the message's own bytes. Reading raises `ValueError` for what cannot be a message of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from google.protobuf.message import Message as ProtoMessage

from joey.core.units import Upokt
from joey.core.wire.codec import (
    coin_from_proto,
    coin_to_proto,
    header_from_proto,
    header_to_proto,
    read_message,
    service_config_from_proto,
    service_config_to_proto,
    service_from_proto,
    service_to_proto,
)
from joey.core.wire.gogo import marshal
from joey.core.wire.governance_codec import (
    GOVERNED_MODULES,
    read_update_param,
    read_update_params,
    write_update_param,
    write_update_params,
)
from joey.core.wire.messages import (
    AddService,
    CreateClaim,
    DelegateToGateway,
    Message,
    Send,
    StakeApplication,
    StakeGateway,
    StakeSupplier,
    SubmitProof,
    TransferApplication,
    TransferService,
    UndelegateFromGateway,
    UnstakeApplication,
    UnstakeGateway,
    UnstakeSupplier,
    UpdateGatewayMetadata,
    UpdateParam,
    UpdateParams,
)
from joey.core.wire.proto import (
    application_tx_pb2,
    bank_tx_pb2,
    gateway_tx_pb2,
    proof_pb2,
    service_tx_pb2,
    shared_pb2,
    supplier_tx_pb2,
)

__all__ = ["TYPE_URLS", "decode_message", "encode_message"]

ValueType = TypeVar("ValueType", bound=Message)
ProtoType = TypeVar("ProtoType", bound=ProtoMessage)


class _Codec(Generic[ValueType, ProtoType]):
    """How one kind of message is written and read."""

    def __init__(
        self,
        value_type: type[ValueType],
        proto_type: type[ProtoType],
        write: Callable[[ValueType], ProtoType],
        read: Callable[[ProtoType], ValueType],
    ) -> None:
        self.value_type = value_type
        self.type_url = f"/{proto_type.DESCRIPTOR.full_name}"
        self._proto_type = proto_type
        self._write = write
        self._read = read

    def encode(self, message: Message) -> bytes:
        """Return the bytes of a message of this kind."""
        return marshal(self._write(cast(ValueType, message)))

    def decode(self, wire: bytes) -> Message:
        """Read a message of this kind."""
        return self._read(read_message(self._proto_type, wire))


def encode_message(message: Message) -> tuple[str, bytes]:
    """Return a message's type URL and bytes.

    Raises `ValueError` for a message about parameters that its module's message cannot carry.
    """
    if isinstance(message, UpdateParams):
        return f"/pocket.{message.module}.MsgUpdateParams", write_update_params(message)
    if isinstance(message, UpdateParam):
        return f"/pocket.{message.module}.MsgUpdateParam", write_update_param(message)
    codec = _BY_TYPE[type(message)]
    return codec.type_url, codec.encode(message)


def decode_message(type_url: str, wire: bytes) -> Message:
    """Read a message. Raises `ValueError` when its type is unknown or its bytes are not of that type."""
    codec = _BY_URL.get(type_url)
    if codec is not None:
        return codec.decode(wire)
    governing = _GOVERNING.get(type_url)
    if governing is None:
        raise ValueError(f"messages of type {type_url!r} are unknown")
    read, module = governing
    return read(module, wire)


def _write_send(message: Send) -> bank_tx_pb2.MsgSend:
    return bank_tx_pb2.MsgSend(
        from_address=message.from_address,
        to_address=message.to_address,
        amount=[coin_to_proto(message.amount)],
    )


def _read_send(message: bank_tx_pb2.MsgSend) -> Send:
    if len(message.amount) != 1:
        raise ValueError(f"a payment has one amount, this has {len(message.amount)}")
    return Send(message.from_address, message.to_address, coin_from_proto(message.amount[0]))


def _write_stake_application(message: StakeApplication) -> application_tx_pb2.MsgStakeApplication:
    limit = message.spend_limit_per_session
    return application_tx_pb2.MsgStakeApplication(
        address=message.address,
        stake=coin_to_proto(message.stake),
        services=[shared_pb2.ApplicationServiceConfig(service_id=message.service_id)],
        per_session_spend_limit=None if limit is None else coin_to_proto(limit),
    )


def _read_stake_application(message: application_tx_pb2.MsgStakeApplication) -> StakeApplication:
    if len(message.services) != 1:
        raise ValueError(f"an application stakes for one service, this for {len(message.services)}")
    limit: Upokt | None = None
    if message.HasField("per_session_spend_limit"):
        limit = coin_from_proto(message.per_session_spend_limit)
    return StakeApplication(
        message.address, coin_from_proto(message.stake), message.services[0].service_id, limit
    )


def _write_stake_supplier(message: StakeSupplier) -> supplier_tx_pb2.MsgStakeSupplier:
    return supplier_tx_pb2.MsgStakeSupplier(
        signer=message.signer_address,
        owner_address=message.owner_address,
        operator_address=message.operator_address,
        stake=None if message.stake is None else coin_to_proto(message.stake),
        services=[service_config_to_proto(config) for config in message.services],
    )


def _read_stake_supplier(message: supplier_tx_pb2.MsgStakeSupplier) -> StakeSupplier:
    return StakeSupplier(
        signer_address=message.signer,
        owner_address=message.owner_address,
        operator_address=message.operator_address,
        stake=coin_from_proto(message.stake) if message.HasField("stake") else None,
        services=tuple(service_config_from_proto(config) for config in message.services),
    )


def _write_add_service(message: AddService) -> service_tx_pb2.MsgAddService:
    wire = service_tx_pb2.MsgAddService(
        owner_address=message.owner_address, service=service_to_proto(message.service)
    )
    # The network's code writes this part even when nothing in it is set.
    wire.service.SetInParent()
    return wire


def _read_create_claim(message: proof_pb2.MsgCreateClaim) -> CreateClaim:
    return CreateClaim(
        message.supplier_operator_address, header_from_proto(message.session_header), message.root_hash
    )


_CODECS: tuple[_Codec[Any, Any], ...] = (
    _Codec(Send, bank_tx_pb2.MsgSend, _write_send, _read_send),
    _Codec(
        StakeApplication,
        application_tx_pb2.MsgStakeApplication,
        _write_stake_application,
        _read_stake_application,
    ),
    _Codec(
        UnstakeApplication,
        application_tx_pb2.MsgUnstakeApplication,
        lambda message: application_tx_pb2.MsgUnstakeApplication(address=message.address),
        lambda wire: UnstakeApplication(wire.address),
    ),
    _Codec(
        DelegateToGateway,
        application_tx_pb2.MsgDelegateToGateway,
        lambda message: application_tx_pb2.MsgDelegateToGateway(
            app_address=message.application_address, gateway_address=message.gateway_address
        ),
        lambda wire: DelegateToGateway(wire.app_address, wire.gateway_address),
    ),
    _Codec(
        UndelegateFromGateway,
        application_tx_pb2.MsgUndelegateFromGateway,
        lambda message: application_tx_pb2.MsgUndelegateFromGateway(
            app_address=message.application_address, gateway_address=message.gateway_address
        ),
        lambda wire: UndelegateFromGateway(wire.app_address, wire.gateway_address),
    ),
    _Codec(
        StakeGateway,
        gateway_tx_pb2.MsgStakeGateway,
        lambda message: gateway_tx_pb2.MsgStakeGateway(
            address=message.address, stake=coin_to_proto(message.stake)
        ),
        lambda wire: StakeGateway(wire.address, coin_from_proto(wire.stake)),
    ),
    _Codec(
        UnstakeGateway,
        gateway_tx_pb2.MsgUnstakeGateway,
        lambda message: gateway_tx_pb2.MsgUnstakeGateway(address=message.address),
        lambda wire: UnstakeGateway(wire.address),
    ),
    _Codec(StakeSupplier, supplier_tx_pb2.MsgStakeSupplier, _write_stake_supplier, _read_stake_supplier),
    _Codec(
        UnstakeSupplier,
        supplier_tx_pb2.MsgUnstakeSupplier,
        lambda message: supplier_tx_pb2.MsgUnstakeSupplier(
            signer=message.signer_address, operator_address=message.operator_address
        ),
        lambda wire: UnstakeSupplier(wire.signer, wire.operator_address),
    ),
    _Codec(
        AddService,
        service_tx_pb2.MsgAddService,
        _write_add_service,
        lambda wire: AddService(wire.owner_address, service_from_proto(wire.service)),
    ),
    _Codec(
        CreateClaim,
        proof_pb2.MsgCreateClaim,
        lambda message: proof_pb2.MsgCreateClaim(
            supplier_operator_address=message.supplier_address,
            session_header=header_to_proto(message.header),
            root_hash=message.root,
        ),
        _read_create_claim,
    ),
    _Codec(
        SubmitProof,
        proof_pb2.MsgSubmitProof,
        lambda message: proof_pb2.MsgSubmitProof(
            supplier_operator_address=message.supplier_address,
            session_header=header_to_proto(message.header),
            proof=message.proof,
        ),
        lambda wire: SubmitProof(
            wire.supplier_operator_address, header_from_proto(wire.session_header), wire.proof
        ),
    ),
    _Codec(
        TransferApplication,
        application_tx_pb2.MsgTransferApplication,
        lambda message: application_tx_pb2.MsgTransferApplication(
            source_address=message.source_address, destination_address=message.destination_address
        ),
        lambda wire: TransferApplication(wire.source_address, wire.destination_address),
    ),
    _Codec(
        TransferService,
        service_tx_pb2.MsgTransferService,
        lambda message: service_tx_pb2.MsgTransferService(
            owner_address=message.owner_address,
            service_id=message.service_id,
            new_owner_address=message.new_owner_address,
        ),
        lambda wire: TransferService(wire.owner_address, wire.service_id, wire.new_owner_address),
    ),
    _Codec(
        UpdateGatewayMetadata,
        gateway_tx_pb2.MsgUpdateGatewayMetadata,
        lambda message: gateway_tx_pb2.MsgUpdateGatewayMetadata(
            address=message.address,
            metadata=None if message.card is None else shared_pb2.Metadata(card=message.card),
        ),
        lambda wire: UpdateGatewayMetadata(
            wire.address, wire.metadata.card if wire.HasField("metadata") else None
        ),
    ),
)

_BY_TYPE: dict[type[Message], _Codec[Any, Any]] = {codec.value_type: codec for codec in _CODECS}
_BY_URL = {codec.type_url: codec for codec in _CODECS}
_GOVERNING: dict[str, tuple[Callable[[str, bytes], Message], str]] = {
    **{f"/pocket.{module}.MsgUpdateParams": (read_update_params, module) for module in GOVERNED_MODULES},
    **{f"/pocket.{module}.MsgUpdateParam": (read_update_param, module) for module in GOVERNED_MODULES},
}

TYPE_URLS = (*_BY_URL, *_GOVERNING)
"""The type URL of every message there is."""
