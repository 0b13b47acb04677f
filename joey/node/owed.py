"""A session that this node has served in and that is not settled yet."""

from __future__ import annotations

from dataclasses import dataclass

from joey.core.units import ComputeUnits, Height
from joey.core.wire.session import SessionHeader
from joey.ports.stores import ClaimRecord

__all__ = ["CLAIMED", "NO_ROOT", "OwedSession", "make_record"]

NO_ROOT = bytes(48)
"""Stands for the root of a trie that this node does not know."""

CLAIMED = ("claimed", "proving", "proved")
"""States of a record whose claim the chain has."""


@dataclass(slots=True, eq=False)
class OwedSession:
    """A session with relays in the log.

    `due` is the first height at which something is left to do, `relays` how many are in the log, and
    `relays_claimed` how many were when its present claim was made; `None` before there is one. `signers`
    are the keys that its newest relay was signed among, once that was looked at, and `signers_missing` how
    many of them are not in the ring now. `told` is the last reason for waiting that was logged, and
    `refusals` counts how often a full node that has pruned its settlement was asked for it.
    """

    header: SessionHeader
    supplier_address: str
    due: Height
    relays: int = 0
    relays_claimed: int | None = None
    signers: frozenset[bytes] | None = None
    signers_missing: int = 0
    told: str = ""
    refusals: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """By what log and claims know it."""
        return self.header.session_id, self.supplier_address


def make_record(session: OwedSession) -> ClaimRecord:
    """Return a record of a session whose trie this node does not know."""
    return ClaimRecord(
        session.header, session.supplier_address, NO_ROOT, session.relays, ComputeUnits(0), state="due"
    )
