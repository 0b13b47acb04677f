"""pocket.service.Query: services, their difficulty and their price.

A service whose difficulty was never moved has the base target, and an average that equals what the
network aims at. Sources: x/service/keeper/query_service.go, query_relay_mining_difficulty.go,
query_compute_units_per_relay.go.
"""

from __future__ import annotations

from joey.adapters.chains.served.pages import cut_page
from joey.adapters.chains.served.snapshot import Snapshot, not_found, refuse_argument
from joey.core.protocol.difficulty import BASE_TARGET
from joey.core.protocol.queries import compute_units_at, live_params
from joey.core.protocol.state import Difficulty, height_key
from joey.core.units import Height
from joey.core.wire.codec import service_to_proto
from joey.core.wire.proto import service_query_pb2 as wire
from joey.core.wire.proto import shared_pb2
from joey.core.wire.session import Service

__all__ = [
    "answer_all_difficulties",
    "answer_all_services",
    "answer_compute_units_at",
    "answer_compute_units_history",
    "answer_difficulty",
    "answer_difficulty_at",
    "answer_difficulty_history",
    "answer_service",
]


def answer_service(snapshot: Snapshot, request: wire.QueryGetServiceRequest) -> wire.QueryGetServiceResponse:
    """Return one service."""
    service = _find_service(snapshot, request.id)
    return wire.QueryGetServiceResponse(service=_write(service, request.dehydrated))


def answer_all_services(
    snapshot: Snapshot, request: wire.QueryAllServicesRequest
) -> wire.QueryAllServicesResponse:
    """Return a page of all services."""
    page, pagination = cut_page(snapshot.state.services.items(), request.pagination)
    return wire.QueryAllServicesResponse(
        service=(_write(service, request.dehydrated) for service in page), pagination=pagination
    )


def answer_difficulty(
    snapshot: Snapshot, request: wire.QueryGetRelayMiningDifficultyRequest
) -> wire.QueryGetRelayMiningDifficultyResponse:
    """Return the newest difficulty of a service, which may hold from the next session on only."""
    _find_service(snapshot, request.serviceId)
    changes = _list_difficulties(snapshot, request.serviceId)
    newest = changes[-1] if changes else _make_default(snapshot)
    return wire.QueryGetRelayMiningDifficultyResponse(
        relayMiningDifficulty=_write_difficulty(request.serviceId, newest)
    )


def answer_all_difficulties(
    snapshot: Snapshot, request: wire.QueryAllRelayMiningDifficultyRequest
) -> wire.QueryAllRelayMiningDifficultyResponse:
    """Return a page of the newest difficulties of the services that have one of their own."""
    rows = ((key, (key, history.changes[-1])) for key, history in snapshot.state.difficulties.items())
    page, pagination = cut_page(rows, request.pagination)
    return wire.QueryAllRelayMiningDifficultyResponse(
        relayMiningDifficulty=(_write_difficulty(*one) for one in page), pagination=pagination
    )


def answer_difficulty_at(
    snapshot: Snapshot, request: wire.QueryGetRelayMiningDifficultyAtHeightRequest
) -> wire.QueryGetRelayMiningDifficultyAtHeightResponse:
    """Return the difficulty of a service that a session which starts at a height goes by."""
    height = _check_height(request.serviceId, request.blockHeight)
    _find_service(snapshot, request.serviceId)
    found = _make_default(snapshot)
    for change in _list_difficulties(snapshot, request.serviceId):
        if change.height <= height:
            found = change
    return wire.QueryGetRelayMiningDifficultyAtHeightResponse(
        relayMiningDifficulty=_write_difficulty(request.serviceId, found)
    )


def answer_difficulty_history(
    snapshot: Snapshot, request: wire.QueryRelayMiningDifficultyHistoryRequest
) -> wire.QueryRelayMiningDifficultyHistoryResponse:
    """Return a page of the difficulties of a service, oldest first."""
    _check_height(request.serviceId, 0)
    _find_service(snapshot, request.serviceId)
    rows = ((height_key(change.height), change) for change in _list_difficulties(snapshot, request.serviceId))
    page, pagination = cut_page(rows, request.pagination)
    return wire.QueryRelayMiningDifficultyHistoryResponse(
        relayMiningDifficultyHistory=(
            wire.RelayMiningDifficultyUpdate(
                effective_height=change.height, difficulty=_write_difficulty(request.serviceId, change)
            )
            for change in page
        ),
        pagination=pagination,
    )


def answer_compute_units_at(
    snapshot: Snapshot, request: wire.QueryComputeUnitsPerRelayAtHeightRequest
) -> wire.QueryComputeUnitsPerRelayAtHeightResponse:
    """Return the compute units per relay of a service that a session at a height goes by."""
    height = _check_height(request.serviceId, request.blockHeight)
    _find_service(snapshot, request.serviceId)
    return wire.QueryComputeUnitsPerRelayAtHeightResponse(
        computeUnitsPerRelay=compute_units_at(snapshot.state, request.serviceId, height) or 0
    )


def answer_compute_units_history(
    snapshot: Snapshot, request: wire.QueryComputeUnitsPerRelayHistoryRequest
) -> wire.QueryComputeUnitsPerRelayHistoryResponse:
    """Return a page of the prices of a service, oldest first."""
    _check_height(request.serviceId, 0)
    _find_service(snapshot, request.serviceId)
    history = snapshot.state.compute_units.get(request.serviceId)
    rows = ((height_key(change[0]), change) for change in (() if history is None else history.changes))
    page, pagination = cut_page(rows, request.pagination)
    return wire.QueryComputeUnitsPerRelayHistoryResponse(
        computeUnitsPerRelayHistory=(
            wire.ServiceComputeUnitsPerRelayUpdate(
                effective_height=height, service_id=request.serviceId, compute_units_per_relay=units
            )
            for height, units in page
        ),
        pagination=pagination,
    )


def _find_service(snapshot: Snapshot, service_id: str) -> Service:
    service = snapshot.state.services.get(service_id)
    if service is None:
        raise not_found(f"serviceID: {service_id}: service not found")
    return service


def _check_height(service_id: str, height: int) -> Height:
    if not service_id:
        raise refuse_argument("service ID is required")
    if height < 0:
        raise refuse_argument("block height must be non-negative")
    return Height(height)


def _list_difficulties(snapshot: Snapshot, service_id: str) -> tuple[Difficulty, ...]:
    history = snapshot.state.difficulties.get(service_id)
    return () if history is None else history.changes


def _make_default(snapshot: Snapshot) -> Difficulty:
    average = live_params(snapshot.state).service.target_num_relays
    return Difficulty(snapshot.block.height, BASE_TARGET, average)


def _write_difficulty(service_id: str, difficulty: Difficulty) -> wire.RelayMiningDifficulty:
    return wire.RelayMiningDifficulty(
        service_id=service_id,
        block_height=difficulty.height,
        num_relays_ema=difficulty.num_relays_ema,
        target_hash=difficulty.target,
    )


def _write(service: Service, dehydrated: bool) -> shared_pb2.Service:
    message = service_to_proto(service)
    if dehydrated:
        message.ClearField("metadata")
    return message
