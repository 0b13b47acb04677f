"""The network's gRPC endpoint: generic handlers for every call of the table.

A call may name a height in its metadata; every answer names the one that it is from.
Source: cosmos-sdk baseapp/grpcserver.go.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import grpc
import grpc.aio

from joey.adapters.chains.served.calls import Calls
from joey.adapters.chains.served.snapshot import QueryRefused, refuse_argument
from joey.core.errors import ConfigError
from joey.core.units import Height
from joey.core.wire.network_methods import HEIGHT_METADATA_KEY, NETWORK_METHODS

__all__ = ["open_grpc_server"]

_log = logging.getLogger(__name__)

_CALLS_MAX = 1024
_REQUEST_BYTES_MAX = 10 * 1024 * 1024
"""Source: cosmos-sdk server/config, grpc.max-recv-msg-size."""
_HEIGHT_MAX = 2**63 - 1

Context = grpc.aio.ServicerContext[bytes, bytes]


@asynccontextmanager
async def open_grpc_server(calls: Calls, address: str) -> AsyncIterator[int]:
    """Serve at `HOST:PORT` and yield the port. Raises `ConfigError` when it cannot be listened at."""
    server = grpc.aio.server(
        options=[
            # Without this a second server would quietly share the port.
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", _REQUEST_BYTES_MAX),
            ("grpc.max_send_message_length", -1),
        ],
        maximum_concurrent_rpcs=_CALLS_MAX,
    )
    server.add_generic_rpc_handlers(_make_handlers(calls))
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        port = 0
    if not port:
        raise ConfigError(
            f"cannot listen for gRPC at {address}: it is taken, or not an address of this machine"
        )
    await server.start()
    try:
        yield port
    finally:
        # Whole, also when cancelled: what gRPC has not finished would come up in another event loop.
        with anyio.CancelScope(shield=True):
            await server.stop(grace=0)


def _make_handlers(calls: Calls) -> tuple[grpc.GenericRpcHandler, ...]:
    by_service: defaultdict[str, dict[str, grpc.RpcMethodHandler[bytes, bytes]]] = defaultdict(dict)
    for path in NETWORK_METHODS:
        _, service, name = path.split("/")
        by_service[service][name] = grpc.unary_unary_rpc_method_handler(_make_handler(calls, path))
    return tuple(
        grpc.method_handlers_generic_handler(service, handlers) for service, handlers in by_service.items()
    )


def _make_handler(calls: Calls, path: str) -> Callable[[bytes, Context], Awaitable[bytes]]:
    async def handle(wire: bytes, context: Context) -> bytes:
        try:
            answer, height = await calls.call(path, wire, _read_height(context))
        except QueryRefused as refusal:
            # Without it, nobody could tell what does not exist from what is not there yet.
            if refusal.height:
                await context.send_initial_metadata(((HEIGHT_METADATA_KEY, str(refusal.height)),))
            await context.abort(refusal.status, refusal.text)
        except Exception:  # noqa: BLE001 - the outermost handler of a request
            _log.exception("%s failed", path)
            await context.abort(grpc.StatusCode.INTERNAL, "internal error")
        await context.send_initial_metadata(((HEIGHT_METADATA_KEY, str(height)),))
        return answer

    return handle


def _read_height(context: Context) -> Height:
    """Return the height that a call is pinned to; 0 for the newest."""
    for key, value in context.invocation_metadata() or ():
        if key == HEIGHT_METADATA_KEY:
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            if not text.removeprefix("-").isdecimal() or not text.isascii() or len(text) > 20:
                raise refuse_argument(f'invalid height header "{HEIGHT_METADATA_KEY}": {text[:40]!r}')
            if int(text) > _HEIGHT_MAX:
                raise refuse_argument(f'invalid height header "{HEIGHT_METADATA_KEY}": value out of range')
            return Height(int(text))
    return Height(0)
