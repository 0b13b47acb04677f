"""`joey settle check`: did the network settle rightly? Recomputed from what the chain published."""

from __future__ import annotations

from functools import partial

import click

from joey.cli.chain_options import Address, ChainPlace, chain_options, run_on_chain
from joey.cli.printing import JSON, Document, format_amount, print_document, print_table
from joey.core.errors import SupplyMismatch
from joey.core.protocol.events import ClaimExpired, ClaimSettled
from joey.core.units import Height
from joey.economy.recompute import End, SettlementReport, check_settlement, find_settled_session
from joey.ports.chain import Chain

__all__ = ["settle"]

_HEIGHT_FIRST = 2
"""The first block with a state before it."""


@click.group()
def settle() -> None:
    """Check the chain's settlements against the rulebook."""


@settle.command()
@click.argument("height", type=click.IntRange(1))
@click.argument("last_height", type=click.IntRange(1), required=False)
@click.option(
    "--application",
    default="",
    metavar="ADDRESS",
    type=Address(is_needed=False),
    help="Only this application's session that holds HEIGHT.",
)
@click.option("--service", default="", help="The session's service; goes with --application.")
@chain_options
@JSON
def check(
    place: ChainPlace, height: int, last_height: int | None, application: str, service: str, as_json: bool
) -> None:
    """Recompute the settlement of a block, or of all from HEIGHT to LAST_HEIGHT.

    With --application and --service, HEIGHT is any height of a session, and that session is checked
    where it was settled. Ends with exit status 1 at the first difference, which it names: which claim,
    which field, what it should be and what the chain says. A full node must still know the state of
    the block before; block 1 has none before it and settles nothing, so a range starts at 2.
    """
    if bool(application) != bool(service):
        raise click.UsageError("--application and --service go together: they name a session with HEIGHT")
    if application and last_height is not None:
        raise click.UsageError("a session is named by one height: leave LAST_HEIGHT out")
    if last_height is not None and last_height < height:
        raise click.UsageError(f"LAST_HEIGHT {last_height} is before HEIGHT {height}")

    first = max(height, _HEIGHT_FIRST)
    if first > height and not application:
        if (last_height or height) < first:
            raise click.UsageError("block 1 settles nothing: name a block from 2 on")
        click.echo("block 1 settles nothing: starting at block 2", err=True)

    async def work(chain: Chain) -> list[SettlementReport]:
        if application:
            settled = await find_settled_session(chain, application, service, Height(height))
            return [await check_settlement(chain, settled.height, session_id=settled.session_id)]
        reports = []
        for each in range(first, (last_height or height) + 1):
            reports.append(await check_settlement(chain, Height(each)))
            if reports[-1].differences:
                break
        return reports

    reports = run_on_chain(place, work)
    document = [_describe(report) for report in reports]
    print_document(document, as_json=as_json, show=partial(_print_reports, reports))
    difference = next((report.first_difference for report in reports if report.differences), None)
    if difference is not None:
        raise SupplyMismatch(f"the first difference: {difference}")


def _describe(report: SettlementReport) -> Document:
    return {
        "height": report.height,
        "claims": [_describe_end(end) for end in report.computed],
        "differences": [
            {
                "subject": difference.subject,
                "what": difference.what,
                "expected": str(difference.expected),
                "found": str(difference.found),
            }
            for difference in report.differences
        ],
    }


def _describe_end(end: End) -> Document:
    amounts: Document = {"claimed_upokt": str(end.claimed)}
    if isinstance(end, ClaimSettled):
        amounts |= {"settled_upokt": str(end.settled), "minted_upokt": str(end.minted + end.inflation)}
    elif isinstance(end, ClaimExpired):
        amounts |= {"slashed_upokt": str(end.slashed), "reason": end.reason}
    return {
        "session_id": end.header.session_id,
        "service_id": end.header.service_id,
        "application_address": end.header.application_address,
        "supplier_address": end.supplier_address,
        "end": _name_end(end),
        **amounts,
    }


def _name_end(end: End) -> str:
    return type(end).__name__.removeprefix("Claim").lower()


def _print_reports(reports: list[SettlementReport]) -> None:
    rows = [
        (
            str(report.height),
            end.header.session_id[:12],
            end.header.service_id,
            end.supplier_address,
            _name_end(end),
            format_amount(end.claimed),
            format_amount(end.settled) if isinstance(end, ClaimSettled) else "",
            format_amount(end.minted + end.inflation) if isinstance(end, ClaimSettled) else "",
        )
        for report in reports
        for end in report.computed
    ]
    if rows:
        heads = ("block", "session", "service", "supplier", "end", "claimed", "settled", "minted")
        print_table(heads, rows, numbers={0, 5, 6, 7})
    for report in reports:
        for difference in report.differences:
            click.echo(f"DIFFERENCE {difference}")
    blocks = f"block {reports[0].height}" + (f" to {reports[-1].height}" if len(reports) > 1 else "")
    if not any(report.differences for report in reports):
        click.echo(f"{blocks}: {len(rows)} claims settled as the rules say")
