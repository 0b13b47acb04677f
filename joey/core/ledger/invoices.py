"""A week of settlements as one invoice of a portal operator.

A settlement belongs to the week of its block's time. It is invoiced at that week's fixing, in the
first invoice of its operator and week that is made after it was booked; closing a week again
invoices only what has settled since, under the next number, so that every settlement is on exactly
one invoice. Amounts are upokt; dollars are made of them once, per line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from joey.core.ledger.accounts import (
    CONVERSION,
    FEMTO_USD_PER_NANO_USD,
    ROUNDING,
    Unit,
    name_receivable,
    name_restore,
)
from joey.core.ledger.journal import Entry, EntryKind, make_postings
from joey.core.ledger.rules import PaidClaim, read_paid_claim
from joey.core.ledger.weeks import compute_week, compute_week_start
from joey.core.units import ComputeUnits, Height, NanoUsd, Upokt, round_half_down

__all__ = [
    "Fixing",
    "Invoice",
    "InvoiceLine",
    "book_invoice",
    "compute_invoice",
]


@dataclass(frozen=True, slots=True)
class Fixing:
    """One week's rate: nano-dollars for one POKT, who quoted it and when (aware, UTC).

    Raises `ValueError` for a price that is not positive, a text that is no week, or a time without a
    zone.
    """

    week: str
    price: NanoUsd
    source: str
    time: datetime

    def __post_init__(self) -> None:
        compute_week_start(self.week)
        if self.price <= 0:
            raise ValueError(f"the fixing of {self.week} must be more than 0")
        if self.time.tzinfo is None:
            raise ValueError(f"the fixing of {self.week}: its time has no zone")


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """What one application used of one service.

    `relays` and `compute_units` are what the mined relays stand for. `burned` and `reimbursed` upokt
    left the stake; `minted` were created by claims. `dollars` are (burned + reimbursed) at the fixing,
    to the nearest nano-dollar. `agreed` and `residue` are exact upokt, and
    `agreed = burned + overservicing_loss + residue`.
    """

    service_id: str
    application_address: str
    relays: int
    compute_units: ComputeUnits
    burned: Upokt
    reimbursed: Upokt
    minted: Upokt
    overservicing_loss: Upokt
    agreed: Fraction
    residue: Fraction
    dollars: NanoUsd


@dataclass(frozen=True, slots=True)
class Invoice:
    """What a portal operator owes for a week, or for the part of it not invoiced before.

    `sequence` counts the invoices of this operator and week from 1. `entry_ids` are the settlements
    it covers, sorted. `time` is when it was made.
    """

    operator: str
    week: str
    sequence: int
    time: datetime
    fixing: Fixing
    lines: tuple[InvoiceLine, ...]
    entry_ids: tuple[str, ...]

    @property
    def number(self) -> str:
        """The invoice's number, such as `JOEY-2026-W47-portal-1`."""
        return f"JOEY-{self.week}-{self.operator}-{self.sequence}"

    @property
    def relays(self) -> int:
        """All relays."""
        return sum(line.relays for line in self.lines)

    @property
    def burned(self) -> Upokt:
        """All upokt burned for relays."""
        return Upokt(sum(line.burned for line in self.lines))

    @property
    def reimbursed(self) -> Upokt:
        """All upokt that stakes gave back for the global mint."""
        return Upokt(sum(line.reimbursed for line in self.lines))

    @property
    def minted(self) -> Upokt:
        """All upokt that claims minted."""
        return Upokt(sum(line.minted for line in self.lines))

    @property
    def residue(self) -> Fraction:
        """The residue of rounding, in upokt, exactly."""
        return sum((line.residue for line in self.lines), Fraction(0))

    @property
    def dollars(self) -> NanoUsd:
        """The sum of the lines."""
        return NanoUsd(sum(line.dollars for line in self.lines))


def compute_invoice(
    entries: Iterable[Entry],
    *,
    operator: str,
    week: str,
    fixing: Fixing,
    earlier: Sequence[Invoice],
    time: datetime,
) -> Invoice | None:
    """Return the invoice of what an operator settled in a week and no earlier invoice covers.

    `earlier` are all invoices there are; `None` when they cover everything. The order of the entries
    does not matter, and an entry that comes twice counts once. Raises `ValueError` for a fixing of
    another week.
    """
    if fixing.week != week:
        raise ValueError(f"the fixing of {fixing.week} cannot price {week}")
    covered = {entry_id for invoice in earlier for entry_id in invoice.entry_ids}
    due: dict[str, PaidClaim] = {}
    for entry in entries:
        if entry.kind is not EntryKind.SETTLEMENT or entry.id in covered or compute_week(entry.time) != week:
            continue
        settlement = read_paid_claim(entry)
        if settlement.operator == operator:
            due[entry.id] = settlement
    if not due:
        return None
    return Invoice(
        operator=operator,
        week=week,
        sequence=1 + sum(invoice.operator == operator and invoice.week == week for invoice in earlier),
        time=time,
        fixing=fixing,
        lines=_compute_lines(due.values(), fixing),
        entry_ids=tuple(sorted(due)),
    )


def _compute_lines(settlements: Iterable[PaidClaim], fixing: Fixing) -> tuple[InvoiceLine, ...]:
    groups: dict[tuple[str, str], list[PaidClaim]] = {}
    for settlement in settlements:
        groups.setdefault((settlement.service_id, settlement.application_address), []).append(settlement)
    return tuple(_compute_line(group, fixing) for _, group in sorted(groups.items()))


def _compute_line(group: Sequence[PaidClaim], fixing: Fixing) -> InvoiceLine:
    burned = sum(settlement.burned for settlement in group)
    reimbursed = sum(settlement.reimbursed for settlement in group)
    exact = Fraction((burned + reimbursed) * fixing.price, FEMTO_USD_PER_NANO_USD)
    return InvoiceLine(
        service_id=group[0].service_id,
        application_address=group[0].application_address,
        relays=sum(settlement.relays for settlement in group),
        compute_units=ComputeUnits(sum(settlement.compute_units for settlement in group)),
        burned=Upokt(burned),
        reimbursed=Upokt(reimbursed),
        minted=Upokt(sum(settlement.minted for settlement in group)),
        overservicing_loss=Upokt(sum(settlement.overservicing_loss for settlement in group)),
        agreed=sum((settlement.agreed for settlement in group), Fraction(0)),
        residue=sum((settlement.residue for settlement in group), Fraction(0)),
        dollars=NanoUsd(round_half_down(exact)),
    )


def book_invoice(invoice: Invoice) -> tuple[Entry, Entry]:
    """Return the two linked entries of an invoice: dollars due, and the POKT they stand for."""
    due = invoice.burned + invoice.reimbursed
    exact = due * invoice.fixing.price
    charged = invoice.dollars * FEMTO_USD_PER_NANO_USD
    dollars_id, upokt_id = f"invoice:{invoice.number}", f"restore:{invoice.number}"
    dollars = Entry(
        id=dollars_id,
        kind=EntryKind.INVOICE,
        time=invoice.time,
        height=Height(0),
        postings=make_postings(
            Unit.FEMTO_USD,
            [(name_receivable(invoice.operator), charged), (CONVERSION, -exact), (ROUNDING, exact - charged)],
        ),
        link=upokt_id,
        memo=(("number", invoice.number), ("rate", invoice.fixing.price), ("week", invoice.week)),
    )
    upokt = Entry(
        id=upokt_id,
        kind=EntryKind.RESTORE,
        time=invoice.time,
        height=Height(0),
        postings=make_postings(Unit.UPOKT, [(name_restore(invoice.operator), -due), (CONVERSION, due)]),
        link=dollars_id,
        memo=(("number", invoice.number), ("week", invoice.week)),
    )
    return dollars, upokt
