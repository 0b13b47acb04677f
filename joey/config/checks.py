"""Settings that have the right type and make no sense, each refused with its key and its fix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points
from typing import Any

from joey.config.settings import ChainConfig, Config, OfferConfig, is_secret
from joey.core.crypto.keys import is_address
from joey.core.errors import ConfigError
from joey.core.protocol.params import read_decimal
from joey.plugins import CHAINS, ENGINES

__all__ = ["check_config"]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,42}")
"""A service id on chain (source: pocket.shared.Service); an operator's name stands in invoice numbers."""

_REFERENCE = re.compile(r"(?:file|env):.+")
_DECIMALS = {"gas_price_upokt": 0, "gas_margin": 1, "pokt_usd": 0, "price_usd_per_relay": 0}
"""Exact decimals, by the last part of their path, and the least each may be."""

_POSITIVE = ("_s", "_max", "bytes_per_token", "slots", "context")


def check_config(config: Config, values: Iterable[tuple[str, Any]]) -> None:
    """Raise `ConfigError` for the first setting that makes no sense; `values` are all by path."""
    if config.gateway.routing != "reputation":
        raise ConfigError(
            f"gateway.routing must be reputation, not {config.gateway.routing!r}", key="gateway.routing"
        )
    for path, value in values:
        _check_value(path, value)
    _check_kinds(config)
    _check_chain(config.chain)
    if not _NAME.fullmatch(config.books.operator):
        raise ConfigError(
            f"books.operator must be letters, digits, - and _, not {config.books.operator!r}",
            key="books.operator",
        )
    if not config.offers:
        raise ConfigError("offers: a portal sells at least one offer", key="offers")
    for i, offer in enumerate(config.offers):
        _check_offer(offer, f"offers[{i}]")
    services = [offer.service for offer in config.offers]
    _check_once(services, "service {} is offered twice")
    models = [model for offer in config.offers for model in offer.models]
    _check_once(models, "model {} is offered twice; a name must lead to one offer")
    _check_nodes(config, services)


def _check_value(path: str, value: Any) -> None:
    """Refuse what no setting of such a name can be."""
    name = path.rpartition(".")[2]
    if is_secret(path):
        for text in value if isinstance(value, tuple) else (value,):
            if text and not _REFERENCE.fullmatch(text):
                raise ConfigError(
                    f"{path} must be a reference: env:NAME or file:PATH, never the secret itself", key=path
                )
    elif name in _DECIMALS:
        _check_decimal(path, value, _DECIMALS[name])
    elif path.endswith("threads") and value < 0:
        raise ConfigError(f"{path} must be 0 or more, not {value}", key=path)
    elif name.endswith(_POSITIVE) and not value > 0:
        raise ConfigError(f"{path} must be greater than 0, not {value}", key=path)


def _check_decimal(path: str, text: str, least: int) -> None:
    try:
        value = read_decimal(text)
    except ValueError:
        raise ConfigError(f"{path} must be a decimal such as 0.001, not {text!r}", key=path) from None
    if value < least:
        raise ConfigError(f"{path} must be {least} or more, not {text}", key=path)


def _check_kinds(config: Config) -> None:
    """Refuse a chain or an engine that no plugin makes, before anything of it is read."""
    _check_kind(config.chain.kind, CHAINS, "chain.kind")
    for i, node in enumerate(config.node):
        for j, service in enumerate(node.services):
            _check_kind(service.engine.kind, ENGINES, f"node[{i}].services[{j}].engine.kind")


def _check_kind(kind: str, group: str, path: str) -> None:
    known = sorted(entry_points(group=group).names)
    if kind not in known:
        near = difflib.get_close_matches(kind, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        raise ConfigError(f"{path} is {kind!r}, which no plugin is called: {hint}", key=path)


def _check_chain(chain: ChainConfig) -> None:
    if chain.preset not in {"minimal", "mainnet"}:
        raise ConfigError(
            f"chain.preset must be minimal or mainnet, not {chain.preset!r}", key="chain.preset"
        )
    if chain.kind == "local":
        return
    for name, urls, port in (("grpc_urls", chain.grpc_urls, 9090), ("rpc_urls", chain.rpc_urls, 26657)):
        if not urls and chain.kind == "shannon":
            raise ConfigError(
                f'chain.{name} is missing: list at least one full node, such as ["http://HOST:{port}"]',
                key=f"chain.{name}",
            )
        for i, url in enumerate(urls):
            if not url.startswith(("http://", "https://")):
                # Not repeated: an address may hold a password.
                raise ConfigError(
                    f"chain.{name}[{i}] must look like http://HOST:{port} or https://HOST:443",
                    key=f"chain.{name}",
                )


def _check_offer(offer: OfferConfig, where: str) -> None:
    if not _NAME.fullmatch(offer.service):
        raise ConfigError(
            f"{where}.service must be at most 42 letters, digits, - and _, not {offer.service!r}"
        )
    if not offer.models or not all(offer.models):
        raise ConfigError(f"{where}.models must name at least one model")
    if offer.tier not in {"interactive", "batch"}:
        raise ConfigError(f"{where}.tier must be interactive or batch, not {offer.tier!r}")
    if offer.modality != "chat":
        raise ConfigError(f"{where}.modality must be chat, not {offer.modality!r}")
    if offer.application and not is_address(offer.application):
        raise ConfigError(f"{where}.application must be an address such as pokt1..., not a key or a name")


def _check_once(names: Sequence[str], text: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"offers: {text.format(name)}")


def _check_nodes(config: Config, services: Sequence[str]) -> None:
    """Nodes serve what is offered; in a network of our own, all that is offered is served."""
    for i, node in enumerate(config.node):
        for service in node.services:
            if service.service not in services:
                known = ", ".join(services)
                raise ConfigError(f"node[{i}] serves {service.service}, which no offer names: {known}")
    if config.chain.kind != "local":
        return
    if not config.node:
        raise ConfigError("node: at least one node must serve")
    served = {service.service for node in config.node for service in node.services}
    for name in services:
        if name not in served:
            raise ConfigError(f"no node serves {name}: add it to [[node.services]], or remove its offer")
