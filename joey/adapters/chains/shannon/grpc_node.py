"""One full node's gRPC: a unary call, what became of it, and the height that the answer is from."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message
from grpc import aio

from joey.adapters.chains.shannon.addresses import GrpcAddress
from joey.adapters.chains.shannon.failover import NodeBehind, NodeFailed, NodePruned, RequestRefused
from joey.core.errors import ConfigError
from joey.core.units import Height
from joey.core.wire.network_methods import HEIGHT_METADATA_KEY, NETWORK_METHODS

__all__ = ["Answer", "GrpcNode", "read_trusted"]

ResponseType = TypeVar("ResponseType", bound=Message)

_ANSWER_BYTES_MAX: Final = 128 * 2**20

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _ANSWER_BYTES_MAX),
    ("grpc.max_send_message_length", _ANSWER_BYTES_MAX),
    # A connection that died without a word shows while a call waits on it. Nodes close connections on
    # which they are asked for signs of life between calls.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.use_local_subchannel_pool", 1),
    # What is sent again is decided here, not underneath.
    ("grpc.enable_retries", 0),
)

_FAULTS: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""Statuses that speak of the node, not of what it was asked."""

_AHEAD: Final = re.compile(r"ahead of .*last committed|height in the future|is ahead of", re.IGNORECASE)
_PRUNED: Final = re.compile(
    r"failed to load state at height|version (mismatch|does not exist)|no longer kept|is not available,"
    r" lowest height",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Answer(Generic[ResponseType]):
    """What a node answered: `None` for what does not exist. `height` 0: the node did not say."""

    message: ResponseType | None
    height: Height


def read_trusted(ca_file: Path | None) -> bytes | None:
    """Return the certificates to trust as PEM, by default the system's; `None`: those of gRPC itself.

    Raises `ConfigError`. Reads files: call it in a worker thread.
    """
    if ca_file is not None:
        try:
            return ca_file.read_bytes()
        except OSError as error:
            raise ConfigError(f"the certificates in {ca_file} cannot be read: {error.strerror}") from None
    known = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(map(ssl.DER_cert_to_PEM_cert, known)).encode() or None


class GrpcNode:
    """A channel to one node. Connects when it is first called."""

    def __init__(self, address: GrpcAddress, *, trusted: bytes | None, timeout_s: float) -> None:
        self.name = address.name
        self._timeout_s = timeout_s
        if address.is_secure:
            credentials = grpc.ssl_channel_credentials(root_certificates=trusted)
            self._channel = aio.secure_channel(address.target, credentials, options=_OPTIONS)
        else:
            self._channel = aio.insecure_channel(address.target, options=_OPTIONS)

    async def aclose(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def call(
        self, path: str, request: Message, response_type: type[ResponseType], *, height: Height = Height(0)
    ) -> Answer[ResponseType]:
        """Ask for what stands at `height`, 0 being the newest.

        `path` is a key of `NETWORK_METHODS`. Raises `NodeFailed` for faults of the node, `NodeBehind`
        when it has not that height yet, `NodePruned` when no longer, and `RequestRefused` for all else.
        """
        assert NETWORK_METHODS[path].response_type is response_type, path
        serialize = cast(Callable[[object], bytes], type(request).SerializeToString)
        method: aio.UnaryUnaryMultiCallable[Message, bytes] = self._channel.unary_unary(
            path, request_serializer=serialize
        )
        metadata = ((HEIGHT_METADATA_KEY, str(height)),) if height else ()
        call = method(request, timeout=self._timeout_s, metadata=metadata)
        try:
            raw = await call
            headers = await call.initial_metadata()
        except aio.AioRpcError as error:
            return self._read_error(error)
        response = response_type()
        try:
            response.ParseFromString(raw)
        except DecodeError:
            raise NodeFailed("it sent an answer that cannot be decoded") from None
        return Answer(response, _read_height(headers))

    @staticmethod
    def _read_error(error: aio.AioRpcError) -> Answer[ResponseType]:
        status, details = error.code(), error.details() or ""
        # An error comes with headers of its own, or, where nothing else is sent, with them at the end.
        height = _read_height(error.initial_metadata()) or _read_height(error.trailing_metadata())
        if status is grpc.StatusCode.NOT_FOUND:
            return Answer(None, height)
        if _AHEAD.search(details):
            raise NodeBehind(details)
        if _PRUNED.search(details):
            raise NodePruned(details)
        if status in _FAULTS:
            raise NodeFailed(f"{status.name.lower()} {details}".strip())
        raise RequestRefused(status.name, details, height)


def _read_height(headers: aio.Metadata | None) -> Height:
    """Return the height that an answer is from; 0 where it does not say."""
    text = dict(headers or ()).get(HEIGHT_METADATA_KEY, "0")
    height_text = text if isinstance(text, str) else text.decode("ascii", "replace")
    return Height(int(height_text) if height_text.isascii() and height_text.isdecimal() else 0)
