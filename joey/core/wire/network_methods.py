"""The network's gRPC calls: full method name to the types of what is asked and answered.

The table is made from the service definitions in `joey/core/wire/proto`, so that the embedded
chain's server and the client of a full node cannot differ in it. All calls are unary.
Sources: the Query services of pocket.* and cosmos.*, cosmos.tx.v1beta1.Service,
cosmos.base.tendermint.v1beta1.Service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from joey.core.wire.proto import (
    application_query_pb2,
    auth_query_pb2,
    bank_query_pb2,
    comet_query_pb2,
    gateway_query_pb2,
    proof_query_pb2,
    service_query_pb2,
    session_query_pb2,
    shared_query_pb2,
    supplier_query_pb2,
    tokenomics_query_pb2,
    tx_query_pb2,
)

__all__ = ["HEIGHT_METADATA_KEY", "NETWORK_METHODS", "NetworkMethod"]

HEIGHT_METADATA_KEY: Final = "x-cosmos-block-height"
"""The metadata key of a call that pins a query to the state after a block, and of its answer.

Source: cosmos-sdk, types/grpc/headers.go.
"""


@dataclass(frozen=True, slots=True)
class NetworkMethod:
    """One unary call. `path` is what stands in the HTTP/2 request, such as `/pocket.shared.Query/Params`."""

    path: str
    request_type: type[Message]
    response_type: type[Message]


_FILES: tuple[Any, ...] = (
    application_query_pb2,
    auth_query_pb2,
    bank_query_pb2,
    comet_query_pb2,
    gateway_query_pb2,
    proof_query_pb2,
    service_query_pb2,
    session_query_pb2,
    shared_query_pb2,
    supplier_query_pb2,
    tokenomics_query_pb2,
    tx_query_pb2,
)


def _read_method(descriptor: MethodDescriptor) -> NetworkMethod:
    return NetworkMethod(
        path=f"/{descriptor.containing_service.full_name}/{descriptor.name}",
        request_type=GetMessageClass(descriptor.input_type),
        response_type=GetMessageClass(descriptor.output_type),
    )


NETWORK_METHODS: Final[Mapping[str, NetworkMethod]] = MappingProxyType(
    {
        method.path: method
        for file in _FILES
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in map(_read_method, service.methods)
    }
)
"""Every call by its path."""
