"""Is every upokt accounted for? The books against themselves, and against the chain.

The checks within the books are those of `joey.core.ledger.checks`. Against the chain: every event
is booked again by the rules and must give the very entry that is in the journal; every claim that
came due ended exactly once; and the supply is what the chain said after the last change.

An audit only reads. It lists differences; `check_report` turns them into an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from joey.core.ledger.accounts import SUPPLY_SLASH
from joey.core.ledger.agreements import Terms
from joey.core.ledger.checks import (
    Difference,
    MintBurn,
    check_differences,
    compare_entries,
    sum_mint_burn,
)
from joey.core.ledger.journal import Entry, EntryKind
from joey.core.ledger.rules import book_event, name_settlement
from joey.core.protocol.events import (
    ChainEvent,
    ClaimCreated,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
    SupplyChanged,
)
from joey.core.protocol.windows import compute_settlement_height
from joey.core.units import Height, Upokt
from joey.core.wire.session import SessionHeader
from joey.ports.chain import Block, Chain
from joey.ports.stores import Journal, Prices

__all__ = ["AuditReport", "audit_books", "audit_chain", "check_report"]

ClaimKey = tuple[str, str]
"""Session id and supplier address: what a claim is named by."""

_SUPPLY_ATTEMPTS_MAX = 5


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit saw. `height` is the block the journal reaches to.

    `is_against_chain` tells whether the chain was asked, or the books only compared with themselves.
    `supply` is the newest the chain told, `None` when it told none.
    """

    height: Height
    is_against_chain: bool
    totals: tuple[MintBurn, ...]
    slashed: Upokt
    supply: Upokt | None
    differences: tuple[Difference, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    @property
    def burned(self) -> Upokt:
        """All that claims burned."""
        return Upokt(sum(total.burned for total in self.totals))

    @property
    def minted(self) -> Upokt:
        """All that claims minted."""
        return Upokt(sum(total.minted for total in self.totals))

    @property
    def inflation(self) -> Upokt:
        """All that the global mint added."""
        return Upokt(sum(total.inflation for total in self.totals))

    @property
    def supply_change(self) -> int:
        """What settlement did to the supply, in upokt: 0 at mint ratio 1 without a global mint or slash."""
        return self.minted + self.inflation - self.burned - self.slashed


def check_report(report: AuditReport) -> None:
    """Raise `SupplyMismatch` with all differences in field `differences`, unless the report is clean."""
    check_differences(report.differences)


async def audit_books(journal: Journal) -> AuditReport:
    """Audit the journal by itself."""
    height, entries = await _read_books(journal)
    return _make_report(height, entries, compare_entries(entries), is_against_chain=False)


async def audit_chain(journal: Journal, prices: Prices, chain: Chain) -> AuditReport:
    """Audit the journal by itself and against the chain, from the first block to the journal's height."""
    height, entries = await _read_books(journal)
    by_id = {entry.id: entry for entry in entries}
    differences = list(compare_entries(entries))
    endings: Counter[ClaimKey] = Counter()
    created: dict[ClaimKey, SessionHeader] = {}
    expected_ids: set[str] = set()
    for number in range(1, height + 1):
        block = await chain.block(Height(number))
        if block is None:
            differences.append(Difference(f"block {number}", "it", "on the chain", "missing"))
            break
        for event in await chain.events(block.height):
            if isinstance(event, ClaimCreated):
                created[event.header.session_id, event.supplier_address] = event.header
            elif isinstance(event, ClaimSettled | ClaimExpired | ClaimDiscarded):
                endings[event.header.session_id, event.supplier_address] += 1
            expected = await _book_again(event, block, by_id, prices)
            expected_ids.update(entry.id for entry in expected)
            differences.extend(_compare_booked(expected, by_id))
    differences.extend(_compare_unexpected(entries, expected_ids))
    differences.extend(await _compare_endings(created, endings, height, chain))
    report = _make_report(height, entries, differences, is_against_chain=True)
    return await _compare_chain_supply(report, chain)


async def _read_books(journal: Journal) -> tuple[Height, list[Entry]]:
    """Return the height the journal reaches to and its entries up to there: it may be growing."""
    height = await journal.height()
    return height, [entry for entry in await journal.entries() if entry.height <= height]


async def _book_again(
    event: ChainEvent, block: Block, by_id: Mapping[str, Entry], prices: Prices
) -> tuple[Entry, ...]:
    """Return what the rules make of an event now. Who pays is not on the chain: the journal says it."""
    terms = None
    if isinstance(event, ClaimSettled):
        header = event.header
        booked = by_id.get(name_settlement(header.session_id, event.supplier_address))
        operator = booked.text("operator") if booked else header.application_address
        terms = Terms(operator, await prices.price_at(header.service_id, header.height_start))
    return book_event(event, height=block.height, time=block.time, terms=terms)


def _compare_booked(expected: Iterable[Entry], by_id: Mapping[str, Entry]) -> Iterator[Difference]:
    for entry in expected:
        booked = by_id.get(entry.id)
        if booked is None:
            yield Difference(entry.id, "its entry", "in the journal", "missing")
        elif booked != entry:
            yield Difference(entry.id, "its entry", "what the chain says", "another")


_FROM_CHAIN = frozenset(
    (EntryKind.SETTLEMENT, EntryKind.SALE, EntryKind.EXPIRY, EntryKind.DISCARD, EntryKind.SUPPLY)
)


def _compare_unexpected(entries: Iterable[Entry], expected_ids: set[str]) -> Iterator[Difference]:
    for entry in entries:
        if entry.kind in _FROM_CHAIN and entry.id not in expected_ids:
            yield Difference(entry.id, "its event", "on the chain", "missing")


async def _compare_endings(
    created: Mapping[ClaimKey, SessionHeader], endings: Counter[ClaimKey], height: Height, chain: Chain
) -> list[Difference]:
    """Compare the claims that came due with those that were settled, expired or discarded."""
    found = [
        Difference(f"claim {key[0]} of {key[1]}", "the number of its ends", 1, count)
        for key, count in endings.items()
        if count != 1
    ]
    for key, header in created.items():
        if key not in endings:
            shared = (await chain.params_at(header.height_end)).shared
            if compute_settlement_height(header.height_end, shared) <= height:
                found.append(Difference(f"claim {key[0]} of {key[1]}", "the number of its ends", 1, 0))
    return found


async def _compare_chain_supply(report: AuditReport, chain: Chain) -> AuditReport:
    """Compare the supply of the chain's state with the last the chain said of it, while no block comes."""
    for _ in range(_SUPPLY_ATTEMPTS_MAX):
        head = await chain.head()
        supply = await chain.supply()
        told = report.supply
        for number in range(report.height + 1, head.height + 1):
            for event in await chain.events(Height(number)):
                if isinstance(event, SupplyChanged):
                    told = event.supply
        if (await chain.head()).height == head.height:
            if told is None or told == supply:
                return report
            difference = Difference(f"block {head.height}", "the chain's supply", told, supply)
            return replace(report, differences=(*report.differences, difference))
    return report


def _make_report(
    height: Height, entries: Sequence[Entry], differences: Sequence[Difference], *, is_against_chain: bool
) -> AuditReport:
    told = [entry for entry in entries if entry.kind is EntryKind.SUPPLY]
    newest = max(told, key=lambda entry: entry.height, default=None)
    return AuditReport(
        height=height,
        is_against_chain=is_against_chain,
        totals=sum_mint_burn(entries),
        slashed=Upokt(sum(entry.sum_of(SUPPLY_SLASH) for entry in entries)),
        supply=Upokt(newest.number("supply")) if newest else None,
        differences=tuple(differences),
    )
