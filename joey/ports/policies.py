"""How a portal orders the suppliers of a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from joey.core.wire.session import Session, Supplier

__all__ = ["RoutingPolicy"]


class RoutingPolicy(Protocol):
    """Ranks candidates; it never sends."""

    def rank(self, session: Session) -> Sequence[Supplier]:
        """Return the suppliers worth trying, best first; leaves out those it would not try."""
        ...
