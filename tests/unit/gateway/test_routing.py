from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import anyio
import pytest

from joey.core.errors import (
    Busy,
    EngineFailed,
    InvalidRequest,
    JoeyError,
    PayloadHashMismatch,
    StakeExhausted,
    Unreachable,
)
from joey.core.units import Height, Upokt
from joey.core.wire.session import Application, Session, SessionHeader, Supplier
from joey.gateway.routing import ReputationRouting
from joey.relaying.outcome import RelayOutcome

pytestmark = pytest.mark.anyio

SUPPLIERS = tuple(Supplier("owner", name, Upokt(1)) for name in ("a", "b", "c"))
SESSION = Session(
    SessionHeader("app", "text", "00", Height(1), Height(4)),
    1,
    4,
    Application("app", Upokt(1), "text"),
    SUPPLIERS,
)


class SeededEntropy:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def random_scalar(self) -> int:
        return self._random.randrange(1, 2**250)

    def random_unit(self) -> float:
        return self._random.random()


def outcome(supplier: str, fault: JoeyError | None, service: str = "text") -> RelayOutcome:
    now = anyio.current_time()
    return RelayOutcome(supplier, service, "00", now, None, 0.0, 1, 1, None, fault, None)


def count_first(routing: ReputationRouting, rounds: int = 3000) -> Counter[str]:
    return Counter(routing.rank(SESSION)[0].operator_address for _ in range(rounds))


async def test_every_supplier_is_ranked_once() -> None:
    routing = ReputationRouting(SeededEntropy(1))
    for _ in range(100):
        assert sorted(one.operator_address for one in routing.rank(SESSION)) == ["a", "b", "c"]


async def test_good_suppliers_share_the_traffic() -> None:
    counts = count_first(ReputationRouting(SeededEntropy(2)))
    assert all(850 < counts[name] < 1150 for name in "abc")


async def test_a_supplier_that_failed_twice_gets_next_to_nothing_but_is_still_explored() -> None:
    routing = ReputationRouting(SeededEntropy(3))
    for _ in range(2):
        routing.observe(outcome("a", Unreachable("")))
    counts = count_first(routing)
    assert 0 < counts["a"] < 90
    assert routing.rank(SESSION)[0] in SUPPLIERS


async def test_forged_answers_cost_the_whole_score() -> None:
    routing = ReputationRouting(SeededEntropy(4))
    routing.observe(outcome("a", PayloadHashMismatch("")))
    assert routing.score("text", "a") == pytest.approx(0.0, abs=0.01)
    assert count_first(routing)["a"] < 60


async def test_answers_bring_a_supplier_back() -> None:
    routing = ReputationRouting(SeededEntropy(5))
    routing.observe(outcome("a", Unreachable("")))
    for _ in range(20):
        routing.observe(outcome("a", None))
    assert routing.score("text", "a") > 0.98


async def test_a_score_is_for_one_service() -> None:
    routing = ReputationRouting(SeededEntropy(6))
    routing.observe(outcome("a", Unreachable(""), service="images"))
    assert routing.score("text", "a") == 1.0
    assert routing.score("images", "a") < 0.3


@pytest.mark.parametrize("fault", [InvalidRequest(""), StakeExhausted("")])
async def test_what_is_not_the_suppliers_fault_costs_nothing(fault: JoeyError) -> None:
    routing = ReputationRouting(SeededEntropy(7))
    routing.observe(outcome("a", fault))
    assert routing.score("text", "a") == 1.0


async def test_back_pressure_costs_little() -> None:
    routing = ReputationRouting(SeededEntropy(8))
    routing.observe(outcome("a", Busy("")))
    assert 0.7 < routing.score("text", "a") < 1.0


async def test_when_all_have_failed_all_are_still_tried() -> None:
    routing = ReputationRouting(SeededEntropy(9))
    for name in "abc":
        routing.observe(outcome(name, PayloadHashMismatch("")))
    assert len(routing.rank(SESSION)) == 3


async def test_an_engine_that_failed_at_a_request_costs_in_full_once_another_served_it() -> None:
    routing = ReputationRouting(SeededEntropy(10))
    for name in "ab":
        routing.observe(outcome(name, EngineFailed("")))
    assert all(0.7 < routing.score("text", name) < 1.0 for name in "ab")
    routing.convict("text", ["a"])
    assert routing.score("text", "a") < 0.3
    assert routing.score("text", "b") > 0.7


async def test_an_engine_that_breaks_off_its_answer_costs_in_full() -> None:
    routing = ReputationRouting(SeededEntropy(11))
    routing.observe(replace(outcome("a", EngineFailed("")), first_byte_s=0.1))
    assert routing.score("text", "a") < 0.3


async def test_a_kept_connection_that_was_closed_costs_little() -> None:
    routing = ReputationRouting(SeededEntropy(12))
    routing.observe(outcome("a", Unreachable("", request_sent=True, was_kept=True)))
    routing.observe(outcome("b", Unreachable("", request_sent=True, was_kept=False)))
    assert routing.score("text", "a") > 0.7
    assert routing.score("text", "b") < 0.3
