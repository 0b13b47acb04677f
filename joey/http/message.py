"""Heads of messages as bytes: start line, headers, and which of them the transport itself owns.

Bodies and framing are the business of the connections. Header text is Latin-1 on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from functools import lru_cache
from http import HTTPStatus

__all__ = ["encode_head", "encode_status_line", "is_token", "SERVER_HEADERS", "TRANSPORT_HEADERS"]

TRANSPORT_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Names (lower case) that speak of one connection: they are written by the transport, and left out
when a caller passes them on from another connection. Source: RFC 9110, sections 7.6.1 and 8.6.
"""

SERVER_HEADERS = TRANSPORT_HEADERS | {"date"}
"""Those a server writes itself."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def is_token(text: str) -> bool:
    """Tell whether `text` can be a method or a header's name. Source: RFC 9110, section 5.6.2."""
    return _TOKEN.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _read_name(name: str) -> str:
    """Return a header's name in lower case; empty if it is none."""
    return name.lower() if is_token(name) else ""


def encode_head(
    start_line: str,
    headers: Iterable[tuple[str, str]],
    framing: str,
    owned: AbstractSet[str] = TRANSPORT_HEADERS,
) -> bytes:
    r"""Return a head: the start line (which ends in `\r\n`), `headers` in order, `framing`, an empty line.

    `framing` is whole header lines by the transport, which are its own: `owned` names (lower case)
    among `headers` are left out. Raises `ValueError` for a name that is no token or a value with a
    control character: a line break in a value would let its author write headers of his own.
    """
    lines = [start_line]
    for name, value in headers:
        lowered = _read_name(name)
        if not lowered:
            raise ValueError("a header name is not a token")
        if lowered not in owned:
            lines.append(f"{name}: {value}\r\n")
    text = "".join(lines)
    breaks = len(lines)
    if text.count("\n") != breaks or text.count("\r") != breaks or _CONTROL.search(text):
        raise ValueError("a header value has a control character")
    return f"{text}{framing}\r\n".encode("latin-1")


@lru_cache(maxsize=1024)
def encode_status_line(status: int) -> str:
    """Return `HTTP/1.1 200 OK` and a line break. Raises `ValueError` outside 200 to 999."""
    if not 200 <= status <= 999:
        raise ValueError(f"{status} is not a final status")
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n"
