"""Transactions that wait for a block, in the order in which they came, and how many may.

The mempool is only memory: a process that ends forgets what waits, and whoever sent it sends again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import anyio

from joey.adapters.chains.local.production import Submission
from joey.core.errors import ChainUnavailable, TransactionRejected
from joey.ports.chain import TransactionResult

__all__ = ["DUPLICATE", "Mempool", "Outcome", "Waiting"]

Outcome = TransactionResult | TransactionRejected | ChainUnavailable
"""What a block made of a transaction; `ChainUnavailable` when the block could not be written."""

DUPLICATE = ("sdk", 19)
"""Codespace and code of a transaction that waits already. Source: cosmos-sdk types/errors."""

_WAITING_MAX = 10_000
_WAITING_BYTES_MAX = 64 * 1024 * 1024
_TRANSACTION_BYTES_MAX = 1024 * 1024
"""Source: CometBFT config, mempool.max_tx_bytes."""
_BLOCK_BYTES_MAX = 22_020_096
"""Source: CometBFT types/params.go, default of block.max_bytes."""


@dataclass(slots=True, eq=False)
class Waiting:
    """One transaction and whoever waits for it. `outcome` is `None` while it waits."""

    submission: Submission
    outcome: Outcome | None = None
    _done: anyio.Event = field(default_factory=anyio.Event)

    def resolve(self, outcome: Outcome) -> None:
        """Tell what became of it."""
        self.outcome = outcome
        self._done.set()

    async def result(self) -> TransactionResult:
        """Wait for a block; raise what it refused the transaction with."""
        await self._done.wait()
        assert self.outcome is not None, "an outcome is set before it is announced"
        if isinstance(self.outcome, TransactionResult):
            return self.outcome
        raise self.outcome


class Mempool:
    """All that wait: so many, so many bytes, and no more.

    An account may hold no more places than are still free, and no more bytes. So one alone can take
    half of all there is, and there is always room for another.
    Source: Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches",
    1998, with alpha 1; kept per account, where they keep it per port.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self._bytes = 0
        self._count_by: Counter[str] = Counter()
        self._bytes_by: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def find(self, transaction_hash: str) -> Waiting | None:
        """Return a transaction that waits."""
        return self._waiting.get(transaction_hash)

    def check(self, submission: Submission) -> None:
        """Find out whether a transaction may wait.

        Raises `TransactionRejected` when it waits already or is larger than 1 MiB, and
        `ChainUnavailable` when too many wait.
        """
        if submission.hash in self._waiting:
            codespace, code = DUPLICATE
            raise TransactionRejected("tx already in mempool", codespace=codespace, tx_code=code)
        size = len(submission.raw)
        if size > _TRANSACTION_BYTES_MAX:
            raise TransactionRejected(
                f"the transaction has {size} bytes, {_TRANSACTION_BYTES_MAX} are the most",
                codespace="sdk",
                tx_code=21,
            )
        free, bytes_free = _WAITING_MAX - len(self._waiting), _WAITING_BYTES_MAX - self._bytes - size
        for address in submission.transaction.required_signers:
            if self._count_by[address] >= free or self._bytes_by[address] > bytes_free:
                raise ChainUnavailable(
                    f"mempool is full: {len(self._waiting)} transactions of {self._bytes} bytes wait,"
                    f" {self._count_by[address]} of {address}"
                )

    def add(self, submission: Submission) -> Waiting:
        """Let a transaction wait that was checked."""
        waiting = Waiting(submission)
        self._waiting[submission.hash] = waiting
        self._count(submission, 1)
        return waiting

    def take(self) -> tuple[Waiting, ...]:
        """Return what a block may hold of it, first come first. They stay until they are resolved."""
        taken: list[Waiting] = []
        size = 0
        for waiting in self._waiting.values():
            size += len(waiting.submission.raw)
            if size > _BLOCK_BYTES_MAX:
                break
            taken.append(waiting)
        return tuple(taken)

    def all(self) -> tuple[Waiting, ...]:
        """Return all that wait, first come first."""
        return tuple(self._waiting.values())

    def resolve(self, outcomes: Iterable[tuple[Waiting, Outcome]]) -> None:
        """Let transactions go, each with its outcome."""
        for waiting, outcome in outcomes:
            del self._waiting[waiting.submission.hash]
            self._count(waiting.submission, -1)
            waiting.resolve(outcome)

    def _count(self, submission: Submission, sign: int) -> None:
        size = len(submission.raw)
        self._bytes += sign * size
        for address in submission.transaction.required_signers:
            self._count_by[address] += sign
            self._bytes_by[address] += sign * size
            if self._count_by[address] == 0:
                del self._count_by[address], self._bytes_by[address]
