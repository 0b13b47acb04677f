"""Parameters of every module, between our values and the network's messages.

A `double` of the network is read as the shortest decimal text that stands for it, and written as the
double nearest to our fraction: both ways exact for every decimal that governance has ever written.
Fields that we have no name for are kept (`unknown`) and written back behind the known ones. Reading
raises `ValueError` for what cannot be parameters.
Source: proto/pocket/{shared,session,proof,tokenomics,service,application,supplier,gateway}/params.proto,
pkg/encoding/decimal.go.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message as ProtoMessage

from joey.core.protocol.params import (
    ApplicationParams,
    GatewayParams,
    ProofParams,
    ServiceParams,
    SessionParams,
    SharedParams,
    Shares,
    SupplierParams,
    TokenomicsParams,
)
from joey.core.wire.codec import coin_from_proto, coin_to_proto, read_message, read_text
from joey.core.wire.doubles import double_from_fraction, fraction_from_double
from joey.core.wire.gogo import marshal
from joey.core.wire.proto import (
    application_params_pb2,
    gateway_params_pb2,
    proof_params_pb2,
    service_params_pb2,
    session_params_pb2,
    shared_params_pb2,
    supplier_params_pb2,
    tokenomics_params_pb2,
)

__all__ = [
    "ModuleParams",
    "application_params_from_proto",
    "application_params_to_proto",
    "decode_module_params",
    "encode_module_params",
    "gateway_params_from_proto",
    "gateway_params_to_proto",
    "module_params_from_proto",
    "module_params_to_proto",
    "proof_params_from_proto",
    "proof_params_to_proto",
    "service_params_from_proto",
    "service_params_to_proto",
    "session_params_from_proto",
    "session_params_to_proto",
    "shared_params_from_proto",
    "shared_params_to_proto",
    "shares_from_proto",
    "shares_to_proto",
    "supplier_params_from_proto",
    "supplier_params_to_proto",
    "tokenomics_params_from_proto",
    "tokenomics_params_to_proto",
]

ModuleParams = (
    SharedParams
    | SessionParams
    | ProofParams
    | TokenomicsParams
    | ServiceParams
    | ApplicationParams
    | SupplierParams
    | GatewayParams
)
"""The parameters of one module."""

AnyProto = TypeVar("AnyProto", bound=ProtoMessage)
SharesProto = TypeVar(
    "SharesProto",
    tokenomics_params_pb2.MintAllocationPercentages,
    tokenomics_params_pb2.MintEqualsBurnClaimDistribution,
)

_SHARED_NAMES = tuple(shared_params_pb2.Params.DESCRIPTOR.fields_by_name)


def shared_params_to_proto(params: SharedParams) -> shared_params_pb2.Params:
    """Return the shared parameters as a message."""
    values = {name: getattr(params, name) for name in _SHARED_NAMES}
    return _with_unknown(shared_params_pb2.Params(**values), params.unknown)


def shared_params_from_proto(message: shared_params_pb2.Params) -> SharedParams:
    """Return the shared parameters as a value."""
    values = {name: getattr(message, name) for name in _SHARED_NAMES}
    return SharedParams(**values, unknown=_read_unknown(message))


def session_params_to_proto(params: SessionParams) -> session_params_pb2.Params:
    """Return the session parameters as a message."""
    message = session_params_pb2.Params(num_suppliers_per_session=params.num_suppliers_per_session)
    return _with_unknown(message, params.unknown)


def session_params_from_proto(message: session_params_pb2.Params) -> SessionParams:
    """Return the session parameters as a value."""
    return SessionParams(message.num_suppliers_per_session, _read_unknown(message))


def proof_params_to_proto(params: ProofParams) -> proof_params_pb2.Params:
    """Return the proof parameters as a message."""
    message = proof_params_pb2.Params(
        proof_request_probability=double_from_fraction(params.proof_request_probability),
        proof_requirement_threshold=coin_to_proto(params.proof_requirement_threshold),
        proof_missing_penalty=coin_to_proto(params.proof_missing_penalty),
        proof_submission_fee=coin_to_proto(params.proof_submission_fee),
    )
    return _with_unknown(message, params.unknown)


def proof_params_from_proto(message: proof_params_pb2.Params) -> ProofParams:
    """Return the proof parameters as a value."""
    return ProofParams(
        proof_request_probability=fraction_from_double(message.proof_request_probability),
        proof_requirement_threshold=coin_from_proto(message.proof_requirement_threshold),
        proof_missing_penalty=coin_from_proto(message.proof_missing_penalty),
        proof_submission_fee=coin_from_proto(message.proof_submission_fee),
        unknown=_read_unknown(message),
    )


def shares_to_proto(shares: Shares, message_type: type[SharesProto]) -> SharesProto:
    """Return shares as a message of one of the two types that have this shape."""
    message = message_type(
        dao=double_from_fraction(shares.dao),
        proposer=double_from_fraction(shares.proposer),
        supplier=double_from_fraction(shares.supplier),
        source_owner=double_from_fraction(shares.source_owner),
        application=double_from_fraction(shares.application),
    )
    return _with_unknown(message, shares.unknown)


def shares_from_proto(
    message: tokenomics_params_pb2.MintAllocationPercentages
    | tokenomics_params_pb2.MintEqualsBurnClaimDistribution,
) -> Shares:
    """Return shares as a value. Raises `ValueError` also where they do not sum to 1."""
    return Shares(
        dao=fraction_from_double(message.dao),
        proposer=fraction_from_double(message.proposer),
        supplier=fraction_from_double(message.supplier),
        source_owner=fraction_from_double(message.source_owner),
        application=fraction_from_double(message.application),
        unknown=_read_unknown(message),
    )


def tokenomics_params_to_proto(params: TokenomicsParams) -> tokenomics_params_pb2.Params:
    """Return the tokenomics parameters as a message; both shares are always in it."""
    message = tokenomics_params_pb2.Params(
        mint_allocation_percentages=shares_to_proto(
            params.mint_allocation_percentages, tokenomics_params_pb2.MintAllocationPercentages
        ),
        dao_reward_address=params.dao_reward_address,
        global_inflation_per_claim=double_from_fraction(params.global_inflation_per_claim),
        mint_equals_burn_claim_distribution=shares_to_proto(
            params.mint_equals_burn_claim_distribution, tokenomics_params_pb2.MintEqualsBurnClaimDistribution
        ),
        mint_ratio=double_from_fraction(params.mint_ratio),
        overservicing_bonus_multiplier=params.overservicing_bonus_multiplier,
    )
    return _with_unknown(message, params.unknown)


def tokenomics_params_from_proto(message: tokenomics_params_pb2.Params) -> TokenomicsParams:
    """Return the tokenomics parameters as a value."""
    return TokenomicsParams(
        mint_allocation_percentages=shares_from_proto(message.mint_allocation_percentages),
        dao_reward_address=read_text(message.dao_reward_address),
        global_inflation_per_claim=fraction_from_double(message.global_inflation_per_claim),
        mint_equals_burn_claim_distribution=shares_from_proto(message.mint_equals_burn_claim_distribution),
        mint_ratio=fraction_from_double(message.mint_ratio),
        overservicing_bonus_multiplier=message.overservicing_bonus_multiplier,
        unknown=_read_unknown(message),
    )


def service_params_to_proto(params: ServiceParams) -> service_params_pb2.Params:
    """Return the service parameters as a message."""
    message = service_params_pb2.Params(
        add_service_fee=coin_to_proto(params.add_service_fee), target_num_relays=params.target_num_relays
    )
    return _with_unknown(message, params.unknown)


def service_params_from_proto(message: service_params_pb2.Params) -> ServiceParams:
    """Return the service parameters as a value."""
    return ServiceParams(
        coin_from_proto(message.add_service_fee), message.target_num_relays, _read_unknown(message)
    )


def application_params_to_proto(params: ApplicationParams) -> application_params_pb2.Params:
    """Return the application parameters as a message."""
    message = application_params_pb2.Params(
        max_delegated_gateways=params.max_delegated_gateways, min_stake=coin_to_proto(params.min_stake)
    )
    return _with_unknown(message, params.unknown)


def application_params_from_proto(message: application_params_pb2.Params) -> ApplicationParams:
    """Return the application parameters as a value."""
    return ApplicationParams(
        message.max_delegated_gateways, coin_from_proto(message.min_stake), _read_unknown(message)
    )


def supplier_params_to_proto(params: SupplierParams) -> supplier_params_pb2.Params:
    """Return the supplier parameters as a message."""
    message = supplier_params_pb2.Params(
        min_stake=coin_to_proto(params.min_stake), staking_fee=coin_to_proto(params.staking_fee)
    )
    return _with_unknown(message, params.unknown)


def supplier_params_from_proto(message: supplier_params_pb2.Params) -> SupplierParams:
    """Return the supplier parameters as a value."""
    return SupplierParams(
        coin_from_proto(message.min_stake), coin_from_proto(message.staking_fee), _read_unknown(message)
    )


def gateway_params_to_proto(params: GatewayParams) -> gateway_params_pb2.Params:
    """Return the gateway parameters as a message."""
    message = gateway_params_pb2.Params(min_stake=coin_to_proto(params.min_stake))
    return _with_unknown(message, params.unknown)


def gateway_params_from_proto(message: gateway_params_pb2.Params) -> GatewayParams:
    """Return the gateway parameters as a value."""
    return GatewayParams(coin_from_proto(message.min_stake), _read_unknown(message))


_WRITERS: dict[type, Any] = {
    SharedParams: shared_params_to_proto,
    SessionParams: session_params_to_proto,
    ProofParams: proof_params_to_proto,
    TokenomicsParams: tokenomics_params_to_proto,
    ServiceParams: service_params_to_proto,
    ApplicationParams: application_params_to_proto,
    SupplierParams: supplier_params_to_proto,
    GatewayParams: gateway_params_to_proto,
}
_MESSAGES: dict[str, type[ProtoMessage]] = {
    "shared": shared_params_pb2.Params,
    "session": session_params_pb2.Params,
    "proof": proof_params_pb2.Params,
    "tokenomics": tokenomics_params_pb2.Params,
    "service": service_params_pb2.Params,
    "application": application_params_pb2.Params,
    "supplier": supplier_params_pb2.Params,
    "gateway": gateway_params_pb2.Params,
}
_READERS: dict[str, Any] = {
    "pocket.shared.Params": shared_params_from_proto,
    "pocket.session.Params": session_params_from_proto,
    "pocket.proof.Params": proof_params_from_proto,
    "pocket.tokenomics.Params": tokenomics_params_from_proto,
    "pocket.service.Params": service_params_from_proto,
    "pocket.application.Params": application_params_from_proto,
    "pocket.supplier.Params": supplier_params_from_proto,
    "pocket.gateway.Params": gateway_params_from_proto,
}


def module_params_to_proto(params: ModuleParams) -> ProtoMessage:
    """Return the parameters of any module as that module's message."""
    return cast(ProtoMessage, _WRITERS[type(params)](params))


def module_params_from_proto(message: ProtoMessage) -> ModuleParams:
    """Return the parameters in a `Params` message of any module."""
    return cast(ModuleParams, _READERS[message.DESCRIPTOR.full_name](message))


def encode_module_params(params: ModuleParams) -> bytes:
    """Return the bytes of a module's `Params` message."""
    return marshal(module_params_to_proto(params))


def decode_module_params(module: str, wire: bytes) -> ModuleParams:
    """Read a module's `Params` message. Raises `ValueError` for what cannot be its parameters."""
    return module_params_from_proto(read_message(_MESSAGES[module], wire))


def _with_unknown(message: AnyProto, unknown: bytes) -> AnyProto:
    if unknown:
        message.MergeFromString(unknown)
    return message


def _read_unknown(message: ProtoMessage) -> bytes:
    """Return the bytes of the fields that our definition of a message does not have."""
    rest = type(message)()
    rest.CopyFrom(message)
    for field in cast(Descriptor, message.DESCRIPTOR).fields:
        rest.ClearField(field.name)
    return marshal(rest)
