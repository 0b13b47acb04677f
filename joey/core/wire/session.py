"""What a session is made of: header, application, suppliers, services, as plain values.

The bytes are made and read in `joey.core.wire.codec`; nothing here knows protobuf.
Sources: pocket.session, pocket.application, pocket.gateway and pocket.shared messages.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from joey.core.units import ComputeUnits, Height, Upokt

__all__ = [
    "Application",
    "Gateway",
    "PendingTransfer",
    "RevenueShare",
    "RpcType",
    "Service",
    "ServiceConfig",
    "ServiceConfigUpdate",
    "Session",
    "SessionHeader",
    "Supplier",
    "SupplierEndpoint",
]


class RpcType:
    """Values of `pocket.shared.RPCType`; an AI service is relayed as `REST`."""

    UNKNOWN = 0
    GRPC = 1
    WEBSOCKET = 2
    JSON_RPC = 3
    REST = 4
    COMET_BFT = 5


@dataclass(frozen=True, slots=True)
class SessionHeader:
    """Names a session. Every field must equal the chain's, in requests, responses and claims."""

    application_address: str
    service_id: str
    session_id: str
    height_start: Height
    height_end: Height


@dataclass(frozen=True, slots=True)
class Service:
    """An on-chain id that can be relayed to. `card` is JSON, at most 256 KiB, and binds nobody."""

    id: str
    name: str
    compute_units_per_relay: ComputeUnits
    owner_address: str
    card: bytes = b""


@dataclass(frozen=True, slots=True)
class SupplierEndpoint:
    """Where a supplier takes relays of one kind. `rpc_type` is an `RpcType` value."""

    url: str
    rpc_type: int = RpcType.REST


@dataclass(frozen=True, slots=True)
class RevenueShare:
    """An address and its whole percentage, 1 to 100; the shares of a service sum to 100."""

    address: str
    percentage: int


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """What a supplier declares for one service."""

    service_id: str
    endpoints: tuple[SupplierEndpoint, ...]
    revenue_shares: tuple[RevenueShare, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceConfigUpdate:
    """A supplier's service config and when it holds; `height_deactivation` 0 means still active."""

    operator_address: str
    config: ServiceConfig
    height_activation: Height
    height_deactivation: Height = Height(0)


@dataclass(frozen=True, slots=True)
class Supplier:
    """A staked account that serves, named by its operator address."""

    owner_address: str
    operator_address: str
    stake: Upokt
    services: tuple[ServiceConfig, ...] = ()
    unstake_session_end_height: Height = Height(0)
    config_history: tuple[ServiceConfigUpdate, ...] = ()


@dataclass(frozen=True, slots=True)
class PendingTransfer:
    """Where an application moves to, and the end of the session in which that was asked for."""

    destination_address: str
    session_end_height: Height


@dataclass(frozen=True, slots=True)
class Application:
    """A staked account that pays, for exactly one service.

    `pending_undelegations`: session end height -> gateways that remain in the ring up to it.
    `spend_limit_per_session`: `None` when the application set none. `pending_transfer`: `None` when it
    stays where it is.
    """

    address: str
    stake: Upokt
    service_id: str
    delegated_gateways: tuple[str, ...] = ()
    pending_undelegations: dict[int, tuple[str, ...]] = field(default_factory=dict)
    unstake_session_end_height: Height = Height(0)
    spend_limit_per_session: Upokt | None = None
    pending_transfer: PendingTransfer | None = None


@dataclass(frozen=True, slots=True)
class Gateway:
    """A staked account to which applications delegate. `card` is JSON, at most 256 KiB, and binds nobody."""

    address: str
    stake: Upokt
    unstake_session_end_height: Height = Height(0)
    card: bytes = b""


@dataclass(frozen=True, slots=True)
class Session:
    """A header, the application as the chain knows it, and the drawn suppliers in draw order."""

    header: SessionHeader
    number: int
    blocks_per_session: int
    application: Application
    suppliers: tuple[Supplier, ...]
