"""Transactions that wait for a block, in the order in which they came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio

from joey.adapters.chains.local.production import Submission
from joey.core.errors import ChainUnavailable, TransactionRejected
from joey.ports.chain import TransactionResult

__all__ = ["Mempool", "Outcome", "Waiting"]

Outcome = TransactionResult | TransactionRejected | ChainUnavailable
"""What a block made of a transaction; `ChainUnavailable` when the block could not be written."""

_WAITING_MAX = 10_000


@dataclass(slots=True, eq=False)
class Waiting:
    """One transaction and whoever waits for it."""

    submission: Submission
    _outcome: Outcome | None = None
    _done: anyio.Event = field(default_factory=anyio.Event)

    def resolve(self, outcome: Outcome) -> None:
        """Tell what became of it."""
        self._outcome = outcome
        self._done.set()

    async def result(self) -> TransactionResult:
        """Wait for a block; raise what it refused the transaction with."""
        await self._done.wait()
        assert self._outcome is not None, "an outcome is set before it is announced"
        if isinstance(self._outcome, TransactionResult):
            return self._outcome
        raise self._outcome


class Mempool:
    """All that wait. It holds so many and no more."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self._signed_by: Counter[str] = Counter()

    def add(self, submission: Submission) -> Waiting:
        """Let a transaction wait.

        Raises `TransactionRejected` when it waits already, and `ChainUnavailable` when too many do.
        """
        if submission.hash in self._waiting:
            raise TransactionRejected("this transaction waits already", codespace="sdk", tx_code=19)
        if len(self._waiting) >= _WAITING_MAX:
            raise ChainUnavailable(f"{_WAITING_MAX} transactions wait for a block already")
        waiting = Waiting(submission)
        self._waiting[submission.hash] = waiting
        self._signed_by.update(submission.transaction.required_signers)
        return waiting

    def all(self) -> tuple[Waiting, ...]:
        """Return all that wait now, first come first. They stay until they are resolved."""
        return tuple(self._waiting.values())

    def count(self, address: str) -> int:
        """Return how many of an account's transactions wait: by so much its sequence will grow."""
        return self._signed_by[address]

    def resolve(self, waiting: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
        """Let transactions go, each with its outcome."""
        for one, outcome in zip(waiting, outcomes, strict=True):
            del self._waiting[one.submission.hash]
            for address in one.submission.transaction.required_signers:
                self._signed_by[address] -= 1
                if self._signed_by[address] == 0:
                    del self._signed_by[address]
            one.resolve(outcome)
