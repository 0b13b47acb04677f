"""Which chain a command talks to: options that several commands share, and one way to open it.

A chain is named by `--grpc` and `--rpc`, by a data folder, or by the settings: `--config`, a
`joey.toml` here, or variables such as JOEY_CHAIN__GRPC_URLS.
"""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import anyio
import click

from joey.adapters.chains.local.chain import LocalChain, read_genesis
from joey.adapters.clock import SystemClock
from joey.cli.config import find_config
from joey.config import ChainConfig, read_config
from joey.core.crypto.keys import is_address
from joey.core.errors import ChainUnavailable, ConfigError
from joey.ports.chain import Chain
from joey.wiring.chains import describe_chain, open_chain
from joey.wiring.endpoints import find_swapped
from joey.wiring.folder import open_folder

__all__ = ["HEIGHT", "Address", "ChainPlace", "chain_options", "run_on_chain"]

T = TypeVar("T")

HEIGHT = click.option(
    "--height", type=click.IntRange(0), default=0, help="As after this block [the newest one]."
)

_DEFAULT_FOLDERS = (Path("joey-data"), Path("joey-chain"))
"""Those of `joey up` and `joey chain serve`."""

_NAMED_BY_FLAGS = frozenset({"JOEY_CHAIN__KIND", "JOEY_CHAIN__GRPC_URLS", "JOEY_CHAIN__RPC_URLS"})


@dataclass(frozen=True, slots=True)
class ChainPlace:
    """Where the chain is, as the flags say it. `gas_price`: upokt for a unit of gas, where one was named."""

    grpc_urls: tuple[str, ...]
    rpc_urls: tuple[str, ...]
    config_path: Path | None
    data: Path | None
    gas_price: str | None = None


class Address(click.ParamType[str]):
    """An address as the chain writes it; without `is_needed` it may be empty, for none."""

    name = "address"

    def __init__(self, *, is_needed: bool = True) -> None:
        self._is_needed = is_needed

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the address. Fails for what is none."""
        text = str(value)
        if (text or self._is_needed) and (text != text.lower() or not is_address(text)):
            self.fail(f"{text!r} is not an address: pokt1..., in lower case", param, ctx)
        return text


class _Url(click.ParamType[str]):
    """The address of a full node; a bare HOST:PORT is taken for http."""

    name = "url"

    def __init__(self, example: str) -> None:
        self._example = example

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        url = text if "://" in text else f"http://{text}"
        try:
            parts = urlsplit(url)
            is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_whole = False
        if not is_whole:
            # Not repeated: an address may hold a password.
            self.fail(f"a full node is named like {self._example}, its port at most 65535", param, ctx)
        return url


def chain_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name a chain; it receives them as `place`."""

    @click.option(
        "--grpc",
        "grpc_urls",
        multiple=True,
        metavar="URL",
        type=_Url("http://127.0.0.1:9090"),
        help="gRPC of a full node, such as http://127.0.0.1:9090; repeatable.",
    )
    @click.option(
        "--rpc",
        "rpc_urls",
        multiple=True,
        metavar="URL",
        type=_Url("http://127.0.0.1:26657"),
        help="CometBFT RPC of a full node, such as http://127.0.0.1:26657; repeatable.",
    )
    @click.option(
        "--config", "config_path", type=click.Path(path_type=Path), help="A joey.toml [the one here]."
    )
    @click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        help="The data folder of an embedded chain [joey-data or joey-chain here, if one of them is].",
    )
    @functools.wraps(command)
    def with_place(
        grpc_urls: tuple[str, ...],
        rpc_urls: tuple[str, ...],
        config_path: Path | None,
        data: Path | None,
        **others: Any,
    ) -> None:
        if sum((bool(grpc_urls or rpc_urls), config_path is not None, data is not None)) > 1:
            raise click.UsageError("--grpc and --rpc, --config, and --data each name a chain: choose one")
        if bool(grpc_urls) != bool(rpc_urls):
            raise click.UsageError("--grpc and --rpc go together: a full node has both")
        command(place=ChainPlace(grpc_urls, rpc_urls, config_path, data), **others)

    return with_place


def run_on_chain(place: ChainPlace, work: Callable[[Chain], Awaitable[T]], *, is_writing: bool = False) -> T:
    """Open the chain, do the work on it, close it, and return what the work returned.

    `is_writing`: an embedded chain's folder is then kept to ourselves, and a transaction goes into a
    block at once. Raises `ConfigError` when another process has the folder.
    """

    async def run() -> T:
        async with _open(place, is_writing=is_writing) as chain:
            return await work(chain)

    return anyio.run(run, backend="asyncio", backend_options={"use_uvloop": True})


@asynccontextmanager
async def _open(place: ChainPlace, *, is_writing: bool) -> AsyncIterator[Chain]:
    config, data = _choose(place)
    if config.kind != "local" or data is None or not is_writing:
        async with AsyncExitStack() as stack:
            try:
                chain = await stack.enter_async_context(open_chain(config, data=data))
            except ChainUnavailable:
                if await find_swapped(config.grpc_urls):
                    raise ConfigError(
                        f"{describe_chain(replace(config, rpc_urls=()))} answers CometBFT RPC, not gRPC:"
                        " --grpc and --rpc, or chain.grpc_urls and chain.rpc_urls, are swapped"
                    ) from None
                raise
            yield chain
        return
    async with _open_to_write(data) as local:
        yield local


def _choose(place: ChainPlace) -> tuple[ChainConfig, Path | None]:
    config, data = _choose_chain(place)
    if place.gas_price is None:
        return config, data
    if config.kind == "local":
        raise click.UsageError("--gas-price: a chain in a folder takes no fees, leave it out")
    return replace(config, gas_price_upokt=place.gas_price), data


def _choose_chain(place: ChainPlace) -> tuple[ChainConfig, Path | None]:
    if place.grpc_urls:
        # What else is known of the chain, such as its price of gas, variables may say.
        others = {
            name: text
            for name, text in os.environ.items()
            if name.startswith("JOEY_CHAIN__") and name not in _NAMED_BY_FLAGS
        }
        config = read_config(None, others).chain
        return replace(config, kind="shannon", grpc_urls=place.grpc_urls, rpc_urls=place.rpc_urls), None
    if place.data is not None:
        if not place.data.is_dir():
            raise ConfigError(f"there is no folder {place.data.absolute()}: name that of an embedded chain")
        return ChainConfig(), place.data
    config = read_config(find_config(place.config_path), os.environ).chain
    if config.kind == "local":
        found = [folder for folder in _DEFAULT_FOLDERS if (folder / "chain.db").is_file()]
        if len(found) == 1:
            return config, found[0]
        raise ConfigError(
            "which chain? name one: --grpc URL --rpc URL, --data FOLDER, or a joey.toml with [chain]"
            ' kind = "shannon"'
        )
    return config, None


@asynccontextmanager
async def _open_to_write(data: Path) -> AsyncIterator[LocalChain]:
    """Open an embedded chain that no process runs: every transaction makes its own block."""
    path = data / "chain.db"
    genesis = await read_genesis(path)
    if genesis is None:
        raise ConfigError(f"there is no embedded chain at {path}: name the folder of `joey up --data`")
    with ExitStack() as stack:
        try:
            stack.enter_context(open_folder(data))
        except ConfigError as error:
            raise ConfigError(
                f"{error.message}; a running `joey chain serve` takes transactions at --grpc and --rpc"
            ) from None
        chain = await LocalChain.open(path, genesis, clock=SystemClock(), instant=True)
        try:
            yield chain
        finally:
            await chain.aclose()
