"""Whether the address that a supplier is staked at leads to its node."""

from __future__ import annotations

import json

import anyio

from joey.core.wire.envelope import HttpRequest
from joey.http.client import HttpClient
from joey.http.errors import TransportError

__all__ = ["find_endpoint_fault"]

_PATIENCE_S = 10.0


async def find_endpoint_fault(http: HttpClient, url: str, operator_address: str) -> str | None:
    """Return what is wrong with a staked URL, as the end of a sentence; `None` when a node of ours answers.

    A node tells at `/health` for which suppliers it serves.
    """
    deadline = anyio.current_time() + _PATIENCE_S
    try:
        response = await http.request(HttpRequest("GET", f"{url.rstrip('/')}/health"), deadline=deadline)
    except TransportError as error:
        return f"does not answer ({error})"
    try:
        suppliers = json.loads(response.body)["suppliers"]
    except (ValueError, KeyError, TypeError):
        return "is answered by something that is no node"
    return None if operator_address in suppliers else "is answered by the node of another supplier"
