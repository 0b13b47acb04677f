"""Show what a transaction would do, ask, send it, and tell what became of it."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import anyio
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
from joey.cli.refusals import explain_refusal
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ChainUnavailable, InsufficientFunds, TransactionRejected
from joey.core.protocol.params import read_decimal
from joey.core.units import Upokt
from joey.ports.chain import Chain, Fee, TransactionResult, TransactionTerms
from joey.wiring.proposal import Change, Proposal

__all__ = ["Sending", "send_proposal", "sending_options", "submit"]

Propose = Callable[[Chain, str], Awaitable[Proposal]]
"""Makes a proposal from the chain as it is and the address that signs."""

_WAIT_S = 300.0


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
    wait_s: float


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
    @click.option(
        "--gas-price",
        metavar="UPOKT",
        callback=_check_gas_price,
        help="Offer this much for a unit of gas, such as 0.001 [chain.gas_price_upokt].",
    )
    @click.option(
        "--wait",
        "wait_s",
        type=click.FloatRange(min=0, min_open=True),
        default=_WAIT_S,
        show_default=True,
        metavar="SECONDS",
        help="Stop waiting for the block after so long; the transaction may still get into one.",
    )
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
        gas_price: str | None,
        wait_s: float,
        **others: Any,
    ) -> None:
        if as_json and not (dry_run or yes):
            raise click.UsageError("--json asks nothing: say --yes to send, or --dry-run")
        place = replace(place, gas_price=gas_price)
        sending = Sending(place, signer, keys_path, passphrase_file, dry_run, yes, as_json, wait_s)
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


def _check_gas_price(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        price = read_decimal(text.removesuffix("upokt"))
    except ValueError:
        price = Fraction(-1)
    if price < 0:
        raise click.BadParameter(f"a price is a decimal such as 0.001, not {text!r}")
    return text.removesuffix("upokt")


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
    _check_funds(key.address, balance, proposal.cost, None)
    fee = None
    try:
        fee = await chain.estimate_fee(proposal.messages, key)
        _check_funds(key.address, balance, proposal.cost, fee)
        if not sending.as_json:
            _print_proposal(proposal, key.address, balance, fee)
        result = None
        if not sending.dry_run:
            # This stops the event loop; nothing else runs in it.
            confirm("Send it?", yes=sending.yes)
            result = await submit(sending, proposal, key, chain)
    except TransactionRejected as error:
        raise explain_refusal(error, fee) from None
    after = Upokt(balance - proposal.cost - fee.amount)
    if result is not None:
        after = await chain.balance(key.address)
    if sending.as_json:
        document = _describe(proposal, key.address, (balance, after), fee, result)
        print_document(document, as_json=True, show=_show_nothing)
    elif result is None:
        click.echo("dry run: nothing was sent")
    else:
        click.echo()
        print_pairs(
            [
                ("transaction", result.hash),
                ("block", str(result.height)),
                ("result", "ok"),
                ("balance", format_amount(after)),
            ]
        )


async def submit(sending: Sending, proposal: Proposal, key: PrivateKey, chain: Chain) -> TransactionResult:
    """Send, tell the hash before it is known what becomes of it, and wait for a block.

    Raises `ChainUnavailable` with the command that looks for it when no block held it in time.
    """
    hashes: list[str] = []

    async def tell(terms: TransactionTerms) -> None:
        hashes.append(terms.hash)
        click.echo(f"transaction {terms.hash}".rstrip() + ": sent, waiting for a block", err=True)

    try:
        with anyio.move_on_after(sending.wait_s):
            return await chain.submit(proposal.messages, key, on_signed=tell)
    except anyio.get_cancelled_exc_class():
        # Somebody pressed Ctrl-C: what was sent cannot be taken back.
        click.echo(_explain_waiting(hashes), err=True)
        raise
    raise ChainUnavailable(f"after {sending.wait_s:g} s {_explain_waiting(hashes)}")


def _explain_waiting(hashes: Sequence[str]) -> str:
    if not hashes:
        return "nothing was sent yet"
    return (
        "the transaction is in no block yet, and may still get into one; look later:"
        f" joey chain tx show {hashes[-1] or 'HASH'}"
    )


def _show_nothing() -> None:
    """Stand for the text of a document that is printed as JSON."""


def _check_funds(address: str, balance: Upokt, cost: Upokt, fee: Fee | None) -> None:
    """Raise `InsufficientFunds`; what the fee is, is not known while the chain would refuse the rest."""
    needed = Upokt(cost if fee is None else cost + fee.amount)
    if balance >= needed:
        return
    with_fee = (
        "and the transaction's fee"
        if fee is None
        else f"with the transaction's fee of {format_amount(fee.amount)}"
    )
    and_fee = " and the fee" if fee is None else ""
    raise InsufficientFunds(
        f"{address} has {format_amount(balance)} and needs {format_amount(needed)} {with_fee}:"
        f" send it {format_amount(needed - balance)}{and_fee} first",
        address=address,
        balance=balance,
        needed=needed,
    )


def _describe(
    proposal: Proposal,
    signer: str,
    balances: tuple[Upokt, Upokt] | None,
    fee: Fee | None,
    result: TransactionResult | None,
) -> Document:
    document: Document = {
        "title": proposal.title,
        "signer": signer,
        "messages": [{"type": type(one).__name__, **describe(one)} for one in proposal.messages],
        "changes": [_describe_change(change) for change in proposal.changes],
        "costs": describe(proposal.costs),
        "notes": list(proposal.notes),
    }
    if fee is not None and balances is not None:
        document["fee"] = describe(fee)
        document["balance_before_upokt"], document["balance_after_upokt"] = map(str, balances)
    document["transaction"] = None if result is None else {"hash": result.hash, "height": result.height}
    return document


def _describe_change(change: Change) -> Document:
    unit = "_upokt" if change.is_amount else ""
    described: Document = {"what": change.what}
    for name, value in (("before", change.before), ("after", change.after)):
        described[f"{name}{unit}"] = None if value is None else str(value)
    return {**described, "height": change.height}


def _format_value(value: str | Upokt | None) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else format_amount(value)


def _print_proposal(proposal: Proposal, signer: str, balance: Upokt, fee: Fee) -> None:
    click.echo(f"{proposal.title}, signed by {signer}\n")
    if proposal.changes:
        rows = [
            (change.what, _format_value(change.before), _format_value(change.after), str(change.height))
            for change in proposal.changes
        ]
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
