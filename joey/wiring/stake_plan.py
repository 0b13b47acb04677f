"""From a file of `joey stake` to the messages it needs, checked against what is on the chain.

What the chain would refuse is refused here first, naming the field and the fix. Only what differs is
sent: a file that describes what is there already needs no message.
"""

from __future__ import annotations

from joey.core.crypto.keys import is_address
from joey.core.protocol.claims import compute_relay_price
from joey.core.protocol.params import NetworkParams
from joey.core.protocol.services import CARD_BYTES_MAX, COMPUTE_UNITS_PER_RELAY_MAX, SERVICE_NAME_LENGTH_MAX
from joey.core.protocol.sessions import is_service_id
from joey.core.units import UPOKT_PER_POKT, ComputeUnits, Height, Upokt
from joey.core.wire.messages import (
    AddService,
    DelegateToGateway,
    Message,
    StakeApplication,
    StakeGateway,
)
from joey.core.wire.session import Application, Service
from joey.ports.chain import Chain
from joey.wiring.proposal import Change, Cost, Due, Proposal, find_due, format_exact, refuse_field
from joey.wiring.stake_file import ApplicationFile, GatewayFile, ServiceFile, read_optional_amount

__all__ = [
    "change_stake",
    "check_stake",
    "propose_application",
    "propose_gateway",
    "propose_service",
    "read_stake",
]


def read_stake(text: str, staked: Upokt | None) -> Upokt | None:
    """Return the stake of a file, or where it is left out, what is staked."""
    stake = read_optional_amount(text, "stake")
    return staked if stake is None else stake


def check_stake(stake: Upokt, least: Upokt, what: str) -> None:
    """Raise `ConfigError` for a stake below what the network asks for."""
    if stake < least:
        raise refuse_field("stake", f"{what} stakes at least {least}upokt, this is {stake}upokt: raise it")


def change_stake(before: Upokt | None, after: Upokt, height: Height) -> Change:
    """Return a change of stake; `before` is `None` for a new one."""
    return Change("stake", before, after, height)


async def propose_gateway(chain: Chain, file: GatewayFile, signer: str) -> Proposal:
    """Return what stakes the signer as a gateway, or raises its stake."""
    due = await find_due(chain)
    known = await chain.gateway(signer)
    staked = None if known is None else known.stake
    stake = read_stake(file.stake, staked)
    title = f"gateway {signer}"
    if stake is None:
        raise refuse_field("stake", "a new gateway names its stake")
    is_leaving = known is not None and known.unstake_session_end_height != 0
    if stake == staked and not is_leaving:
        return Proposal(title)
    check_stake(stake, due.live.gateway.min_stake, "a gateway")
    _check_grows(stake, staked)
    return Proposal(
        title,
        (StakeGateway(signer, stake),),
        (change_stake(staked, stake, due.block), *_change_leaving(is_leaving, due)),
        (Cost("stake", Upokt(stake - (staked or 0))),),
    )


async def propose_application(chain: Chain, file: ApplicationFile, signer: str) -> Proposal:
    """Return what stakes the signer as an application, changes it, or has it delegate."""
    due = await find_due(chain)
    known = await chain.application(signer)
    staked = None if known is None else known.stake
    stake = read_stake(file.stake, staked)
    service = file.service or (known.service_id if known is not None else "")
    limit = read_optional_amount(file.spend_limit, "spend_limit")
    if stake is None:
        raise refuse_field("stake", "a new application names its stake")
    if not service:
        raise refuse_field("service", "a new application names the service it pays for")
    if await chain.service(service) is None:
        raise refuse_field(
            "service", f"there is no service {service}: publish it with `joey stake service FILE`"
        )
    if limit is not None and 0 < limit < UPOKT_PER_POKT:
        raise refuse_field("spend_limit", f"must be at least 1pokt, or 0pokt for none, not {limit}upokt")
    check_stake(stake, due.live.application.min_stake, "an application")

    messages: list[Message] = []
    changes = _change_application(known, stake, service, limit, due)
    if changes:
        _check_grows(stake, staked)
        messages.append(StakeApplication(signer, stake, service, limit))
    delegated = () if known is None else known.delegated_gateways
    gateways = tuple(dict.fromkeys(one for one in file.gateways if one not in delegated))
    await _check_gateways(chain, gateways, len(delegated), due.live)
    messages += [DelegateToGateway(signer, gateway) for gateway in gateways]
    changes += [Change("delegates to", "", gateway, due.block) for gateway in gateways]
    costs = (Cost("stake", Upokt(stake - (staked or 0))),) if stake != staked else ()
    return Proposal(f"application {signer}", tuple(messages), tuple(changes), costs)


def _change_application(
    known: Application | None, stake: Upokt, service: str, limit: Upokt | None, due: Due
) -> list[Change]:
    """Return what a stake message would change; nothing when it is not needed."""
    if known is None:
        changes = [change_stake(None, stake, due.block), Change("service", "none", service, due.block)]
        limit_before = None
    else:
        changes = [change_stake(known.stake, stake, due.block)] if stake != known.stake else []
        if service != known.service_id:
            changes.append(Change("service", known.service_id, service, due.session))
        changes += _change_leaving(known.unstake_session_end_height != 0, due)
        limit_before = known.spend_limit_per_session
    if limit is not None and limit != (limit_before or 0):
        changes.append(Change("spend limit a session", limit_before or None, limit or None, due.block))
    return changes


async def _check_gateways(
    chain: Chain, gateways: tuple[str, ...], delegated: int, live: NetworkParams
) -> None:
    most = live.application.max_delegated_gateways
    if gateways and delegated + len(gateways) > most:
        raise refuse_field(
            "gateways", f"an application delegates to at most {most} gateways: undelegate from one first"
        )
    for gateway in gateways:
        found = await chain.gateway(gateway) if is_address(gateway) else None
        if found is None:
            raise refuse_field(
                "gateways", f"{gateway!r} is not a staked gateway: stake it first, or correct it"
            )
        if found.unstake_session_end_height:
            raise refuse_field("gateways", f"{gateway} is unstaking: name another")


def _check_grows(stake: Upokt, staked: Upokt | None) -> None:
    if staked is not None and stake <= staked:
        raise refuse_field(
            "stake",
            f"a change needs more than the {staked}upokt that are staked: name {staked + 1}upokt or more",
        )


def _change_leaving(is_leaving: bool, due: Due) -> tuple[Change, ...]:
    return (Change("unstaking", "yes", "no", due.block),) if is_leaving else ()


async def propose_service(chain: Chain, file: ServiceFile, card: bytes, signer: str) -> Proposal:
    """Return what publishes a service, or changes one of the signer's: name, price, card."""
    due = await find_due(chain)
    if not file.id:
        raise refuse_field("id", 'it is missing: name the service, such as id = "text-interactive"')
    if not is_service_id(file.id):
        raise refuse_field("id", f"must be at most 42 letters, digits, - and _, not {file.id!r}")
    known = await chain.service(file.id)
    if known is not None and known.owner_address != signer:
        raise refuse_field("id", f"service {file.id} belongs to {known.owner_address}: sign with that key")
    name = file.name or (known.name if known is not None else "")
    units = file.compute_units_per_relay or (known.compute_units_per_relay if known is not None else 0)
    if not 0 < len(name) <= SERVICE_NAME_LENGTH_MAX:
        raise refuse_field("name", f"must be 1 to {SERVICE_NAME_LENGTH_MAX} characters, not {len(name)}")
    if not 1 <= units <= COMPUTE_UNITS_PER_RELAY_MAX:
        raise refuse_field(
            "compute_units_per_relay", f"must be 1 to {COMPUTE_UNITS_PER_RELAY_MAX}, not {units}"
        )
    if len(card) > CARD_BYTES_MAX:
        raise refuse_field("card", f"must be at most {CARD_BYTES_MAX} bytes, not {len(card)}")
    wanted = Service(file.id, name, ComputeUnits(units), signer, card or (known.card if known else b""))
    if wanted == known:
        return Proposal(f"service {file.id}")
    fee = due.live.service.add_service_fee
    shared = (await chain.params_at(due.session)).shared
    price = format_exact(compute_relay_price(wanted.compute_units_per_relay, shared))
    return Proposal(
        f"service {file.id}",
        (AddService(signer, Service(file.id, name, ComputeUnits(units), signer, card)),),
        tuple(_change_service(known, wanted, due)),
        (Cost("fee for a new service", fee),) if known is None else (),
        (f"a relay costs {price} upokt at today's multiplier",),
    )


def _change_service(known: Service | None, wanted: Service, due: Due) -> list[Change]:
    if known is None:
        units = f"{wanted.compute_units_per_relay} compute units a relay"
        return [Change("service", "none", f"{wanted.name}, {units}", due.block)]
    changes = []
    if known.name != wanted.name:
        changes.append(Change("name", known.name, wanted.name, due.block))
    if known.compute_units_per_relay != wanted.compute_units_per_relay:
        before, after = str(known.compute_units_per_relay), str(wanted.compute_units_per_relay)
        changes.append(Change("compute units a relay", before, after, due.session))
    if known.card != wanted.card:
        changes.append(Change("card", f"{len(known.card)} bytes", f"{len(wanted.card)} bytes", due.block))
    return changes
