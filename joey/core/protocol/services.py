"""Services: added for a fee, changed by their owner, priced by height, handed to another owner.

Source: x/service/keeper/{msg_server_add_service,msg_server_transfer_service,compute_units}.go. One
departure: the signer must own the service, where the network compares the message's service with the
stored one only. The codes of a transfer's two refusals (1117, 1118) are ours, for want of the network's
numbers; on the wire they do not show.
"""

from __future__ import annotations

from dataclasses import replace

from joey.core.protocol.bank import SERVICE_FEES, transfer
from joey.core.protocol.block import BlockContext
from joey.core.protocol.checks import compute_next_session_start, refuse
from joey.core.protocol.queries import live_params
from joey.core.protocol.sessions import compute_session_start
from joey.core.protocol.state import ComputeUnitsHistory, State
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.messages import AddService, TransferService
from joey.core.wire.session import Service

__all__ = [
    "CARD_BYTES_MAX",
    "COMPUTE_UNITS_PER_RELAY_MAX",
    "SERVICE_NAME_LENGTH_MAX",
    "add_service",
    "transfer_service",
]

COMPUTE_UNITS_PER_RELAY_MAX = 2**21
"""Source: x/shared/types/service.go, `2 << 20`."""
SERVICE_NAME_LENGTH_MAX = 169
CARD_BYTES_MAX = 256 * 1024


def add_service(state: State, message: AddService, block: BlockContext) -> tuple[()]:
    """Add a service, or change one. A new price holds from the next session on.

    A change without a card leaves the card as it is.
    """
    service = message.service
    if message.owner_address != service.owner_address:
        raise refuse("service", 1113, f"{message.owner_address} is not the owner {service.owner_address}")
    known = state.services.get(service.id)
    params = live_params(state)
    if known is None:
        _charge_fee(state, message.owner_address, params.service.add_service_fee)
        start = compute_session_start(block.height, params.shared)
        _record_units(state, service, start)
        state.services.put(service.id, service)
        return ()
    if known.owner_address != message.owner_address:
        raise refuse("service", 1113, f"service {service.id} belongs to {known.owner_address}")
    if known.compute_units_per_relay != service.compute_units_per_relay:
        _record_units(state, service, compute_next_session_start(block.height, params.shared))
    state.services.put(service.id, replace(service, card=service.card or known.card))
    return ()


def transfer_service(state: State, message: TransferService, _block: BlockContext) -> tuple[()]:
    """Make another account the owner of a service, at once; the price and the card stay."""
    service = state.services.get(message.service_id)
    if service is None:
        raise refuse("service", 1117, f"service {message.service_id!r} not found")
    if service.owner_address != message.owner_address:
        text = f"signer {message.owner_address!r} is not the owner of service {service.id!r}"
        raise refuse("service", 1118, f"{text} (owner: {service.owner_address!r})")
    state.services.put(service.id, replace(service, owner_address=message.new_owner_address))
    return ()


def _charge_fee(state: State, owner: str, fee: Upokt) -> None:
    """Take the fee. The network asks for strictly more than the fee on the account."""
    account = state.accounts.get(owner)
    balance = 0 if account is None else account.balance
    if balance <= fee:
        raise refuse("service", 1108, f"{owner} has {balance} upokt, more than {fee} are needed")
    transfer(state, owner, SERVICE_FEES, fee)


def _record_units(state: State, service: Service, height: Height) -> None:
    """Note a price from a height on; a second change for the same height replaces the first."""
    history = state.compute_units.get(service.id)
    earlier = () if history is None else history.changes
    kept = tuple(change for change in earlier if change[0] != height)
    changed = (height, ComputeUnits(service.compute_units_per_relay))
    state.compute_units.put(service.id, ComputeUnitsHistory((*kept, changed)))
