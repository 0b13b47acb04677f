"""The small TOML files of `joey stake`: what somebody wants to be staked, one thing a file.

Amounts are text with their unit, `"60000pokt"`, so that they are exact. An empty text and an empty list
mean that the key was left out, and that what is on the chain stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from joey.config import read_table
from joey.core.errors import ConfigError
from joey.core.units import Upokt, read_amount
from joey.core.wire.session import RpcType

__all__ = [
    "APPLICATION_EXAMPLE",
    "GATEWAY_EXAMPLE",
    "RPC_TYPES",
    "SERVICE_EXAMPLE",
    "SUPPLIER_EXAMPLE",
    "ApplicationFile",
    "EndpointEntry",
    "GatewayFile",
    "ServiceFile",
    "ShareEntry",
    "SuppliedService",
    "SupplierFile",
    "read_card",
    "read_optional_amount",
    "read_stake_file",
]

read_stake_file = read_table
"""Read one of the files below, by its class. Raises `ConfigError` naming the key and the fix."""

RPC_TYPES = {
    "grpc": RpcType.GRPC,
    "websocket": RpcType.WEBSOCKET,
    "json_rpc": RpcType.JSON_RPC,
    "rest": RpcType.REST,
    "comet_bft": RpcType.COMET_BFT,
}


@dataclass(frozen=True, slots=True)
class EndpointEntry:
    """Where relays go. `rpc`: a name of `RPC_TYPES`; an AI service is relayed as `rest`."""

    url: str = ""
    rpc: str = "rest"


@dataclass(frozen=True, slots=True)
class ShareEntry:
    """An address and its whole percentage."""

    address: str = ""
    percent: int = 0


@dataclass(frozen=True, slots=True)
class SuppliedService:
    """One service of a supplier. Without `shares`, the owner gets everything."""

    service: str = ""
    endpoints: tuple[EndpointEntry, ...] = ()
    shares: tuple[ShareEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class SupplierFile:
    """A supplier: `operator` is the one who signs, `owner` the operator, unless they are given."""

    stake: str = ""
    owner: str = ""
    operator: str = ""
    services: tuple[SuppliedService, ...] = ()


@dataclass(frozen=True, slots=True)
class ApplicationFile:
    """An application. `gateways` are delegated to besides those it delegates to already."""

    stake: str = ""
    service: str = ""
    spend_limit: str = ""
    gateways: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayFile:
    """A gateway."""

    stake: str = ""


@dataclass(frozen=True, slots=True)
class ServiceFile:
    """A service. `card` is the path of a JSON file, from the folder of this file."""

    id: str = ""
    name: str = ""
    compute_units_per_relay: int = 0
    card: str = ""


SUPPLIER_EXAMPLE = """\
# joey stake supplier FILE --from OPERATOR
stake = "60000pokt"             # in all; left out: as it is
# owner = "pokt1..."            # is paid back on unstaking; left out: as it is, or the operator
# operator = "pokt1..."         # left out: the key that signs

# All services, from the next session on; one that is not listed ends. None at all: as they are.
# Only the operator may change them.
[[services]]
service = "text-interactive"
endpoints = [{ url = "https://node.example.com", rpc = "rest" }]
# Whole percentages that sum to 100; left out: the owner gets everything.
# shares = [{ address = "pokt1...", percent = 80 }, { address = "pokt1...", percent = 20 }]
"""

APPLICATION_EXAMPLE = """\
# joey stake application FILE --from APPLICATION
stake = "5000pokt"              # in all; the network only lets it grow
service = "text-interactive"    # another one holds from the next session on
# spend_limit = "100pokt"       # most that a session may cost; "0pokt" clears it; left out: as it is
gateways = ["pokt1..."]         # that may sign for it, besides those that may already
"""

GATEWAY_EXAMPLE = """\
# joey stake gateway FILE --from GATEWAY
stake = "5000pokt"              # in all; the network only lets it grow
"""

SERVICE_EXAMPLE = """\
# joey stake service FILE --from OWNER
id = "text-interactive"
name = "Text, interactive"
compute_units_per_relay = 20549 # the price; another one holds from the next session on
# card = "card.json"            # at most 256 KiB; left out: as it is
"""


def read_optional_amount(text: str, field: str) -> Upokt | None:
    """Return an amount, or `None` where the key was left out. Raises `ConfigError` naming `field`."""
    if not text:
        return None
    try:
        return read_amount(text)
    except ValueError as error:
        raise ConfigError(f"{field}: {error}", key=field) from None


def read_card(card: str, file: Path) -> bytes:
    """Return the bytes of a card; empty where there is none. Raises `ConfigError`."""
    if not card:
        return b""
    path = file.parent / card
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"card: cannot read {path}: {error.strerror}", key="card") from None
