"""Built-in routing: by reputation, with a little exploration."""

from __future__ import annotations

from collections.abc import Sequence

from joey.core.errors import EngineFailed, JoeyError, Signal
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

    An engine that fails at a request before its first byte may be ill, or the request may be one that
    no engine bears: by itself that costs a supplier little. It costs in full once another supplier has
    served the same request, which `convict` tells.
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
        signal = Signal.MINOR if _is_doubtful(outcome, outcome.fault) else outcome.fault.signal
        self._apply(key, signal, now_s)

    def convict(self, service_id: str, supplier_addresses: Sequence[str]) -> None:
        """Charge suppliers whose engines failed at a request that another supplier then served."""
        for address in supplier_addresses:
            self._apply((service_id, address), EngineFailed.signal, now())

    def _apply(self, key: tuple[str, str], signal: Signal, now_s: float) -> None:
        before = self._reputations.get(key)
        if before is None and len(self._reputations) >= _SUPPLIERS_MAX:
            self._reputations.pop(next(iter(self._reputations)))
        self._reputations[key] = apply_signal(before or Reputation(), signal, now_s)

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


def _is_doubtful(outcome: RelayOutcome, fault: JoeyError) -> bool:
    """Tell whether a fault may well not be the supplier's own.

    An engine may have failed on the request, until another one bears it; and a kept connection that
    was closed without a byte is what a connection comes to with age.
    """
    if isinstance(fault, EngineFailed):
        return outcome.first_byte_s is None
    return fault.fields.get("was_kept") is True
