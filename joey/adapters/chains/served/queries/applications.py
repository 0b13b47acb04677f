"""pocket.application.Query. Source: x/application/keeper/query_application.go."""

from __future__ import annotations

from joey.adapters.chains.served.pages import cut_page
from joey.adapters.chains.served.snapshot import Snapshot, not_found, refuse_argument
from joey.core.crypto.keys import is_address
from joey.core.wire.codec import application_to_proto
from joey.core.wire.proto import application_query_pb2 as wire

__all__ = ["answer_all_applications", "answer_application"]


def answer_application(
    snapshot: Snapshot, request: wire.QueryGetApplicationRequest
) -> wire.QueryGetApplicationResponse:
    """Return one application."""
    application = snapshot.state.applications.get(request.address)
    if application is None:
        raise not_found(f"app address: {request.address}: application not found")
    return wire.QueryGetApplicationResponse(application=application_to_proto(application))


def answer_all_applications(
    snapshot: Snapshot, request: wire.QueryAllApplicationsRequest
) -> wire.QueryAllApplicationsResponse:
    """Return a page of all applications, or of those that delegate to a gateway."""
    gateway = request.delegatee_gateway_address
    if gateway and not is_address(gateway):
        raise refuse_argument(f"invalid gateway address {gateway!r}")
    rows = (
        (key, application)
        for key, application in snapshot.state.applications.items()
        if not gateway or gateway in application.delegated_gateways
    )
    page, pagination = cut_page(rows, request.pagination)
    return wire.QueryAllApplicationsResponse(
        applications=map(application_to_proto, page), pagination=pagination
    )
