"""How much an engine does at once: its slots, and a short queue before them."""

from __future__ import annotations

import anyio

from joey.core.errors import Busy

__all__ = ["Capacity"]


class Capacity:
    """The slots of one engine. A full queue refuses rather than waits."""

    def __init__(self, slots: int, queue_max: int) -> None:
        self._slots = anyio.Semaphore(slots)
        self._slots_max = slots
        self._queue_max = queue_max
        self._waiting = 0

    async def acquire(self, deadline: float) -> None:
        """Take a slot, in the order of asking; whoever has one must `release` it.

        Raises `Busy` when `queue_max` others wait already, or none is free by `deadline`, an instant
        of the event loop's clock.
        """
        try:
            self._slots.acquire_nowait()
        except anyio.WouldBlock:
            await self._wait(deadline)

    async def _wait(self, deadline: float) -> None:
        if self._waiting >= self._queue_max:
            raise Busy(f"all {self._slots_max} slots are taken and {self._waiting} relays wait for one")
        self._waiting += 1
        try:
            with anyio.CancelScope(deadline=deadline):
                await self._slots.acquire()
                return
        finally:
            self._waiting -= 1
        raise Busy(f"all {self._slots_max} slots were taken until the deadline")

    def release(self) -> None:
        """Give a slot back."""
        self._slots.release()

    @property
    def load(self) -> tuple[int, int]:
        """Slots in use and relays waiting."""
        return self._slots_max - self._slots.value, self._waiting
