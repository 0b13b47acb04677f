"""The parameters of every module: those in force now, and the shared ones at a height.

Source: x/*/keeper/query_params.go, x/shared/keeper/query_params.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from joey.adapters.chains.served.snapshot import Snapshot, refuse_argument
from joey.core.protocol.params_codec import module_params_to_proto, shared_params_to_proto
from joey.core.protocol.queries import live_params, params_at
from joey.core.units import Height
from joey.core.wire.proto import shared_query_pb2

__all__ = ["answer_shared_params_at", "make_params_answer"]


def make_params_answer(module: str, response_type: type[Message]) -> Callable[[Snapshot, Any], Message]:
    """Return the query for the live parameters of a module, which is named as in `NetworkParams`."""

    def answer(snapshot: Snapshot, _request: Message) -> Message:
        params = module_params_to_proto(getattr(live_params(snapshot.state), module))
        return response_type(params=params)

    return answer


def answer_shared_params_at(
    snapshot: Snapshot, request: shared_query_pb2.QueryParamsAtHeightRequest
) -> shared_query_pb2.QueryParamsAtHeightResponse:
    """Return the shared parameters that sessions go by at a height."""
    if request.height < 0:
        raise refuse_argument("height must be non-negative")
    shared = params_at(snapshot.state, Height(request.height)).shared
    return shared_query_pb2.QueryParamsAtHeightResponse(params=shared_params_to_proto(shared))
