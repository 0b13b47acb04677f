"""Sessions and what they are made of, between our values and the network's messages.

`*_to_proto` and `*_from_proto` convert, `encode_*` and `decode_*` go on to bytes. Reading raises
`ValueError` for what cannot be a value of ours.
Sources: pocket.session, pocket.application, pocket.gateway, pocket.shared, cosmos.base.v1beta1.Coin.
"""

from __future__ import annotations

from typing import cast

from google.protobuf.message import DecodeError

from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.gogo import AnyMessage, marshal, unmarshal
from joey.core.wire.proto import application_pb2, coin_pb2, gateway_pb2, session_pb2, shared_pb2
from joey.core.wire.session import (
    Application,
    Gateway,
    PendingTransfer,
    RevenueShare,
    Service,
    ServiceConfig,
    ServiceConfigUpdate,
    Session,
    SessionHeader,
    Supplier,
    SupplierEndpoint,
)

__all__ = [
    "encode_session_header", "decode_session_header", "header_to_proto", "header_from_proto",
    "encode_session", "decode_session", "session_to_proto", "session_from_proto",
    "encode_application", "decode_application", "application_to_proto", "application_from_proto",
    "encode_supplier", "decode_supplier", "supplier_to_proto", "supplier_from_proto",
    "encode_gateway", "decode_gateway", "gateway_to_proto", "gateway_from_proto",
    "encode_service", "decode_service", "service_to_proto", "service_from_proto",
    "service_config_to_proto", "service_config_from_proto",
    "coin_to_proto", "coin_from_proto", "read_message", "read_text",
]  # fmt: skip

DENOMINATION = "upokt"

_AMOUNT_DIGITS_MAX = 78
"""Of 2^256, which no amount of the network reaches."""


def read_message(message_type: type[AnyMessage], wire: bytes) -> AnyMessage:
    """Parse a message that no signature covers. Raises `ValueError`."""
    message = message_type()
    try:
        message.ParseFromString(wire)
    except DecodeError as error:
        raise ValueError(f"no {message_type.DESCRIPTOR.full_name}: {error}") from None
    return message


def read_text(value: str) -> str:
    """Return a string field of a message whose strings are not checked to be UTF-8.

    google.protobuf hands out the raw bytes where they are not; that is a `ValueError` here.
    """
    if not isinstance(value, str):
        raise ValueError("a string field is not UTF-8")
    return value


def encode_session_header(header: SessionHeader) -> bytes:
    """Return `pocket.session.SessionHeader` as the network writes it."""
    return marshal(header_to_proto(header))


def decode_session_header(wire: bytes) -> SessionHeader:
    """Read a header."""
    return header_from_proto(unmarshal(session_pb2.SessionHeader, wire))


def header_to_proto(header: SessionHeader) -> session_pb2.SessionHeader:
    """Return a header as a message. Raises `ValueError` when a height is no int64."""
    return session_pb2.SessionHeader(
        application_address=header.application_address,
        service_id=header.service_id,
        session_id=header.session_id,
        session_start_block_height=header.height_start,
        session_end_block_height=header.height_end,
    )


def header_from_proto(message: session_pb2.SessionHeader) -> SessionHeader:
    """Return a header as a value."""
    return SessionHeader(
        application_address=read_text(message.application_address),
        service_id=read_text(message.service_id),
        session_id=read_text(message.session_id),
        height_start=Height(message.session_start_block_height),
        height_end=Height(message.session_end_block_height),
    )


def encode_session(session: Session) -> bytes:
    """Return `pocket.session.Session`."""
    return marshal(session_to_proto(session))


def decode_session(wire: bytes) -> Session:
    """Read a session."""
    return session_from_proto(read_message(session_pb2.Session, wire))


def session_to_proto(session: Session) -> session_pb2.Session:
    """Return a session as a message; the session id stands in it twice."""
    return session_pb2.Session(
        header=header_to_proto(session.header),
        session_id=session.header.session_id,
        session_number=session.number,
        num_blocks_per_session=session.blocks_per_session,
        application=application_to_proto(session.application),
        suppliers=[supplier_to_proto(supplier) for supplier in session.suppliers],
    )


def session_from_proto(message: session_pb2.Session) -> Session:
    """Return a session as a value."""
    return Session(
        header=header_from_proto(message.header),
        number=message.session_number,
        blocks_per_session=message.num_blocks_per_session,
        application=application_from_proto(message.application),
        suppliers=tuple(supplier_from_proto(supplier) for supplier in message.suppliers),
    )


def encode_application(application: Application) -> bytes:
    """Return `pocket.application.Application`."""
    return marshal(application_to_proto(application))


def decode_application(wire: bytes) -> Application:
    """Read an application."""
    return application_from_proto(read_message(application_pb2.Application, wire))


def application_to_proto(application: Application) -> application_pb2.Application:
    """Return an application as a message."""
    limit, pending = application.spend_limit_per_session, application.pending_transfer
    return application_pb2.Application(
        address=application.address,
        stake=coin_to_proto(application.stake),
        service_configs=[shared_pb2.ApplicationServiceConfig(service_id=application.service_id)],
        delegatee_gateway_addresses=application.delegated_gateways,
        pending_undelegations={
            height: application_pb2.UndelegatingGatewayList(gateway_addresses=gateways)
            for height, gateways in application.pending_undelegations.items()
        },
        unstake_session_end_height=application.unstake_session_end_height,
        per_session_spend_limit=None if limit is None else coin_to_proto(limit),
        pending_transfer=(
            None
            if pending is None
            else application_pb2.PendingApplicationTransfer(
                destination_address=pending.destination_address,
                session_end_height=pending.session_end_height,
            )
        ),
    )


def application_from_proto(message: application_pb2.Application) -> Application:
    """Return an application as a value. It must be staked for exactly one service."""
    if len(message.service_configs) != 1:
        raise ValueError(f"application {message.address} has {len(message.service_configs)} services")
    return Application(
        address=message.address,
        stake=coin_from_proto(message.stake),
        service_id=message.service_configs[0].service_id,
        delegated_gateways=tuple(message.delegatee_gateway_addresses),
        pending_undelegations={
            height: tuple(message.pending_undelegations[height].gateway_addresses)
            for height in sorted(message.pending_undelegations)
        },
        unstake_session_end_height=Height(message.unstake_session_end_height),
        spend_limit_per_session=(
            coin_from_proto(message.per_session_spend_limit)
            if message.HasField("per_session_spend_limit")
            else None
        ),
        pending_transfer=(
            PendingTransfer(
                message.pending_transfer.destination_address,
                Height(message.pending_transfer.session_end_height),
            )
            if message.HasField("pending_transfer")
            else None
        ),
    )


def encode_supplier(supplier: Supplier) -> bytes:
    """Return `pocket.shared.Supplier`."""
    return marshal(supplier_to_proto(supplier))


def decode_supplier(wire: bytes) -> Supplier:
    """Read a supplier."""
    return supplier_from_proto(read_message(shared_pb2.Supplier, wire))


def supplier_to_proto(supplier: Supplier) -> shared_pb2.Supplier:
    """Return a supplier as a message."""
    return shared_pb2.Supplier(
        owner_address=supplier.owner_address,
        operator_address=supplier.operator_address,
        stake=coin_to_proto(supplier.stake),
        services=[service_config_to_proto(config) for config in supplier.services],
        unstake_session_end_height=supplier.unstake_session_end_height,
        service_config_history=[
            shared_pb2.ServiceConfigUpdate(
                operator_address=update.operator_address,
                service=service_config_to_proto(update.config),
                activation_height=update.height_activation,
                deactivation_height=update.height_deactivation,
            )
            for update in supplier.config_history
        ],
    )


def supplier_from_proto(message: shared_pb2.Supplier) -> Supplier:
    """Return a supplier as a value."""
    return Supplier(
        owner_address=message.owner_address,
        operator_address=message.operator_address,
        stake=coin_from_proto(message.stake),
        services=tuple(service_config_from_proto(config) for config in message.services),
        unstake_session_end_height=Height(message.unstake_session_end_height),
        config_history=tuple(
            ServiceConfigUpdate(
                operator_address=update.operator_address,
                config=service_config_from_proto(update.service),
                height_activation=Height(update.activation_height),
                height_deactivation=Height(update.deactivation_height),
            )
            for update in message.service_config_history
        ),
    )


def service_config_to_proto(config: ServiceConfig) -> shared_pb2.SupplierServiceConfig:
    """Return a supplier's config of one service as a message."""
    return shared_pb2.SupplierServiceConfig(
        service_id=config.service_id,
        endpoints=[
            shared_pb2.SupplierEndpoint(
                url=endpoint.url, rpc_type=cast(shared_pb2.RPCType, endpoint.rpc_type)
            )
            for endpoint in config.endpoints
        ],
        rev_share=[
            shared_pb2.ServiceRevenueShare(address=share.address, rev_share_percentage=share.percentage)
            for share in config.revenue_shares
        ],
    )


def service_config_from_proto(message: shared_pb2.SupplierServiceConfig) -> ServiceConfig:
    """Return a supplier's config of one service as a value."""
    return ServiceConfig(
        service_id=message.service_id,
        endpoints=tuple(SupplierEndpoint(one.url, int(one.rpc_type)) for one in message.endpoints),
        revenue_shares=tuple(
            RevenueShare(share.address, share.rev_share_percentage) for share in message.rev_share
        ),
    )


def encode_gateway(gateway: Gateway) -> bytes:
    """Return `pocket.gateway.Gateway`."""
    return marshal(gateway_to_proto(gateway))


def decode_gateway(wire: bytes) -> Gateway:
    """Read a gateway."""
    return gateway_from_proto(read_message(gateway_pb2.Gateway, wire))


def gateway_to_proto(gateway: Gateway) -> gateway_pb2.Gateway:
    """Return a gateway as a message."""
    return gateway_pb2.Gateway(
        address=gateway.address,
        stake=coin_to_proto(gateway.stake),
        unstake_session_end_height=gateway.unstake_session_end_height,
        metadata=shared_pb2.Metadata(card=gateway.card) if gateway.card else None,
    )


def gateway_from_proto(message: gateway_pb2.Gateway) -> Gateway:
    """Return a gateway as a value."""
    return Gateway(
        address=message.address,
        stake=coin_from_proto(message.stake),
        unstake_session_end_height=Height(message.unstake_session_end_height),
        card=message.metadata.card,
    )


def encode_service(service: Service) -> bytes:
    """Return `pocket.shared.Service`."""
    return marshal(service_to_proto(service))


def decode_service(wire: bytes) -> Service:
    """Read a service."""
    return service_from_proto(read_message(shared_pb2.Service, wire))


def service_to_proto(service: Service) -> shared_pb2.Service:
    """Return a service as a message; a service without a card has no metadata."""
    return shared_pb2.Service(
        id=service.id,
        name=service.name,
        compute_units_per_relay=service.compute_units_per_relay,
        owner_address=service.owner_address,
        metadata=shared_pb2.Metadata(card=service.card) if service.card else None,
    )


def service_from_proto(message: shared_pb2.Service) -> Service:
    """Return a service as a value."""
    return Service(
        id=message.id,
        name=message.name,
        compute_units_per_relay=ComputeUnits(message.compute_units_per_relay),
        owner_address=message.owner_address,
        card=message.metadata.card,
    )


def coin_to_proto(amount: Upokt) -> coin_pb2.Coin:
    """Return an amount of upokt as a coin."""
    return coin_pb2.Coin(denom=DENOMINATION, amount=str(amount))


def coin_from_proto(coin: coin_pb2.Coin) -> Upokt:
    """Return a coin's amount. Raises `ValueError` unless it is a whole number of upokt below 2^256."""
    digits = coin.amount
    if coin.denom != DENOMINATION or not (digits.isascii() and digits.isdigit()):
        raise ValueError("this is no amount of upokt")
    if len(digits) > _AMOUNT_DIGITS_MAX or int(digits) >= 2**256:
        raise ValueError("an amount of upokt is below 2^256")
    return Upokt(int(digits))
