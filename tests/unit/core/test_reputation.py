from __future__ import annotations

import pytest

from joey.core.errors import Signal
from joey.core.reputation import RECOVERY_HALF_LIFE_S, Reputation, apply_answer, apply_signal, compute_score


def test_a_supplier_starts_with_full_score() -> None:
    assert compute_score(Reputation(), 1e9) == 1.0


def test_signals_cost_by_their_weight() -> None:
    scores = [apply_signal(Reputation(), signal, 5.0).score for signal in Signal]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1.0
    assert scores[-1] == 0.0
    assert len(set(scores)) == len(scores)


def test_two_failures_leave_next_to_nothing() -> None:
    twice = apply_signal(apply_signal(Reputation(), Signal.MAJOR, 0.0), Signal.MAJOR, 0.0)
    assert twice.score < 0.1


def test_half_of_what_is_missing_returns_in_a_half_life() -> None:
    fallen = apply_signal(Reputation(), Signal.FATAL, 100.0)
    assert compute_score(fallen, 100.0) == 0.0
    assert compute_score(fallen, 100.0 + RECOVERY_HALF_LIFE_S) == pytest.approx(0.5)
    assert compute_score(fallen, 100.0 + 20 * RECOVERY_HALF_LIFE_S) == pytest.approx(1.0, abs=1e-5)


def test_recovery_does_not_depend_on_when_it_is_looked_at() -> None:
    fallen = apply_signal(Reputation(), Signal.MAJOR, 0.0)
    looked = apply_signal(fallen, Signal.NONE, 37.0)
    assert compute_score(looked, 200.0) == pytest.approx(compute_score(fallen, 200.0))


def test_a_clock_that_stands_or_steps_back_mends_nothing() -> None:
    fallen = Reputation(0.25, 100.0)
    assert compute_score(fallen, 99.0) == 0.25


def test_answers_mend_and_never_exceed_one() -> None:
    reputation = Reputation(0.25, 0.0)
    for _ in range(100):
        before, reputation = reputation, apply_answer(reputation, 0.0)
        assert before.score <= reputation.score <= 1.0
    assert reputation.score > 0.99
