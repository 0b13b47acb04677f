"""From a supplier's file to the message it needs, checked against what is on the chain."""

from __future__ import annotations

from urllib.parse import urlsplit

from joey.core.crypto.keys import is_address
from joey.core.protocol.sessions import is_config_active
from joey.core.units import Height, Upokt
from joey.core.wire.messages import StakeSupplier
from joey.core.wire.session import (
    RevenueShare,
    ServiceConfig,
    Supplier,
    SupplierEndpoint,
)
from joey.ports.chain import Chain
from joey.wiring.proposal import Change, Cost, Due, Proposal, find_due, refuse_field
from joey.wiring.stake_file import RPC_TYPES, SuppliedService, SupplierFile
from joey.wiring.stake_plan import change_stake, check_stake, read_stake

__all__ = ["propose_supplier"]

_URL_SCHEMES = ("http", "https", "ws", "wss")


async def propose_supplier(chain: Chain, file: SupplierFile, signer: str) -> Proposal:
    """Return what stakes a supplier, or changes its stake, owner or services."""
    due = await find_due(chain)
    operator = _read_address(file.operator, "operator") or signer
    known = await chain.supplier(operator)
    owner = _read_address(file.owner, "owner") or (known.owner_address if known is not None else operator)
    _check_signer(known, owner, operator, signer)
    configs = await _read_configs(chain, file.services, owner)
    if configs and signer != operator:
        raise refuse_field(
            "services", f"only the operator may change them: sign with {operator}, or leave them out"
        )
    staked = None if known is None else known.stake
    stake = read_stake(file.stake, staked)
    if stake is None:
        raise refuse_field("stake", "a new supplier names its stake")
    if known is None and not configs:
        raise refuse_field("services", "a new supplier names at least one service")
    check_stake(stake, due.live.supplier.min_stake, "a supplier")

    changes = _list_changes(known, owner, stake, configs, due)
    title = f"supplier {operator}"
    if not changes:
        return Proposal(title)
    coming = {} if known is None else _find_coming(known, due.session)
    is_same = {config.service_id: config for config in configs} == coming
    message = StakeSupplier(
        signer, owner, operator, None if stake == staked else stake, () if is_same else configs
    )
    grows = Upokt(stake - (staked or 0))
    costs = [Cost("stake", grows)] if grows > 0 or (grows < 0 and signer == owner) else []
    notes = () if grows >= 0 or signer == owner else (f"{-grows}upokt go back to the owner, {owner}",)
    costs.append(Cost("staking fee", due.live.supplier.staking_fee))
    return Proposal(title, (message,), tuple(changes), tuple(costs), notes)


def _read_address(text: str, field: str) -> str:
    if text and (text != text.lower() or not is_address(text)):
        raise refuse_field(field, f"must be an address such as pokt1..., in lower case, not {text!r}")
    return text


def _check_signer(known: Supplier | None, owner: str, operator: str, signer: str) -> None:
    allowed = {operator, owner if known is None else known.owner_address}
    if signer not in allowed:
        raise refuse_field(
            "operator", f"the key that signs, {signer}, is neither its owner nor its operator: sign with one"
        )
    if known is not None and owner != known.owner_address and signer != known.owner_address:
        raise refuse_field("owner", f"only the owner, {known.owner_address}, may name another: sign with it")


async def _read_configs(
    chain: Chain, services: tuple[SuppliedService, ...], owner: str
) -> tuple[ServiceConfig, ...]:
    configs: list[ServiceConfig] = []
    for index, service in enumerate(services):
        field = f"services[{index}]"
        if service.service in {config.service_id for config in configs}:
            raise refuse_field(f"{field}.service", f"{service.service} is named twice: merge the two")
        if not service.service:
            raise refuse_field(f"{field}.service", "it is missing: name the service")
        if await chain.service(service.service) is None:
            raise refuse_field(
                f"{field}.service",
                f"there is no service {service.service}: publish it with `joey stake service FILE`",
            )
        configs.append(
            ServiceConfig(
                service.service, _read_endpoints(service, field), _read_shares(service, owner, field)
            )
        )
    return tuple(configs)


def _read_endpoints(service: SuppliedService, field: str) -> tuple[SupplierEndpoint, ...]:
    if not service.endpoints:
        raise refuse_field(f"{field}.endpoints", 'must be at least one, such as { url = "https://..." }')
    endpoints = []
    for index, entry in enumerate(service.endpoints):
        where = f"{field}.endpoints[{index}]"
        if entry.rpc not in RPC_TYPES:
            raise refuse_field(f"{where}.rpc", f"must be one of {', '.join(RPC_TYPES)}, not {entry.rpc!r}")
        if not _is_url(entry.url):
            schemes = ", ".join(f"{scheme}://" for scheme in _URL_SCHEMES)
            raise refuse_field(f"{where}.url", f"must be a host after one of {schemes}, not {entry.url!r}")
        endpoints.append(SupplierEndpoint(entry.url, RPC_TYPES[entry.rpc]))
    return tuple(endpoints)


def _is_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in _URL_SCHEMES and bool(url.hostname)
    except ValueError:
        return False


def _read_shares(service: SuppliedService, owner: str, field: str) -> tuple[RevenueShare, ...]:
    if not service.shares:
        return (RevenueShare(owner, 100),)
    where = f"{field}.shares"
    addresses = [
        _read_address(share.address, f"{where}[{index}].address")
        for index, share in enumerate(service.shares)
    ]
    if "" in addresses or len(set(addresses)) != len(addresses):
        raise refuse_field(where, "every share must have an address, and each address one share")
    percents = [share.percent for share in service.shares]
    if sum(percents) != 100 or min(percents) < 1:
        raise refuse_field(
            where, f"the percentages must be at least 1 and sum to 100, these sum to {sum(percents)}"
        )
    return tuple(RevenueShare(share.address, share.percent) for share in service.shares)


def _list_changes(
    known: Supplier | None, owner: str, stake: Upokt, configs: tuple[ServiceConfig, ...], due: Due
) -> list[Change]:
    changes = []
    if known is None or known.stake != stake:
        changes.append(change_stake(None if known is None else known.stake, stake, due.block))
    if known is None or known.owner_address != owner:
        changes.append(Change("owner", "none" if known is None else known.owner_address, owner, due.block))
    if known is not None and known.unstake_session_end_height:
        changes.append(Change("unstaking", "yes", "no", due.block))
    return changes + _list_service_changes(known, configs, due.session)


def _list_service_changes(
    known: Supplier | None, configs: tuple[ServiceConfig, ...], height: Height
) -> list[Change]:
    """Return how the services differ from those that hold from the next session on; none asked for, none."""
    if not configs:
        return []
    before = {} if known is None else _find_coming(known, height)
    after = {config.service_id: config for config in configs}
    return [
        Change(
            f"service {name}",
            _format_config(before.get(name)),
            _format_config(after.get(name)),
            height,
        )
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _find_coming(known: Supplier, height: Height) -> dict[str, ServiceConfig]:
    """Return what is offered from a height on, as the chain knows it now."""
    if not known.config_history:
        return {config.service_id: config for config in known.services}
    return {
        update.config.service_id: update.config
        for update in known.config_history
        if is_config_active(update, height)
    }


def _format_config(config: ServiceConfig | None) -> str:
    if config is None:
        return "none"
    urls = " ".join(endpoint.url for endpoint in config.endpoints)
    shares = " ".join(f"{share.percentage} % {share.address}" for share in config.revenue_shares)
    return f"{urls}, {shares}"
