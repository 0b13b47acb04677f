"""Money and stakes of a network of our own: who owns what, funded and staked, as often as asked.

Everything is asked for before it is done, so that a second start only does what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.keyrings.file import FileKeyring
from joey.core.crypto.keys import PrivateKey
from joey.core.protocol.genesis import Genesis
from joey.core.protocol.params import NetworkParams
from joey.core.protocol.state import Validator
from joey.core.units import UPOKT_PER_POKT, Upokt
from joey.core.wire.messages import (
    DelegateToGateway,
    Message,
    Send,
    StakeApplication,
    StakeGateway,
    StakeSupplier,
)
from joey.core.wire.session import RevenueShare, RpcType, ServiceConfig, SupplierEndpoint

__all__ = [
    "Keys",
    "ServedNode",
    "fund",
    "make_genesis",
    "stake_application",
    "stake_gateway",
    "stake_supplier",
]

_FAUCET = Upokt(10_000_000_000 * UPOKT_PER_POKT)
_VALIDATOR_STAKE = Upokt(100_000 * UPOKT_PER_POKT)
_APPLICATION_STAKE = Upokt(100_000 * UPOKT_PER_POKT)
_SPENDING_MONEY = Upokt(10_000 * UPOKT_PER_POKT)


@dataclass(frozen=True, slots=True)
class Keys:
    """Everybody in the network: `applications` by service id, `suppliers` by node."""

    faucet: PrivateKey
    validator: PrivateKey
    service_owner: PrivateKey
    gateway: PrivateKey
    applications: dict[str, PrivateKey]
    suppliers: tuple[PrivateKey, ...]

    @classmethod
    def read(cls, keyring: FileKeyring, services: Sequence[str], nodes: int) -> Keys:
        """Take the keys from their files; make those that are missing."""
        return cls(
            faucet=keyring.get_or_create("faucet"),
            validator=keyring.get_or_create("validator"),
            service_owner=keyring.get_or_create("service-owner"),
            gateway=keyring.get_or_create("gateway"),
            applications={name: keyring.get_or_create(f"application-{name}") for name in services},
            suppliers=tuple(keyring.get_or_create(f"supplier-{i}") for i in range(1, nodes + 1)),
        )


@dataclass(frozen=True, slots=True)
class ServedNode:
    """A node that listens: its supplier's key, its address, and the services it serves."""

    key: PrivateKey
    url: str
    services: tuple[str, ...]


def make_genesis(keys: Keys, params: NetworkParams, time: datetime) -> Genesis:
    """Return the beginning of a network in which one faucet owns all that is not staked."""
    return Genesis(
        chain_id="joey-local",
        time=time,
        params=params,
        balances={keys.faucet.address: _FAUCET},
        validators=(Validator(keys.validator.address, _VALIDATOR_STAKE),),
    )


async def fund(chain: LocalChain, keys: Keys, params: NetworkParams) -> None:
    """Give everybody what their stake and fees need, in one transaction, where it is missing."""
    wanted = [
        (keys.service_owner, params.service.add_service_fee),
        (keys.gateway, _choose_gateway_stake(params)),
        *((key, _choose_application_stake(params)) for key in keys.applications.values()),
        *((key, _choose_supplier_stake(params)) for key in keys.suppliers),
    ]
    sends: list[Message] = []
    for key, needed in wanted:
        # An account that has signed was funded before: it staked with what it got.
        if await chain.public_key(key.address) is None and await chain.balance(key.address) < needed:
            sends.append(Send(keys.faucet.address, key.address, Upokt(needed + _SPENDING_MONEY)))
    if sends:
        await chain.submit(sends, keys.faucet)


async def stake_gateway(chain: LocalChain, keys: Keys, params: NetworkParams) -> None:
    """Stake the gateway, once."""
    address = keys.gateway.address
    if await chain.gateway(address) is None:
        await chain.submit([StakeGateway(address, _choose_gateway_stake(params))], keys.gateway)


async def stake_application(chain: LocalChain, keys: Keys, service_id: str, params: NetworkParams) -> None:
    """Stake the application that pays for a service and have it delegate to the gateway, once.

    An application whose stake has run below a tenth is topped up to a full one: the portal operator
    restores what its relays burned.
    """
    key = keys.applications[service_id]
    stake = _choose_application_stake(params)
    known = await chain.application(key.address)
    messages: list[Message] = []
    if known is None or known.stake < stake // 10:
        spendable = await chain.balance(key.address)
        missing = stake - (known.stake if known is not None else 0) - spendable
        if missing > 0:
            await chain.submit([Send(keys.faucet.address, key.address, Upokt(missing))], keys.faucet)
        messages.append(StakeApplication(key.address, stake, service_id))
    if known is None or keys.gateway.address not in known.delegated_gateways:
        messages.append(DelegateToGateway(key.address, keys.gateway.address))
    if messages:
        await chain.submit(messages, key)


async def stake_supplier(chain: LocalChain, node: ServedNode, params: NetworkParams) -> None:
    """Stake a supplier for what its node serves, where it listens; again when either has changed."""
    address = node.key.address
    configs = tuple(
        ServiceConfig(
            service_id=name,
            endpoints=(SupplierEndpoint(node.url, RpcType.REST),),
            revenue_shares=(RevenueShare(address, 100),),
        )
        for name in node.services
    )
    known = await chain.supplier(address)
    if known is None:
        stake: Upokt | None = _choose_supplier_stake(params)
    elif sorted(known.services, key=lambda one: one.service_id) != sorted(
        configs, key=lambda one: one.service_id
    ):
        stake = None
    else:
        return
    await chain.submit([StakeSupplier(address, address, address, stake, configs)], node.key)


def _choose_application_stake(params: NetworkParams) -> Upokt:
    return max(_APPLICATION_STAKE, params.application.min_stake)


def _choose_gateway_stake(params: NetworkParams) -> Upokt:
    return params.gateway.min_stake


def _choose_supplier_stake(params: NetworkParams) -> Upokt:
    return params.supplier.min_stake
