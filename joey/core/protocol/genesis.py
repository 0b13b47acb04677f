"""Where a chain begins: its id, time, parameters, first balances and validators."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from joey.core.protocol.bank import VALIDATOR_POOL, mint
from joey.core.protocol.checks import is_chain_address
from joey.core.protocol.params import NetworkParams
from joey.core.protocol.rows import encode_row
from joey.core.protocol.state import Authority, State, Validator, height_key
from joey.core.units import Upokt

__all__ = ["AUTHORITY", "Genesis", "compute_genesis_hash", "write_genesis"]


AUTHORITY = "pokt10d07y265gmmuvt4z0w9aw880jnsr700j8yv32t"
"""The network's authority over parameters: the account of its governance module. Nobody has its key."""


@dataclass(frozen=True, slots=True)
class Genesis:
    """A chain's beginning. `time` is aware, UTC, and that of block 1.

    `balances` holds what each address can spend at once. At least one validator must be bonded: the
    proposer's part of a claim has to go to somebody. Its stake comes on top of its balance.
    `authority` is the account that may change parameters: a chain that shall be governed names one
    whose key somebody has. All addresses are in lower case.
    Raises `ValueError` for what no chain can begin with.
    """

    chain_id: str
    time: datetime
    params: NetworkParams
    balances: dict[str, Upokt]
    validators: tuple[Validator, ...]
    authority: str = AUTHORITY

    def __post_init__(self) -> None:
        if not self.chain_id:
            raise ValueError("a chain needs an id")
        if self.time.utcoffset() != timedelta(0):
            raise ValueError("the time of a genesis is aware, in UTC")
        if not self.validators or len({one.address for one in self.validators}) != len(self.validators):
            raise ValueError("a genesis names at least one validator, each once")
        addresses = [*self.balances, *(one.address for one in self.validators)]
        addresses += (self.params.tokenomics.dao_reward_address, self.authority)
        for address in addresses:
            if not is_chain_address(address):
                raise ValueError(f"{address!r} is not an address")
        if min([*self.balances.values(), *(one.stake for one in self.validators)]) <= 0:
            raise ValueError("balances and stakes of a genesis are positive")


def compute_genesis_hash(genesis: Genesis) -> bytes:
    """Return the 32 bytes that stand for the block before the first."""
    return hashlib.sha256(b"joey genesis\0" + encode_row(genesis)).digest()


def write_genesis(state: State, genesis: Genesis) -> None:
    """Put into an empty state what there is before block 1."""
    state.params.put(height_key(1), genesis.params)
    state.live_params.put("", genesis.params)
    state.authority.put("", Authority(genesis.authority))
    for address, balance in sorted(genesis.balances.items()):
        mint(state, address, balance)
    for validator in sorted(genesis.validators, key=lambda one: one.address):
        state.validators.put(validator.address, validator)
        mint(state, VALIDATOR_POOL, validator.stake)
