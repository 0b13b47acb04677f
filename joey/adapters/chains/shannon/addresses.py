"""Addresses of full nodes as an operator writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from joey.core.errors import ConfigError

__all__ = ["GrpcAddress", "RpcAddress", "read_grpc_addresses", "read_rpc_addresses"]

AddressType = TypeVar("AddressType")

_GRPC_PORTS = {"http": 9090, "https": 443}
_RPC_PORTS = {"http": 26657, "https": 443}


@dataclass(frozen=True, slots=True)
class GrpcAddress:
    """Where gRPC is served. `name` stands in errors."""

    name: str
    target: str
    is_secure: bool


@dataclass(frozen=True, slots=True)
class RpcAddress:
    """Where CometBFT's RPC is served. `url` may hold credentials, `name` does not and stands in errors."""

    name: str
    url: str
    websocket_url: str


def read_grpc_addresses(urls: Sequence[str]) -> tuple[GrpcAddress, ...]:
    """Read gRPC addresses. Raises `ConfigError`."""
    addresses = []
    for url in urls:
        parts, name = _split(url, "gRPC", _GRPC_PORTS)
        if parts.path.strip("/") or parts.username is not None:
            raise ConfigError(f"the gRPC address {name} must be no more than scheme, host and port")
        addresses.append(GrpcAddress(name, name.partition("://")[2], parts.scheme == "https"))
    return _check(addresses, "gRPC", [address.name for address in addresses])


def read_rpc_addresses(urls: Sequence[str]) -> tuple[RpcAddress, ...]:
    """Read RPC addresses; a path in front of the calls and credentials are allowed. Raises `ConfigError`."""
    addresses = []
    for url in urls:
        parts, name = _split(url, "RPC", _RPC_PORTS)
        base = parts._replace(path=parts.path.rstrip("/"))
        socket = base._replace(
            scheme="wss" if parts.scheme == "https" else "ws", path=base.path + "/websocket"
        )
        addresses.append(RpcAddress(name, base._replace(path=base.path + "/").geturl(), socket.geturl()))
    return _check(addresses, "RPC", [address.name for address in addresses])


def _split(url: str, kind: str, ports: dict[str, int]) -> tuple[SplitResult, str]:
    """Return an address and its name; what cannot be read is not repeated, it may hold a secret."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError(f"the {kind} address of a full node cannot be read") from None
    if parts.scheme not in ports or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"the {kind} address of a full node must be http://host:port or https://host:port")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = ports[parts.scheme] if port is None else port
    if parts.port is None:
        credentials = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{credentials[0]}{credentials[1]}{host}:{port}")
    return parts, f"{parts.scheme}://{host}:{port}"


def _check(addresses: list[AddressType], kind: str, names: list[str]) -> tuple[AddressType, ...]:
    if not addresses:
        raise ConfigError(f"name the {kind} address of at least one full node")
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"the {kind} address {name} is named twice")
    return tuple(addresses)
