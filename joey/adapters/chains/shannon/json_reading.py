"""Reading the RPC's JSON: numbers come as text, absent lists as null. Wrong shapes raise `ValueError`."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

__all__ = [
    "read_bytes",
    "read_hex",
    "read_int",
    "read_list",
    "read_member",
    "read_object",
    "read_text",
    "read_time",
]


def read_member(value: object, *names: str) -> object:
    """Return what lies at a path of members; `None` where one is absent or null."""
    for name in names:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise ValueError(f"no object around {name!r}")
        value = value.get(name)
    return value


def read_object(value: object, *names: str) -> dict[str, object]:
    """Return an object, empty where it is absent."""
    found = read_member(value, *names)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"{names} is no object")
    return found


def read_list(value: object, *names: str) -> list[object]:
    """Return a list, empty where it is absent."""
    found = read_member(value, *names)
    if found is None:
        return []
    if not isinstance(found, list):
        raise ValueError(f"{names} is no list")
    return found


def read_text(value: object, *names: str) -> str:
    """Return a text, empty where it is absent."""
    found = read_member(value, *names)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ValueError(f"{names} is no text")
    return found


def read_int(value: object, *names: str) -> int:
    """Return a whole number, written as one or as text; 0 where it is absent."""
    found = read_member(value, *names)
    if found is None:
        return 0
    if isinstance(found, bool) or not isinstance(found, int | str):
        raise ValueError(f"{names} is no whole number")
    return int(found)


def read_bytes(value: object) -> bytes:
    """Return bytes from base64."""
    if not isinstance(value, str):
        raise ValueError("no base64")
    return base64.b64decode(value, validate=True)


def read_hex(value: object, *names: str) -> bytes:
    """Return bytes from hex digits."""
    return bytes.fromhex(read_text(value, *names))


def read_time(value: object, *names: str) -> datetime:
    """Return an RFC 3339 time in UTC; below a microsecond it is cut off."""
    text = read_text(value, *names)
    if not text.endswith("Z"):
        raise ValueError(f"{text!r} is no time in UTC")
    seconds, _, fraction = text[:-1].partition(".")
    time = datetime.fromisoformat(seconds).replace(tzinfo=UTC)
    return time.replace(microsecond=int(fraction[:6].ljust(6, "0"))) if fraction else time
