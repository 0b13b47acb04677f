"""Nodes as a process of their own: suppliers by their keys, engines, evidence, on a chain by address.

A node follows the chain and claims what it has served before anything else. What the chain says of its
supplier is looked at next to that: a supplier that is not staked for a service is an error, unless the
log holds what is still to be paid; an address that leads elsewhere is a warning, because it may be
mended while the node runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import TaskGroup

from joey.adapters.stores.sqlite.node import SqliteRelayLog
from joey.config import Config, NodeConfig
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ConfigError
from joey.core.wire.session import ServiceConfigUpdate, Supplier
from joey.http.client import HttpClient
from joey.ports.chain import Chain
from joey.wiring.addresses import check_is_free, format_url, split_address
from joey.wiring.chains import ask_patiently, describe_chain, enter_chain, require_address
from joey.wiring.endpoints import find_endpoint_fault, find_engine_fault, find_port, mask_url
from joey.wiring.folder import DataFolder
from joey.wiring.keys import read_key
from joey.wiring.nodes import BuiltNode, describe_engines, make_node
from joey.wiring.offers import make_offers

__all__ = ["check_stake", "open_suppliers"]

_ANSWER_BYTES_MAX = 65_536

Report = Callable[[str], None]


@dataclass(slots=True)
class _Post:
    """One node of the settings: `number` counts from 1, `url` is where it serves, once it does."""

    number: int
    config: NodeConfig
    key: PrivateKey
    built: BuiltNode
    url: str = ""
    serving: anyio.Event = field(default_factory=anyio.Event)

    @property
    def where(self) -> str:
        """The node's path in the settings."""
        return f"node[{self.number - 1}]"

    async def serve(self, tasks: TaskGroup) -> None:
        """Start the node in `tasks`; return once it serves."""
        host, port = await tasks.start(self.built.node.run, name=f"node {self.number}")
        self.url = format_url(host, port)
        self.serving.set()


@asynccontextmanager
async def open_suppliers(
    config: Config, folder: DataFolder, models_folder: Path, report: Report
) -> AsyncIterator[list[str]]:
    """Start the nodes of the settings; yield where each serves once all do; drain and stop them when left.

    Behind a node's URL stands what it lacks: engines that do not answer, of which `report` is told too.
    A chain that does not answer yet is waited for. Raises `ConfigError` for what a person must change.
    """
    require_address(config.chain, "joey node")
    keys = _read_keys(config)
    for i, node in enumerate(config.node):
        check_is_free(node.listen, f"node[{i}].listen", "set another")
    ask = partial(ask_patiently, where=describe_chain(config.chain), report=report)
    async with AsyncExitStack() as stack:
        chain = await enter_chain(stack, config.chain, report)
        posts = [
            _make_post(config, number, key, chain, folder, models_folder, stack)
            for number, key in enumerate(keys, 1)
        ]
        async with anyio.create_task_group() as tasks:
            async with anyio.create_task_group() as starting:
                for post in posts:
                    starting.start_soon(post.serve, tasks)
                    starting.start_soon(_look_at_stake, post, chain, ask, tasks, report)
            yield [await _describe_place(config.node[post.number - 1], post.url, report) for post in posts]
            tasks.cancel_scope.cancel()


def _read_keys(config: Config) -> list[PrivateKey]:
    if not config.node:
        raise ConfigError("node: no node is set; add [[node]] with supplier_key, listen and services")
    keys: list[PrivateKey] = []
    for i, node in enumerate(config.node):
        where = f"node[{i}]"
        if split_address(node.listen, f"{where}.listen")[1] == 0:
            raise ConfigError(f"{where}.listen must name the port that the supplier's staked URL leads to")
        key = read_key(node.supplier_key, f"{where}.supplier_key", passphrase=config.keys.passphrase)
        if key in keys:
            raise ConfigError(f"{where}.supplier_key is that of another node here: a supplier has one node")
        keys.append(key)
    return keys


def _make_post(
    config: Config,
    number: int,
    key: PrivateKey,
    chain: Chain,
    folder: DataFolder,
    models_folder: Path,
    stack: AsyncExitStack,
) -> _Post:
    node = config.node[number - 1]
    built = make_node(
        node,
        where=f"node[{number - 1}]",
        key=key,
        offers={offer.service_id: offer for offer in make_offers(config)},
        chain=chain,
        database_path=folder.node(number),
        models_folder=models_folder,
        port=0,
        deadline_s=config.gateway.deadline_s,
        body_bytes_max=config.gateway.body_bytes_max,
        nodes=len(config.node),
    )
    stack.callback(built.database.close)
    return _Post(number, node, key, built)


async def _look_at_stake(
    post: _Post, chain: Chain, ask: Callable[..., Awaitable[Any]], tasks: TaskGroup, report: Report
) -> None:
    """Compare what the chain says of a supplier with the settings. Raises `ConfigError`."""
    address = post.key.address
    owes = bool(await SqliteRelayLog(post.built.database).sessions())
    try:
        supplier, warnings = await ask(partial(check_stake, chain, post.config, address, post.where))
    except ConfigError as error:
        if not owes:
            raise
        report(f"{error}; what was served before is still claimed")
        return
    for warning in warnings:
        report(warning)
    report(f"node {post.number} is that of {address}: {describe_engines(post.config)}")
    tasks.start_soon(_check_endpoints, post, supplier, report)


async def _describe_place(node: NodeConfig, url: str, report: Report) -> str:
    """Return a node's URL, and which of its engines do not answer."""
    http = HttpClient(body_bytes_max=_ANSWER_BYTES_MAX)
    faults = []
    try:
        for service in node.services:
            engine = service.engine
            fault = await find_engine_fault(http, engine.url) if engine.kind == "openai" else None
            if fault is not None:
                place = mask_url(engine.url)
                faults.append(f"the engine of {service.service} at {place} does not answer")
                report(f"WARNING {faults[-1]} ({fault}): start it, or correct engine.url")
    finally:
        await http.aclose()
    return f"{url}, but {' and '.join(faults)}" if faults else url


async def check_stake(chain: Chain, node: NodeConfig, address: str, where: str) -> tuple[Supplier, list[str]]:
    """Return a supplier as the chain knows it, and what is worth a warning.

    `address` is its operator's, `where` the node's path in the settings. Raises `ConfigError` with the
    command that mends what is missing, and `ChainUnavailable`.
    """
    supplier = await chain.supplier(address)
    if supplier is None:
        raise ConfigError(f"{where}: supplier {address} is not staked: run `joey stake supplier FILE`")
    staked = {config.service_id for config in supplier.services}
    coming = {update.config.service_id: update.height_activation for update in _list_coming(supplier)}
    warnings = []
    for service in node.services:
        if service.service in staked:
            continue
        if service.service not in coming:
            raise ConfigError(
                f"{where}: supplier {address} is not staked for {service.service}:"
                " run `joey stake supplier FILE` with that service in it"
            )
        warnings.append(
            f"supplier {address} serves {service.service} from block {coming[service.service]} on"
        )
    if supplier.unstake_session_end_height:
        warnings.append(
            f"supplier {address} is unstaking: it serves until block {supplier.unstake_session_end_height}"
        )
    if await chain.public_key(address) is None:
        warnings.append(
            f"supplier {address} has never signed a transaction, so that no gateway can verify its answers:"
            " sign one with its key, such as `joey stake supplier`"
        )
    if await chain.balance(address) == 0:
        warnings.append(f"supplier {address} has no upokt for the fees of its claims: send it some")
    return supplier, warnings


def _list_coming(supplier: Supplier) -> list[ServiceConfigUpdate]:
    """Return what a supplier is staked for and does not serve yet: it begins with the next session."""
    return [
        update
        for update in supplier.config_history
        if update.height_deactivation == 0 and update.config not in supplier.services
    ]


async def _check_endpoints(post: _Post, supplier: Supplier, report: Report) -> None:
    """Once a node serves, ask every URL that its supplier is staked at whether it leads there."""
    served = {service.service for service in post.config.services}
    staked = {
        endpoint.url
        for config in (*supplier.services, *(update.config for update in _list_coming(supplier)))
        if config.service_id in served
        for endpoint in config.endpoints
    }
    await post.serving.wait()
    http = HttpClient(body_bytes_max=_ANSWER_BYTES_MAX)
    try:
        for url in sorted(staked):
            fault = await find_endpoint_fault(http, url, supplier.operator_address)
            if fault is not None:
                report(
                    f"WARNING {post.where}: {url}, where supplier {supplier.operator_address} is staked,"
                    f" {fault};"
                    f" this node listens at {post.config.listen}: mend the way there, or stake its own"
                    " address with `joey stake supplier FILE`"
                )
            elif find_port(url) != split_address(post.config.listen, f"{post.where}.listen")[1]:
                report(
                    f"{post.where}: supplier {supplier.operator_address} is staked at {url}, and this node"
                    f" listens at {post.config.listen}: something between, such as a proxy, leads here"
                )
    finally:
        await http.aclose()
