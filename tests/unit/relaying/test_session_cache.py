from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import anyio
import pytest

from joey.core.errors import ChainUnavailable, NoSupplierLeft
from joey.core.protocol.params import MINIMAL, NetworkParams
from joey.core.protocol.sessions import compute_session_end, compute_session_start
from joey.core.protocol.transfers import compute_transfer_height
from joey.core.protocol.windows import compute_settlement_height
from joey.core.units import Height, Upokt
from joey.core.wire.session import Application, PendingTransfer, Session, SessionHeader
from joey.ports.chain import Block
from joey.relaying.session_cache import SessionCache

pytestmark = pytest.mark.anyio

GENESIS = Height(0)
APPLICATION = Application("pokt1application", Upokt(1), "text")


class SteppedChain:
    """The reads a session cache needs, at a height that a test sets, failing when it says so."""

    def __init__(self, height: int = 1) -> None:
        self.height = height
        self.asked: list[int] = []
        self.heads = 0
        self.fails = False
        self.staked = True
        self.transfer: PendingTransfer | None = None
        self.gate: anyio.Event | None = None
        self._moved = anyio.Event()

    def move_to(self, height: int) -> None:
        self.height = height
        moved, self._moved = self._moved, anyio.Event()
        moved.set()

    def _block(self, height: int) -> Block:
        return Block(Height(height), bytes(32), datetime(2026, 1, 1, tzinfo=UTC))

    async def head(self) -> Block:
        self.heads += 1
        if self.fails:
            raise ChainUnavailable("down")
        return self._block(self.height)

    async def follow(self) -> AsyncIterator[Block]:
        seen = self.height
        yield self._block(seen)
        while True:
            moved = self._moved
            if seen == self.height:
                await moved.wait()
            seen = self.height
            yield self._block(seen)

    async def params_at(self, height: Height) -> NetworkParams:
        return MINIMAL

    async def session(self, application: str, service: str, height: Height = GENESIS) -> Session | None:
        self.asked.append(height)
        if self.gate is not None:
            await self.gate.wait()
        if self.fails:
            raise ChainUnavailable("down")
        if not self.staked:
            return None
        start = compute_session_start(height, MINIMAL.shared)
        header = SessionHeader(
            application, service, f"{start:064x}", start, compute_session_end(start, MINIMAL.shared)
        )
        application_now = replace(APPLICATION, address=application, pending_transfer=self.transfer)
        return Session(header, 1, 4, application_now, ())


async def settle() -> None:
    for _ in range(10):
        await anyio.lowlevel.checkpoint()


def start_of(session: Session) -> int:
    return session.header.height_start


async def test_a_session_is_asked_for_once() -> None:
    chain = SteppedChain(2)
    cache = SessionCache(chain)
    first = await cache.current("app", "text")
    assert start_of(first) == 1
    chain.height = 4
    assert await cache.current("app", "text") is first
    assert chain.asked == [2]


async def test_without_following_the_next_session_begins_with_its_first_block() -> None:
    chain = SteppedChain(4)
    cache = SessionCache(chain)
    assert start_of(await cache.current("app", "text")) == 1
    chain.height = 5
    assert start_of(await cache.current("app", "text")) == 5


async def test_many_callers_share_one_question() -> None:
    chain = SteppedChain(1)
    chain.gate = anyio.Event()
    cache = SessionCache(chain)
    sessions: list[Session] = []

    async def ask() -> None:
        sessions.append(await cache.current("app", "text"))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(ask)
        await settle()
        chain.gate.set()
    assert len(sessions) == 20
    assert len(chain.asked) == 1


async def test_a_caller_who_leaves_takes_nobody_with_him() -> None:
    chain = SteppedChain(1)
    chain.gate = anyio.Event()
    cache = SessionCache(chain)
    sessions: list[Session] = []

    async def ask(scope: anyio.CancelScope) -> None:
        with scope:
            sessions.append(await cache.current("app", "text"))

    first = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, first)
        await settle()
        tasks.start_soon(ask, anyio.CancelScope())
        await settle()
        first.cancel()
        await settle()
        chain.gate.set()
    assert len(sessions) == 1


async def test_one_failure_is_told_to_all_who_wait() -> None:
    chain = SteppedChain(1)
    chain.gate = anyio.Event()
    chain.fails = False
    cache = SessionCache(chain)
    failures: list[ChainUnavailable] = []

    async def ask() -> None:
        with pytest.raises(ChainUnavailable) as caught:
            await cache.current("app", "text")
        failures.append(caught.value)

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(ask)
        await settle()
        chain.fails = True
        chain.gate.set()
    assert len(failures) == 5
    assert len(chain.asked) == 1


async def test_an_application_that_is_not_staked_has_no_supplier() -> None:
    chain = SteppedChain(1)
    chain.staked = False
    with pytest.raises(NoSupplierLeft, match="not staked"):
        await SessionCache(chain).current("app", "text")


async def test_no_session_is_begun_that_outlasts_its_application() -> None:
    chain = SteppedChain(3)
    chain.transfer = PendingTransfer("pokt1elsewhere", Height(4))
    moves = compute_transfer_height(chain.transfer, MINIMAL.shared)
    for start in range(1, moves, 4):
        settled = compute_settlement_height(Height(start + 3), MINIMAL.shared)
        cache = SessionCache(chain)
        chain.move_to(start)
        if settled <= moves:
            assert start_of(await cache.current("app", "text")) == start
        else:
            with pytest.raises(NoSupplierLeft, match="moving to another account"):
                await cache.current("app", "text")
            assert cache.find("app", "text") is None
    assert settled > moves


async def test_rollover_has_no_gap() -> None:
    chain = SteppedChain(3)
    cache = SessionCache(chain)
    async with anyio.create_task_group() as tasks:
        await tasks.start(cache.follow)
        old = await cache.current("app", "text")
        chain.gate = anyio.Event()
        chain.move_to(5)
        await settle()
        # The successor is on its way; the old session is in its grace period and serves on.
        assert chain.asked == [3, 5]
        assert await cache.current("app", "text") is old
        chain.gate.set()
        await settle()
        assert start_of(await cache.current("app", "text")) == 5
        assert chain.asked == [3, 5]
        assert chain.heads == 0
        tasks.cancel_scope.cancel()


async def test_a_chain_that_fails_at_rollover_is_asked_again_at_the_next_block() -> None:
    chain = SteppedChain(4)
    cache = SessionCache(chain)
    async with anyio.create_task_group() as tasks:
        await tasks.start(cache.follow)
        old = await cache.current("app", "text")
        chain.fails = True
        chain.move_to(5)
        await settle()
        assert await cache.current("app", "text") is old
        chain.fails = False
        chain.move_to(6)
        await settle()
        assert start_of(await cache.current("app", "text")) == 5
        tasks.cancel_scope.cancel()


async def test_beyond_its_grace_no_session_is_used() -> None:
    chain = SteppedChain(4)
    cache = SessionCache(chain)
    grace = MINIMAL.shared.grace_period_end_offset_blocks
    async with anyio.create_task_group() as tasks:
        await tasks.start(cache.follow)
        old = await cache.current("app", "text")
        chain.fails = True
        chain.move_to(4 + grace)
        await settle()
        assert await cache.current("app", "text") is old
        chain.move_to(4 + grace + 1)
        await settle()
        with pytest.raises(ChainUnavailable):
            await cache.current("app", "text")
        tasks.cancel_scope.cancel()


async def test_an_application_that_left_is_noticed_at_rollover() -> None:
    chain = SteppedChain(4)
    cache = SessionCache(chain)
    async with anyio.create_task_group() as tasks:
        await tasks.start(cache.follow)
        await cache.current("app", "text")
        chain.staked = False
        chain.move_to(5)
        await settle()
        with pytest.raises(NoSupplierLeft):
            await cache.current("app", "text")
        tasks.cancel_scope.cancel()


async def test_the_height_is_known_while_the_chain_is_followed() -> None:
    chain = SteppedChain(7)
    cache = SessionCache(chain)
    assert cache.height is None
    async with anyio.create_task_group() as tasks:
        await tasks.start(cache.follow)
        assert cache.height == 7
        chain.move_to(8)
        await settle()
        assert cache.height == 8
        tasks.cancel_scope.cancel()
    assert cache.height is None


async def test_while_the_chain_is_silent_the_last_height_known_stays_in_force() -> None:
    chain = SteppedChain(3)
    cache = SessionCache(chain)
    async with anyio.create_task_group() as tasks:
        await tasks.start(cache.follow)
        session = await cache.current("app", "text")
        tasks.cancel_scope.cancel()
    chain.fails = True
    assert cache.height is None
    assert await cache.current("app", "text") is session


async def test_suppliers_who_are_ahead_are_asked_in_the_newest_session() -> None:
    chain = SteppedChain(4)
    cache = SessionCache(chain)
    async with anyio.create_task_group() as tasks:
        await tasks.start(cache.follow)
        old = await cache.current("app", "text")
        chain.height = 9  # which nobody has announced
        other = await cache.find_other(old, is_over=True)
        assert other is not None
        assert start_of(other) == 9
        assert await cache.find_other(old, is_over=True) is other
        assert chain.asked == [4, 9]
        assert await cache.current("app", "text") is other
        tasks.cancel_scope.cancel()


async def test_suppliers_who_are_behind_are_asked_in_the_session_before_within_its_grace() -> None:
    chain = SteppedChain(5)
    cache = SessionCache(chain)
    current = await cache.current("app", "text")
    assert await cache.find_other(current, is_over=True) is None
    before = await cache.find_other(current, is_over=False)
    assert before is not None
    assert start_of(before) == 1
    assert await cache.current("app", "text") is current


async def test_the_first_session_has_none_before_it() -> None:
    chain = SteppedChain(2)
    cache = SessionCache(chain)
    assert await cache.find_other(await cache.current("app", "text"), is_over=False) is None
