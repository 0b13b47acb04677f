"""Which chain a command talks to: options that several commands share, and one way to open it.

A chain is named by `--grpc` and `--rpc`, by a data folder, or by the settings: `--config`, a
`joey.toml` here, or variables such as JOEY_CHAIN__GRPC_URLS.
"""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
import click

from joey.adapters.chains.local.chain import LocalChain, read_genesis
from joey.adapters.clock import SystemClock
from joey.cli.config import find_config
from joey.config import ChainConfig, read_config
from joey.core.errors import ConfigError
from joey.ports.chain import Chain
from joey.wiring.chains import open_chain
from joey.wiring.folder import open_folder

__all__ = ["ChainPlace", "chain_options", "run_on_chain"]

T = TypeVar("T")

_DEFAULT_FOLDERS = (Path("joey-data"), Path("joey-chain"))
"""Those of `joey up` and `joey chain serve`."""


@dataclass(frozen=True, slots=True)
class ChainPlace:
    """Where the chain is, as the flags say it."""

    grpc_urls: tuple[str, ...]
    rpc_urls: tuple[str, ...]
    config_path: Path | None
    data: Path | None


def chain_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name a chain; it receives them as `place`."""

    @click.option(
        "--grpc", "grpc_urls", multiple=True, metavar="URL", help="gRPC of a full node; again for more."
    )
    @click.option("--rpc", "rpc_urls", multiple=True, metavar="URL", help="CometBFT RPC; again for more.")
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
        async with open_chain(config, data=data) as chain:
            yield chain
        return
    async with _open_to_write(data) as local:
        yield local


def _choose(place: ChainPlace) -> tuple[ChainConfig, Path | None]:
    if place.grpc_urls:
        return ChainConfig(kind="shannon", grpc_urls=place.grpc_urls, rpc_urls=place.rpc_urls), None
    if place.data is not None:
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
