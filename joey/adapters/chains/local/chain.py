"""The embedded chain: the rulebook over SQLite, blocks by the clock or as fast as asked.

It fulfils `joey.ports.chain.Chain`. Reads are answered from memory, from the state of the newest
block that is on disk; a block becomes visible when it is. One process owns a chain file.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus

from joey.adapters.chains.local.mempool import Mempool
from joey.adapters.chains.local.production import MadeBlock, Submission, make_block
from joey.adapters.chains.local.storage import ChainStore
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ChainUnavailable, ConfigError, TransactionRejected
from joey.core.protocol.bank import read_totals
from joey.core.protocol.claims import Claim
from joey.core.protocol.events import ChainEvent
from joey.core.protocol.genesis import Genesis, compute_genesis_hash, write_genesis
from joey.core.protocol.params import NetworkParams
from joey.core.protocol.queries import (
    compute_units_at,
    difficulty_target_at,
    params_at,
    session_at,
    supplier_at,
)
from joey.core.protocol.sessions import compute_session_start
from joey.core.protocol.state import State, claim_key, height_key
from joey.core.protocol.transition import WRONG_SEQUENCE
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.messages import Message
from joey.core.wire.session import Application, Gateway, Service, Session, Supplier
from joey.core.wire.transactions import compute_transaction_hash, decode_transaction, sign_transaction
from joey.ports.chain import Block, TransactionResult
from joey.ports.clock import Clock

__all__ = ["LocalChain", "read_genesis"]

_log = logging.getLogger(__name__)

_NOW = Height(0)
_STEP = timedelta(seconds=1)
_LEAST_STEP = timedelta(milliseconds=1)
_RECENT_BLOCKS = 1024
_RECENT_SESSIONS = 4096
_SIGN_ATTEMPTS_MAX = 64


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


class LocalChain:
    """A whole Pocket network in one file. Made by `open`."""

    def __init__(
        self,
        store: ChainStore,
        genesis: Genesis,
        state: State,
        head: Block,
        clock: Clock | None,
        instant: bool,
    ) -> None:
        self._store = store
        self._genesis = genesis
        self._state = state
        self._head = head
        self._clock = clock
        self._instant = instant
        self._interval_s = 1.0
        self._interval_changed = anyio.Event()
        self._advanced = anyio.Event()
        # Only ever waited for when several tasks ask for blocks, as tests do: a block cannot begin
        # before the one before it is on disk.
        self._making = anyio.Lock()
        self._mempool = Mempool()
        self._recent: OrderedDict[Height, tuple[Block, tuple[ChainEvent, ...]]] = OrderedDict()
        self._sessions: dict[tuple[str, str, Height], Session | None] = {}

    @classmethod
    async def open(
        cls, path: Path | None, genesis: Genesis, *, clock: Clock | None = None, instant: bool = False
    ) -> Self:
        """Open a chain file and take up where it ended, or begin it with `genesis` and block 1.

        `path` `None`: a private chain in memory. `clock` gives the times of blocks; without one, each
        is a second after the one before. `instant`: every submitted transaction is put into a block
        at once, for tests and tools that do not `run` the chain.

        Raises `ConfigError` when the file cannot be used or began with another genesis.
        """
        store = await anyio.to_thread.run_sync(ChainStore, path)
        try:
            return await cls._load(store, path, genesis, clock, instant)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(store.close)
            raise

    @classmethod
    async def _load(
        cls, store: ChainStore, path: Path | None, genesis: Genesis, clock: Clock | None, instant: bool
    ) -> Self:
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
            chain = cls(store, genesis, State.empty(), before, clock, instant)
            draft = chain._state.draft()
            write_genesis(draft, genesis)
            await chain._commit(make_block(draft, genesis.chain_id, before, genesis.time, ()))
            return chain
        return cls(store, genesis, await store.load_state(), head, clock, instant)

    async def aclose(self) -> None:
        """Close the file. Every block that was announced is on disk already."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._store.close)

    @property
    def genesis(self) -> Genesis:
        """Where this chain began."""
        return self._genesis

    # --- blocks ---

    async def run(
        self, interval_s: float, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Make a block every `interval_s` seconds, until cancelled; a late block delays the next ones.

        A block that cannot be written is tried again when the next is due: one line in the log when
        that begins, one when it is over. Who waits for its transactions is told `ChainUnavailable`.
        """
        is_failing = False
        self._interval_s = interval_s
        task_status.started()
        made = anyio.current_time()
        while True:
            due = made + self._interval_s
            changed = self._interval_changed
            with anyio.CancelScope(deadline=due):
                await changed.wait()
                continue
            made = max(due, anyio.current_time() - self._interval_s)
            try:
                await self.make_block()
            except ChainUnavailable as error:
                if not is_failing:
                    _log.error("the chain stands still: %s", error)
                is_failing = True
            else:
                if is_failing:
                    _log.info("the chain goes on")
                is_failing = False

    def set_interval(self, interval_s: float) -> None:
        """Change how often `run` makes a block, from the next one on."""
        self._interval_s = interval_s
        self._interval_changed.set()
        self._interval_changed = anyio.Event()

    async def make_block(self, time: datetime | None = None) -> Block:
        """Make the next block now, with all that waits, and return it once it is on disk.

        `time` is aware; without one it is the clock's, and always after that of the block before.
        Raises `ChainUnavailable` when it cannot be written: nothing has then changed.
        """
        async with self._making:
            waiting = self._mempool.all()
            submissions = [one.submission for one in waiting]
            # Shielded: a block that is on disk must also be taken up here.
            with anyio.CancelScope(shield=True):
                made = await anyio.to_thread.run_sync(
                    make_block,
                    self._state.draft(),
                    self._genesis.chain_id,
                    self._head,
                    self._choose_time(time),
                    submissions,
                )
                try:
                    await self._commit(made)
                except ChainUnavailable as error:
                    self._mempool.resolve(waiting, [error] * len(waiting))
                    raise
                self._mempool.resolve(waiting, made.outcomes)
            return made.block

    def _choose_time(self, time: datetime | None) -> datetime:
        if time is None:
            time = self._head.time + _STEP if self._clock is None else self._clock.now()
        return max(time, self._head.time + _LEAST_STEP)

    async def _commit(self, made: MadeBlock) -> None:
        await self._store.save_block(made)
        made.draft.fold()
        self._head = made.block
        self._sessions.clear()
        self._recent[made.block.height] = (made.block, made.events)
        if len(self._recent) > _RECENT_BLOCKS:
            self._recent.popitem(last=False)
        self._advanced.set()
        self._advanced = anyio.Event()

    async def head(self) -> Block:
        """Return the newest committed block."""
        return self._head

    async def block(self, height: Height) -> Block | None:
        """Return the block at `height`."""
        if height == self._head.height:
            return self._head
        recent = self._recent.get(height)
        return recent[0] if recent is not None else await self._store.read_block(height)

    async def follow(self) -> AsyncGenerator[Block, None]:
        """Yield the head at once and then every new block, in order and without a gap."""
        height = self._head.height
        yield self._head
        while True:
            advanced = self._advanced
            while height < self._head.height:
                height = Height(height + 1)
                block = await self.block(height)
                assert block is not None, "every height up to the head has a block"
                yield block
            await advanced.wait()

    async def wait_for(self, height: Height) -> Block:
        """Return the block at `height`, 1 or more, once it is committed."""
        async with aclosing(self.follow()) as blocks:
            async for block in blocks:
                if block.height == height:
                    return block
                if block.height > height:
                    break
        block_before = await self.block(height)
        assert block_before is not None, "every height up to the head has a block"
        return block_before

    async def events(self, height: Height) -> tuple[ChainEvent, ...]:
        """Return all that happened in the block at `height`: transactions first, then its end."""
        recent = self._recent.get(height)
        return recent[1] if recent is not None else await self._store.read_events(height)

    # --- what holds at a height ---

    async def params_at(self, height: Height) -> NetworkParams:
        """Return the parameters in force at `height`."""
        return params_at(self._state, height)

    async def session(self, application: str, service: str, height: Height = _NOW) -> Session | None:
        """Return the session of an application at a height (0: now).

        `None` when the application is not staked for the service at that height, or when nobody
        offers it. Raises `ChainUnavailable` for a height ahead of the chain, and for a session that
        was settled long ago: its seed is forgotten.
        """
        at = height or self._head.height
        if at > self._head.height:
            raise ChainUnavailable(
                f"height {at} is ahead of the chain, which is at {self._head.height}", height=at
            )
        start = compute_session_start(at, params_at(self._state, at).shared)
        if start != self._head.height and self._state.block_hashes.get(height_key(start)) is None:
            raise ChainUnavailable(f"the sessions of height {at} are settled and forgotten", height=at)
        key = (application, service, start)
        if key not in self._sessions:
            if len(self._sessions) >= _RECENT_SESSIONS:
                self._sessions.clear()
            head = (self._head.height, self._head.hash)
            self._sessions[key] = session_at(self._state, application, service, at, head=head)
        return self._sessions[key]

    async def compute_units_at(self, service_id: str, height: Height) -> ComputeUnits | None:
        """Return a service's compute units per relay at a height."""
        return compute_units_at(self._state, service_id, height)

    async def difficulty_at(self, service_id: str, height: Height) -> bytes:
        """Return the 32-byte relay mining target of a service at a height."""
        return difficulty_target_at(self._state, service_id, height)

    # --- what is on the chain now ---

    async def application(self, address: str) -> Application | None:
        """Return a staked application."""
        return self._state.applications.get(address)

    async def gateway(self, address: str) -> Gateway | None:
        """Return a staked gateway."""
        return self._state.gateways.get(address)

    async def supplier(self, operator_address: str) -> Supplier | None:
        """Return a staked supplier, with the services that it offers now."""
        supplier = self._state.suppliers.get(operator_address)
        return None if supplier is None else supplier_at(supplier, self._head.height)

    async def service(self, service_id: str) -> Service | None:
        """Return a service with its card."""
        return self._state.services.get(service_id)

    async def public_key(self, address: str) -> bytes | None:
        """Return the 33-byte key of an account that has signed at least once."""
        account = self._state.accounts.get(address)
        return None if account is None else account.public_key

    async def balance(self, address: str) -> Upokt:
        """Return what an account can spend."""
        account = self._state.accounts.get(address)
        return Upokt(0) if account is None else account.balance

    async def supply(self) -> Upokt:
        """Return all upokt there is: balances, stakes and module accounts."""
        return read_totals(self._state).supply

    async def claim(self, session_id: str, supplier: str) -> Claim | None:
        """Return a claim that is not settled yet."""
        return self._state.claims.get(claim_key(session_id, supplier))

    # --- transactions ---

    async def submit(self, messages: Sequence[Message], signer: PrivateKey) -> TransactionResult:
        """Sign and send one transaction; return once it is in a block.

        Raises `TransactionRejected` when a message is refused (none of them then has any effect), and
        `ChainUnavailable` when too many transactions wait. A caller that stops waiting may find the
        transaction in a block later.
        """
        for _ in range(_SIGN_ATTEMPTS_MAX - 1):
            try:
                return await self._sign_and_submit(messages, signer)
            except TransactionRejected as refusal:
                # Another transaction of this account, signed before this one, was refused: its
                # sequence is free again, and this one is signed anew.
                if (refusal.fields["codespace"], refusal.fields["tx_code"]) != WRONG_SEQUENCE:
                    raise
        return await self._sign_and_submit(messages, signer)

    async def _sign_and_submit(self, messages: Sequence[Message], signer: PrivateKey) -> TransactionResult:
        """Sign with the sequence that is due once all that waits is in a block, and send."""
        address = signer.address
        account = self._state.accounts.get(address)
        try:
            raw = sign_transaction(
                messages,
                signer,
                chain_id=self._genesis.chain_id,
                account_number=0 if account is None else account.number,
                sequence=(0 if account is None else account.sequence) + self._mempool.count(address),
            )
        except ValueError as error:
            raise TransactionRejected(str(error), codespace="sdk", tx_code=2) from None
        return await self.submit_transaction(raw)

    async def submit_transaction(self, raw: bytes) -> TransactionResult:
        """Send a transaction as the bytes of a signed `TxRaw`; return once it is in a block.

        Raises as `submit` does.
        """
        try:
            transaction = decode_transaction(raw)
        except ValueError as error:
            raise TransactionRejected(str(error), codespace="sdk", tx_code=2) from None
        waiting = self._mempool.add(Submission(raw, transaction, compute_transaction_hash(raw)))
        if self._instant:
            await self.make_block()
        return await waiting.result()

    async def transaction(self, transaction_hash: str) -> bytes | None:
        """Return the bytes of a transaction that is in a block, by the hash that `submit` returned."""
        return await self._store.read_transaction(transaction_hash)
