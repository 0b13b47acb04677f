"""What a state says holds at a height: parameters, prices, difficulty, sessions.

Nothing here changes anything. A "current" value does not exist but for `live_params`, which the
network itself has beside its history: every other question names its height.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from joey.core.protocol.difficulty import BASE_TARGET
from joey.core.protocol.params import NetworkParams
from joey.core.protocol.sessions import compute_session_start, hydrate_session, is_config_active
from joey.core.protocol.state import State, Table, height_key
from joey.core.protocol.windows import compute_settlement_height
from joey.core.units import ComputeUnits, Height
from joey.core.wire.session import ServiceConfig, Session, Supplier

__all__ = [
    "application_service_at",
    "compute_oldest_start",
    "compute_units_at",
    "difficulty_target_at",
    "list_session_sources",
    "live_params",
    "params_at",
    "session_at",
    "supplier_at",
    "supplier_config_at",
]


def live_params(state: State) -> NetworkParams:
    """Return the parameters that a block executes with: stakes, fees, unbonding periods, proofs, shares.

    They differ from `params_at` between a change and the session that goes by it: what is no timing
    is live at once, timing is live from the end of the block in which it takes effect. A state of an
    older chain file has no such row: its newest parameters are then live.
    Source: x/shared/keeper/end_blocker.go.
    """
    live = state.live_params.get("")
    if live is not None:
        return live
    newest = None
    for _, params in state.params.items():
        newest = params
    assert newest is not None, "a state always has the parameters of its genesis"
    return newest


def params_at(state: State, height: Height) -> NetworkParams:
    """Return the parameters that sessions go by at a height; for a future height, those known so far.

    The network keeps a history of shared and of session parameters. Those of the other modules are the
    live ones, whatever the height.
    """
    found = None
    latest = height_key(height)
    for key, params in state.params.items():
        if found is not None and key > latest:
            break
        found = params
    assert found is not None, "a state always has the parameters of its genesis"
    session = found.session
    for key, session_params in state.session_params.items():
        if key <= latest:
            session = session_params
    return replace(live_params(state), shared=found.shared, session=session)


def compute_units_at(state: State, service_id: str, height: Height) -> ComputeUnits | None:
    """Return a service's compute units per relay at a height; before it existed, its first ones.

    Source: x/service/keeper/compute_units.go, which falls back in the same way.
    """
    history = state.compute_units.get(service_id)
    if history is None:
        return None
    units = history.changes[0][1]
    for height_effective, changed in history.changes:
        if height_effective <= height:
            units = changed
    return units


def difficulty_target_at(state: State, service_id: str, height: Height) -> bytes:
    """Return a service's 32-byte target at a height; without history, the base target."""
    target = BASE_TARGET
    history = state.difficulties.get(service_id)
    for change in history.changes if history is not None else ():
        if change.height <= height:
            target = change.target
    return target


def application_service_at(state: State, address: str, height: Height) -> str | None:
    """Return the service that an application is staked for at a height.

    An application that never changed its service has had it at every height.
    Source: x/application/types/application.go, GetActiveServiceConfigs.
    """
    application = state.applications.get(address)
    if application is None:
        return None
    services = state.application_services.get(address)
    if services is None:
        return application.service_id
    for period in services.periods:
        if period.height_activation <= height and (
            period.height_deactivation == 0 or height < period.height_deactivation
        ):
            return period.service_id
    return None


def supplier_at(supplier: Supplier, height: Height) -> Supplier:
    """Return a supplier with the services that it offers at a height filled in."""
    active = [update.config for update in supplier.config_history if is_config_active(update, height)]
    return replace(supplier, services=tuple(active))


def supplier_config_at(supplier: Supplier, service_id: str, height: Height) -> ServiceConfig | None:
    """Return a supplier's config for a service at a height."""
    for update in supplier.config_history:
        if update.config.service_id == service_id and is_config_active(update, height):
            return update.config
    return None


def session_at(
    state: State, application_address: str, service_id: str, height: Height, *, head: tuple[Height, bytes]
) -> Session | None:
    """Return the session of an application and a service that a height is in.

    `head` is the newest block's height and hash: a session that begins with it is seeded by it.
    `None` when the application is not staked for the service at that height, when nobody offers the
    service, when the height is ahead of the head, and when the session is so old that the state has
    forgotten its seed.
    """
    application = state.applications.get(application_address)
    if application is None or application_service_at(state, application_address, height) != service_id:
        return None
    params = params_at(state, height)
    start = compute_session_start(height, params.shared)
    seed = state.block_hashes.get(height_key(start))
    block_hash = head[1] if start == head[0] else None if seed is None else seed.hash
    if block_hash is None or height > head[0]:
        return None
    try:
        return hydrate_session(
            replace(application, service_id=service_id),
            service_id,
            height,
            height_head=head[0],
            block_hash=block_hash,
            suppliers=(supplier for _, supplier in state.suppliers.items()),
            shared=params.shared,
            count=params.session.num_suppliers_per_session,
        )
    except ValueError:
        return None


def list_session_sources(state: State) -> tuple[Table[Any], ...]:
    """Return the tables that `session_at` reads: while none of them changes, nor does a session."""
    return (
        state.applications,
        state.application_services,
        state.suppliers,
        state.params,
        state.session_params,
        state.block_hashes,
    )


def compute_oldest_start(state: State, height: Height) -> Height:
    """Return the start of the oldest session that is not settled long enough by the end of a block.

    That is one session after it was settled. What no session from there on asks for can be forgotten:
    seeds and configs of before. Each session is settled by the parameters of its own time, so that after
    the windows were shortened one of before can outlast many that began later.
    """
    rows = [(Height(int(key)), row.shared) for key, row in state.params.items()]
    ends = [Height(start - 1) for start, _ in rows[1:]] + [height]
    oldest = height
    for (first, shared), last in zip(rows, ends, strict=True):
        settled_after = compute_settlement_height(Height(0), shared) + shared.num_blocks_per_session
        # The oldest end of a session that is kept, were all sessions by these parameters.
        end = Height(max(first, height - settled_after))
        if end <= min(last, height):
            oldest = min(oldest, compute_session_start(end, shared))
    return oldest
