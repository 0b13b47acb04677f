"""A service's target moves with what its claims came to.

Source: poktroll x/service/keeper/update_relay_mining_difficulty.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from joey.core.protocol.block import BlockContext
from joey.core.protocol.checks import compute_next_session_start
from joey.core.protocol.difficulty import BASE_TARGET, compute_average, compute_new_target
from joey.core.protocol.events import ChainEvent, ClaimSettled, DifficultyUpdated
from joey.core.protocol.queries import live_params
from joey.core.protocol.state import Difficulty, DifficultyHistory, State

__all__ = ["update_difficulties"]


def update_difficulties(
    state: State, events: Sequence[ChainEvent], block: BlockContext
) -> list[DifficultyUpdated]:
    """Move the targets of the services whose claims this block settled, from the next session on.

    The first relays of a service set a target at once, that of their number, from this very block's height
    on. Where that is a session's first block it is that session's target: as on the network, what its
    claims are worth changes while it runs. Of entries in a row with
    the same target one is kept, the oldest height with the newest average; the network keeps them all.
    """
    relays: Counter[str] = Counter()
    for event in events:
        if isinstance(event, ClaimSettled):
            relays[event.header.service_id] += event.num_relays
    params = live_params(state)
    wanted = params.service.target_num_relays
    next_start = compute_next_session_start(block.height, params.shared)
    updates = []
    for service_id, num_relays in sorted(relays.items()):
        history = state.difficulties.get(service_id)
        if history is None:
            first = compute_new_target(BASE_TARGET, wanted, num_relays)
            history = DifficultyHistory((Difficulty(block.height, first, num_relays),))
        previous = history.changes[-1]
        average = compute_average(previous.num_relays_ema, num_relays)
        target = compute_new_target(BASE_TARGET, wanted, average)
        latest = Difficulty(next_start, target, average)
        state.difficulties.put(service_id, _extend(history, latest))
        updates.append(
            DifficultyUpdated(
                service_id, previous.target, target, previous.num_relays_ema, latest.num_relays_ema
            )
        )
    return updates


def _extend(history: DifficultyHistory, latest: Difficulty) -> DifficultyHistory:
    changes = history.changes
    if changes[-1].height == latest.height:
        changes = changes[:-1]
    if changes and changes[-1].target == latest.target:
        latest = replace(latest, height=changes[-1].height)
        changes = changes[:-1]
    return DifficultyHistory((*changes, latest))
