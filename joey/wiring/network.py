"""A whole network in one process: chain, nodes, gateway and books, funded, staked and ready.

Order matters. Claimers follow the chain before it makes a block, so that a network that was stopped
claims what it served. Nodes listen before their addresses are staked. A new chain makes blocks quickly
until a session has drawn every supplier at the address where it listens; one that is taken up again
goes by its clock, because a claim window may be open.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import anyio.abc

from joey.adapters.chains.local.chain import LocalChain, read_genesis
from joey.adapters.clock import SystemClock
from joey.adapters.entropy import SystemEntropy
from joey.adapters.keyrings.file import FileKeyring
from joey.adapters.rates.fixed import FixedRate
from joey.adapters.stores.sqlite.database import Database
from joey.adapters.stores.sqlite.ledger import SqliteLedger
from joey.adapters.stores.sqlite.portal import PORTAL_MIGRATIONS, SqliteTenants, SqliteUsage
from joey.config import Config
from joey.core.errors import ConfigError
from joey.core.ledger.invoices import Invoice
from joey.core.ledger.weeks import compute_week
from joey.core.offers.offer import ServiceOffer
from joey.core.protocol.genesis import AUTHORITY
from joey.core.protocol.params import PRESETS, NetworkParams
from joey.core.units import format_pokt, format_usd
from joey.economy.collector import Collector
from joey.economy.invoicing import close_week
from joey.economy.turning import WeekTurner
from joey.gateway.app import Delegation, Gateway
from joey.http.server import ServerLimits
from joey.ports.stores import Tenant
from joey.relaying.outcome import RelayOutcome
from joey.wiring.addresses import check_is_free, format_url, is_free, split_address
from joey.wiring.drawing import wait_until_drawn
from joey.wiring.folder import DataFolder
from joey.wiring.nodes import BuiltNode, describe_engines, make_node
from joey.wiring.offers import make_offers, read_price
from joey.wiring.staking import (
    Keys,
    ServedNode,
    fund,
    make_genesis,
    stake_application,
    stake_gateway,
    stake_supplier,
)

__all__ = ["Network", "open_network", "OnOutcome", "Report"]

Report = Callable[[str], None]
OnOutcome = Callable[[RelayOutcome], None]

_NEW_INTERVAL_S = 0.05
"""Between blocks while a new network is staked: nothing can be missed yet."""

_HURRIED_INTERVAL_S = 0.25
"""Between blocks while somebody waits for a settlement: claim windows last for several."""

_TENANT = "demo"


@dataclass(slots=True)
class Network:
    """A network, running once `open_network` has yielded it. `url` is where the gateway answers."""

    config: Config
    folder: DataFolder
    offers: tuple[ServiceOffer, ...]
    keys: Keys
    api_key: str
    chain: LocalChain
    ledger: SqliteLedger
    weeks: WeekTurner
    collector: Collector
    clock: SystemClock
    nodes: list[BuiltNode] = field(default_factory=list)
    served: list[ServedNode] = field(default_factory=list)
    url: str = ""

    async def close_week(self) -> tuple[Invoice, ...]:
        """Invoice what this week has settled so far."""
        now = self.clock.now()
        return await close_week(compute_week(now), journal=self.ledger, invoices=self.ledger, time=now)

    def hurry(self) -> None:
        """Make blocks quickly: somebody waits for a settlement."""
        self.chain.set_interval(min(_HURRIED_INTERVAL_S, self.config.chain.block_interval_s))


@asynccontextmanager
async def open_network(
    config: Config, folder: DataFolder, models_folder: Path, report: Report, on_outcome: OnOutcome
) -> AsyncIterator[Network]:
    """Start everything; yield once a question can be asked; stop everything when left.

    `report` is told each step in one line, `on_outcome` hears of every attempt of the gateway. Raises
    `ConfigError` for what a person must change.
    """
    if config.chain.kind != "local":
        raise ConfigError(
            f"joey up runs a chain of its own, and chain.kind is {config.chain.kind!r}: start `joey gateway`"
            " and `joey node` instead, or name settings without chain.kind",
            key="chain.kind",
        )
    check_is_free(config.gateway.listen, "gateway.listen", "use another with --listen")
    async with AsyncExitStack() as stack:
        network = await _open_state(config, folder, stack)
        gateway = await _make_gateway(network, stack, on_outcome)
        for i in range(len(config.node)):
            network.nodes.append(await _make_node(network, i, models_folder, stack))
        head = await network.chain.head()
        interval_s = config.chain.block_interval_s
        async with anyio.create_task_group() as tasks:
            async with anyio.create_task_group() as starting:
                for i in range(len(config.node)):
                    starting.start_soon(_start_node, network, i, tasks, report)
                for built in network.nodes:
                    await built.node.wait_following()
                is_new = head.height == 1
                first_interval_s = min(_NEW_INTERVAL_S, interval_s) if is_new else interval_s
                await tasks.start(network.chain.run, first_interval_s, name="chain")
                supply = format_pokt(await network.chain.supply())
                report(
                    f"chain at block {head.height}, supply {supply} POKT, {config.chain.preset} parameters"
                )
                await _stake_portal(network, report)
            await _stake_suppliers(network, report)
            await tasks.start(network.collector.run, name="books")
            host, port = await tasks.start(gateway.run, name="gateway")
            network.url = format_url(host, port)
            for offer in network.offers:
                expected = {
                    served.key.address: served.url
                    for served in network.served
                    if offer.service_id in served.services
                }
                application = network.keys.applications[offer.service_id].address
                session = await wait_until_drawn(network.chain, application, offer.service_id, expected)
                report(
                    f"session {session.header.session_id[:12]} of {offer.service_id} "
                    f"has drawn {len(session.suppliers)} suppliers"
                )
            network.chain.set_interval(interval_s)
            yield network
            tasks.cancel_scope.cancel()


async def _open_state(config: Config, folder: DataFolder, stack: AsyncExitStack) -> Network:
    """Open or begin what is kept: keys, chain, books."""
    clock = SystemClock()
    genesis = await read_genesis(folder.chain)
    if genesis is not None and genesis.authority != AUTHORITY:
        raise ConfigError(
            f"{folder.chain} is a chain of `joey chain serve`, whose accounts are others: name another folder"
            " with --data"
        )
    keyring = FileKeyring(folder.keys)
    offers = make_offers(config)
    keys = Keys.read(keyring, [offer.service_id for offer in offers], len(config.node))
    rates = FixedRate(read_price(config.books.pokt_usd, "books.pokt_usd"), clock)
    if genesis is None:
        genesis = make_genesis(keys, PRESETS[config.chain.preset], clock.now())
    else:
        if keys.faucet.address not in genesis.balances:
            raise ConfigError(
                f"{folder.chain} began with other keys than those in {folder.keys}: restore them, or name"
                " another folder with --data"
            )
        _check_preset(genesis.params, config.chain.preset, folder.chain)
    chain = await LocalChain.open(folder.chain, genesis, clock=clock)
    stack.push_async_callback(chain.aclose)
    ledger = SqliteLedger(folder.ledger)
    stack.callback(ledger.close)
    weeks = WeekTurner(
        chain=chain,
        journal=ledger,
        invoices=ledger,
        prices=ledger,
        source=rates,
        clock=clock,
        offers=offers,
        owner=keys.service_owner,
    )
    return Network(
        config=config,
        folder=folder,
        offers=offers,
        keys=keys,
        api_key=keyring.get_or_create_text("api-key", "joey-"),
        chain=chain,
        ledger=ledger,
        weeks=weeks,
        clock=clock,
        collector=Collector(
            chain=chain,
            journal=ledger,
            prices=ledger,
            operators={key.address: config.books.operator for key in keys.applications.values()},
            turn_week=weeks.turn,
        ),
    )


def _check_preset(params: NetworkParams, preset: str, path: Path) -> None:
    """Refuse a chain that began with another preset; one that an older version began is taken as it is."""
    began_with = [name for name, known in PRESETS.items() if known == params]
    if began_with and preset not in began_with:
        raise ConfigError(
            f"{path} began with chain.preset {began_with[0]!r}, not {preset!r}: set it as it was, or name"
            " another folder with --data"
        )


async def _make_gateway(network: Network, stack: AsyncExitStack, on_outcome: OnOutcome) -> Gateway:
    """Build the portal, with one tenant that holds the printed API key."""
    config = network.config.gateway
    database = Database(network.folder.portal, PORTAL_MIGRATIONS)
    stack.callback(database.close)
    tenants = SqliteTenants(database)
    key_hash = hashlib.sha256(network.api_key.encode()).digest()
    await tenants.add(Tenant(_TENANT, network.config.books.operator), key_hash)
    host, port = split_address(config.listen, "gateway.listen")
    return Gateway(
        chain=network.chain,
        offers=network.offers,
        delegations={
            service: Delegation(key.address, network.keys.gateway)
            for service, key in network.keys.applications.items()
        },
        tenants=tenants,
        usage=SqliteUsage(database),
        clock=network.clock,
        entropy=SystemEntropy(),
        host=host,
        port=port,
        limits=ServerLimits(body_bytes_max=config.body_bytes_max),
        on_outcome=on_outcome,
        attempts_max=config.attempts_max,
        deadline_s=config.deadline_s,
    )


async def _make_node(network: Network, index: int, models_folder: Path, stack: AsyncExitStack) -> BuiltNode:
    config = network.config
    built = make_node(
        config.node[index],
        where=f"node[{index}]",
        key=network.keys.suppliers[index],
        offers={offer.service_id: offer for offer in network.offers},
        chain=network.chain,
        database_path=network.folder.node(index + 1),
        models_folder=models_folder,
        port=await _find_last_port(network, index),
        deadline_s=config.gateway.deadline_s,
        body_bytes_max=config.gateway.body_bytes_max,
        nodes=len(config.node),
    )
    stack.callback(built.database.close)
    return built


async def _find_last_port(network: Network, index: int) -> int:
    """Return the port that a supplier is staked at, if it is free: its session then stays valid."""
    host, _ = split_address(network.config.node[index].listen, f"node[{index}].listen")
    supplier = await network.chain.supplier(network.keys.suppliers[index].address)
    if supplier is not None:
        for config in supplier.services:
            for endpoint in config.endpoints:
                url = urlsplit(endpoint.url)
                if url.hostname == host and url.port and is_free(host, url.port):
                    return url.port
    return 0


async def _start_node(network: Network, index: int, tasks: anyio.abc.TaskGroup, report: Report) -> None:
    host, port = await tasks.start(network.nodes[index].node.run, name=f"node {index + 1}")
    services = tuple(service.service for service in network.config.node[index].services)
    url = format_url(host, port)
    network.served.append(ServedNode(network.keys.suppliers[index], url, services))
    report(f"node {index + 1} listens at {url}: {describe_engines(network.config.node[index])}")


async def _stake_portal(network: Network, report: Report) -> None:
    """Fund everybody; publish the services; stake gateway and applications."""
    chain, keys = network.chain, network.keys
    params = await chain.params_at((await chain.head()).height)
    await fund(chain, keys, params)
    await network.weeks.begin(compute_week(network.clock.now()))
    await stake_gateway(chain, keys, params)
    for offer in network.offers:
        await stake_application(chain, keys, offer.service_id, params)
        service = await chain.service(offer.service_id)
        assert service is not None, "an offer that was published is a service"
        report(
            f"service {offer.service_id}: ${format_usd(offer.price)} a relay, "
            f"{service.compute_units_per_relay} compute units"
        )
    report("gateway and applications are staked, the applications have delegated")


async def _stake_suppliers(network: Network, report: Report) -> None:
    params = await network.chain.params_at((await network.chain.head()).height)
    async with anyio.create_task_group() as staking:
        for served in network.served:
            staking.start_soon(stake_supplier, network.chain, served, params)
    report(f"{len(network.served)} suppliers are staked")
