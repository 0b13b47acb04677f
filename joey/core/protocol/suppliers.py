"""Suppliers: staked, their services by height, slashed, unstaked, paid back.

As on the network, a change of services and an unstaking give *every* old config the height of the next
session as its end, those included that had ended before and are not forgotten yet: such a config is
active once more up to then.
Source: x/supplier/keeper/{msg_server_stake_supplier,msg_server_unstake_supplier}.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from joey.core.protocol.bank import SUPPLIER_POOL, burn, transfer
from joey.core.protocol.block import BlockContext
from joey.core.protocol.checks import (
    compute_next_session_start,
    compute_unbonding_end,
    is_session_end,
    refuse,
)
from joey.core.protocol.queries import compute_oldest_start, live_params
from joey.core.protocol.sessions import compute_session_end
from joey.core.protocol.state import State
from joey.core.units import Height, Upokt
from joey.core.wire.messages import StakeSupplier, UnstakeSupplier
from joey.core.wire.session import ServiceConfig, ServiceConfigUpdate, Supplier

__all__ = [
    "prune_config_history",
    "slash_supplier",
    "stake_supplier",
    "unbond_suppliers",
    "unstake_supplier",
]


def stake_supplier(state: State, message: StakeSupplier, block: BlockContext) -> tuple[()]:
    """Stake a supplier, or change its stake, owner or services; that takes an unstaking back.

    New configs are active from the next session on, and those they replace up to then. The signer
    pays what the stake grows by, and the fee; what it shrinks by goes to the owner.
    """
    _check_services(state, message)
    params = live_params(state)
    known = state.suppliers.get(message.operator_address)
    stake = message.stake if message.stake is not None or known is None else known.stake
    if stake is None:
        raise refuse("supplier", 1101, "a new supplier must name its stake")
    if stake < params.supplier.min_stake:
        raise refuse(
            "supplier", 1101, f"a supplier stakes at least {params.supplier.min_stake} upokt, not {stake}"
        )
    if known is None:
        if not message.services:
            raise refuse("supplier", 1104, "a new supplier must name at least one service")
        known = Supplier(message.owner_address, message.operator_address, Upokt(0))
    else:
        _check_may_change(known, message)
    if stake > known.stake:
        transfer(state, message.signer_address, SUPPLIER_POOL, Upokt(stake - known.stake))
    elif stake < known.stake:
        transfer(state, SUPPLIER_POOL, message.owner_address, Upokt(known.stake - stake))
    transfer(state, message.signer_address, SUPPLIER_POOL, params.supplier.staking_fee)
    next_start = compute_next_session_start(block.height, params.shared)
    changed = replace(
        known,
        owner_address=message.owner_address,
        stake=stake,
        unstake_session_end_height=Height(0),
        config_history=_change_configs(known, message.services, next_start),
    )
    state.suppliers.put(message.operator_address, changed)
    return ()


def unstake_supplier(state: State, message: UnstakeSupplier, block: BlockContext) -> tuple[()]:
    """Begin to unstake: the session that runs is the supplier's last."""
    supplier = state.suppliers.get(message.operator_address)
    if supplier is None:
        raise refuse("supplier", 1103, f"there is no supplier {message.operator_address}")
    if message.signer_address not in (supplier.operator_address, supplier.owner_address):
        text = f"{message.signer_address} is neither owner nor operator of {message.operator_address}"
        raise refuse("shared", 1105, text)
    if supplier.unstake_session_end_height != 0:
        raise refuse("supplier", 1105, f"supplier {message.operator_address} is unstaking already")
    state.suppliers.put(supplier.operator_address, _begin_unbonding(state, supplier, block))
    return ()


def slash_supplier(state: State, operator_address: str, amount: Upokt, block: BlockContext) -> None:
    """Burn a part of a supplier's stake; what is left below the least stake makes it leave."""
    supplier = state.suppliers.get(operator_address)
    assert supplier is not None, "only what is staked can be slashed"
    assert amount <= supplier.stake, "a slash is capped at the stake"
    burn(state, SUPPLIER_POOL, amount)
    slashed = replace(supplier, stake=Upokt(supplier.stake - amount))
    least = live_params(state).supplier.min_stake
    if slashed.stake < least and slashed.unstake_session_end_height == 0:
        slashed = _begin_unbonding(state, slashed, block)
    state.suppliers.put(operator_address, slashed)


def unbond_suppliers(state: State, block: BlockContext) -> None:
    """At the end of a session, give back to the owners the stakes whose unbonding period is over."""
    if not is_session_end(block.height, live_params(state).shared):
        return
    for address, supplier in state.suppliers.items():
        unstaked = supplier.unstake_session_end_height
        if unstaked == 0:
            continue
        shared = live_params(state).shared
        if compute_unbonding_end(unstaked, shared.supplier_unbonding_period_sessions, shared) <= block.height:
            transfer(state, SUPPLIER_POOL, supplier.owner_address, supplier.stake)
            state.suppliers.remove(address)


def prune_config_history(state: State, block: BlockContext) -> None:
    """Forget configs once the last session in which they were active is settled, and one more."""
    oldest = compute_oldest_start(state, block.height)
    for address, supplier in state.suppliers.items():
        kept = tuple(
            update
            for update in supplier.config_history
            if update.height_deactivation == 0 or update.height_deactivation > oldest
        )
        if len(kept) != len(supplier.config_history):
            state.suppliers.put(address, replace(supplier, config_history=kept))


def _check_services(state: State, message: StakeSupplier) -> None:
    for config in message.services:
        if state.services.get(config.service_id) is None:
            raise refuse("supplier", 1106, f"there is no service {config.service_id}")


def _check_may_change(supplier: Supplier, message: StakeSupplier) -> None:
    if message.signer_address not in (supplier.operator_address, supplier.owner_address):
        text = f"{message.signer_address} is neither owner nor operator of {supplier.operator_address}"
        raise refuse("shared", 1105, text)
    if message.owner_address != supplier.owner_address and message.signer_address != supplier.owner_address:
        raise refuse("shared", 1105, f"only {supplier.owner_address} may name another owner")


def _change_configs(
    supplier: Supplier, configs: Sequence[ServiceConfig], next_start: Height
) -> tuple[ServiceConfigUpdate, ...]:
    """Return the history with new configs from `next_start` on; with none, as it is.

    The new ones come first. A config that was to begin then makes place for a new one of its service.
    """
    if not configs:
        return supplier.config_history
    opened = [ServiceConfigUpdate(supplier.operator_address, config, next_start) for config in configs]
    services = {config.service_id for config in configs}
    kept = [
        update
        for update in supplier.config_history
        if update.height_activation != next_start or update.config.service_id not in services
    ]
    return (*opened, *_close(kept, next_start))


def _begin_unbonding(state: State, supplier: Supplier, block: BlockContext) -> Supplier:
    shared = live_params(state).shared
    return replace(
        supplier,
        unstake_session_end_height=compute_session_end(block.height, shared),
        config_history=_close(supplier.config_history, compute_next_session_start(block.height, shared)),
    )


def _close(updates: Sequence[ServiceConfigUpdate], height: Height) -> tuple[ServiceConfigUpdate, ...]:
    """Deactivate configs at a height, also those that were deactivated before: see above."""
    return tuple(replace(update, height_deactivation=height) for update in updates)
