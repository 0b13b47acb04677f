"""Addresses to listen at: read from text, and tried before anything expensive is started."""

from __future__ import annotations

import errno
import socket

from joey.core.errors import ConfigError

__all__ = ["check_is_free", "format_url", "is_free", "split_address"]


_PORT_MAX = 65_535
_EXAMPLES = {"--grpc": "127.0.0.1:9090", "--rpc": "127.0.0.1:26657", "gateway.listen": "127.0.0.1:3069"}
_NODE_EXAMPLE = "127.0.0.1:8545"


def split_address(address: str, where: str) -> tuple[str, int]:
    """Return host and port of `127.0.0.1:3069` or `[::1]:3069`.

    Raises `ConfigError` naming `where`, the flag or key, with an example that fits it.
    """
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()):
        raise ConfigError(
            f"{where} must look like {_EXAMPLES.get(where, _NODE_EXAMPLE)}, not {address!r}", key=where
        )
    if int(port) > _PORT_MAX:
        raise ConfigError(f"{where}: a port is at most {_PORT_MAX}, not {port}", key=where)
    return host.removeprefix("[").removesuffix("]"), int(port)


def format_url(host: str, port: int) -> str:
    """Return the URL of an address."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_free(host: str, port: int) -> bool:
    """Tell whether an address could be listened at a moment ago. Raises `OSError` for one not ours."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def check_is_free(address: str, where: str, fix: str) -> None:
    """Raise `ConfigError` when an address is taken or is not one of this machine."""
    host, port = split_address(address, where)
    try:
        taken = not is_free(host, port)
    except OSError as error:
        raise ConfigError(
            f"{where}: cannot listen at {address}: {error.strerror or error}; {fix}", key=where
        ) from None
    if taken:
        raise ConfigError(f"{where}: {address} is taken by another program: stop it, or {fix}", key=where)
