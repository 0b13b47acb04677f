from __future__ import annotations

import anyio
import pytest

from joey.core.errors import (
    BadRing,
    BadSupplierSignature,
    Busy,
    DeadlineExceeded,
    EngineFailed,
    JoeyError,
    NoSupplierLeft,
    OverLimit,
    Unreachable,
)
from joey.core.units import Upokt
from joey.core.wire.session import Supplier
from joey.relaying.attempts import try_in_turn

pytestmark = pytest.mark.anyio

SUPPLIERS = [Supplier("owner", f"supplier{number}", Upokt(1)) for number in range(3)]


class Script:
    """Attempts that end as written, one after the other."""

    def __init__(self, *ends: JoeyError | str) -> None:
        self.ends = list(ends)
        self.tried: list[str] = []
        self.allowed_s: list[float] = []

    async def attempt(self, supplier: Supplier, deadline: float) -> str:
        self.tried.append(supplier.operator_address)
        self.allowed_s.append(deadline - anyio.current_time())
        end = self.ends.pop(0)
        if isinstance(end, str):
            return end
        raise end


async def run(script: Script, deadline_s: float = 90.0) -> str:
    return await try_in_turn(SUPPLIERS, script.attempt, deadline=anyio.current_time() + deadline_s)


async def fail(script: Script, deadline_s: float = 90.0) -> NoSupplierLeft:
    with pytest.raises(NoSupplierLeft) as caught:
        await run(script, deadline_s)
    return caught.value


async def test_the_first_answer_is_the_answer() -> None:
    script = Script("answer")
    assert await run(script) == "answer"
    assert script.tried == ["supplier0"]


@pytest.mark.parametrize(
    "fault",
    [
        Unreachable(""),
        DeadlineExceeded(""),
        EngineFailed(""),
        BadSupplierSignature(""),
        Busy(""),
        BadRing(""),
    ],
)
async def test_after_a_fault_the_next_supplier_is_asked(fault: JoeyError) -> None:
    script = Script(fault, "answer")
    assert await run(script) == "answer"
    assert script.tried == ["supplier0", "supplier1"]


async def test_an_error_of_ours_ends_the_plan() -> None:
    script = Script(ValueError("ours"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ours"):
        await run(script)
    assert script.tried == ["supplier0"]


async def test_when_none_answers_all_faults_are_named_in_order() -> None:
    error = await fail(Script(Unreachable("x"), Busy("y"), BadSupplierSignature("z")))
    assert error.fields["causes"] == ("supplier.unreachable", "rejection.busy", "supplier.bad_signature")
    assert "tried 3: supplier.unreachable, rejection.busy, supplier.bad_signature" in error.message


@pytest.mark.parametrize(
    ("fault", "repeatable"),
    [
        (Unreachable("", request_sent=False), True),
        (Unreachable("", request_sent=True), False),
        (DeadlineExceeded("", request_sent=True), False),
        (BadSupplierSignature(""), False),
        (EngineFailed(""), True),
        (EngineFailed("", may_be_paid=True), False),
        (Busy(""), True),
        (OverLimit(""), True),
    ],
)
async def test_a_call_that_may_be_paid_is_not_to_be_repeated(fault: JoeyError, repeatable: bool) -> None:
    error = await fail(Script(Busy(""), fault, Busy("")))
    assert error.fields["repeatable"] is repeatable


async def test_the_time_left_is_shared_by_the_attempts_left() -> None:
    script = Script(Busy(""), Busy(""), "answer")
    await run(script, 90.0)
    assert script.allowed_s == pytest.approx([30.0, 45.0, 90.0], abs=1.0)


async def test_past_the_deadline_nobody_is_asked() -> None:
    script = Script("answer")
    error = await fail(script, -1.0)
    assert script.tried == []
    assert error.fields["causes"] == ()


async def test_a_session_without_suppliers() -> None:
    script = Script()
    with pytest.raises(NoSupplierLeft, match="no supplier that can be asked"):
        await try_in_turn([], script.attempt, deadline=anyio.current_time() + 1)


async def test_the_last_supplier_is_asked_once_more_when_its_kept_connection_was_closed() -> None:
    lost = Unreachable("", request_sent=True, was_kept=True)
    script = Script(Busy(""), lost, lost, "answer")
    assert await run(script) == "answer"
    assert script.tried == ["supplier0", "supplier1", "supplier2", "supplier2"]
    error = await fail(Script(Busy(""), Busy(""), lost, lost))
    assert error.fields["causes"] == ("rejection.busy", "rejection.busy", lost.code, lost.code)
    assert error.fields["repeatable"] is False
