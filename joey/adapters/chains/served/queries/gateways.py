"""pocket.gateway.Query. Source: x/gateway/keeper/query_gateway.go."""

from __future__ import annotations

from joey.adapters.chains.served.pages import cut_page
from joey.adapters.chains.served.snapshot import Snapshot, not_found
from joey.core.wire.codec import gateway_to_proto
from joey.core.wire.proto import gateway_pb2
from joey.core.wire.proto import gateway_query_pb2 as wire
from joey.core.wire.session import Gateway

__all__ = ["answer_all_gateways", "answer_gateway"]


def answer_gateway(snapshot: Snapshot, request: wire.QueryGetGatewayRequest) -> wire.QueryGetGatewayResponse:
    """Return one gateway."""
    gateway = snapshot.state.gateways.get(request.address)
    if gateway is None:
        raise not_found(f"gateway with address: {request.address}: gateway not found")
    return wire.QueryGetGatewayResponse(gateway=_write(gateway, request.dehydrated))


def answer_all_gateways(
    snapshot: Snapshot, request: wire.QueryAllGatewaysRequest
) -> wire.QueryAllGatewaysResponse:
    """Return a page of all gateways."""
    page, pagination = cut_page(snapshot.state.gateways.items(), request.pagination)
    return wire.QueryAllGatewaysResponse(
        gateways=(_write(gateway, request.dehydrated) for gateway in page), pagination=pagination
    )


def _write(gateway: Gateway, dehydrated: bool) -> gateway_pb2.Gateway:
    message = gateway_to_proto(gateway)
    if dehydrated:
        message.ClearField("metadata")
    return message
