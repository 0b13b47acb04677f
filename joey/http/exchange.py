"""What a handler is given and what it gives back, and the bounds within which a server reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Handler", "Refuse", "Response", "ServerLimits", "ServerRequest"]


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """One whole request.

    `path` and `query` are as they came, percent-encoded; `query` is what follows the first `?`
    (empty: none). Names in `headers` are lower case; the values of a repeated name are joined by
    `, ` in order. `peer` is the address of the other end of the connection, without its port.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    peer: str


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. `headers` keep their order; those that speak of the connection are the server's own.

    A `body` that is an iterator is sent as it yields, in chunks, the head together with the first;
    its failure before that becomes a 500, later it breaks the connection off, so that no client
    takes a part for the whole. It is always started, and then either exhausted or closed (`aclose`,
    where it has one), whatever becomes of the client: what it holds it may free in a `finally`.
    """

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | AsyncIterator[bytes] = b""


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """The bounds of a server, each enforced.

    `head_timeout_s` and `body_timeout_s` run from the first byte of a head and from its end;
    `idle_timeout_s` between two requests; `write_timeout_s` while a client reads nothing of an
    answer that waits for it. `drain_s` is how long running requests may go on after the server was
    told to stop.
    """

    head_bytes_max: int = 32 * 1024
    body_bytes_max: int = 4 * 1024 * 1024
    connections_max: int = 1024
    head_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    idle_timeout_s: float = 75.0
    drain_s: float = 10.0
    write_timeout_s: float = 30.0


Handler = Callable[[ServerRequest], Awaitable[Response]]
"""Answers one request. It is cancelled when its client hangs up."""

Refuse = Callable[[int, str], Response]
"""Makes the answer, with a body of bytes, to what never reaches a handler: (status, reason)."""
