"""What counts as an answer: the same verdict at the node, which is paid for it, and at the gateway.

An engine's success and its word that the request is wrong are answers, signed and paid. Whatever
else it says speaks of itself: its failures, redirections and half-answers, and the refusals that
concern the supplier's own account, set-up or load there.
"""

from __future__ import annotations

__all__ = ["ANSWER_BYTES_MAX", "is_answer"]

ANSWER_BYTES_MAX = 4 * 1024 * 1024
"""The longest body of an answer that a node sends and a gateway takes, in bytes."""

_OWN_FAULTS = frozenset({401, 403, 404, 407, 429})


def is_answer(status: int) -> bool:
    """Tell whether an engine's HTTP status makes its response an answer that is paid."""
    return status == 200 or (400 <= status < 500 and status not in _OWN_FAULTS)
