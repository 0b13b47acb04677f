"""What can be said of a message without looking at the chain: is it well-formed.

The network asks this before it looks at fee or signature, so a message that fails here is refused when
it is sent, with the code that its module registers, and is never in a block.
Source: ValidateBasic in poktroll x/*/types/message_*.go, called by cosmos-sdk baseapp/baseapp.go
(validateBasicTxMsgs). A payment has no such check there: its handler looks at it. The code of a card
that is refused (shared 1109) follows the last one that is known of that module and is not confirmed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from joey.core.crypto.keys import is_address
from joey.core.protocol.checks import refuse
from joey.core.protocol.distribution import is_revenue_split_usable
from joey.core.protocol.governance import check_update_param, check_update_params
from joey.core.protocol.services import (
    CARD_BYTES_MAX,
    COMPUTE_UNITS_PER_RELAY_MAX,
    SERVICE_NAME_LENGTH_MAX,
)
from joey.core.protocol.sessions import is_service_id
from joey.core.trie.smst import read_root
from joey.core.units import UPOKT_PER_POKT
from joey.core.wire.messages import (
    AddService,
    CreateClaim,
    DelegateToGateway,
    Message,
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
from joey.core.wire.session import RpcType, ServiceConfig, SessionHeader

__all__ = ["check_message_basics"]

_ROOT_BYTES = 48
_RPC_TYPES = range(RpcType.GRPC, RpcType.COMET_BFT + 1)
_URL_SCHEMES = ("http", "https", "ws", "wss")


def check_message_basics(message: Message) -> None:
    """Raise `TransactionRejected`, with the network's codespace and code, unless a message is well-formed."""
    check = _CHECKS.get(type(message))
    if check is not None:
        check(message)


def _check_address(address: str, codespace: str, code: int) -> None:
    if address != address.lower() or not is_address(address):
        raise refuse(codespace, code, f"{address!r} is not an address")


def _check_stake_application(message: StakeApplication) -> None:
    _check_address(message.address, "application", 1102)
    if message.stake <= 0:
        raise refuse("application", 1101, f"{message.stake} upokt cannot be staked")
    if not is_service_id(message.service_id):
        raise refuse("application", 1106, f"{message.service_id!r} cannot be a service id")
    limit = message.spend_limit_per_session
    if limit is not None and 0 < limit < UPOKT_PER_POKT:
        raise refuse("application", 1101, f"a spend limit is at least {UPOKT_PER_POKT} upokt, not {limit}")


def _check_unstake_application(message: UnstakeApplication) -> None:
    _check_address(message.address, "application", 1102)


def _check_delegation(message: DelegateToGateway | UndelegateFromGateway) -> None:
    _check_address(message.application_address, "application", 1102)
    _check_address(message.gateway_address, "application", 1108)


def _check_transfer_application(message: TransferApplication) -> None:
    _check_address(message.source_address, "application", 1102)
    _check_address(message.destination_address, "application", 1102)
    if message.source_address == message.destination_address:
        raise refuse("application", 1113, "an application cannot be transferred to itself")


def _check_stake_gateway(message: StakeGateway) -> None:
    _check_address(message.address, "gateway", 1101)
    if message.stake <= 0:
        raise refuse("gateway", 1102, f"{message.stake} upokt cannot be staked")


def _check_unstake_gateway(message: UnstakeGateway) -> None:
    _check_address(message.address, "gateway", 1101)


def _check_gateway_metadata(message: UpdateGatewayMetadata) -> None:
    _check_address(message.address, "gateway", 1101)
    if message.card is not None:
        if not message.card:
            raise refuse("shared", 1109, "a card must not be empty")
        _check_card(message.card)


def _check_card(card: bytes) -> None:
    if len(card) > CARD_BYTES_MAX:
        raise refuse("shared", 1109, f"a card has at most {CARD_BYTES_MAX} bytes, not {len(card)}")


def _check_stake_supplier(message: StakeSupplier) -> None:
    for address in (message.owner_address, message.operator_address, message.signer_address):
        _check_address(address, "supplier", 1102)
    if message.signer_address not in (message.owner_address, message.operator_address):
        text = f"{message.signer_address} is neither owner nor operator of {message.operator_address}"
        raise refuse("shared", 1105, text)
    if message.services and message.signer_address != message.operator_address:
        raise refuse("shared", 1105, "only the operator may change a supplier's services")
    if message.stake is not None and message.stake <= 0:
        raise refuse("supplier", 1101, f"{message.stake} upokt cannot be staked")
    if len({config.service_id for config in message.services}) != len(message.services):
        raise refuse("supplier", 1104, "a supplier names each service once")
    for config in message.services:
        _check_config(config)


def _check_config(config: ServiceConfig) -> None:
    if not is_service_id(config.service_id):
        raise refuse("supplier", 1104, f"{config.service_id!r} cannot be a service id")
    if not config.endpoints:
        raise refuse("supplier", 1104, f"service {config.service_id} has no endpoint")
    for endpoint in config.endpoints:
        if endpoint.rpc_type not in _RPC_TYPES:
            raise refuse("supplier", 1104, f"endpoints of type {endpoint.rpc_type} are unknown")
        try:
            url = urlsplit(endpoint.url)
            is_usable = url.scheme in _URL_SCHEMES and bool(url.hostname)
        except ValueError:
            is_usable = False
        if not is_usable:
            raise refuse("supplier", 1104, f"{endpoint.url!r} is no URL of {', '.join(_URL_SCHEMES)}")
    if not is_revenue_split_usable(config.revenue_shares):
        raise refuse(
            "shared",
            1106,
            f"the revenue shares of service {config.service_id} must have unique addresses and whole"
            " percentages of 1 to 100 that sum to 100",
        )
    for share in config.revenue_shares:
        _check_address(share.address, "shared", 1106)


def _check_unstake_supplier(message: UnstakeSupplier) -> None:
    _check_address(message.signer_address, "supplier", 1102)
    _check_address(message.operator_address, "supplier", 1102)


def _check_add_service(message: AddService) -> None:
    service = message.service
    _check_address(message.owner_address, "service", 1102)
    _check_address(service.owner_address, "service", 1102)
    if not is_service_id(service.id):
        raise refuse("service", 1103, f"{service.id!r} cannot be a service id")
    if not 0 < len(service.name) <= SERVICE_NAME_LENGTH_MAX:
        raise refuse("service", 1104, f"a service name has 1 to {SERVICE_NAME_LENGTH_MAX} characters")
    if not 1 <= service.compute_units_per_relay <= COMPUTE_UNITS_PER_RELAY_MAX:
        raise refuse(
            "shared",
            1108,
            f"compute units per relay are 1 to {COMPUTE_UNITS_PER_RELAY_MAX},"
            f" not {service.compute_units_per_relay}",
        )
    _check_card(service.card)


def _check_transfer_service(message: TransferService) -> None:
    _check_address(message.owner_address, "service", 1102)
    _check_address(message.new_owner_address, "service", 1102)
    if not message.service_id:
        raise refuse("service", 1103, "a service has an id")
    if message.owner_address == message.new_owner_address:
        raise refuse("service", 1113, f"{message.owner_address} owns the service already")


def _check_header(header: SessionHeader) -> None:
    """Source: x/session/types/session_header.go, as x/proof reports it."""
    is_valid = (
        is_address(header.application_address)
        and bool(header.session_id)
        and is_service_id(header.service_id)
        and 0 < header.height_start < header.height_end
    )
    if not is_valid:
        raise refuse("proof", 1115, "the session header names no possible session")


def _check_create_claim(message: CreateClaim) -> None:
    _check_address(message.supplier_address, "proof", 1101)
    _check_header(message.header)
    if len(message.root) != _ROOT_BYTES:
        raise refuse("proof", 1104, f"a root has {_ROOT_BYTES} bytes, this has {len(message.root)}")
    _, compute_units, relays = read_root(message.root)
    if relays == 0 or compute_units == 0:
        raise refuse("proof", 1104, "a root without a leaf cannot be claimed")


def _check_submit_proof(message: SubmitProof) -> None:
    _check_address(message.supplier_address, "proof", 1101)
    _check_header(message.header)
    if not message.proof:
        raise refuse("proof", 1108, "proof cannot be empty")


_CHECKS: dict[type[Message], Callable[[Any], None]] = {
    AddService: _check_add_service,
    TransferService: _check_transfer_service,
    StakeApplication: _check_stake_application,
    UnstakeApplication: _check_unstake_application,
    DelegateToGateway: _check_delegation,
    UndelegateFromGateway: _check_delegation,
    TransferApplication: _check_transfer_application,
    StakeGateway: _check_stake_gateway,
    UnstakeGateway: _check_unstake_gateway,
    UpdateGatewayMetadata: _check_gateway_metadata,
    StakeSupplier: _check_stake_supplier,
    UnstakeSupplier: _check_unstake_supplier,
    CreateClaim: _check_create_claim,
    SubmitProof: _check_submit_proof,
    UpdateParams: check_update_params,
    UpdateParam: check_update_param,
}
