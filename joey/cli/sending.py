"""Show what a transaction would do, ask, send it, and tell what became of it."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from joey.cli.chain_options import ChainPlace, chain_options, run_on_chain
from joey.cli.key_options import KEYS, PASSPHRASE_FILE, confirm, find_keys_folder, read_signer
from joey.cli.printing import (
    JSON,
    Document,
    describe,
    format_amount,
    print_document,
    print_pairs,
    print_table,
)
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import InsufficientFunds
from joey.core.units import Upokt
from joey.ports.chain import Chain, Fee, TransactionResult
from joey.wiring.proposal import Proposal

__all__ = ["Sending", "send_proposal", "sending_options"]

Propose = Callable[[Chain, str], Awaitable[Proposal]]
"""Makes a proposal from the chain as it is and the address that signs."""


@dataclass(frozen=True, slots=True)
class Sending:
    """How to send: where, in whose name, and whether to ask."""

    place: ChainPlace
    signer: str
    keys_path: Path | None
    passphrase_file: Path | None
    dry_run: bool
    yes: bool
    as_json: bool


def sending_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a transaction; it receives them as `sending`."""

    @click.option(
        "--from",
        "signer",
        metavar="KEY",
        required=True,
        help="A key's name, file:PATH or env:NAME; it signs.",
    )
    @KEYS
    @PASSPHRASE_FILE
    @click.option("--dry-run", is_flag=True, help="Show what would happen and what it costs; send nothing.")
    @click.option("--yes", is_flag=True, help="Send without asking.")
    @JSON
    @chain_options
    @functools.wraps(command)
    def with_sending(
        place: ChainPlace,
        signer: str,
        keys_path: Path | None,
        passphrase_file: Path | None,
        dry_run: bool,
        yes: bool,
        as_json: bool,
        **others: Any,
    ) -> None:
        if as_json and not (dry_run or yes):
            raise click.UsageError("--json asks nothing: say --yes to send, or --dry-run")
        sending = Sending(place, signer, keys_path, passphrase_file, dry_run, yes, as_json)
        command(sending=sending, **others)

    return with_sending


def send_proposal(sending: Sending, propose: Propose) -> None:
    """Make a proposal, show it, and unless it is a dry run ask, send it and show the result.

    Raises `InsufficientFunds` before anything is sent when the signer cannot pay, and
    `TransactionRejected` when the chain refuses it.
    """
    keys = find_keys_folder(sending.keys_path, sending.place.data)
    key = read_signer(sending.signer, keys, sending.passphrase_file)
    run_on_chain(
        sending.place, functools.partial(_send, sending, propose, key), is_writing=not sending.dry_run
    )


async def _send(sending: Sending, propose: Propose, key: PrivateKey, chain: Chain) -> None:
    proposal = await propose(chain, key.address)
    if not proposal.messages:
        document = _describe(proposal, key.address, None, None, None)
        print_document(
            document,
            as_json=sending.as_json,
            show=lambda: click.echo(f"{proposal.title}: the chain has it so already, nothing to do"),
        )
        return
    balance = await chain.balance(key.address)
    _check_funds(key.address, balance, proposal.cost)
    fee = await chain.estimate_fee(proposal.messages, key)
    _check_funds(key.address, balance, Upokt(proposal.cost + fee.amount))
    if not sending.as_json:
        _print_proposal(proposal, key.address, balance, fee)
    result = None
    if not sending.dry_run:
        # This stops the event loop; nothing else runs in it.
        confirm("Send it?", yes=sending.yes)
        result = await chain.submit(proposal.messages, key)
    if sending.as_json:
        document = _describe(proposal, key.address, balance, fee, result)
        print_document(document, as_json=True, show=_show_nothing)
    elif result is None:
        click.echo("dry run: nothing was sent")
    else:
        after = await chain.balance(key.address)
        click.echo()
        print_pairs(
            [
                ("transaction", result.hash),
                ("block", str(result.height)),
                ("result", "ok"),
                ("balance", format_amount(after)),
            ]
        )


def _show_nothing() -> None:
    """Stand for the text of a document that is printed as JSON."""


def _check_funds(address: str, balance: Upokt, needed: Upokt) -> None:
    if balance < needed:
        raise InsufficientFunds(
            f"{address} has {balance}upokt and needs {needed}upokt: send it {needed - balance}upokt first",
            address=address,
            balance=balance,
            needed=needed,
        )


def _describe(
    proposal: Proposal,
    signer: str,
    balance: Upokt | None,
    fee: Fee | None,
    result: TransactionResult | None,
) -> Document:
    document: Document = {
        "title": proposal.title,
        "signer": signer,
        "messages": [{"type": type(one).__name__, **describe(one)} for one in proposal.messages],
        "changes": describe(proposal.changes),
        "costs": describe(proposal.costs),
        "notes": list(proposal.notes),
    }
    if fee is not None and balance is not None:
        document["fee"] = describe(fee)
        document["balance_before_upokt"] = str(balance)
        document["balance_after_upokt"] = str(balance - proposal.cost - fee.amount)
    document["transaction"] = None if result is None else {"hash": result.hash, "height": result.height}
    return document


def _print_proposal(proposal: Proposal, signer: str, balance: Upokt, fee: Fee) -> None:
    click.echo(f"{proposal.title}, signed by {signer}\n")
    if proposal.changes:
        rows = [(change.what, change.before, change.after, str(change.height)) for change in proposal.changes]
        print_table(("what", "on chain now", "will be", "from block"), rows, numbers={3})
        click.echo()
    rest = balance - proposal.cost - fee.amount
    rows_of_money = [
        ("balance before", format_amount(balance)),
        *((cost.name, format_amount(-cost.amount)) for cost in proposal.costs),
        (f"transaction fee, at most, {fee.gas} gas", format_amount(-fee.amount)),
        ("balance after", format_amount(rest)),
    ]
    print_table(("money", "amount"), rows_of_money, numbers={1})
    for note in proposal.notes:
        click.echo(f"note: {note}")
