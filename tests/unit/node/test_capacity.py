from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from joey.core.errors import Busy
from joey.node.capacity import Capacity

pytestmark = pytest.mark.anyio


def soon(seconds: float = 10.0) -> float:
    return anyio.current_time() + seconds


async def test_slots_then_the_queue_then_refusal() -> None:
    capacity = Capacity(slots=2, queue_max=1)
    await capacity.acquire(soon())
    await capacity.acquire(soon())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(capacity.acquire, soon())
        await anyio.wait_all_tasks_blocked()
        assert capacity.load == (2, 1)
        with pytest.raises(Busy, match="all 2 slots"):
            await capacity.acquire(soon())
        capacity.release()
    assert capacity.load == (2, 0)


async def test_the_queue_is_served_in_order() -> None:
    capacity = Capacity(slots=1, queue_max=5)
    order: list[int] = []

    async def work(number: int) -> None:
        await capacity.acquire(soon())
        order.append(number)
        capacity.release()

    await capacity.acquire(soon())
    async with anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(work, number)
            await anyio.wait_all_tasks_blocked()
        capacity.release()
    assert order == [0, 1, 2, 3, 4]
    assert capacity.load == (0, 0)


async def test_a_deadline_ends_the_waiting() -> None:
    capacity = Capacity(slots=1, queue_max=5)
    await capacity.acquire(soon())
    with pytest.raises(Busy, match="until the deadline"):
        await capacity.acquire(soon(0.01))
    capacity.release()
    await capacity.acquire(soon())
    assert capacity.load == (1, 0)


async def test_who_stops_waiting_leaves_its_place() -> None:
    capacity = Capacity(slots=1, queue_max=1)
    await capacity.acquire(soon())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(capacity.acquire, soon())
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert capacity.load == (1, 0)
    capacity.release()
    assert capacity.load == (0, 0)
