"""Applications move to another account: asked for now, done at the end of a later session.

Until then the application stays what and where it is, and may not unstake. At the end of the session in
which the last session before the request is settled, all of it moves: stake, service, delegations,
what is pending, spend limit. If an application has meanwhile been staked at the destination, the two
become one.

Sessions go on to begin until the application moves. Of those that began after the request, most are
settled only after the move, under an address that has no application any more: they cannot be claimed,
or their claims are discarded (`is_settled_in_time`). A node or gateway should have nothing to do with them.

Departures: an application here has one service. Where both have one and they differ, the destination
keeps its own; the network lets it have both. Where two become one, their stakes are summed; the network
doubles that of the destination and loses the other. Who moves to one that moves with the same block moves
on with it, or comes after it, by the order of their addresses; nothing is lost in between.
Source: x/application/keeper/{msg_server_transfer_application,transfer_applications}.go,
x/application/types/application.go (GetApplicationTransferHeight).
"""

from __future__ import annotations

from dataclasses import replace

from joey.core.protocol.block import BlockContext
from joey.core.protocol.checks import is_session_end, refuse
from joey.core.protocol.params import SharedParams
from joey.core.protocol.queries import live_params
from joey.core.protocol.sessions import compute_session_end
from joey.core.protocol.state import State
from joey.core.protocol.windows import compute_settlement_height
from joey.core.units import Height, Upokt
from joey.core.wire.messages import TransferApplication
from joey.core.wire.session import Application, PendingTransfer, Session

__all__ = ["complete_transfers", "compute_transfer_height", "is_settled_in_time", "transfer_application"]


def transfer_application(state: State, message: TransferApplication, block: BlockContext) -> tuple[()]:
    """Begin to move an application; a second request names another destination and begins anew."""
    destination = message.destination_address
    if state.applications.get(destination) is not None:
        raise refuse("application", 1113, f"destination application ({destination}) exists")
    source = state.applications.get(message.source_address)
    if source is None:
        raise refuse("application", 1104, f"source application ({message.source_address}) not found")
    if source.unstake_session_end_height != 0:
        text = f"cannot transfer stake of unbonding source application {source.address!r}"
        raise refuse("application", 1112, text)
    end = compute_session_end(block.height, live_params(state).shared)
    state.applications.put(
        source.address, replace(source, pending_transfer=PendingTransfer(destination, end))
    )
    return ()


def complete_transfers(state: State, block: BlockContext) -> None:
    """At the end of a session, move the applications whose last claims are settled.

    One that began to unbond meanwhile, because its stake was spent, does not move.
    """
    shared = live_params(state).shared
    if not is_session_end(block.height, shared):
        return
    for address in [address for address, _ in state.applications.items()]:
        # Asked for anew: a transfer before it may have changed it, or added to it, or made it leave.
        source = state.applications.get(address)
        pending = None if source is None else source.pending_transfer
        if source is None or pending is None or block.height < compute_transfer_height(pending, shared):
            continue
        stays = replace(source, pending_transfer=None)
        if source.unstake_session_end_height != 0:
            state.applications.put(address, stays)
            continue
        _move(state, stays, pending.destination_address)


def compute_transfer_height(pending: PendingTransfer, shared: SharedParams) -> Height:
    """Return the height with whose end an application moves, if the shared parameters stay these."""
    settled = compute_settlement_height(pending.session_end_height, shared)
    return compute_session_end(settled, shared)


def is_settled_in_time(session: Session, shared: SharedParams) -> bool:
    """Tell whether a session is settled while its application is still where it is.

    `shared` are the parameters of the session. Without a transfer that is always so.
    """
    pending = session.application.pending_transfer
    return pending is None or compute_settlement_height(
        session.header.height_end, shared
    ) <= compute_transfer_height(pending, shared)


def _move(state: State, source: Application, destination_address: str) -> None:
    known = state.applications.get(destination_address)
    state.applications.remove(source.address)
    services = state.application_services.get(source.address)
    if services is not None:
        state.application_services.remove(source.address)
    if known is None:
        state.applications.put(destination_address, replace(source, address=destination_address))
        if services is not None:
            state.application_services.put(destination_address, services)
    else:
        state.applications.put(destination_address, _merge(source, known))


def _merge(source: Application, known: Application) -> Application:
    """Return the destination with what the source brings; where both speak, the destination's word holds.

    Of two spend limits the lower holds.
    """
    added = tuple(one for one in source.delegated_gateways if one not in known.delegated_gateways)
    limits = [
        one.spend_limit_per_session for one in (source, known) if one.spend_limit_per_session is not None
    ]
    return replace(
        known,
        stake=Upokt(known.stake + source.stake),
        delegated_gateways=(*known.delegated_gateways, *added),
        pending_undelegations=_merge_undelegations(source, known),
        spend_limit_per_session=min(limits, default=None),
    )


def _merge_undelegations(source: Application, known: Application) -> dict[int, tuple[str, ...]]:
    ends = {
        gateway: end
        for application in (source, known)
        for end, gateways in application.pending_undelegations.items()
        for gateway in gateways
    }
    return {
        end: tuple(sorted(gateway for gateway, its_end in ends.items() if its_end == end))
        for end in sorted(set(ends.values()))
    }
