"""A gateway's running score of a supplier: moved by signals, mended by good answers and by time.

A score is between 0 and 1 and starts at 1. A signal multiplies it; what is missing to 1 halves with
every `RECOVERY_HALF_LIFE_S`, and a verified answer mends part of it at once. A supplier that failed
twice gets next to no traffic, and is tried again within minutes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from joey.core.errors import Signal

__all__ = ["RECOVERY_HALF_LIFE_S", "Reputation", "apply_answer", "apply_signal", "compute_score"]

RECOVERY_HALF_LIFE_S = 120.0

_FACTORS = {Signal.NONE: 1.0, Signal.MINOR: 0.8, Signal.MAJOR: 0.25, Signal.FATAL: 0.0}
_MENDED_BY_ANSWER = 0.2


@dataclass(frozen=True, slots=True)
class Reputation:
    """A score as it was at `time_s`, an instant of any clock that only goes forward, in seconds."""

    score: float = 1.0
    time_s: float = 0.0


def compute_score(reputation: Reputation, now_s: float) -> float:
    """Return the score at an instant, with what time has mended. In [0, 1]."""
    if reputation.score >= 1.0:
        return 1.0
    elapsed_s = max(0.0, now_s - reputation.time_s)
    return 1.0 - (1.0 - reputation.score) * math.exp2(-elapsed_s / RECOVERY_HALF_LIFE_S)


def apply_signal(reputation: Reputation, signal: Signal, now_s: float) -> Reputation:
    """Return the reputation after a fault of the supplier's."""
    return Reputation(compute_score(reputation, now_s) * _FACTORS[signal], now_s)


def apply_answer(reputation: Reputation, now_s: float) -> Reputation:
    """Return the reputation after a verified answer."""
    score = compute_score(reputation, now_s)
    return Reputation(score + (1.0 - score) * _MENDED_BY_ANSWER, now_s)
