"""One full node's CometBFT RPC: JSON-RPC over HTTP, one call at a time.

Source: CometBFT 0.38, rpc/core.
"""

from __future__ import annotations

import json
import re
from typing import Final

import aiohttp

from joey.adapters.chains.shannon.addresses import RpcAddress
from joey.adapters.chains.shannon.failover import NodeBehind, NodeFailed, NodePruned, RequestRefused
from joey.adapters.chains.shannon.json_reading import read_int, read_member, read_object, read_text

__all__ = ["RpcNode"]

_ANSWER_BYTES_MAX: Final = 256 * 2**20
_CHUNK_BYTES: Final = 2**16

_AHEAD: Final = re.compile(
    r"must be less than or equal to the current blockchain height|could not find results for height",
    re.IGNORECASE,
)
_PRUNED: Final = re.compile(r"is not available, lowest height", re.IGNORECASE)


class RpcNode:
    """One node, reached through a session that all share."""

    def __init__(self, address: RpcAddress, session: aiohttp.ClientSession) -> None:
        self.name = address.name
        self.websocket_url = address.websocket_url
        self._url = address.url
        self._session = session

    async def call(self, method: str, **params: str) -> dict[str, object]:
        """Return the result of a call.

        Raises `NodeFailed` for faults of the node, `NodeBehind` for a height that it has not yet,
        `NodePruned` for one that it no longer keeps, and `RequestRefused` for any other error.
        """
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            async with self._session.post(self._url, json=request, allow_redirects=False) as response:
                body = await _read_body(response)
                status = response.status
        except TimeoutError:
            raise NodeFailed("no answer in time") from None
        except aiohttp.ClientError as error:
            # The text of the error is not repeated: an address in it may hold credentials.
            raise NodeFailed(f"no connection ({type(error).__name__})") from None
        try:
            reply = json.loads(body)
            error_found = read_member(reply, "error")
            if error_found is None:
                return read_object(reply, "result")
            code = read_int(error_found, "code")
            text = f"{read_text(error_found, 'message')} {read_text(error_found, 'data')}".strip()
        except (ValueError, RecursionError):
            raise NodeFailed(f"HTTP status {status}, and no JSON-RPC in it") from None
        if _AHEAD.search(text):
            raise NodeBehind(text)
        if _PRUNED.search(text):
            raise NodePruned(text)
        raise RequestRefused(str(code), text)


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > _ANSWER_BYTES_MAX:
            raise NodeFailed(f"an answer of more than {_ANSWER_BYTES_MAX} bytes")
    return bytes(body)
