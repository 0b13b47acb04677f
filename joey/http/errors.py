"""What can go wrong between two ends of a connection, for callers to translate.

None of these is a `JoeyError`: the transport does not know whose fault a failure is. A relay client
makes `Unreachable` of it, an engine adapter `EngineFailed`.
"""

from __future__ import annotations

__all__ = [
    "TransportError",
    "ConnectionFailed",
    "ConnectionLost",
    "TimedOut",
    "MessageTooLarge",
    "BadMessage",
]


class TransportError(Exception):
    """The root: an exchange that yielded no whole response.

    `request_sent` is False only when no byte of the request can have reached the peer; otherwise
    the peer may have acted on it. The text names addresses and sizes, never content.
    """

    def __init__(self, message: str, *, request_sent: bool = True) -> None:
        super().__init__(message)
        self.request_sent = request_sent


class ConnectionFailed(TransportError):
    """No connection could be had: bad address, refused, handshake failed, or the pool is full."""

    def __init__(self, message: str, *, request_sent: bool = False) -> None:
        super().__init__(message, request_sent=request_sent)


class ConnectionLost(TransportError):
    """The peer closed, or the network cut, a connection before the response was whole.

    `was_kept` is True when that was a connection kept from an earlier exchange and not a byte of the
    response had come: most often the peer closed it for its age just as it was used again.
    """

    was_kept = False


class TimedOut(TransportError):
    """The deadline passed before the response was whole."""


class MessageTooLarge(TransportError):
    """The response has more bytes than the client reads."""


class BadMessage(TransportError):
    """The response is not HTTP/1.1."""
