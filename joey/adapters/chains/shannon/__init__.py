"""Pocket Network itself: full nodes' gRPC for queries and transactions, their CometBFT RPC for blocks.

`open_shannon_chain` is all that others need. What it needs in turn is in the extra `shannon`; nothing
of that is loaded before a chain is opened.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from joey.core.errors import ConfigError

if TYPE_CHECKING:
    from joey.adapters.chains.shannon.chain import ShannonChain

__all__ = ["open_shannon_chain"]

_GAS_PRICE = Fraction(1, 10**6)
_GAS_MARGIN = Fraction(17, 10)


@asynccontextmanager
async def open_shannon_chain(
    grpc_urls: Sequence[str],
    rpc_urls: Sequence[str],
    *,
    chain_id: str = "",
    gas_price: Fraction = _GAS_PRICE,
    gas_margin: Fraction = _GAS_MARGIN,
    request_timeout_s: float = 10.0,
    poll_interval_s: float = 1.0,
    unordered: bool = False,
    ca_file: Path | None = None,
) -> AsyncIterator[ShannonChain]:
    """Open a network through one or more full nodes; what follows it ends with the context.

    `grpc_urls`, `rpc_urls`: `http://host:port` in plain, `https://host:port` over TLS, in order of
    preference; the two lists need not name the same nodes. `chain_id`: the network that they must
    belong to; without it, that of the first to answer, and then of all. `gas_price` is upokt per unit
    of gas and `gas_margin` what a simulated use is multiplied by. `request_timeout_s` is the patience
    with one node for one answer. `poll_interval_s`: how often nodes are asked for their newest block
    when they do not announce it. `unordered`: transactions go by a time-out instead of a sequence.
    `ca_file`: PEM certificates to trust instead of the system's.

    Raises `ConfigError` when an address cannot be used, a node belongs to another network, or the
    extra is not installed; `ChainUnavailable` when no node answers.
    """
    try:
        from joey.adapters.chains.shannon import chain as implementation
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in {"aiohttp", "grpc"}:
            raise
        raise ConfigError('Pocket Network needs more packages: pip install "joey[shannon]"') from None
    settings = implementation.Settings(
        chain_id=chain_id,
        gas_price=gas_price,
        gas_margin=gas_margin,
        request_timeout_s=request_timeout_s,
        poll_interval_s=poll_interval_s,
        unordered=unordered,
        ca_file=ca_file,
    )
    async with implementation.open_chain(grpc_urls, rpc_urls, settings) as chain:
        yield chain
