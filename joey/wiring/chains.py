"""The chain that a configuration names, opened through the plugin table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import urlsplit

import anyio

from joey.adapters.chains.local.chain import LocalChain, read_genesis
from joey.adapters.clock import SystemClock
from joey.config import ChainConfig
from joey.core.errors import ChainUnavailable, ConfigError
from joey.core.protocol.params import read_decimal
from joey.core.units import Height
from joey.plugins import load_chain
from joey.ports.chain import Chain

__all__ = ["ask_patiently", "describe_chain", "enter_chain", "open_chain", "require_address"]

_RETRY_S = 1.0

T = TypeVar("T")


@asynccontextmanager
async def open_chain(config: ChainConfig, *, data: Path | None = None) -> AsyncIterator[Chain]:
    """Open the chain of the settings, and close it when left.

    `data` is the folder of `joey up`, in which the embedded chain (`kind` `local`) lies; it is opened to
    be read. Any other kind is reached by address, and need not answer yet. Raises `ConfigError`.
    """
    opener = load_chain(config.kind)
    if config.kind == "local":
        chain = await _open_local(data)
        try:
            yield chain
        finally:
            await chain.aclose()
        return
    opened = opener(
        config.grpc_urls,
        config.rpc_urls,
        chain_id=config.chain_id,
        gas_price=_read_amount(config.gas_price_upokt, "chain.gas_price_upokt", least=Fraction(0)),
        gas_margin=_read_amount(config.gas_margin, "chain.gas_margin", least=Fraction(1)),
        request_timeout_s=config.request_timeout_s,
        poll_interval_s=config.poll_interval_s,
        **({"ca_file": Path(config.ca_file)} if config.ca_file else {}),
    )
    async with opened as remote:
        yield cast(Chain, remote)


async def _open_local(data: Path | None) -> LocalChain:
    path = None if data is None else data / "chain.db"
    genesis = None if path is None else await read_genesis(path)
    if path is None or genesis is None:
        raise ConfigError(
            'chain.kind is "local", and there is no embedded chain'
            + (f" at {path}" if path is not None else "")
            + ": name the folder of `joey up` with --data,"
            ' or set chain.kind = "shannon" with grpc_urls and rpc_urls'
        )
    return await LocalChain.open(path, genesis, clock=SystemClock())


def _read_amount(text: str, where: str, *, least: Fraction) -> Fraction:
    """Return a decimal exactly. Raises `ConfigError`."""
    try:
        amount = read_decimal(text)
    except ValueError:
        raise ConfigError(f"{where} must be a decimal such as 0.001, not {text!r}", key=where) from None
    if amount < least:
        raise ConfigError(f"{where} must be {least} or more, not {text}", key=where)
    return amount


def require_address(config: ChainConfig, command: str) -> None:
    """Raise `ConfigError` when the chain lives inside another process, where `command` cannot reach it."""
    if config.kind == "local":
        raise ConfigError(
            f'{command} needs a chain that it reaches by address: set [chain] kind = "shannon" with grpc_urls'
            " and rpc_urls; with the embedded chain, `joey up` runs everything",
            key="chain.kind",
        )


def describe_chain(config: ChainConfig) -> str:
    """Return where the chain is, for people, without credentials that an address may hold."""
    places = dict.fromkeys(
        urlsplit(url).netloc.rpartition("@")[2] for url in config.grpc_urls + config.rpc_urls
    )
    return ", ".join(places) or config.kind


async def enter_chain(stack: AsyncExitStack, config: ChainConfig, report: Callable[[str], None]) -> Chain:
    """Open the chain of the settings as soon as it answers, to be closed with `stack`; tell where it stands.

    Raises `ConfigError`.
    """
    where = describe_chain(config)
    chain = await ask_patiently(lambda: stack.enter_async_context(open_chain(config)), where, report)

    async def ask() -> tuple[str, Height]:
        return await chain.chain_id(), (await chain.head()).height

    chain_id, height = await ask_patiently(ask, where, report)
    report(f"chain {chain_id} at block {height}")
    return chain


async def ask_patiently(question: Callable[[], Awaitable[T]], where: str, report: Callable[[str], None]) -> T:
    """Ask a chain until it answers; tell once that it does not.

    `where` says which chain, `question` may be asked any number of times.
    """
    is_told = False
    while True:
        try:
            return await question()
        except ChainUnavailable as error:
            if not is_told:
                report(f"waiting for the chain at {where}: {error}")
            is_told = True
        await anyio.sleep(_RETRY_S)
