"""How much of an application's stake each claim of a session can have.

Sources: poktroll x/tokenomics/keeper/settlement_context.go (getOrInitSessionBudget) and
token_logic_modules.go (ensureClaimAmountLimits). Amounts are in stake terms: inflation included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from joey.core.protocol.params import SharedParams
from joey.core.protocol.windows import compute_pending_sessions
from joey.core.units import Upokt

__all__ = ["EvenShare", "compute_caps", "compute_even_share"]


class EvenShare(NamedTuple):
    """What each claim may cost at least, and whether the application's own limit made it so little."""

    amount: Upokt
    is_limited: bool


def compute_even_share(
    application_stake: Upokt, shared_end: SharedParams, spend_limit_per_session: Upokt | None, claims: int
) -> EvenShare:
    """Split a session's budget evenly among so many claims, rounded down at every step.

    The stake must do for all sessions that can wait for settlement. A limit of zero is none.
    """
    budget = application_stake // compute_pending_sessions(shared_end)
    share = budget // claims
    if not spend_limit_per_session:
        return EvenShare(Upokt(share), False)
    limited = min(spend_limit_per_session, budget) // claims
    return EvenShare(Upokt(min(share, limited)), limited < share)


def compute_caps(needs: Sequence[int], payable: Sequence[bool], floor: int, multiplier: int) -> list[int]:
    """Return the most that each claim may cost the application, inflation included.

    With a multiplier above one, what some suppliers leave unused is passed on to those that need
    more, in proportion to their excess and up to `multiplier` times their even share.
    """
    if multiplier <= 1:
        return [floor] * len(needs)
    counted = [need for need, is_payable in zip(needs, payable, strict=True) if is_payable]
    unused = sum(max(0, floor - need) for need in counted)
    excess = sum(max(0, need - floor) for need in counted)
    caps = []
    for need, is_payable in zip(needs, payable, strict=True):
        bonus = unused * (need - floor) // excess if is_payable and need > floor else 0
        caps.append(min(floor + bonus, multiplier * floor))
    return caps
