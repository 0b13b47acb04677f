"""The rulebook without disk, clock or signatures: a state that goes on block by block."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from fractions import Fraction

from joey.core.protocol.block import BlockContext
from joey.core.protocol.events import ChainEvent
from joey.core.protocol.genesis import Genesis, compute_genesis_hash, write_genesis
from joey.core.protocol.params import NetworkParams
from joey.core.protocol.queries import live_params, params_at, session_at
from joey.core.protocol.state import State
from joey.core.protocol.transition import (
    TransactionOutcome,
    apply_message,
    apply_transaction,
    begin_block,
    check_transaction,
    end_block,
    simulate_transaction,
)
from joey.core.units import Height, Upokt
from joey.core.wire.messages import Message
from joey.core.wire.session import Session
from joey.core.wire.transactions import Transaction
from joey.testing.worlds import World

__all__ = ["PureChain"]

_BLOCK_TIME = timedelta(minutes=1)
_NO_PRICE = Fraction(0)


class PureChain:
    """A chain inside one function. `height` is that of the block in the making.

    Blocks are a minute apart, the first has the time of the genesis.
    """

    def __init__(self, genesis: Genesis) -> None:
        self.genesis = genesis
        self.state = State.empty()
        self._hash = compute_genesis_hash(genesis)
        self.height = Height(1)
        write_genesis(self.state, genesis)
        self._begin()

    def _begin(self) -> None:
        self.context = BlockContext(self.genesis.chain_id, self.height, self._hash, self.time)
        begin_block(self.state, self.context)

    @property
    def time(self) -> datetime:
        """The time of the block in the making."""
        return self.genesis.time + (self.height - 1) * _BLOCK_TIME

    @property
    def params(self) -> NetworkParams:
        """The parameters that the sessions of this height go by."""
        return params_at(self.state, self.height)

    @property
    def live(self) -> NetworkParams:
        """The parameters that the block in the making executes with."""
        return live_params(self.state)

    def apply(self, message: Message) -> tuple[ChainEvent, ...]:
        """Apply a message whose signer is taken for granted."""
        return apply_message(self.state, message, self.context)

    def apply_transaction(self, transaction: Transaction) -> TransactionOutcome:
        """Take a signed transaction into the block in the making."""
        return apply_transaction(self.state, transaction, self.context)

    def check_transaction(self, transaction: Transaction, gas_price_min: Fraction = _NO_PRICE) -> None:
        """Check a signed transaction as when it is sent; it leaves its fee and sequence in the state."""
        check_transaction(self.state, transaction, self.context, gas_price_min=gas_price_min)

    def simulate(self, transaction: Transaction) -> TransactionOutcome:
        """Return what a transaction would do."""
        return simulate_transaction(self.state, transaction, self.context)

    def end_block(self) -> tuple[ChainEvent, ...]:
        """End the block in the making and begin the next; return what its end brought about."""
        events = end_block(self.state, self.context)
        self._hash = hashlib.sha256(self._hash + self.height.to_bytes(8, "big")).digest()
        self.height = Height(self.height + 1)
        self._begin()
        return events

    def go_to(self, height: int) -> tuple[ChainEvent, ...]:
        """End blocks until the one in the making has a height; return all that their ends brought."""
        events: list[ChainEvent] = []
        while self.height < height:
            events += self.end_block()
        return tuple(events)

    def stake(self, world: World) -> None:
        """Apply everything that sets a world up."""
        for staking in world.stakings():
            self.apply(staking.message)

    def session(self, application: str, service_id: str, height: int) -> Session | None:
        """Return the session of an application that a committed height is in."""
        head = (self.context.height_previous, self.context.previous_hash)
        return session_at(self.state, application, service_id, Height(height), head=head)

    def sum_balances(self) -> Upokt:
        """Return the sum over all accounts, modules included."""
        return Upokt(sum(account.balance for _, account in self.state.accounts.items()))
