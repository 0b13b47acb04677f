"""A node of the configuration as a role: its engines, its evidence, its supplier."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from joey.adapters.stores.sqlite.database import Database
from joey.adapters.stores.sqlite.node import SqliteClaims, SqliteRelayLog, open_node_database
from joey.config import EngineConfig, NodeConfig
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ConfigError
from joey.core.offers.offer import ServiceOffer
from joey.http.server import ServerLimits
from joey.models.files import find_model
from joey.node.app import Node, NodeService, NodeSupplier
from joey.plugins import load_engine
from joey.ports.chain import Chain
from joey.ports.engine import Engine
from joey.wiring.addresses import split_address
from joey.wiring.keys import read_secret

__all__ = ["BuiltNode", "describe_engines", "make_node"]

_RELAY_BYTES_MAX = 16 * 1024
"""What a relay adds to the body it carries: header, ring signature, envelope."""


@dataclass(frozen=True, slots=True)
class BuiltNode:
    """A node that can be run, and the file it keeps its evidence in."""

    node: Node
    database: Database
    claims: SqliteClaims


def make_node(
    config: NodeConfig,
    *,
    where: str,
    key: PrivateKey,
    offers: Mapping[str, ServiceOffer],
    chain: Chain,
    database_path: Path,
    models_folder: Path,
    port: int,
    deadline_s: float,
    body_bytes_max: int,
    nodes: int,
) -> BuiltNode:
    """Build a node. `where` is its path in the configuration, `nodes` how many share this machine.

    `port` stands in for a port 0 of the configuration; `body_bytes_max` is the gateway's bound.

    Raises `ConfigError` when an engine cannot be had, its model is missing or the file cannot be used.
    """
    services = tuple(
        NodeService(
            offers[service.service],
            _make_engine(
                service.engine,
                where=f"{where}.services[{i}].engine",
                offer=offers[service.service],
                models_folder=models_folder,
                nodes=nodes,
            ),
        )
        for i, service in enumerate(config.services)
    )
    host, configured_port = split_address(config.listen, f"{where}.listen")
    database = open_node_database(database_path)
    claims = SqliteClaims(database)
    node = Node(
        chain=chain,
        suppliers=[NodeSupplier(key, services)],
        relay_log=SqliteRelayLog(database),
        claims=claims,
        host=host,
        port=configured_port or port,
        limits=ServerLimits(body_bytes_max=body_bytes_max + _RELAY_BYTES_MAX),
        deadline_s=deadline_s,
    )
    return BuiltNode(node, database, claims)


def describe_engines(config: NodeConfig) -> str:
    """Return what runs behind a node, for people."""
    engines = [service.engine for service in config.services]
    return ", ".join(
        f"{engine.kind} {engine.model if engine.kind == 'llamacpp' else engine.url}".strip()
        for engine in engines
    )


def _make_engine(
    config: EngineConfig, *, where: str, offer: ServiceOffer, models_folder: Path, nodes: int
) -> Engine:
    engine: Engine
    cls = load_engine(config.kind)
    if config.kind == "llamacpp":
        cores = len(os.sched_getaffinity(0))
        engine = cls(
            find_model(config.model, models_folder),
            name=offer.models[0],
            slots=config.slots,
            context=config.context,
            tokens_out_max=offer.limits.tokens_out_max,
            threads=config.threads or max(1, cores // nodes),
        )
    elif config.kind == "openai":
        if not config.url:
            raise ConfigError(f"{where}.url is missing: where is the server, such as http://127.0.0.1:8000")
        engine = cls(config.url, api_key=_read_api_key(config, where), slots=config.slots)
    else:
        engine = cls(slots=config.slots)
    return engine


def _read_api_key(config: EngineConfig, where: str) -> str | None:
    return read_secret(config.api_key, f"{where}.api_key") if config.api_key else None
