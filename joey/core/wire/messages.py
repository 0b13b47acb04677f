"""What accounts ask of the chain, as plain values; each names who must sign it.

The bytes are made and read in `joey.core.wire.message_codec`; nothing here knows protobuf.
Sources: the Msg types of pocket.application, pocket.gateway, pocket.supplier, pocket.service,
pocket.proof, of every pocket module that has parameters, and of cosmos.bank.v1beta1.
"""

from __future__ import annotations

from dataclasses import dataclass

from joey.core.units import Upokt
from joey.core.wire.param_messages import CoinValue, ParamValue, SharesValue, UpdateParam, UpdateParams
from joey.core.wire.session import Service, ServiceConfig, SessionHeader

__all__ = [
    "AddService",
    "CoinValue",
    "CreateClaim",
    "DelegateToGateway",
    "Message",
    "ParamValue",
    "Send",
    "SharesValue",
    "StakeApplication",
    "StakeGateway",
    "StakeSupplier",
    "SubmitProof",
    "TransferApplication",
    "TransferService",
    "UndelegateFromGateway",
    "UnstakeApplication",
    "UnstakeGateway",
    "UnstakeSupplier",
    "UpdateGatewayMetadata",
    "UpdateParam",
    "UpdateParams",
]


@dataclass(frozen=True, slots=True)
class Send:
    """Move upokt from the signer to another account."""

    from_address: str
    to_address: str
    amount: Upokt

    @property
    def signer(self) -> str:
        """The account that pays."""
        return self.from_address


@dataclass(frozen=True, slots=True)
class StakeApplication:
    """Stake an application for one service, or raise its stake to `stake` in all.

    `spend_limit_per_session`: `None` keeps what is set, zero clears it.
    """

    address: str
    stake: Upokt
    service_id: str
    spend_limit_per_session: Upokt | None = None

    @property
    def signer(self) -> str:
        """The application."""
        return self.address


@dataclass(frozen=True, slots=True)
class UnstakeApplication:
    """Give an application's stake back once its sessions are settled."""

    address: str

    @property
    def signer(self) -> str:
        """The application."""
        return self.address


@dataclass(frozen=True, slots=True)
class StakeGateway:
    """Stake a gateway, or raise its stake to `stake` in all."""

    address: str
    stake: Upokt

    @property
    def signer(self) -> str:
        """The gateway."""
        return self.address


@dataclass(frozen=True, slots=True)
class UnstakeGateway:
    """Give a gateway's stake back after its unbonding period."""

    address: str

    @property
    def signer(self) -> str:
        """The gateway."""
        return self.address


@dataclass(frozen=True, slots=True)
class StakeSupplier:
    """Stake a supplier, raise its stake, or change its services from the next session on.

    `stake` is what it shall be in all; `None` leaves it. Empty `services` leaves them; only the
    operator may send any. The signer is the owner or the operator, and pays.
    """

    signer_address: str
    owner_address: str
    operator_address: str
    stake: Upokt | None
    services: tuple[ServiceConfig, ...] = ()

    @property
    def signer(self) -> str:
        """The owner or the operator."""
        return self.signer_address


@dataclass(frozen=True, slots=True)
class UnstakeSupplier:
    """Give a supplier's stake back to its owner after its unbonding period."""

    signer_address: str
    operator_address: str

    @property
    def signer(self) -> str:
        """The owner or the operator."""
        return self.signer_address


@dataclass(frozen=True, slots=True)
class AddService:
    """Put a service on the chain, for the network's fee, or, from its owner, change it for nothing."""

    owner_address: str
    service: Service

    @property
    def signer(self) -> str:
        """The owner."""
        return self.owner_address


@dataclass(frozen=True, slots=True)
class DelegateToGateway:
    """Let a gateway sign relays in the application's name."""

    application_address: str
    gateway_address: str

    @property
    def signer(self) -> str:
        """The application."""
        return self.application_address


@dataclass(frozen=True, slots=True)
class UndelegateFromGateway:
    """Take a delegation back; the gateway may still sign up to the end of the session."""

    application_address: str
    gateway_address: str

    @property
    def signer(self) -> str:
        """The application."""
        return self.application_address


@dataclass(frozen=True, slots=True)
class CreateClaim:
    """Commit a supplier to the 48-byte root of its session trie; a later one replaces it."""

    supplier_address: str
    header: SessionHeader
    root: bytes

    @property
    def signer(self) -> str:
        """The supplier's operator."""
        return self.supplier_address


@dataclass(frozen=True, slots=True)
class SubmitProof:
    """Open the leaf that the chain asks for. `proof` is a compact closest proof as a gob stream."""

    supplier_address: str
    header: SessionHeader
    proof: bytes

    @property
    def signer(self) -> str:
        """The supplier's operator."""
        return self.supplier_address


@dataclass(frozen=True, slots=True)
class TransferApplication:
    """Move an application, its stake and its delegations to another account."""

    source_address: str
    destination_address: str

    @property
    def signer(self) -> str:
        """The application as it is now."""
        return self.source_address


@dataclass(frozen=True, slots=True)
class TransferService:
    """Make another account the owner of a service."""

    owner_address: str
    service_id: str
    new_owner_address: str

    @property
    def signer(self) -> str:
        """The owner as it is now."""
        return self.owner_address


@dataclass(frozen=True, slots=True)
class UpdateGatewayMetadata:
    """Replace a gateway's card. `None` leaves it."""

    address: str
    card: bytes | None

    @property
    def signer(self) -> str:
        """The gateway."""
        return self.address


Message = (
    Send
    | StakeApplication
    | UnstakeApplication
    | StakeGateway
    | UnstakeGateway
    | StakeSupplier
    | UnstakeSupplier
    | AddService
    | DelegateToGateway
    | UndelegateFromGateway
    | CreateClaim
    | SubmitProof
    | TransferApplication
    | TransferService
    | UpdateGatewayMetadata
    | UpdateParams
    | UpdateParam
)
