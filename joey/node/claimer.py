"""Which sessions a node has relays of, and a task for each that sees it through to its settlement.

Every session waits for its own blocks and transactions, so that none holds another up. The log is
listed once, at the start; from then on it tells of every relay that it takes in.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import anyio
from anyio.abc import TaskGroup, TaskStatus

from joey.core.crypto.keys import PrivateKey
from joey.core.errors import Busy, ChainUnavailable
from joey.core.units import Height
from joey.core.wire.session import SessionHeader
from joey.node.head import Head
from joey.node.lifecycle import Lifecycle
from joey.node.owed import OwedSession
from joey.ports.chain import Chain
from joey.ports.stores import Claims, LoggedSession, RelayLog

__all__ = ["Claimer"]

_log = logging.getLogger("joey.node")


class Claimer:
    """Claims for the suppliers whose keys it has, by operator address."""

    def __init__(
        self, chain: Chain, head: Head, log: RelayLog, claims: Claims, keys: Mapping[str, PrivateKey]
    ) -> None:
        self._head = head
        self._lifecycle = Lifecycle(chain, head, log, claims, keys)
        self._sessions: dict[tuple[str, str], OwedSession] = {}
        self._tasks: TaskGroup | None = None
        self._progress = anyio.Event()

    async def run(
        self, logged: Sequence[LoggedSession], *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Claim what is in the log, and all that comes into it, until cancelled.

        `logged` is the log before the first `count`; started once its sessions are being followed.
        """
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            try:
                for session in logged:
                    self._find(session.header, session.supplier_address).relays += session.relays
                task_status.started()
                await anyio.sleep_forever()
            finally:
                # A relay that is finished while the node stops is claimed after the next start.
                self._tasks = None

    def count(self, header: SessionHeader, supplier_address: str) -> None:
        """Take note of one more relay in the log."""
        self._find(header, supplier_address).relays += 1

    async def wait_done(self, height: Height) -> None:
        """Return once all that was due at `height` has been tried."""
        await self._head.wait_beyond(Height(height - 1))
        while any(session.due <= height for session in self._sessions.values()):
            await self._progress.wait()

    def _find(self, header: SessionHeader, supplier_address: str) -> OwedSession:
        session = OwedSession(header, supplier_address, due=Height(header.height_end + 1))
        known = self._sessions.setdefault(session.key, session)
        if known is session and self._tasks is not None:
            self._tasks.start_soon(self._see_through, session)
        return known

    async def _see_through(self, session: OwedSession) -> None:
        """Do what is due, block by block, until nothing is; what fails is tried again at the next one."""
        due: Height | None = session.due
        while due is not None:
            session.due = due
            self._tell_progress()
            height = await self._head.wait_beyond(Height(due - 1))
            try:
                due = await self._lifecycle.advance(session, height)
            except (OSError, ChainUnavailable, Busy) as error:
                _tell_waits(session, error)
                due = Height(height + 1)
        del self._sessions[session.key]
        self._tell_progress()

    def _tell_progress(self) -> None:
        self._progress.set()
        self._progress = anyio.Event()


def _tell_waits(session: OwedSession, error: Exception) -> None:
    """Log why a session waits, once for as long as it waits for the same."""
    reason = str(error)
    if reason != session.told:
        _log.error("session %s waits: %s", session.header.session_id, reason)
    session.told = reason
