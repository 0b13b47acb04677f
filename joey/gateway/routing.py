"""Built-in routing: by reputation, with a little exploration."""

from __future__ import annotations

from collections.abc import Sequence

from joey.core.reputation import Reputation, apply_answer, apply_signal, compute_score
from joey.core.wire.session import Session, Supplier
from joey.ports.entropy import Entropy
from joey.relaying.instants import now
from joey.relaying.outcome import RelayOutcome

__all__ = ["ReputationRouting"]

_SUPPLIERS_MAX = 10_000
_EXPLORED_SHARE = 0.02
_LEAST_WEIGHT = 1e-6


class ReputationRouting:
    """Fulfils `joey.ports.policies.RoutingPolicy` and learns from every outcome.

    Suppliers are drawn one after the other, each with a chance in proportion to the square of its
    score: all good ones share the traffic, one that failed gets a sixteenth of a share, one that
    failed twice a 256th, until time and answers mend its score. In two of a hundred rankings the
    scores are left aside, so that a fallen supplier is found to be well again. No supplier is ever
    left out: when all have failed, the calls still go somewhere.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._reputations: dict[tuple[str, str], Reputation] = {}

    def observe(self, outcome: RelayOutcome) -> None:
        """Let an outcome move the supplier's score for the service."""
        key = (outcome.service_id, outcome.supplier_address)
        now_s = outcome.started + outcome.duration_s
        before = self._reputations.get(key)
        if outcome.fault is None:
            if before is not None:
                after = apply_answer(before, now_s)
                self._reputations[key] = after
            return
        after = apply_signal(before or Reputation(), outcome.fault.signal, now_s)
        if before is None and len(self._reputations) >= _SUPPLIERS_MAX:
            self._reputations.pop(next(iter(self._reputations)))
        self._reputations[key] = after

    def score(self, service_id: str, supplier_address: str) -> float:
        """Return a supplier's present score, in [0, 1]."""
        reputation = self._reputations.get((service_id, supplier_address))
        return 1.0 if reputation is None else compute_score(reputation, now())

    def rank(self, session: Session) -> Sequence[Supplier]:
        """Return all suppliers of the session, the first to try first."""
        service_id = session.header.service_id
        suppliers = session.suppliers
        random_unit = self._entropy.random_unit
        is_exploring = random_unit() < _EXPLORED_SHARE
        keyed = []
        for position, supplier in enumerate(suppliers):
            score = 1.0 if is_exploring else self.score(service_id, supplier.operator_address)
            # A draw without replacement by weight: the largest of u^(1/w) comes first (Efraimidis
            # and Spirakis, 2006).
            keyed.append((random_unit() ** (1.0 / max(score * score, _LEAST_WEIGHT)), position))
        keyed.sort(reverse=True)
        return [suppliers[position] for _, position in keyed]
