"""A plan of attempts: one supplier after the other, under one deadline."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from joey.core.errors import EngineFailed, NoSupplierLeft, Rejection, SupplierError
from joey.core.wire.session import Supplier
from joey.relaying.instants import now

__all__ = ["try_in_turn"]

Answer = TypeVar("Answer")


async def try_in_turn(
    suppliers: Sequence[Supplier],
    attempt: Callable[[Supplier, float], Awaitable[Answer]],
    *,
    deadline: float,
) -> Answer:
    """Return the first answer; `attempt(supplier, deadline)` is called for one supplier at a time.

    What is left until `deadline` (an instant of the loop's clock, seconds) is shared evenly among
    the attempts left, so that a supplier that hangs leaves time for the next; the last one gets all
    the rest. Another supplier is tried after any `SupplierError`, and after any `Rejection`: a
    rejection is not signed, so one supplier's word must not end a call that another would answer.
    When the last one's kept connection was closed without a byte, it is asked once more: it is hardly
    ill, and each attempt is a relay of its own.

    Raises `NoSupplierLeft` when none answered: field `causes` holds the codes of all faults, in
    order, and `repeatable` is true when no attempt can have become a paid relay.
    """
    faults: list[SupplierError | Rejection] = []
    waiting = deque(suppliers)
    while waiting and (started := now()) < deadline:
        attempt_deadline = started + (deadline - started) / len(waiting)
        supplier = waiting.popleft()
        try:
            return await attempt(supplier, attempt_deadline)
        except (SupplierError, Rejection) as fault:
            faults.append(fault)
            if not waiting and fault.fields.get("was_kept") and len(faults) == len(suppliers):
                waiting.append(supplier)
    causes = tuple(fault.code for fault in faults)
    if causes:
        text = f"no supplier answered; tried {len(causes)}: {', '.join(causes)}"
    else:
        text = "the session has no supplier that can be asked"
    raise NoSupplierLeft(
        f"{text}; ask again later", causes=causes, repeatable=not any(map(_may_be_paid, faults))
    )


def _may_be_paid(fault: SupplierError | Rejection) -> bool:
    """Tell whether the supplier may have served, and be paid for, what it did not deliver.

    A rejection comes before the work, and a failed engine is not mined, unless the supplier passed on
    as an answer what is none.
    """
    if isinstance(fault, Rejection | EngineFailed):
        return fault.fields.get("may_be_paid") is True
    return fault.fields.get("request_sent") is not False
