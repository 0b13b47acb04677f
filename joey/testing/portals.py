"""A portal on loopback: a real gateway over the embedded chain, and suppliers that behave as told."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
from anyio.abc import TaskStatus

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.clock import SystemClock
from joey.adapters.entropy import SystemEntropy
from joey.adapters.stores.sqlite.database import Database
from joey.adapters.stores.sqlite.portal import PORTAL_MIGRATIONS, SqliteTenants, SqliteUsage
from joey.core.crypto.keys import PrivateKey
from joey.core.offers.offer import ServiceOffer
from joey.core.units import NanoUsd
from joey.core.wire.messages import StakeSupplier
from joey.core.wire.session import Session, Supplier
from joey.gateway.access import hash_api_key
from joey.gateway.app import Delegation, Gateway
from joey.http.server import ServerLimits
from joey.ports.stores import Tenant
from joey.relaying.outcome import RelayOutcome
from joey.testing.suppliers import Served, SupplierDouble
from joey.testing.worlds import World, make_genesis, make_key, make_supplier_config

__all__ = ["API_KEY", "OFFER", "FixedOrder", "Portal", "run_gateway", "run_portal"]

API_KEY = "sk-joey-test"
OFFER = ServiceOffer("text", "Text", ("smollm2", "org/smollm2:instruct"), NanoUsd(750_000))


class FixedOrder:
    """A routing policy: suppliers in a fixed order of their addresses."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._places = {address: place for place, address in enumerate(addresses)}

    def rank(self, session: Session) -> Sequence[Supplier]:
        """Return the suppliers of the session in that order."""
        return sorted(session.suppliers, key=lambda one: self._places[one.operator_address])


@dataclass(slots=True)
class Portal:
    """A running portal, what it published, and all that stands behind it."""

    url: str
    chain: LocalChain
    usage: SqliteUsage
    application_address: str
    gateway_key: PrivateKey
    suppliers: list[SupplierDouble] = field(default_factory=list)
    outcomes: list[RelayOutcome] = field(default_factory=list)
    _scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    _stopped: anyio.Event = field(default_factory=anyio.Event)

    @property
    def served(self) -> list[Served]:
        """Every relay that reached a supplier, by supplier."""
        return [served for supplier in self.suppliers for served in supplier.served]

    @property
    def codes(self) -> list[str | None]:
        """How every attempt ended: a fault's code, or `None` for an answer."""
        return [None if one.fault is None else one.fault.code for one in self.outcomes]

    async def run(
        self, gateway: Gateway, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Run the gateway until `stop`; `url` is set once it is started."""
        with self._scope:
            async with anyio.create_task_group() as tasks:
                host, port = await tasks.start(gateway.run)
                self.url = f"http://{host}:{port}"
                task_status.started()
        self._stopped.set()

    async def stop(self) -> None:
        """Stop the gateway as an operator does, and wait until it has ended."""
        self._scope.cancel()
        await self._stopped.wait()


@asynccontextmanager
async def run_portal(
    *, suppliers: int = 2, by_reputation: bool = False, **settings: Any
) -> AsyncGenerator[Portal, None]:
    """Run a portal with supplier doubles; `settings` are the gateway's.

    Unless `by_reputation`, the suppliers are asked in order.
    """
    world = World.of_service(OFFER.service_id, suppliers=suppliers)
    chain = await LocalChain.open(None, make_genesis(world.names), instant=True)
    doubles = [SupplierDouble(make_key(name), chain) for name in world.suppliers]
    if not by_reputation:
        settings.setdefault("routing", FixedOrder([double.address for double in doubles]))
    try:
        async with anyio.create_task_group() as tasks:
            for double in doubles:
                await tasks.start(double.run)
            await _stake(world, chain, doubles)
            async with run_gateway(chain, world, **settings) as portal:
                portal.suppliers += doubles
                yield portal
            tasks.cancel_scope.cancel()
    finally:
        await chain.aclose()


@asynccontextmanager
async def run_gateway(chain: LocalChain, world: World, **settings: Any) -> AsyncGenerator[Portal, None]:
    """Run a gateway for a world that is staked; `settings` replace those it has here."""
    database = Database(None, PORTAL_MIGRATIONS)
    tenants, usage = SqliteTenants(database), SqliteUsage(database)
    key = make_key(world.gateway)
    portal = Portal("", chain, usage, make_key(world.application).address, key)
    values: dict[str, Any] = {
        "offers": [OFFER],
        "delegations": {world.service.id: Delegation(portal.application_address, key)},
        "limits": ServerLimits(body_bytes_max=256 * 1024, drain_s=1.0),
        "on_outcome": portal.outcomes.append,
        **settings,
    }
    try:
        await tenants.add(Tenant("acme", "portal"), hash_api_key(API_KEY))
        gateway = Gateway(
            chain=chain,
            tenants=tenants,
            usage=usage,
            clock=SystemClock(),
            entropy=SystemEntropy(),
            host="127.0.0.1",
            port=0,
            **values,
        )
        async with anyio.create_task_group() as tasks:
            await tasks.start(portal.run, gateway)
            yield portal
            await portal.stop()
    finally:
        database.close()


async def _stake(world: World, chain: LocalChain, doubles: Sequence[SupplierDouble]) -> None:
    """Stake everybody, suppliers with their own endpoints, and make blocks until all of them serve."""
    urls = {double.address: double.url for double in doubles}
    for staking in world.stakings():
        message = staking.message
        if isinstance(message, StakeSupplier):
            address = message.operator_address
            config = make_supplier_config(OFFER.service_id, address, address, url=urls[address])
            message = replace(message, services=(config,))
        await chain.submit([message], make_key(staking.signer))
    application = make_key(world.application).address
    while True:
        session = await chain.session(application, OFFER.service_id)
        if session is not None and len(session.suppliers) == len(doubles):
            return
        await chain.make_block()
