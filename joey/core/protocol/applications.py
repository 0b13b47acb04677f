"""Applications: staked for one service, delegating to gateways, unstaked, paid back.

Source: x/application/keeper. An application's first stake counts for the session that runs; a change
of service holds from the next session on. One departure: who stakes for a service that does not exist is
refused; the network takes it.
"""

from __future__ import annotations

from dataclasses import replace

from joey.core.protocol.bank import APPLICATION_POOL, transfer
from joey.core.protocol.block import BlockContext
from joey.core.protocol.checks import (
    compute_next_session_start,
    compute_unbonding_end,
    is_session_end,
    refuse,
)
from joey.core.protocol.gateways import is_gateway_active
from joey.core.protocol.queries import live_params
from joey.core.protocol.sessions import compute_session_end
from joey.core.protocol.state import ApplicationServices, ServicePeriod, State
from joey.core.units import Height, Upokt
from joey.core.wire.messages import (
    DelegateToGateway,
    StakeApplication,
    UndelegateFromGateway,
    UnstakeApplication,
)
from joey.core.wire.session import Application

__all__ = [
    "begin_unbonding",
    "delegate_to_gateway",
    "prune_undelegations",
    "stake_application",
    "unbond_applications",
    "undelegate_from_gateway",
    "undelegate_from_inactive_gateways",
    "unstake_application",
]

_UNDELEGATION_SESSIONS_KEPT = 2
"""Source: x/application/keeper/prune_undelegations.go, NumSessionsAppToGatewayUndelegationRetention."""


def stake_application(state: State, message: StakeApplication, block: BlockContext) -> tuple[()]:
    """Stake an application, or raise its stake; staking again takes an unstaking back."""
    limit = message.spend_limit_per_session
    if state.services.get(message.service_id) is None:
        raise refuse("application", 1106, f"there is no service {message.service_id}")
    params = live_params(state)
    known = state.applications.get(message.address)
    staked = 0 if known is None else known.stake
    if message.stake < params.application.min_stake:
        text = f"an application stakes at least {params.application.min_stake} upokt, not {message.stake}"
        raise refuse("application", 1101, text)
    if message.stake <= staked:
        raise refuse("application", 1101, f"{message.stake} upokt is no more than the stake of {staked}")
    transfer(state, message.address, APPLICATION_POOL, Upokt(message.stake - staked))
    if known is None:
        application = Application(message.address, message.stake, message.service_id)
    else:
        if known.service_id != message.service_id:
            _change_service(state, known, message.service_id, block)
        application = replace(
            known,
            stake=message.stake,
            service_id=message.service_id,
            unstake_session_end_height=Height(0),
        )
    if limit is not None:
        application = replace(application, spend_limit_per_session=limit or None)
    state.applications.put(message.address, application)
    return ()


def _change_service(state: State, application: Application, service_id: str, block: BlockContext) -> None:
    """Note that a service changes with the next session. Sessions that ran keep theirs."""
    next_start = compute_next_session_start(block.height, live_params(state).shared)
    services = state.application_services.get(application.address)
    periods = (
        (ServicePeriod(application.service_id, Height(1), Height(0)),)
        if services is None
        else services.periods
    )
    # A change of earlier in this session has never held: this one takes its place.
    kept = [period for period in periods if period.height_activation != next_start]
    closed = [
        replace(period, height_deactivation=next_start) if period.height_deactivation == 0 else period
        for period in kept
    ]
    opened = ServicePeriod(service_id, next_start, Height(0))
    state.application_services.put(application.address, ApplicationServices((*closed, opened)))


def unstake_application(state: State, message: UnstakeApplication, block: BlockContext) -> tuple[()]:
    """Begin to unstake: the session that runs is the application's last."""
    application = _get_application(state, message.address)
    if application.unstake_session_end_height != 0:
        raise refuse("application", 1112, f"application {message.address} is unstaking already")
    if application.pending_transfer is not None:
        raise refuse("application", 1114, f"application {message.address} is in transfer period")
    state.applications.put(application.address, begin_unbonding(state, application, block))
    return ()


def begin_unbonding(state: State, application: Application, block: BlockContext) -> Application:
    """Return an application that leaves with the end of this session; one that leaves stays as it is."""
    if application.unstake_session_end_height != 0:
        return application
    end = compute_session_end(block.height, live_params(state).shared)
    return replace(application, unstake_session_end_height=end)


def delegate_to_gateway(state: State, message: DelegateToGateway, block: BlockContext) -> tuple[()]:
    """Let a staked gateway sign for the application, at once."""
    application = _get_application(state, message.application_address)
    gateway = state.gateways.get(message.gateway_address)
    if gateway is None or not is_gateway_active(gateway, block.height):
        raise refuse("application", 1107, f"there is no active gateway {message.gateway_address}")
    if gateway.address in application.delegated_gateways:
        raise refuse("application", 1109, f"the application delegates to {gateway.address} already")
    most = live_params(state).application.max_delegated_gateways
    if len(application.delegated_gateways) >= most:
        raise refuse("application", 1110, f"an application delegates to at most {most} gateways")
    pending = {
        height: tuple(address for address in gateways if address != gateway.address)
        for height, gateways in application.pending_undelegations.items()
    }
    delegated = replace(
        application,
        delegated_gateways=(*application.delegated_gateways, gateway.address),
        pending_undelegations={height: gateways for height, gateways in pending.items() if gateways},
    )
    state.applications.put(application.address, delegated)
    return ()


def undelegate_from_gateway(state: State, message: UndelegateFromGateway, block: BlockContext) -> tuple[()]:
    """Take a delegation back; the gateway stays in the ring up to the end of this session."""
    application = _get_application(state, message.application_address)
    if message.gateway_address not in application.delegated_gateways:
        text = f"the application does not delegate to {message.gateway_address}"
        raise refuse("application", 1111, text)
    state.applications.put(
        application.address, _remove_delegation(state, application, message.gateway_address, block)
    )
    return ()


def undelegate_from_inactive_gateways(state: State, block: BlockContext) -> None:
    """Take back every delegation to a gateway that has left. Source: auto_undelegate.go."""
    gone = {
        address for address, gateway in state.gateways.items() if not is_gateway_active(gateway, block.height)
    }
    if not gone:
        return
    for address, application in state.applications.items():
        for gateway_address in application.delegated_gateways:
            if gateway_address in gone:
                application = _remove_delegation(state, application, gateway_address, block)
                state.applications.put(address, application)


def prune_undelegations(state: State, block: BlockContext) -> None:
    """Forget undelegations of which no proof can speak any more. Source: prune_undelegations.go."""
    shared = live_params(state).shared
    kept_blocks = (
        shared.grace_period_end_offset_blocks + _UNDELEGATION_SESSIONS_KEPT * shared.num_blocks_per_session
    )
    for address, application in state.applications.items():
        pending = application.pending_undelegations
        kept = {end: gateways for end, gateways in pending.items() if end >= block.height - kept_blocks}
        if len(kept) != len(pending):
            state.applications.put(address, replace(application, pending_undelegations=kept))


def unbond_applications(state: State, block: BlockContext) -> None:
    """At the end of a session, give back the stakes whose unbonding period is over."""
    if not is_session_end(block.height, live_params(state).shared):
        return
    for address, application in state.applications.items():
        unstaked = application.unstake_session_end_height
        if unstaked == 0:
            continue
        shared = live_params(state).shared
        period = shared.application_unbonding_period_sessions
        if compute_unbonding_end(unstaked, period, shared) <= block.height:
            transfer(state, APPLICATION_POOL, address, application.stake)
            state.applications.remove(address)
            state.application_services.remove(address)


def _get_application(state: State, address: str) -> Application:
    application = state.applications.get(address)
    if application is None:
        raise refuse("application", 1104, f"there is no application {address}")
    return application


def _remove_delegation(
    state: State, application: Application, gateway_address: str, block: BlockContext
) -> Application:
    end = compute_session_end(block.height, live_params(state).shared)
    pending = dict(application.pending_undelegations)
    pending[end] = (*pending.get(end, ()), gateway_address)
    remaining = tuple(one for one in application.delegated_gateways if one != gateway_address)
    return replace(application, delegated_gateways=remaining, pending_undelegations=pending)
