"""`joey economy`: read the books of a data folder, close a week, audit."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import anyio
import click

from joey.adapters.chains.local.chain import LocalChain, read_genesis
from joey.adapters.stores.sqlite.ledger import SqliteLedger
from joey.cli.printing import print_table
from joey.core.errors import ConfigError
from joey.core.ledger.accounts import Unit
from joey.core.ledger.invoice_codec import encode_invoice
from joey.core.ledger.invoices import Invoice
from joey.core.ledger.journal import Entry, Posting, compute_balances, encode_entry
from joey.core.units import UPOKT_PER_POKT, Upokt, format_pokt, format_usd, round_half_down
from joey.economy.audit import AuditReport, audit_books, audit_chain, check_report
from joey.economy.invoicing import close_week, find_open_weeks

__all__ = ["economy"]

T = TypeVar("T")

_AUDITS_MAX = 2

_data = click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The data folder of `joey up`.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, exact to the last digit.")


@click.group()
def economy() -> None:
    """Read the books: what was used, what it cost, and that mint equals burn."""


@economy.command()
@_data
@_json
def invoices(folder: Path, as_json: bool) -> None:
    """List the invoices, line by line."""
    issued = _run(folder, lambda ledger: ledger.invoices())
    _print_invoices(issued, as_json=as_json)


@economy.command()
@_data
@_json
@click.option("--balances", is_flag=True, help="The balance of every account instead of the entries.")
def journal(folder: Path, as_json: bool, balances: bool) -> None:
    """List the entries of the journal, oldest first."""
    entries = _run(folder, lambda ledger: ledger.entries())
    if balances:
        _print_balances(entries, as_json=as_json)
    elif as_json:
        click.echo("[" + ",\n".join(map(encode_entry, entries)) + "]")
    else:
        rows = [
            (
                entry.time.isoformat(timespec="seconds"),
                str(entry.height),
                entry.id,
                *_describe_posting(posting),
            )
            for entry in entries
            for posting in entry.postings
        ]
        print_table(("time", "block", "entry", "account", "amount"), rows, numbers={1, 4})


@economy.command()
@_data
@_json
@click.option("--week", help="A week such as 2026-W47; without it, every week with something to invoice.")
def close(folder: Path, as_json: bool, week: str | None) -> None:
    """Invoice what has settled and is on no invoice yet."""

    async def work(ledger: SqliteLedger) -> list[Invoice]:
        weeks = (week,) if week else await find_open_weeks(journal=ledger, invoices=ledger)
        now = datetime.now(UTC)
        return [
            invoice
            for each in weeks
            for invoice in await close_week(each, journal=ledger, invoices=ledger, time=now)
        ]

    try:
        issued = _run(folder, work)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="--week") from None
    _print_invoices(issued, as_json=as_json)


@economy.command(short_help="Recompute the books and compare them with the chain.")
@_data
@_json
def audit(folder: Path, as_json: bool) -> None:
    """Recompute the books, against the chain if it is here; exit 1 unless every upokt is accounted for."""
    report = _run(folder, lambda ledger: _audit(ledger, folder / "chain.db"))
    if as_json:
        click.echo(json.dumps(_describe_report(report), indent=2))
    else:
        _print_report(report)
    check_report(report)


async def _audit(ledger: SqliteLedger, chain_path: Path) -> AuditReport:
    """Audit against the local chain of the data folder; against the books alone where there is none.

    A chain that is running may commit a block while its file is being read, and then seem to differ
    from itself: what is found is looked for again.
    """
    for _ in range(_AUDITS_MAX):
        genesis = await read_genesis(chain_path)
        if genesis is None:
            return await audit_books(ledger)
        chain = await LocalChain.open(chain_path, genesis)
        try:
            report = await audit_chain(ledger, ledger, chain)
        finally:
            await chain.aclose()
        if report.is_clean:
            break
    return report


@contextmanager
def _open_ledger(folder: Path) -> Iterator[SqliteLedger]:
    path = folder / "ledger.db"
    if not path.is_file():
        raise ConfigError(f"there are no books at {path}: name the folder that `joey up --data` was given")
    ledger = SqliteLedger(path)
    try:
        yield ledger
    finally:
        ledger.close()


def _run(folder: Path, work: Callable[[SqliteLedger], Awaitable[T]]) -> T:
    async def run() -> T:
        with _open_ledger(folder) as ledger:
            return await work(ledger)

    return anyio.run(run)


def _print_invoices(issued: Sequence[Invoice], *, as_json: bool) -> None:
    if as_json:
        click.echo("[" + ",\n".join(map(encode_invoice, issued)) + "]")
        return
    rows = []
    for invoice in issued:
        for line in invoice.lines:
            rows.append(
                (
                    invoice.number,
                    line.service_id,
                    line.application_address,
                    str(line.relays),
                    str(line.compute_units),
                    format_pokt(line.burned),
                    format_usd(line.dollars),
                    _format_fraction(line.residue),
                )
            )
        rate = format_usd(invoice.fixing.price)
        rows.append(
            (
                invoice.number,
                "total",
                f"at {rate} dollars per POKT ({invoice.fixing.source})",
                str(invoice.relays),
                "",
                format_pokt(invoice.burned),
                format_usd(invoice.dollars),
                _format_fraction(invoice.residue),
            )
        )
    heads = (
        "invoice",
        "service",
        "application",
        "relays",
        "units",
        "POKT burned",
        "dollars",
        "residue upokt",
    )
    print_table(heads, rows, numbers={3, 4, 5, 6, 7})


def _print_balances(entries: Sequence[Entry], *, as_json: bool) -> None:
    balances = sorted(compute_balances(entries).items())
    if as_json:
        click.echo(
            json.dumps([[account, unit.value, amount] for (account, unit), amount in balances], indent=2)
        )
        return
    rows = [_describe_posting(Posting(account, unit, amount)) for (account, unit), amount in balances]
    print_table(("account", "amount"), rows, numbers={1})


def _describe_posting(posting: Posting) -> tuple[str, str]:
    if posting.unit is Unit.UPOKT:
        return posting.account, f"{format_pokt(Upokt(posting.amount))} POKT"
    sign, (whole, part) = "-" if posting.amount < 0 else "", divmod(abs(posting.amount), 10**15)
    decimals = f"{part:015d}".rstrip("0").ljust(2, "0")
    return posting.account, f"{sign}{whole}.{decimals} USD "


def _describe_report(report: AuditReport) -> dict[str, object]:
    return {
        "clean": report.is_clean,
        "height": report.height,
        "against_chain": report.is_against_chain,
        "burned_upokt": report.burned,
        "minted_upokt": report.minted,
        "inflation_upokt": report.inflation,
        "slashed_upokt": report.slashed,
        "supply_change_upokt": report.supply_change,
        "supply_upokt": report.supply,
        "totals": [
            {
                "service": total.service_id,
                "application": total.application_address,
                "claims": total.claims,
                "burned_upokt": total.burned,
                "minted_upokt": total.minted,
                "inflation_upokt": total.inflation,
                "reimbursed_upokt": total.reimbursed,
            }
            for total in report.totals
        ],
        "differences": [str(difference) for difference in report.differences],
    }


def _print_report(report: AuditReport) -> None:
    rows = [
        (
            total.service_id,
            total.application_address,
            str(total.claims),
            format_pokt(total.burned),
            format_pokt(total.minted),
            format_pokt(total.inflation),
        )
        for total in report.totals
    ]
    rows.append(
        (
            "total",
            "",
            "",
            format_pokt(report.burned),
            format_pokt(report.minted),
            format_pokt(report.inflation),
        )
    )
    heads = ("service", "application", "claims", "POKT burned", "POKT minted", "global mint")
    print_table(heads, rows, numbers={2, 3, 4, 5})
    whom = "the chain" if report.is_against_chain else "themselves"
    click.echo(f"books compared with {whom} up to block {report.height}")
    click.echo(f"slashed {format_pokt(report.slashed)} POKT")
    click.echo(f"the supply changed by {format_pokt(Upokt(report.supply_change))} POKT")
    for difference in report.differences:
        click.echo(f"DIFFERENCE {difference}")
    if report.is_clean:
        click.echo("every upokt is accounted for")


def _format_fraction(amount: Fraction) -> str:
    """Return an amount with six decimals, the last one rounded, and no more than it needs."""
    scaled = round_half_down(abs(amount) * UPOKT_PER_POKT)
    text = format_pokt(Upokt(scaled if amount >= 0 else -scaled))
    return text.rstrip("0").rstrip(".")
