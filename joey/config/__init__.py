"""`joey.toml`, typed: read once into frozen values.

Order, later wins: the defaults in `settings`, the file, environment variables such as
`JOEY_GATEWAY__LISTEN`, then flags. An unknown key is an error with a suggestion. Only `joey.wiring`
and `joey.cli` read this package.
"""

from __future__ import annotations

from joey.config.reading import list_values, read_config, read_table
from joey.config.settings import (
    BooksConfig,
    ChainConfig,
    Config,
    EngineConfig,
    GatewayConfig,
    KeysConfig,
    LimitsConfig,
    NodeConfig,
    NodeServiceConfig,
    OfferConfig,
    is_secret,
)

__all__ = [
    "Config",
    "read_config",
    "list_values",
    "read_table",
    "is_secret",
    "BooksConfig",
    "ChainConfig",
    "EngineConfig",
    "GatewayConfig",
    "KeysConfig",
    "LimitsConfig",
    "NodeConfig",
    "NodeServiceConfig",
    "OfferConfig",
]
