"""Whether the address that a supplier is staked at leads to its node."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import urlsplit

import anyio

from joey.core.wire.envelope import HttpRequest
from joey.http.client import HttpClient
from joey.http.errors import MessageTooLarge, TransportError

__all__ = ["find_endpoint_fault", "find_engine_fault", "find_port", "find_swapped", "mask_url"]

_PATIENCE_S = 10.0
_GLANCE_S = 2.0
_STATUS_BYTES_MAX = 65_536


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


async def find_engine_fault(http: HttpClient, url: str) -> str | None:
    """Return why nothing answers at an engine's URL; `None` when something does, whatever it says."""
    deadline = anyio.current_time() + _PATIENCE_S
    try:
        await http.request(HttpRequest("GET", f"{url.rstrip('/')}/v1/models"), deadline=deadline)
    except MessageTooLarge:
        return None
    except (TransportError, ValueError) as error:
        return str(error)
    return None


def find_port(url: str) -> int:
    """Return the port that a URL leads to."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme in {"https", "wss"} else 80)


def mask_url(url: str) -> str:
    """Return a URL without the credentials that it may hold."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


async def find_swapped(grpc_urls: Sequence[str]) -> bool:
    """Tell whether what is named as gRPC of full nodes answers as their CometBFT RPC."""
    http = HttpClient(body_bytes_max=_STATUS_BYTES_MAX)
    try:
        for url in grpc_urls:
            deadline = anyio.current_time() + _GLANCE_S
            try:
                response = await http.request(
                    HttpRequest("GET", f"{url.rstrip('/')}/status"), deadline=deadline
                )
                if "node_info" in json.loads(response.body)["result"]:
                    return True
            except (TransportError, ValueError, KeyError, TypeError):
                continue
    finally:
        await http.aclose()
    return False
