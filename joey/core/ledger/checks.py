"""The books against themselves: figures that follow from one another, and where they do not.

Each settlement's amounts follow from its burn, at most what was burned was minted (exactly as much
at a mint ratio of 1), each sale is worth what was agreed, and the postings of a block are what the
chain said its supply changed by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from joey.core.errors import SupplyMismatch
from joey.core.ledger.accounts import (
    FEMTO_USD_PER_NANO_USD,
    ROUNDING,
    SUPPLY_BURN,
    SUPPLY_INFLATION,
    SUPPLY_MINT,
    SUPPLY_SLASH,
    name_sales,
)
from joey.core.ledger.journal import Entry, EntryKind
from joey.core.ledger.rules import read_paid_claim
from joey.core.units import Height, Upokt, round_down

__all__ = [
    "Difference",
    "MintBurn",
    "check_differences",
    "check_minted",
    "compare_entries",
    "sum_mint_burn",
]


@dataclass(frozen=True, slots=True)
class Difference:
    """Two figures that should be one. `subject` names the entry, block, claim or account."""

    subject: str
    what: str
    expected: int | str
    found: int | str

    def __str__(self) -> str:
        return f"{self.subject}: {self.what} should be {self.expected}, is {self.found}"


@dataclass(frozen=True, slots=True)
class MintBurn:
    """What one application burned for one service, by the postings of the journal, in upokt.

    `inflation` was minted beside the claims and `reimbursed` moved from stake to the DAO for it.
    """

    service_id: str
    application_address: str
    claims: int
    burned: Upokt
    minted: Upokt
    inflation: Upokt
    reimbursed: Upokt


def check_differences(differences: Sequence[Difference]) -> None:
    """Raise `SupplyMismatch` with all of them in field `differences`, unless there are none."""
    if differences:
        more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
        raise SupplyMismatch(f"{differences[0]}{more}", differences=tuple(differences))


def check_minted(entries: Iterable[Entry]) -> None:
    """Raise `SupplyMismatch` unless every settlement among `entries` minted what its burn allows."""
    check_differences(
        [d for entry in entries if entry.kind is EntryKind.SETTLEMENT for d in _compare_mint(entry)]
    )


def sum_mint_burn(entries: Iterable[Entry]) -> tuple[MintBurn, ...]:
    """Return what was burned and minted per service and application, from the postings, in that order."""
    groups: dict[tuple[str, str], list[int]] = {}
    for entry in entries:
        if entry.kind is not EntryKind.SETTLEMENT:
            continue
        key = entry.text("service_id"), entry.text("application_address")
        sums = groups.setdefault(key, [0, 0, 0, 0, 0])
        amounts = (
            1,
            entry.sum_of(SUPPLY_BURN),
            -entry.sum_of(SUPPLY_MINT),
            -entry.sum_of(SUPPLY_INFLATION),
            entry.number("reimbursed"),
        )
        for index, amount in enumerate(amounts):
            sums[index] += amount
    return tuple(
        MintBurn(*key, claims, Upokt(burned), Upokt(minted), Upokt(inflation), Upokt(reimbursed))
        for key, (claims, burned, minted, inflation, reimbursed) in sorted(groups.items())
    )


def compare_entries(entries: Sequence[Entry]) -> tuple[Difference, ...]:
    """Compare the books with themselves: settlements, their sales, and what blocks did to the supply."""
    sales = {entry.link: entry for entry in entries if entry.kind is EntryKind.SALE}
    found: list[Difference] = []
    for entry in entries:
        if entry.kind is EntryKind.SETTLEMENT:
            found.extend(_compare_mint(entry))
            found.extend(_compare_sale(entry, sales.pop(entry.id, None)))
    found.extend(
        Difference(sale.id, "the settlement it is linked to", link, "missing") for link, sale in sales.items()
    )
    found.extend(_compare_supply(entries))
    return tuple(found)


def _list_unequal(subject: str, figures: Iterable[tuple[str, int, int]]) -> Iterator[Difference]:
    for what, expected, found in figures:
        if expected != found:
            yield Difference(subject, what, expected, found)


def _compare_mint(entry: Entry) -> Iterator[Difference]:
    """Compare a settlement's postings with its facts, and those with one another."""
    paid = read_paid_claim(entry)
    burned, minted = entry.sum_of(SUPPLY_BURN), -entry.sum_of(SUPPLY_MINT)
    if minted > burned:
        yield Difference(entry.id, "upokt minted", f"at most {burned}", minted)
    yield from _list_unequal(
        entry.id,
        (
            ("upokt burned", paid.burned, burned),
            ("upokt minted", round_down(burned * Fraction(paid.mint_ratio)), minted),
            ("upokt of the global mint", paid.inflation, -entry.sum_of(SUPPLY_INFLATION)),
            ("upokt claimed", paid.burned + paid.overservicing_loss, paid.claimed),
            ("upokt of deflation", burned - minted, paid.deflation_loss),
        ),
    )


def _compare_sale(entry: Entry, sale: Entry | None) -> Iterator[Difference]:
    """Compare a settlement with the dollars that were agreed for it."""
    paid = read_paid_claim(entry)
    if sale is None:
        if paid.rate:
            yield Difference(entry.id, "its sale", "booked", "missing")
        return
    sold = paid.relays * paid.price * FEMTO_USD_PER_NANO_USD
    yield from _list_unequal(
        sale.id,
        (
            ("femto-dollars sold", sold, -sale.sum_of(name_sales(paid.service_id))),
            ("femto-dollars of rounding", sold - paid.claimed * paid.rate, sale.sum_of(ROUNDING)),
        ),
    )


def _compare_supply(entries: Sequence[Entry]) -> Iterator[Difference]:
    """Compare the postings of each block with what the chain said of it, and one block with the next."""
    burned: Counter[Height] = Counter()
    minted: Counter[Height] = Counter()
    told: dict[Height, Entry] = {}
    for entry in entries:
        if entry.kind is EntryKind.SUPPLY:
            told[entry.height] = entry
            continue
        burned[entry.height] += entry.sum_of(SUPPLY_BURN) + entry.sum_of(SUPPLY_SLASH)
        minted[entry.height] -= entry.sum_of(SUPPLY_MINT) + entry.sum_of(SUPPLY_INFLATION)
    for height in sorted(told.keys() | burned.keys() | minted.keys()):
        claim = told.get(height)
        yield from _list_unequal(
            f"block {height}",
            (
                ("upokt burned", claim.number("burned") if claim else 0, burned[height]),
                ("upokt minted", claim.number("minted") if claim else 0, minted[height]),
            ),
        )
    previous: Entry | None = None
    for _, entry in sorted(told.items()):
        if previous is not None:
            expected = previous.number("supply") + entry.number("minted") - entry.number("burned")
            yield from _list_unequal(
                f"block {entry.height}", [("the supply after it", expected, entry.number("supply"))]
            )
        previous = entry
