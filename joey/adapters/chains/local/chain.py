"""The embedded chain: the rulebook over SQLite, blocks by the clock, by hand or as fast as asked.

It fulfils `joey.ports.chain.Chain`. Reads are answered from the state of a block that is on disk; a
block becomes visible when it is. One process owns a chain file.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Self

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus

from joey.adapters.chains.local.archive import Archive
from joey.adapters.chains.local.entrance import Entrance, read_submission
from joey.adapters.chains.local.history import History
from joey.adapters.chains.local.making import BlockMaker
from joey.adapters.chains.local.mempool import Waiting
from joey.adapters.chains.local.production import Submission, make_block
from joey.adapters.chains.local.reading import StateReader
from joey.adapters.chains.local.storage import ChainStore
from joey.adapters.chains.local.submitting import Submitter
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ChainUnavailable, ConfigError, TransactionRejected
from joey.core.protocol.events import ChainEvent
from joey.core.protocol.genesis import Genesis, compute_genesis_hash, write_genesis
from joey.core.protocol.state import State
from joey.core.protocol.transition import TransactionOutcome, simulate_transaction
from joey.core.units import Height, Upokt
from joey.core.wire.messages import Message
from joey.core.wire.transactions import compute_transaction_hash
from joey.ports.chain import (
    Block,
    Fee,
    IncludedTransaction,
    OnSigned,
    TransactionResult,
    TransactionTerms,
)
from joey.ports.clock import Clock

__all__ = ["CheckedTransaction", "LocalChain", "read_genesis"]

_NOW = Height(0)
_FREE = Fee(0, Upokt(0))
_MEMPOOL_FULL = ("sdk", 20)


@dataclass(frozen=True, slots=True)
class CheckedTransaction:
    """What the chain says at once of a transaction that it was sent. `code` 0: it waits for a block."""

    hash: str
    code: int
    codespace: str
    log: str
    gas_wanted: int


async def read_genesis(path: Path) -> Genesis | None:
    """Return the genesis that a chain file began with; `None` when there is no such file.

    Raises `ConfigError` when it is no chain file.
    """
    if not await anyio.Path(path).exists():
        return None
    store = await anyio.to_thread.run_sync(ChainStore, path)
    try:
        return await store.read_genesis()
    finally:
        await anyio.to_thread.run_sync(store.close)


class LocalChain(StateReader):
    """A whole Pocket network in one file. Made by `open`."""

    def __init__(
        self,
        store: ChainStore,
        genesis: Genesis,
        history: History,
        head: Block,
        *,
        clock: Clock | None,
        instant: bool,
        gas_price_min: Fraction,
    ) -> None:
        super().__init__()
        self._store = store
        self._genesis = genesis
        self._history = history
        self._instant = instant
        self._is_free = gas_price_min == 0
        self._archive = Archive(store)
        self._entrance = Entrance(genesis.chain_id, gas_price_min, history.head, head)
        self._submitter = Submitter(self._entrance, self._archive, add=self._add, find_block=self._find_block)
        self._maker = BlockMaker(
            genesis.chain_id,
            head,
            store=store,
            history=history,
            archive=self._archive,
            entrance=self._entrance,
            clock=clock,
        )

    @classmethod
    async def open(
        cls,
        path: Path | None,
        genesis: Genesis,
        *,
        clock: Clock | None = None,
        instant: bool = False,
        gas_price_min: Fraction = Fraction(0),
    ) -> Self:
        """Open a chain file and take up where it ended, or begin it with `genesis` and block 1.

        `path` `None`: a private chain in memory. `clock` gives the times of blocks; without one, each
        is a second after the one before. `instant`: every transaction that comes in is put into a
        block at once, for tests and tools that do not `run` the chain. `gas_price_min` is what a
        transaction must offer for a unit of gas, in upokt; with 0, what is sent from here is free.

        Raises `ConfigError` when the file cannot be used or began with another genesis.
        """
        store = await anyio.to_thread.run_sync(ChainStore, path)
        try:
            history, head = await cls._load(store, path, genesis)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(store.close)
            raise
        return cls(store, genesis, history, head, clock=clock, instant=instant, gas_price_min=gas_price_min)

    @staticmethod
    async def _load(store: ChainStore, path: Path | None, genesis: Genesis) -> tuple[History, Block]:
        known = await store.read_genesis()
        if known is None:
            await store.save_genesis(genesis)
        elif known != genesis:
            raise ConfigError(
                f"{path} holds the chain {known.chain_id} of {known.time:%Y-%m-%d %H:%M:%S} with another"
                " genesis: open it with its own, name another folder, or delete the file to begin anew"
            )
        head = await store.read_head()
        if head is None:
            before = Block(Height(0), compute_genesis_hash(genesis), genesis.time)
            draft = State.empty().draft()
            write_genesis(draft, genesis)
            made = make_block(draft, genesis.chain_id, before, genesis.time, ())
            await store.save_block(made)
            state, head = made.state, made.block
        else:
            state = await store.load_state()
        return History(store, await store.read_history_start(), head.height, state), head

    async def aclose(self) -> None:
        """Close the file. Every block that was announced is on disk already."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._store.close)

    @property
    def genesis(self) -> Genesis:
        """Where this chain began."""
        return self._genesis

    async def chain_id(self) -> str:
        """Return the name of the network, which every signature covers."""
        return self._genesis.chain_id

    # --- blocks ---

    async def run(
        self, interval_s: float, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Make a block every `interval_s` seconds, until cancelled; a late block delays the next ones.

        With 0, a block is made as soon as a transaction waits, and none without. A block that cannot
        be written is tried again when the next is due: one line in the log when that begins, one when
        it is over. Who waits for its transactions is told `ChainUnavailable`.
        """
        await self._maker.run(interval_s, task_status)

    def set_interval(self, interval_s: float) -> None:
        """Change how often `run` makes a block, from the next one on."""
        self._maker.set_interval(interval_s)

    async def make_block(self, time: datetime | None = None) -> Block:
        """Make the next block now, with all that waits, and return it once it is on disk.

        `time` is aware; without one it is the clock's, and always after that of the block before. What
        waits beyond 21 MiB is left to the next block. Raises `ChainUnavailable` when it cannot be
        written: nothing has then changed.
        """
        return await self._maker.make_block(time)

    async def head(self) -> Block:
        """Return the newest committed block."""
        return self._maker.head

    async def block(self, height: Height) -> Block | None:
        """Return the block at `height`."""
        head = self._maker.head
        return head if height == head.height else await self._archive.block(height)

    async def follow(self) -> AsyncGenerator[Block, None]:
        """Yield the head at once and then every new block, in order and without a gap."""
        height = self._maker.head.height
        yield self._maker.head
        while True:
            advanced = self._maker.advanced
            while height < self._maker.head.height:
                height = Height(height + 1)
                yield await self._read_block(height)
            await advanced.wait()

    async def wait_for(self, height: Height) -> Block:
        """Return the block at `height`, 1 or more, once it is committed."""
        async with aclosing(self.follow()) as blocks:
            async for block in blocks:
                if block.height >= height:
                    break
        return await self._read_block(height)

    async def _read_block(self, height: Height) -> Block:
        block = await self.block(height)
        assert block is not None, "every height up to the head has a block"
        return block

    async def state_at(self, height: Height = _NOW) -> tuple[State, Block]:
        """Return the state after the block at `height` (0: the newest), and that block.

        Nobody changes it, nor may the caller. Raises `ChainUnavailable` for a height ahead of the
        chain, or before the history that the file keeps.
        """
        head = self._maker.head
        if height in (_NOW, head.height):
            return self._history.head, head
        if height > head.height:
            raise ChainUnavailable(
                f"height {height} is ahead of the chain, which is at {head.height}", height=height
            )
        return await self._history.read(height), await self._read_block(height)

    async def transactions(self, height: Height) -> tuple[IncludedTransaction, ...]:
        """Return the transactions of the block at `height`, in order, those that failed included."""
        return await self._archive.transactions(height)

    async def transaction(self, transaction_hash: str) -> IncludedTransaction | None:
        """Return a transaction that is in a block, by the hash that `submit` returned."""
        return await self._archive.transaction(transaction_hash)

    async def events(self, height: Height) -> tuple[ChainEvent, ...]:
        """Return all that happened in the block at `height`: transactions first, then its end."""
        return await self._archive.events(height)

    async def end_events(self, height: Height) -> tuple[ChainEvent, ...]:
        """Return what the end of the block at `height` brought about."""
        return await self._archive.end_events(height)

    # --- transactions ---

    async def submit(
        self,
        messages: Sequence[Message],
        signer: PrivateKey,
        *,
        timeout_height: Height = _NOW,
        on_signed: OnSigned | None = None,
        terms: TransactionTerms | None = None,
    ) -> TransactionResult:
        """Sign and send one transaction; return once it is in a block.

        `timeout_height`: the last block that may hold it; 0 for any. `on_signed` and `terms` are as in
        `joey.ports.chain`. Raises `TransactionRejected` when a message is refused (none of them then has
        any effect), `WindowClosed` when the chain has passed the timeout, and `ChainUnavailable` when too
        many transactions wait or the block could not be written. A caller that stops waiting may find the
        transaction in a block later.
        """
        if terms is not None:
            result = await self._submitter.submit_again(messages, signer, terms)
            if result is not None:
                return result
        fee = _FREE if self._is_free else await self.estimate_fee(messages, signer)
        return await self._submitter.submit(
            messages, signer, timeout_height=timeout_height, fee=fee, on_signed=on_signed
        )

    async def submit_transaction(self, raw: bytes) -> TransactionResult:
        """Send a transaction as the bytes of a signed `TxRaw`; return once it is in a block.

        Raises as `submit` does.
        """
        return await self._find_block(self._add(read_submission(raw)))

    async def broadcast(self, raw: bytes) -> CheckedTransaction:
        """Take in the bytes of a signed `TxRaw` and say whether they wait for a block.

        Nothing is waited for, but on a chain that is `instant` for the block.
        """
        gas_wanted = 0
        try:
            submission = read_submission(raw)
            gas_wanted = submission.transaction.gas_limit
            waiting = self._add(submission)
        except TransactionRejected as refusal:
            fields = refusal.fields
            codespace, code, log = str(fields["codespace"]), fields["tx_code"], str(refusal)
        except ChainUnavailable as refusal:
            (codespace, code), log = _MEMPOOL_FULL, str(refusal)
        else:
            codespace, code, log = "", 0, ""
            if self._instant:
                await self._maker.make_until(waiting)
        assert isinstance(code, int), "the code of a refusal is a number"
        return CheckedTransaction(compute_transaction_hash(raw), code, codespace, log, gas_wanted)

    async def simulate(self, raw: bytes) -> TransactionOutcome:
        """Find out what a transaction would do in the next block, behind all that waits.

        Its signatures may be empty. Raises `TransactionRejected` when no block would hold it.
        """
        transaction = read_submission(raw).transaction
        state, context = self._entrance.snapshot()
        return await anyio.to_thread.run_sync(simulate_transaction, state, transaction, context)

    async def estimate_fee(self, messages: Sequence[Message], signer: PrivateKey) -> Fee:
        """Return what `submit` would offer for these messages: nothing on a chain that asks for nothing.

        Raises `TransactionRejected` when they would be refused now.
        """
        terms = self._entrance.choose_terms(signer, timeout_height=_NOW, fee=_FREE)
        raw = self._entrance.sign(messages, signer, terms)
        outcome = await self.simulate(raw)
        if outcome.refusal is not None:
            raise outcome.refusal
        return self._entrance.price(outcome.gas_used)

    def count_waiting(self) -> int:
        """Return how many transactions wait for a block."""
        return self._entrance.count

    def _add(self, submission: Submission) -> Waiting:
        waiting = self._entrance.add(submission)
        self._maker.tell_arrival()
        return waiting

    async def _find_block(self, waiting: Waiting) -> TransactionResult:
        if self._instant:
            await self._maker.make_until(waiting)
        return await waiting.result()
