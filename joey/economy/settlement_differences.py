"""What the rulebook says of a settlement beside what the chain says: every event, every field."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace

from joey.core.ledger.checks import Difference
from joey.core.protocol.difficulty import BASE_TARGET, compute_average, compute_new_target
from joey.core.protocol.events import (
    ApplicationOverserviced,
    ChainEvent,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
    DifficultyUpdated,
    RevenueShareFellBack,
    SettlementBatch,
    SupplierSlashed,
    SupplyChanged,
    ValidatorsRewarded,
)
from joey.core.units import Height, Upokt
from joey.core.wire.session import SessionHeader

__all__ = ["compare_difficulties", "compare_events", "is_of_session"]

_OfClaim = (
    ClaimSettled
    | ClaimExpired
    | ClaimDiscarded
    | ApplicationOverserviced
    | RevenueShareFellBack
    | SupplierSlashed
)
_Settling = _OfClaim | SettlementBatch | ValidatorsRewarded | SupplyChanged

_TOLD_IN_WORDS = {"error", "problem"}
"""Fields that are for people: two programs may say the same in other words."""


def is_of_session(event: ChainEvent, session_id: str) -> bool:
    """Tell whether an event speaks of a session."""
    header = getattr(event, "header", None)
    return isinstance(header, SessionHeader) and header.session_id == session_id


def compare_events(
    computed: Iterable[ChainEvent],
    found: Iterable[ChainEvent],
    *,
    height: Height,
    supply: Upokt,
    supply_before: Upokt | None,
) -> list[Difference]:
    """Compare what a settlement should have said with what was said, in the order of the former.

    `supply` is what the chain has after the block, `supply_before` before it; `None` when something
    else in the block may have changed it.
    """
    told: defaultdict[tuple[str, ...], list[_Settling]] = defaultdict(list)
    for event in found:
        if isinstance(event, _Settling):
            told[_identify(event)].append(event)
    differences: list[Difference] = []
    moved = 0
    for event in computed:
        if not isinstance(event, _Settling):
            continue
        if isinstance(event, SupplyChanged):
            moved = event.minted - event.burned
            event = replace(event, supply=supply)
        same = told[_identify(event)]
        if same:
            differences += _compare_fields(event, same.pop(0))
        else:
            differences.append(Difference(_name(event), type(event).__name__, "told", "missing"))
    for events in told.values():
        differences += [
            Difference(_name(event), type(event).__name__, "not told", "told") for event in events
        ]
    if supply_before is not None and supply_before + moved != supply:
        differences.append(
            Difference(f"block {height}", "the supply after it", supply_before + moved, supply)
        )
    return differences


def compare_difficulties(
    computed: Iterable[ChainEvent], found: Sequence[ChainEvent], num_relays_wanted: int
) -> list[Difference]:
    """Compare how the targets of the services moved with what their relays and averages make of them.

    What a difficulty moved from is taken as it is told.
    """
    relays: defaultdict[str, int] = defaultdict(int)
    for event in computed:
        if isinstance(event, ClaimSettled):
            relays[event.header.service_id] += event.num_relays
    told = [event for event in found if isinstance(event, DifficultyUpdated)]
    differences = []
    for service_id in sorted(relays.keys() | {event.service_id for event in told}):
        updates = [event for event in told if event.service_id == service_id]
        subject = f"service {service_id}"
        if len(updates) != (service_id in relays):
            differences.append(
                Difference(subject, "moves of its target", int(service_id in relays), len(updates))
            )
            continue
        (update,) = updates
        average = compute_average(update.previous_num_relays_ema, relays[service_id])
        target = compute_new_target(BASE_TARGET, num_relays_wanted, update.num_relays_ema)
        if update.num_relays_ema != average:
            differences.append(Difference(subject, "num_relays_ema", average, update.num_relays_ema))
        if update.target != target:
            differences.append(Difference(subject, "target", target.hex(), update.target.hex()))
    return differences


def _identify(event: _Settling) -> tuple[str, ...]:
    """Return what names an event: the computed and the told one that are compared have it in common."""
    if isinstance(event, ClaimSettled | ClaimExpired | ClaimDiscarded):
        return "end", event.header.session_id, event.supplier_address
    if isinstance(event, RevenueShareFellBack):
        return "fallback", event.header.session_id, event.supplier_address, event.reason
    if isinstance(event, ApplicationOverserviced | SupplierSlashed):
        return type(event).__name__, event.header.session_id, event.supplier_address
    if isinstance(event, SettlementBatch):
        return "batch", event.operation, event.sender, event.recipient, event.reason
    if isinstance(event, ValidatorsRewarded):
        return "validator", event.reason, event.validator_address
    return ("supply",)


def _name(event: _Settling) -> str:
    if isinstance(event, _OfClaim):
        return f"claim {event.header.session_id} of {event.supplier_address}"
    if isinstance(event, SettlementBatch):
        return f"{event.operation} {event.reason} from {event.sender} to {event.recipient or 'nobody'}"
    if isinstance(event, ValidatorsRewarded):
        return f"validator {event.validator_address}, {event.reason}"
    return f"block {event.height}"


def _compare_fields(expected: _Settling, found: _Settling) -> Iterator[Difference]:
    """Compare two events of one identity, in the order of their fields."""
    subject = _name(expected)
    if type(expected) is not type(found):
        yield Difference(subject, "its end", type(expected).__name__, type(found).__name__)
        return
    for field in fields(expected):
        should, told = getattr(expected, field.name), getattr(found, field.name)
        if should != told and field.name not in _TOLD_IN_WORDS:
            yield Difference(subject, field.name, _show(should), _show(told))


def _show(value: object) -> int | str:
    return value if type(value) is int else str(value)
