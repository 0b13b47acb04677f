"""The check-state: what the chain will know of accounts once all that waits is in a block.

A transaction that is sent is checked against it, so that many of one account can wait together: each
finds the sequence and the balance that those before it leave. What messages do is not in it: that is
known only in the block. It is laid anew over every block. Source: cosmos-sdk baseapp, checkState.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from joey.adapters.chains.local.production import recover
from joey.core.errors import TransactionRejected
from joey.core.protocol.block import BlockContext
from joey.core.protocol.state import Account, State
from joey.core.protocol.transition import check_transaction
from joey.core.units import Height
from joey.core.wire.transactions import Transaction
from joey.ports.chain import Block

__all__ = ["CheckState"]


class CheckState:
    """A draft over the newest state with the fees and sequences of all that waits."""

    def __init__(self, chain_id: str, gas_price_min: Fraction, state: State, head: Block) -> None:
        self._chain_id = chain_id
        self._gas_price_min = gas_price_min
        self.reset(state, head)

    def reset(self, state: State, head: Block) -> None:
        """Begin again over the state after a new head, as if nothing waited."""
        self._base = state
        self._draft = state.draft()
        # The time of the next block is not known yet: it will not be before the head's.
        self._context = BlockContext(
            chain_id=self._chain_id,
            height=Height(head.height + 1),
            previous_hash=head.hash,
            time=head.time,
        )

    def add(self, transaction: Transaction) -> None:
        """Check a transaction as the next to wait, and count its fee and its sequences.

        Raises `TransactionRejected` and has then changed nothing.
        """
        try:
            check_transaction(self._draft, transaction, self._context, gas_price_min=self._gas_price_min)
        except TransactionRejected:
            raise
        except Exception as error:
            raise recover(error, "a transaction is refused unchecked") from error

    def account(self, address: str) -> Account | None:
        """Return an account as it is when all that waits is in a block."""
        return self._draft.accounts.get(address)

    def snapshot(self) -> tuple[State, BlockContext]:
        """Return the check-state as it is now, for a worker thread: it does not change with this one."""
        copy = self._base.draft()
        tables = dict(copy.tables())
        for name, key, row in self._draft.changes():
            if row is None:
                tables[name].remove(key)
            else:
                tables[name].put(key, row)
        # Contexts remember what was looked up: nothing of that is shared between threads.
        return copy, replace(self._context, sessions={})
