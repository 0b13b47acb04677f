"""Every setting with its default, as frozen values.

A secret is never a setting: its place holds a reference, `file:PATH` or `env:NAME`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "BooksConfig",
    "ChainConfig",
    "Config",
    "EngineConfig",
    "GatewayConfig",
    "KeysConfig",
    "LimitsConfig",
    "NodeConfig",
    "NodeServiceConfig",
    "OfferConfig",
    "is_secret",
]

DEFAULT_MODEL = "smollm2-135m-instruct"
DEFAULT_SERVICE = "text-interactive"

_SECRETS = frozenset({"api_key", "api_keys", "application_key", "key", "passphrase", "supplier_key"})
"""The last part of the path of every setting that holds a reference to a secret."""


def is_secret(path: str) -> bool:
    """Tell whether the setting at a path such as `gateway.key` may hold only a reference."""
    return path.rpartition(".")[2].partition("[")[0] in _SECRETS


@dataclass(frozen=True, slots=True)
class ChainConfig:
    """The network, and how it is reached.

    `kind` `local`: the embedded chain, part of `joey up`; `preset` (`minimal` or `mainnet`) has the
    parameters that a new one starts with. `kind` `shannon`: full nodes of Pocket Network, or of
    `joey chain serve`, by address; the first that answers is used, and the next when it fails.
    `chain_id` empty: the network that they are of. `ca_file` replaces the system's authorities for
    `https`. `gas_price_upokt` (upokt per unit of gas) and `gas_margin` (how much more gas is offered
    than was estimated) are text, so that they are exact.
    """

    kind: str = "local"
    preset: str = "minimal"
    block_interval_s: float = 2.0
    grpc_urls: tuple[str, ...] = ()
    rpc_urls: tuple[str, ...] = ()
    chain_id: str = ""
    ca_file: str = ""
    gas_price_upokt: str = "0.000001"
    gas_margin: str = "1.7"
    request_timeout_s: float = 10.0
    poll_interval_s: float = 1.0


@dataclass(frozen=True, slots=True)
class KeysConfig:
    """`passphrase`: a reference to what encrypted key files were encrypted with."""

    passphrase: str = "env:JOEY_PASSPHRASE"  # noqa: S105 - where it is, not what it is


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """The most one relay may ask for."""

    tokens_in_max: int = 200
    tokens_out_max: int = 1000


@dataclass(frozen=True, slots=True)
class OfferConfig:
    """What is sold under one service. `price_usd_per_relay` is text, so that it is exact.

    For `joey gateway`, either `application` is the address of the application that pays and has
    delegated to the gateway, or `application_key` refers to that application's own key, which then
    signs.
    """

    service: str = DEFAULT_SERVICE
    name: str = "Text, interactive"
    models: tuple[str, ...] = (DEFAULT_MODEL,)
    modality: str = "chat"
    tier: str = "interactive"
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    bytes_per_token: int = 3
    price_usd_per_relay: str = "0.00075"
    application: str = ""
    application_key: str = ""


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """The portal's public side; `key` and `api_keys` are references, which `joey gateway` uses."""

    listen: str = "127.0.0.1:3069"
    routing: str = "reputation"
    attempts_max: int = 3
    deadline_s: float = 120.0
    body_bytes_max: int = 65_536
    key: str = ""
    api_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The model server behind a service.

    `kind` `llamacpp`: Joey runs it, `model` is a name of `joey models list` or the path of a GGUF
    file. `kind` `openai`: any compatible server at `url`; `api_key` is a reference. `kind` `echo`
    answers with the last text it was given. `threads` 0 lets Joey choose.
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
    """One supplier and its node. Port 0 takes a free one, with `joey up` only.

    `supplier_key` refers to the supplier's operator key, which `joey node` serves and claims with.
    """

    listen: str = "127.0.0.1:0"
    supplier_key: str = ""
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
    keys: KeysConfig = field(default_factory=KeysConfig)
    offers: tuple[OfferConfig, ...] = (OfferConfig(),)
    gateway: GatewayConfig = field(default_factory=GatewayConfig)
    node: tuple[NodeConfig, ...] = (NodeConfig(), NodeConfig())
    books: BooksConfig = field(default_factory=BooksConfig)
