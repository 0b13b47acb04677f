"""A URL as a client needs it: whom to connect to, and what to ask there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

__all__ = ["Origin", "Target", "read_target"]

_PORTS = {"http": 80, "https": 443}
_SAFE = re.compile(r"[\x21-\x7e]*")


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom to connect to. `address` is host and port for people."""

    is_tls: bool
    host: str
    port: int
    address: str


@dataclass(frozen=True, slots=True)
class Target:
    """`path` is what stands in the request line, query included; `host` the value of the Host header."""

    origin: Origin
    host: str
    path: str


@lru_cache(maxsize=1024)
def read_target(url: str) -> Target:
    """Read an absolute http or https URL; its fragment is dropped. Raises `ValueError`."""
    if _SAFE.fullmatch(url) is None:
        raise ValueError("the URL has a character that must be percent-encoded")
    parts = urlsplit(url)
    scheme, host = parts.scheme, parts.hostname
    if scheme not in _PORTS or not host:
        raise ValueError("the URL is not an absolute http or https URL")
    if "@" in parts.netloc:
        raise ValueError("the URL has a user name in it")
    port = parts.port if parts.port is not None else _PORTS[scheme]
    bracketed = f"[{host}]" if ":" in host else host
    path = parts.path or "/"
    return Target(
        Origin(scheme == "https", host, port, f"{bracketed}:{port}"),
        bracketed if port == _PORTS[scheme] else f"{bracketed}:{port}",
        f"{path}?{parts.query}" if parts.query else path,
    )
