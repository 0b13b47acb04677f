"""The current session per application and service, kept ready so that no relay waits for a rollover.

While `follow` runs, the height comes from the chain's own blocks and a session that ends is replaced
in the background; until its successor is here, the old one serves on within its grace period, in
which its relays are still payable. While the chain does not answer, the last height known stays in
force: suppliers who know better refuse. Without `follow` each call asks the chain for its head.

A supplier asks a full node of its own, which may be some blocks ahead of ours or behind it. `find_other`
is for the session that such a supplier would rather take.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup, TaskStatus

from joey.core.errors import ChainError, ChainUnavailable, NoSupplierLeft
from joey.core.protocol.transfers import is_settled_in_time
from joey.core.protocol.windows import compute_grace_end
from joey.core.units import Height
from joey.core.wire.session import Session
from joey.ports.chain import Chain
from joey.relaying.pulse import Pulse

__all__ = ["SessionCache"]

_Key = tuple[str, str]

_RECONNECT_S = 1.0


@dataclass(frozen=True, slots=True)
class _Kept:
    session: Session
    grace_end: Height


@dataclass(slots=True)
class _Fetch:
    """A question to the chain that several callers wait for; `error` is what it ended with."""

    done: anyio.Event = field(default_factory=anyio.Event)
    error: ChainError | None = None


class SessionCache:
    """Sessions of the applications that were asked for, at most one each."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._height: Height | None = None
        self._is_followed = False
        self._pulse = Pulse()
        self._kept: dict[_Key, _Kept] = {}
        self._fetches: dict[_Key, _Fetch] = {}

    @property
    def height(self) -> Height | None:
        """The chain's height as far as it was followed; `None` while the chain is not followed."""
        return self._height if self._is_followed else None

    def find_fault(self) -> str | None:
        """Return why sessions may be those of the past; `None` while nothing speaks for that."""
        return self._pulse.find_fault() if self._is_followed else "the chain is not followed"

    async def follow(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Follow the chain until cancelled and renew each session as it ends.

        Reports as started once the head is known. A chain that falls silent is followed anew.
        """
        started = False
        async with anyio.create_task_group() as tasks:
            while True:
                try:
                    async for block in self._chain.follow():
                        self._height = block.height
                        self._pulse.take(block)
                        self._is_followed = True
                        self._renew_ended(block.height, tasks)
                        if not started:
                            started = True
                            task_status.started()
                except ChainUnavailable:
                    pass
                finally:
                    self._is_followed = False
                await anyio.sleep(_RECONNECT_S)

    def find(self, application: str, service: str) -> Session | None:
        """Return what `current` would, if it is at hand without asking the chain."""
        kept = self._kept.get((application, service))
        if kept is None or self._height is None or self._height > kept.grace_end:
            return None
        return kept.session

    async def current(self, application: str, service: str) -> Session:
        """Return the session in which a relay can be sent now.

        Raises `ChainUnavailable`, or `NoSupplierLeft` when the application is not staked for the
        service, or is moving to another account before the session is settled.
        """
        session = self.find(application, service)
        if session is not None:
            return session
        key = (application, service)
        height = self._height
        if height is None:
            height = (await self._chain.head()).height
            kept = self._kept.get(key)
            if kept is not None and height <= kept.session.header.height_end:
                return kept.session
        return await self._fetch(key, height)

    async def find_other(self, refused: Session, *, is_over: bool) -> Session | None:
        """Return the session to try when suppliers refuse `refused`; `None` when there is none.

        That is the newest one, when our news of the chain was late. When it was not, and they do not say
        that the session `is_over`, theirs may be: then it is the one before, within its grace period.
        Raises `ChainUnavailable`, and `NoSupplierLeft` as `current` does.
        """
        header = refused.header
        key = (header.application_address, header.service_id)
        height = (await self._chain.head()).height
        if height > header.height_end:
            kept = self._kept.get(key)
            if kept is not None and height <= kept.session.header.height_end:
                return kept.session
            newest = await self._fetch(key, height)
            return None if newest.header == header else newest
        before = Height(header.height_start - 1)
        if (
            is_over
            or before < 1
            or height > compute_grace_end(before, (await self._chain.params_at(before)).shared)
        ):
            return None
        return await self._chain.session(*key, before)

    def _renew_ended(self, height: Height, tasks: TaskGroup) -> None:
        for key, kept in self._kept.items():
            if height > kept.session.header.height_end and key not in self._fetches:
                tasks.start_soon(self._renew, key, height)

    async def _renew(self, key: _Key, height: Height) -> None:
        """Fetch a successor; a chain that does not answer is asked again at the next block."""
        try:
            await self._fetch(key, height)
        except (ChainError, NoSupplierLeft):
            return

    async def _fetch(self, key: _Key, height: Height) -> Session:
        """Ask the chain, once for all who want the same."""
        while (running := self._fetches.get(key)) is not None:
            await running.done.wait()
            kept = self._kept.get(key)
            if kept is not None and height <= kept.session.header.height_end:
                return kept.session
            if running.error is not None:
                raise ChainUnavailable("the chain did not tell the current session") from running.error
        fetch = self._fetches[key] = _Fetch()
        try:
            return await self._ask(key, height)
        except ChainError as error:
            fetch.error = error
            raise
        finally:
            del self._fetches[key]
            fetch.done.set()

    async def _ask(self, key: _Key, height: Height) -> Session:
        application, service = key
        session = await self._chain.session(application, service, height)
        if session is None:
            self._kept.pop(key, None)
            raise NoSupplierLeft(
                f"no supplier serves {service} in this session, or application {application} is not staked"
                " for it",
                causes=(),
                repeatable=True,
            )
        params = await self._chain.params_at(session.header.height_start)
        if not is_settled_in_time(session, params.shared):
            self._kept.pop(key, None)
            raise NoSupplierLeft(
                f"application {application} is moving to another account, before relays of this session"
                " would be paid",
                causes=(),
                repeatable=True,
            )
        self._kept[key] = _Kept(session, compute_grace_end(session.header.height_end, params.shared))
        return session
