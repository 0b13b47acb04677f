"""Commands under test: a data folder with an embedded chain and plain keys, and what a command printed."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from click.testing import CliRunner, Result

from joey.adapters.chains.local.chain import LocalChain
from joey.cli import cli
from joey.core.protocol.genesis import Genesis
from joey.testing.worlds import World, make_genesis, make_key

__all__ = [
    "NAMES",
    "WORLD",
    "address",
    "make_folder",
    "make_world_genesis",
    "read_table",
    "run",
    "run_json",
    "stake_world",
    "with_chain",
]

WORLD = World.of_service("text", 3000)
NAMES = (*WORLD.names, "newcomer", "poor")


def make_folder(path: Path, *, is_staked: bool = True) -> Path:
    """Make `path` a data folder: the world staked, and everybody's key by name, `-` for a space."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "keys").mkdir()
    for name in NAMES:
        (path / "keys" / f"{name.replace(' ', '-')}.hex").write_text(make_key(name).secret.hex())
    with_chain(path, stake_world if is_staked else _nothing)
    return path


def make_world_genesis() -> Genesis:
    """Return the genesis of the folder's chain. `poor` has nothing."""
    return make_genesis([name for name in NAMES if name != "poor"])


async def stake_world(chain: LocalChain) -> None:
    """Put the world on a chain."""
    await WORLD.stake(chain.submit)


async def _nothing(_chain: LocalChain) -> None:
    return


def with_chain(folder: Path, work: Callable[[LocalChain], Awaitable[Any]]) -> Any:
    """Do something on the chain of a folder that no process runs."""

    async def run() -> Any:
        chain = await LocalChain.open(folder / "chain.db", make_world_genesis(), instant=True)
        try:
            return await work(chain)
        finally:
            await chain.aclose()

    return anyio.run(run)


def address(name: str) -> str:
    """Return the address of somebody's key."""
    return make_key(name).address


def run(folder: Path, *arguments: str) -> Result:
    """Run `joey ARGUMENTS --data FOLDER`."""
    return CliRunner().invoke(cli, [*arguments, "--data", str(folder)])


def run_json(folder: Path, *arguments: str) -> Any:
    """Run a command that must succeed, and return the JSON that it prints."""
    result = run(folder, *arguments, "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def read_table(text: str) -> list[list[str]]:
    """Return the cells of a printed table, which are separated by two spaces or more."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines() if line]
