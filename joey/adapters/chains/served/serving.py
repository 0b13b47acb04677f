"""The embedded chain on the network's two endpoints."""

from __future__ import annotations

from dataclasses import dataclass

import anyio
from anyio.abc import TaskStatus

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.chains.served.calls import Calls
from joey.adapters.chains.served.comet_server import open_comet_server
from joey.adapters.chains.served.grpc_server import open_grpc_server
from joey.core.errors import ConfigError

__all__ = ["ServedAddresses", "serve_chain"]


@dataclass(frozen=True, slots=True)
class ServedAddresses:
    """Where a chain is served: each `HOST:PORT`, with the port that it got."""

    grpc: str
    rpc: str


async def serve_chain(
    chain: LocalChain,
    *,
    grpc_address: str,
    rpc_address: str,
    by_hand: bool = False,
    task_status: TaskStatus[ServedAddresses] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled. Addresses are `HOST:PORT`, port 0 for any; tells them once both listen.

    `by_hand`: whoever calls `joey_make_blocks` makes blocks. Raises `ConfigError` for an address that
    cannot be listened at.
    """
    calls = Calls(chain)
    grpc_host, _ = _split(grpc_address)
    rpc_host, rpc_port = _split(rpc_address)
    async with (
        open_grpc_server(calls, grpc_address) as grpc_port,
        open_comet_server(chain, calls, (rpc_host, rpc_port), by_hand=by_hand) as rpc_port,
    ):
        task_status.started(ServedAddresses(grpc=_join(grpc_host, grpc_port), rpc=_join(rpc_host, rpc_port)))
        await anyio.sleep_forever()


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise ConfigError(f"{address!r} is no address like 127.0.0.1:9090")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
