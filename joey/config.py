"""`joey.toml`, typed: read once into frozen values, each knowing where it came from.

Order, later wins: the defaults below, the file, environment variables such as
`JOEY_GATEWAY__LISTEN`, then flags. An unknown key is an error with a suggestion. Only
`joey.wiring` and `joey.cli` read this module.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from joey.core.errors import ConfigError

__all__ = [
    "BooksConfig",
    "ChainConfig",
    "Config",
    "EngineConfig",
    "GatewayConfig",
    "LimitsConfig",
    "NodeConfig",
    "NodeServiceConfig",
    "OfferConfig",
    "list_values",
    "read_config",
]

DEFAULT_MODEL = "smollm2-135m-instruct"
DEFAULT_SERVICE = "text-interactive"
ENVIRONMENT_PREFIX = "JOEY_"


@dataclass(frozen=True, slots=True)
class ChainConfig:
    """`preset`: `minimal` (short sessions) or `mainnet`, the parameters a new local chain starts with."""

    kind: str = "local"
    preset: str = "minimal"
    block_interval_s: float = 2.0


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """The most one relay may ask for."""

    tokens_in_max: int = 200
    tokens_out_max: int = 1000


@dataclass(frozen=True, slots=True)
class OfferConfig:
    """What is sold under one service. `price_usd_per_relay` is text, so that it is exact."""

    service: str = DEFAULT_SERVICE
    name: str = "Text, interactive"
    models: tuple[str, ...] = (DEFAULT_MODEL,)
    modality: str = "chat"
    tier: str = "interactive"
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    bytes_per_token: int = 3
    price_usd_per_relay: str = "0.00075"


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """The portal's public side."""

    listen: str = "127.0.0.1:3069"
    routing: str = "reputation"
    attempts_max: int = 3
    deadline_s: float = 120.0
    body_bytes_max: int = 65_536


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The model server behind a service.

    `kind` `llamacpp`: Joey runs it, `model` is a name of `joey models list` or the path of a GGUF
    file. `kind` `openai`: any compatible server at `url`; `api_key` is a reference such as
    `env:NAME` or `file:PATH`. `threads` 0 lets Joey choose.
    """

    kind: str = "llamacpp"
    model: str = DEFAULT_MODEL
    url: str = ""
    api_key: str = ""
    slots: int = 2
    threads: int = 0
    context: int = 2048


@dataclass(frozen=True, slots=True)
class NodeServiceConfig:
    """One service that a node serves."""

    service: str = DEFAULT_SERVICE
    engine: EngineConfig = field(default_factory=EngineConfig)


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """One supplier and its node. Port 0 takes a free one."""

    listen: str = "127.0.0.1:0"
    services: tuple[NodeServiceConfig, ...] = (NodeServiceConfig(),)


@dataclass(frozen=True, slots=True)
class BooksConfig:
    """The portal operator in whose name is invoiced, and the rate a week is fixed at."""

    operator: str = "demo-portal"
    pokt_usd: str = "0.25"


@dataclass(frozen=True, slots=True)
class Config:
    """All settings."""

    chain: ChainConfig = field(default_factory=ChainConfig)
    offers: tuple[OfferConfig, ...] = (OfferConfig(),)
    gateway: GatewayConfig = field(default_factory=GatewayConfig)
    node: tuple[NodeConfig, ...] = (NodeConfig(), NodeConfig())
    books: BooksConfig = field(default_factory=BooksConfig)


T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9_-]{1,42}")
"""A service id on chain (source: pocket.shared.Service); an operator's name stands in invoice numbers."""


def read_config(path: Path | None, environment: Mapping[str, str]) -> Config:
    """Read the settings; `path` `None` means no file. Raises `ConfigError` naming the key and the fix."""
    data: dict[str, Any] = {}
    if path is not None:
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not TOML: {error}") from None
    source = str(path) if path else "the environment"
    for name, text in environment.items():
        if name.startswith(ENVIRONMENT_PREFIX) and "__" in name:
            _set_from_environment(data, name, text)
    # A file with one node may write [node] and [[node.services]] without an array around it.
    if isinstance(data.get("node"), dict):
        data["node"] = [data["node"]]
    config = _build(Config, data, "", source)
    _check(config)
    return config


def _set_from_environment(data: dict[str, Any], name: str, text: str) -> None:
    """Put `JOEY_GATEWAY__DEADLINE_S=30` where `[gateway] deadline_s` would be."""
    *tables, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
    for table in tables:
        inner = data.setdefault(table, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{name} cannot set one entry of the list [[{table}]]: use the file")
        data = inner
    try:
        data[key] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        data[key] = text


def _build(cls: type[T], data: object, where: str, source: str) -> T:
    """Make a frozen value of `data`, checking every key and type; `where` is the key's path."""
    if not isinstance(data, dict):
        raise ConfigError(f"{source}: {where or 'the file'} must be a table")
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in data.items():
        path = f"{where}.{key}" if where else key
        if key not in hints:
            near = difflib.get_close_matches(key, hints, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(hints)}"
            raise ConfigError(f"{source}: unknown key {path}{hint}", key=path)
        values[key] = _read(hints[key], value, path, source)
    return cls(**values)


def _read(kind: Any, value: object, path: str, source: str) -> object:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _build(kind, value, path, source)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{source}: {path} must be a list", key=path)
        return tuple(_read(get_args(kind)[0], item, f"{path}[{i}]", source) for i, item in enumerate(value))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        names = {str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false"}
        raise ConfigError(f"{source}: {path} must be {names[kind]}, not {value!r}", key=path)
    return value


def _check(config: Config) -> None:
    """Refuse values that have the right type and make no sense."""
    if config.chain.kind != "local":
        raise ConfigError(f"chain.kind must be local in this version, not {config.chain.kind!r}")
    if config.chain.preset not in {"minimal", "mainnet"}:
        raise ConfigError(f"chain.preset must be minimal or mainnet, not {config.chain.preset!r}")
    if config.gateway.routing != "reputation":
        raise ConfigError(f"gateway.routing must be reputation, not {config.gateway.routing!r}")
    for path, value in list_values(config):
        if path.endswith("threads") and value < 0:
            raise ConfigError(f"{path} must be 0 or more, not {value}", key=path)
        positive = path.rsplit(".", 1)[-1].endswith(("_s", "_max", "bytes_per_token", "slots", "context"))
        if positive and not value > 0:
            raise ConfigError(f"{path} must be greater than 0, not {value}", key=path)
    if not config.offers:
        raise ConfigError("offers: a portal sells at least one offer")
    if not config.node:
        raise ConfigError("node: at least one node must serve")
    if not _NAME.fullmatch(config.books.operator):
        raise ConfigError(f"books.operator must be letters, digits, - and _, not {config.books.operator!r}")
    for i, offer in enumerate(config.offers):
        if not _NAME.fullmatch(offer.service):
            raise ConfigError(
                f"offers[{i}].service must be at most 42 letters, digits, - and _, not {offer.service!r}"
            )
        if not offer.models or not all(offer.models):
            raise ConfigError(f"offers[{i}].models must name at least one model")
        if offer.tier not in {"interactive", "batch"}:
            raise ConfigError(f"offers[{i}].tier must be interactive or batch, not {offer.tier!r}")
        if offer.modality != "chat":
            raise ConfigError(f"offers[{i}].modality must be chat, not {offer.modality!r}")
    services = [offer.service for offer in config.offers]
    for name in services:
        if services.count(name) > 1:
            raise ConfigError(f"offers: service {name} is offered twice")
    models = [model for offer in config.offers for model in offer.models]
    for name in models:
        if models.count(name) > 1:
            raise ConfigError(f"offers: model {name} is offered twice; a name must lead to one offer")
    for i, node in enumerate(config.node):
        for service in node.services:
            if service.service not in services:
                known = ", ".join(services)
                raise ConfigError(f"node[{i}] serves {service.service}, which no offer names: {known}")
    served = {service.service for node in config.node for service in node.services}
    for name in services:
        if name not in served:
            raise ConfigError(f"no node serves {name}: add it to [[node.services]], or remove its offer")


def list_values(config: object, where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting as (path, value), for `joey config show`."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        for item in dataclasses.fields(config):
            path = f"{where}.{item.name}" if where else item.name
            yield from list_values(getattr(config, item.name), path)
    elif isinstance(config, tuple) and config and dataclasses.is_dataclass(config[0]):
        for i, item in enumerate(config):
            yield from list_values(item, f"{where}[{i}]")
    else:
        yield where, config
