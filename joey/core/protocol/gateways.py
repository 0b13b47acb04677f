"""Gateways: staked, unstaked, paid back, and what they say of themselves.

Source: x/gateway/keeper/{msg_server_stake_gateway,msg_server_unstake_gateway,unbond_gateways,
msg_server_update_gateway_metadata}.go.
"""

from __future__ import annotations

from dataclasses import replace

from joey.core.protocol.bank import GATEWAY_POOL, transfer
from joey.core.protocol.block import BlockContext
from joey.core.protocol.checks import compute_unbonding_end, is_session_end, refuse
from joey.core.protocol.queries import live_params
from joey.core.protocol.sessions import compute_session_end
from joey.core.protocol.state import State
from joey.core.units import Height, Upokt
from joey.core.wire.messages import StakeGateway, UnstakeGateway, UpdateGatewayMetadata
from joey.core.wire.session import Gateway

__all__ = [
    "is_gateway_active",
    "stake_gateway",
    "unbond_gateways",
    "unstake_gateway",
    "update_gateway_metadata",
]


def is_gateway_active(gateway: Gateway, height: Height) -> bool:
    """Tell whether applications may delegate to a gateway at a height."""
    return gateway.unstake_session_end_height == 0 or height <= gateway.unstake_session_end_height


def stake_gateway(state: State, message: StakeGateway, _block: BlockContext) -> tuple[()]:
    """Stake a gateway, or raise its stake; staking again takes an unstaking back."""
    known = state.gateways.get(message.address)
    staked = 0 if known is None else known.stake
    stake_min = live_params(state).gateway.min_stake
    if message.stake < stake_min:
        raise refuse("gateway", 1102, f"a gateway stakes at least {stake_min} upokt, not {message.stake}")
    if message.stake <= staked:
        raise refuse("gateway", 1102, f"{message.stake} upokt is no more than the stake of {staked}")
    transfer(state, message.address, GATEWAY_POOL, Upokt(message.stake - staked))
    card = b"" if known is None else known.card
    state.gateways.put(message.address, Gateway(message.address, message.stake, card=card))
    return ()


def unstake_gateway(state: State, message: UnstakeGateway, block: BlockContext) -> tuple[()]:
    """Begin to unstake: the gateway may sign up to the end of this session."""
    gateway = state.gateways.get(message.address)
    if gateway is None:
        raise refuse("gateway", 1104, f"there is no gateway {message.address}")
    if gateway.unstake_session_end_height != 0:
        raise refuse("gateway", 1107, f"gateway {message.address} is unstaking already")
    end = compute_session_end(block.height, live_params(state).shared)
    state.gateways.put(gateway.address, replace(gateway, unstake_session_end_height=end))
    return ()


def update_gateway_metadata(state: State, message: UpdateGatewayMetadata, _block: BlockContext) -> tuple[()]:
    """Replace a gateway's card, also while it unstakes; a message without one leaves it."""
    gateway = state.gateways.get(message.address)
    if gateway is None:
        raise refuse("gateway", 1104, f"there is no gateway {message.address}")
    if message.card is not None and message.card != gateway.card:
        state.gateways.put(gateway.address, replace(gateway, card=message.card))
    return ()


def unbond_gateways(state: State, block: BlockContext) -> None:
    """At the end of a session, give back the stakes whose unbonding period is over."""
    if not is_session_end(block.height, live_params(state).shared):
        return
    for address, gateway in state.gateways.items():
        unstaked = gateway.unstake_session_end_height
        if unstaked == 0:
            continue
        shared = live_params(state).shared
        if compute_unbonding_end(unstaked, shared.gateway_unbonding_period_sessions, shared) <= block.height:
            transfer(state, GATEWAY_POOL, address, gateway.stake)
            state.gateways.remove(address)
