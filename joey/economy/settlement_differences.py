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

__all__ = [
    "ALL_VALIDATORS",
    "compare_difficulties",
    "compare_events",
    "compare_validators",
    "is_of_session",
]

ALL_VALIDATORS = "(all validators)"
"""Stands for them together, and their delegators, who share the proposers' part of a block."""

_TO_VALIDATORS = "VALIDATOR_REWARD_DISTRIBUTION"
_SHARED = (_TO_VALIDATORS, "DELEGATOR_REWARD_DISTRIBUTION")

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
    for event in _merge_validators(found):
        if isinstance(event, _Settling):
            told[_identify(event)].append(event)
    differences: list[Difference] = []
    moved = 0
    for event in _merge_validators(computed):
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


def compare_validators(found: Iterable[ChainEvent]) -> list[Difference]:
    """Compare what validators are told to get with what was moved to them and their delegators."""
    told: defaultdict[str, int] = defaultdict(int)
    moved: defaultdict[str, int] = defaultdict(int)
    differences = []
    for event in found:
        if isinstance(event, ValidatorsRewarded):
            told[event.validator_address] += event.amount
        elif isinstance(event, SettlementBatch) and event.reason.endswith(_SHARED):
            moved[event.recipient] += event.amount
            if event.reason.endswith(_TO_VALIDATORS) and event.recipient not in told:
                differences.append(Difference(_name(event), "the recipient", "a validator", event.recipient))
    for address, paid in moved.items():
        if address in told and paid > told[address]:
            subject = f"validator {address}"
            differences.append(Difference(subject, "upokt paid, at most", told[address], paid))
    if sum(told.values()) != sum(moved.values()):
        differences.append(
            Difference("all validators", "upokt paid", sum(told.values()), sum(moved.values()))
        )
    return differences


def _merge_validators(events: Iterable[ChainEvent]) -> list[ChainEvent]:
    """Put one event in the place of those of single validators: their split is not ours to compute."""
    merged: list[ChainEvent] = []
    places: dict[tuple[object, ...], int] = {}
    for event in events:
        is_shared = isinstance(event, ValidatorsRewarded) or (
            isinstance(event, SettlementBatch) and event.reason.endswith(_SHARED)
        )
        if not is_shared:
            merged.append(event)
            continue
        assert isinstance(event, ValidatorsRewarded | SettlementBatch)
        reason = event.reason.replace("DELEGATOR", "VALIDATOR")
        key: tuple[object, ...] = (type(event), reason, event.height_session_end)
        if isinstance(event, SettlementBatch):
            key = (*key, event.sender, event.operation)
        place = places.setdefault(key, len(merged))
        before = 0
        if place < len(merged):
            earlier = merged[place]
            assert isinstance(earlier, ValidatorsRewarded | SettlementBatch)
            before = earlier.amount
        else:
            merged.append(event)
        amount = Upokt(before + event.amount)
        if isinstance(event, ValidatorsRewarded):
            merged[place] = ValidatorsRewarded(
                event.height_session_end, reason, ALL_VALIDATORS, amount, Upokt(0)
            )
        else:
            merged[place] = replace(
                event, recipient=ALL_VALIDATORS, reason=reason, amount=amount, num_claims=0
            )
    return merged


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
