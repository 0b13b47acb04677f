"""Closing a week: one invoice per portal operator, of what is not on an invoice yet."""

from __future__ import annotations

import logging
from datetime import datetime

from joey.core.ledger.checks import check_minted
from joey.core.ledger.invoices import Invoice, compute_invoice
from joey.core.ledger.journal import EntryKind
from joey.core.ledger.rules import read_paid_claim
from joey.core.ledger.weeks import compute_week, compute_week_start
from joey.core.units import format_pokt, format_usd
from joey.economy.fixings import require_fixing
from joey.ports.stores import Invoices, Journal

__all__ = ["close_week", "find_open_weeks"]

_log = logging.getLogger(__name__)


async def close_week(
    week: str, *, journal: Journal, invoices: Invoices, time: datetime
) -> tuple[Invoice, ...]:
    """Issue the invoices of a week, by operator, and return the new ones; none when all is invoiced.

    May be called at any time and again: what settles later comes on a further invoice. `time` is
    when they are made. Raises `SupplyMismatch`, and issues nothing, when for some claim of the week
    more was minted than burned or the mint is not the chain's ratio of the burn; `MissingFixing`
    when there is something to invoice and no rate; `ValueError` when there is no such week.
    """
    compute_week_start(week)
    settlements = [
        entry
        for entry in await journal.entries()
        if entry.kind is EntryKind.SETTLEMENT and compute_week(entry.time) == week
    ]
    check_minted(settlements)
    earlier = await invoices.invoices()
    issued: list[Invoice] = []
    for operator in sorted({read_paid_claim(entry).operator for entry in settlements}):
        fixing = await require_fixing(week, invoices=invoices)
        invoice = compute_invoice(
            settlements, operator=operator, week=week, fixing=fixing, earlier=earlier, time=time
        )
        if invoice is None:
            continue
        await invoices.save_invoice(invoice)
        issued.append(invoice)
        _log.info(
            "invoice %s: %s relays, %s POKT, %s dollars",
            invoice.number,
            invoice.relays,
            format_pokt(invoice.burned),
            format_usd(invoice.dollars),
        )
    return tuple(issued)


async def find_open_weeks(*, journal: Journal, invoices: Invoices) -> tuple[str, ...]:
    """Return the weeks that have settlements on no invoice, oldest first."""
    covered = {entry_id for invoice in await invoices.invoices() for entry_id in invoice.entry_ids}
    weeks = {
        compute_week(entry.time)
        for entry in await journal.entries()
        if entry.kind is EntryKind.SETTLEMENT and entry.id not in covered
    }
    return tuple(sorted(weeks))
