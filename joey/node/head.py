"""The newest block, known at all times to everything in a node that decides by height."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import anyio
from anyio.abc import TaskStatus

from joey.core.errors import ChainUnavailable
from joey.core.protocol.params import SharedParams
from joey.core.units import Height
from joey.ports.chain import Chain
from joey.relaying.pulse import Pulse

__all__ = ["Head"]

_log = logging.getLogger("joey.node")

_RETRY_S = 1.0
_QUIET_S = 30.0


class Head:
    """Follows the chain. `height` is 0 before the first block is known.

    While the chain does not answer, the last height known stays in force and `find_fault` says so. Windows
    close whether or not blocks are announced, so where none was for `quiet_s` the chain is asked.
    """

    def __init__(self, chain: Chain, *, quiet_s: float = _QUIET_S) -> None:
        self._chain = chain
        self._quiet_s = quiet_s
        self._shared: SharedParams | None = None
        self._grew = anyio.Event()
        self._ends: dict[anyio.CancelScope, Height] = {}
        self._asking: anyio.Event | None = None
        self._pulse = Pulse()
        self._is_followed = False
        self.height = Height(0)

    @property
    def shared(self) -> SharedParams:
        """The shared parameters at `height`; known once `run` has started."""
        assert self._shared is not None
        return self._shared

    def find_fault(self) -> str | None:
        """Return why `height` may be behind the chain's; `None` while nothing speaks for that."""
        return self._pulse.find_fault() if self._is_followed else "the chain does not answer"

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Follow until cancelled; started once the first block is known."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._ask_when_quiet)
            await self._follow(task_status)

    async def _ask_when_quiet(self) -> None:
        while True:
            height = self.height
            await anyio.sleep(self._quiet_s)
            if height and self.height == height:
                # While the chain does not answer, the one who follows says so.
                with suppress(ChainUnavailable):
                    await self.refresh()

    async def _follow(self, task_status: TaskStatus[None]) -> None:
        while True:
            try:
                async for block in self._chain.follow():
                    await self._take(block.height)
                    self._pulse.take(block)
                    if not self._is_followed and self.height:
                        self._is_followed = True
                        task_status.started()
                        task_status = anyio.TASK_STATUS_IGNORED
            except ChainUnavailable as error:
                _log.warning("the chain does not answer: %s", error)
            self._is_followed = False
            await anyio.sleep(_RETRY_S)

    async def refresh(self) -> None:
        """Ask for the newest block now, not when it is announced. Raises `ChainUnavailable`.

        Once for all who ask at the same time: anybody can write a header that makes us ask.
        """
        if self._asking is not None:
            await self._asking.wait()
            return
        self._asking = asking = anyio.Event()
        try:
            await self._take((await self._chain.head()).height)
        finally:
            self._asking = None
            asking.set()

    async def _take(self, height: Height) -> None:
        if height <= self.height:
            return
        shared = (await self._chain.params_at(height)).shared
        if height > self.height:
            self.height, self._shared = height, shared
            self._grew.set()
            self._grew = anyio.Event()
            for scope, end in self._ends.items():
                if end <= height:
                    scope.cancel()

    async def wait_beyond(self, height: Height) -> Height:
        """Return the newest height as soon as it is above `height`; heights in between may be missed."""
        while self.height <= height:
            await self._grew.wait()
        return self.height

    @contextmanager
    def cancel_at(self, height: Height) -> Iterator[anyio.CancelScope]:
        """Cancel what is done inside once the chain is at `height`, and go on behind it."""
        with anyio.CancelScope() as scope:
            self._ends[scope] = height
            try:
                if self.height >= height:
                    scope.cancel()
                yield scope
            finally:
                del self._ends[scope]
