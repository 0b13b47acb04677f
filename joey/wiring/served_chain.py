"""An embedded chain on its own, for others to use: begun or taken up, driven, and served."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction

import anyio
import anyio.abc

from joey.adapters.chains.local.chain import LocalChain, read_genesis
from joey.adapters.clock import SystemClock
from joey.adapters.keyrings.file import FileKeyring
from joey.core.errors import ConfigError
from joey.core.protocol.genesis import Genesis
from joey.core.protocol.params import PRESETS
from joey.core.protocol.state import Validator
from joey.core.units import Height, Upokt
from joey.wiring.folder import DataFolder

__all__ = ["KEY_NAMES", "Drive", "RunningChain", "ServedChain", "run_served_chain"]

KEY_NAMES = ("faucet", "validator", "dao", "authority")
"""The keys of a chain, in the folder's `keys`."""

_FAUCET = Upokt(1_000_000_000_000_000)
_VALIDATOR_STAKE = Upokt(100_000_000_000)
_EXTRA = "shannon"
_MODULES = ("grpc", "aiohttp")


class Drive(Enum):
    """What makes blocks."""

    CLOCK = "clock"
    HAND = "by hand"
    INSTANT = "instant"


@dataclass(frozen=True, slots=True)
class ServedChain:
    """What is asked for. `preset` and `chain_id` are `None` for those that the chain began with.

    `gas_price_min` is in upokt for a unit of gas, `block_interval_s` for a chain driven by the clock.
    """

    grpc_address: str
    rpc_address: str
    preset: str | None = None
    chain_id: str | None = None
    drive: Drive = Drive.CLOCK
    block_interval_s: float = 2.0
    gas_price_min: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class RunningChain:
    """A chain that is served: where, and the addresses of its keys by name."""

    chain_id: str
    height: Height
    grpc_address: str
    rpc_address: str
    accounts: dict[str, str]


async def run_served_chain(
    asked: ServedChain, folder: DataFolder, report: Callable[[RunningChain], None]
) -> None:
    """Serve a chain until cancelled; tell what runs once it can be reached.

    Raises `ConfigError` for what a person must change.
    """
    for module in _MODULES:
        if importlib.util.find_spec(module) is None:
            raise ConfigError(
                f'serving a chain needs {module}: run `pip install "joey[{_EXTRA}]"`', extra=_EXTRA
            )
    from joey.adapters.chains.served import ServedAddresses, serve_chain

    clock = SystemClock()
    keyring = FileKeyring(folder.keys)
    accounts = {name: keyring.get_or_create(name).address for name in KEY_NAMES}
    genesis = await read_genesis(folder.chain)
    if genesis is None:
        genesis = _make_genesis(asked, accounts, clock)
    else:
        _check_genesis(asked, genesis, folder)
    chain = await LocalChain.open(
        folder.chain,
        genesis,
        clock=clock,
        instant=asked.drive is Drive.INSTANT,
        gas_price_min=asked.gas_price_min,
    )
    try:
        async with anyio.create_task_group() as tasks:

            async def serve(*, task_status: anyio.abc.TaskStatus[ServedAddresses]) -> None:
                await serve_chain(
                    chain,
                    grpc_address=asked.grpc_address,
                    rpc_address=asked.rpc_address,
                    by_hand=asked.drive is not Drive.CLOCK,
                    task_status=task_status,
                )

            served = await tasks.start(serve)
            if asked.drive is Drive.CLOCK:
                await tasks.start(chain.run, asked.block_interval_s)
            head = await chain.head()
            report(RunningChain(genesis.chain_id, head.height, served.grpc, served.rpc, accounts))
    finally:
        await chain.aclose()


def _make_genesis(asked: ServedChain, accounts: dict[str, str], clock: SystemClock) -> Genesis:
    """Return the beginning of a chain whose every key is in the folder."""
    params = PRESETS[asked.preset or "minimal"]
    tokenomics = replace(params.tokenomics, dao_reward_address=accounts["dao"])
    return Genesis(
        chain_id=asked.chain_id or "joey-local",
        time=clock.now(),
        params=replace(params, tokenomics=tokenomics),
        balances={accounts["faucet"]: _FAUCET, accounts["authority"]: Upokt(1_000_000_000)},
        validators=(Validator(accounts["validator"], _VALIDATOR_STAKE),),
        authority=accounts["authority"],
    )


def _check_genesis(asked: ServedChain, genesis: Genesis, folder: DataFolder) -> None:
    """Raise `ConfigError` when a chain is not the one that is asked for."""
    if asked.chain_id is not None and asked.chain_id != genesis.chain_id:
        raise ConfigError(
            f"{folder.chain} holds the chain {genesis.chain_id}, not {asked.chain_id}: leave --chain-id out,"
            " or name another folder with --data"
        )
    if asked.preset is None:
        return
    # The DAO's address is the chain's own, whatever the preset.
    tokenomics = replace(
        PRESETS[asked.preset].tokenomics, dao_reward_address=genesis.params.tokenomics.dao_reward_address
    )
    if genesis.params != replace(PRESETS[asked.preset], tokenomics=tokenomics):
        raise ConfigError(
            f"{folder.chain} began with other parameters than {asked.preset}: leave --preset out,"
            " or name another folder with --data"
        )
