"""pocket.session.Query/GetSession: the one query that may need the state of another height.

A session begins with a block whose hash the state keeps until the session is settled; of an older
one the state at its own height is asked. Source: x/session/keeper/{query_get_session,session_hydrator}.go,
which answers every failure of the second with the status INTERNAL and these texts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import grpc

from joey.adapters.chains.served.snapshot import QueryRefused, Snapshot, refuse_argument
from joey.core.crypto.keys import is_address
from joey.core.protocol.queries import application_service_at, session_at
from joey.core.protocol.sessions import is_service_id
from joey.core.units import Height
from joey.core.wire.codec import session_to_proto
from joey.core.wire.proto import session_query_pb2 as wire
from joey.core.wire.session import Session

__all__ = ["answer_session", "find_session"]


async def answer_session(
    read_state: Callable[[Height], Awaitable[Snapshot]],
    snapshot: Snapshot,
    request: wire.QueryGetSessionRequest,
) -> wire.QueryGetSessionResponse:
    """Return the session of an application and a service that a height is in.

    `read_state` returns the state at another height.
    """
    if not is_address(request.application_address):
        raise refuse_argument(
            f"invalid app address for session being retrieved {request.application_address}"
        )
    if not is_service_id(request.service_id):
        raise refuse_argument(f"invalid service ID for session being retrieved: {request.service_id!r}")
    if request.block_height < 0:
        raise refuse_argument(f"invalid block height for session being retrieved {request.block_height}")
    head = snapshot.block.height
    height = Height(request.block_height) or head
    if height > head:
        raise _fail(f"block height {height} is ahead of the last committed block height {head}")
    session = find_session(snapshot, request.application_address, request.service_id, height)
    if session is None and height < head:
        session = find_session(
            await read_state(height), request.application_address, request.service_id, height
        )
    if session is None:
        raise _fail(_explain(snapshot, request, height))
    return wire.QueryGetSessionResponse(session=session_to_proto(session))


def find_session(snapshot: Snapshot, application: str, service: str, height: Height) -> Session | None:
    """Return a session as a state knows it."""
    head = (snapshot.block.height, snapshot.block.hash)
    return session_at(snapshot.state, application, service, height, head=head)


def _explain(snapshot: Snapshot, request: wire.QueryGetSessionRequest, height: Height) -> str:
    """Return why there is no such session."""
    application, service = request.application_address, request.service_id
    if snapshot.state.applications.get(application) is None:
        return f"could not find app with address {application!r} at height {height}"
    if application_service_at(snapshot.state, application, height) != service:
        return f"application {application!r} not staked for service ID {service!r}"
    return (
        f"could not find suppliers for service {service} at height {height}, or the application is unbonded"
    )


def _fail(text: str) -> QueryRefused:
    return QueryRefused(grpc.StatusCode.INTERNAL, f"{text}: error during session hydration")
