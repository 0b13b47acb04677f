"""`joey chain tx`: send single transactions, and show one."""

from __future__ import annotations

import hashlib
import re

import click

from joey.cli.chain_options import Address, ChainPlace, chain_options, run_on_chain
from joey.cli.lazy import LazyGroup
from joey.cli.printing import JSON, Document, describe, print_document, print_pairs, print_table
from joey.cli.refusals import describe_log
from joey.cli.sending import Sending, send_proposal, sending_options
from joey.core.errors import NotOnChain
from joey.core.protocol.checks import compute_unbonding_end
from joey.core.protocol.sessions import compute_session_end
from joey.core.protocol.windows import compute_settlement_height
from joey.core.units import Height, Upokt, read_amount
from joey.core.wire.messages import (
    DelegateToGateway,
    Message,
    Send,
    SubmitProof,
    TransferApplication,
    TransferService,
    UndelegateFromGateway,
    UnstakeApplication,
    UnstakeGateway,
    UnstakeSupplier,
)
from joey.core.wire.transactions import decode_transaction
from joey.ports.chain import Chain, IncludedTransaction
from joey.wiring.proposal import Change, Cost, Due, Proposal, find_due

__all__ = ["tx"]


class _Amount(click.ParamType[Upokt]):
    name = "amount"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Upokt:
        try:
            return read_amount(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Hash(click.ParamType[str]):
    name = "hash"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _HASH.fullmatch(str(value)):
            self.fail(f"{value!r} is not the hash of a transaction: 64 hexadecimal digits", param, ctx)
        return str(value)


_HASH = re.compile(r"[0-9A-Fa-f]{64}")
_AMOUNT, _ADDRESS = _Amount(), Address()


@click.group(
    cls=LazyGroup,
    lazy={
        "gateway-card": "joey.cli.chain_governing:gateway_card",
        "update-param": "joey.cli.chain_governing:update_param",
        "update-params": "joey.cli.chain_governing:update_params",
    },
)
def tx() -> None:
    """Send a transaction: each shows what it does and costs, and asks. Or show one that was sent."""


@tx.command()
@click.argument("to", type=_ADDRESS)
@click.argument("amount", type=_AMOUNT)
@sending_options
def send(sending: Sending, to: str, amount: Upokt) -> None:
    """Send AMOUNT, such as 12.5pokt or 12500000upokt, to the address TO."""
    if amount == 0:
        raise click.BadParameter("nothing cannot be sent", param_hint="AMOUNT")

    async def propose(chain: Chain, signer: str) -> Proposal:
        before = await chain.balance(to)
        block = Height((await chain.head()).height + 1)
        after = before + (0 if to == signer else amount)
        change = Change(f"balance of {to}", before, Upokt(after), block)
        costs = (Cost("sent", Upokt(0 if to == signer else amount)),)
        return Proposal("send", (Send(signer, to, amount),), (change,), costs)

    send_proposal(sending, propose)


@tx.command()
@click.argument("gateway", type=_ADDRESS)
@sending_options
def delegate(sending: Sending, gateway: str) -> None:
    """Let GATEWAY sign relays in the name of the application --from, at once."""

    async def propose(chain: Chain, signer: str) -> Proposal:
        due = await find_due(chain)
        return _change_one(DelegateToGateway(signer, gateway), "delegates to", "", gateway, due.block)

    send_proposal(sending, propose)


@tx.command(short_help="Take the delegation to a gateway back.")
@click.argument("gateway", type=_ADDRESS)
@sending_options
def undelegate(sending: Sending, gateway: str) -> None:
    """Take the delegation of --from to GATEWAY back; this session is the gateway's last."""

    async def propose(chain: Chain, signer: str) -> Proposal:
        due = await find_due(chain)
        change = Change("delegates to", gateway, "", due.session)
        note = f"this session is the gateway's last: it may sign up to block {due.session - 1}"
        message = UndelegateFromGateway(signer, gateway)
        return Proposal(_name(message), (message,), (change,), notes=(note,))

    send_proposal(sending, propose)


@tx.command("unstake-application")
@sending_options
def unstake_application(sending: Sending) -> None:
    """Unstake the application --from; this session is its last."""

    async def propose(chain: Chain, signer: str) -> Proposal:
        due = await find_due(chain)
        period = due.live.shared.application_unbonding_period_sessions
        return _unstake(UnstakeApplication(signer), due, period)

    send_proposal(sending, propose)


@tx.command("unstake-gateway")
@sending_options
def unstake_gateway(sending: Sending) -> None:
    """Unstake the gateway --from; this session is its last."""

    async def propose(chain: Chain, signer: str) -> Proposal:
        due = await find_due(chain)
        return _unstake(UnstakeGateway(signer), due, due.live.shared.gateway_unbonding_period_sessions)

    send_proposal(sending, propose)


@tx.command("unstake-supplier", short_help="Unstake a supplier; this session is its last.")
@click.argument("operator", type=_ADDRESS, required=False)
@sending_options
def unstake_supplier(sending: Sending, operator: str | None) -> None:
    """Unstake the supplier OPERATOR [--from], signed by it or its owner; this session is its last."""

    async def propose(chain: Chain, signer: str) -> Proposal:
        due = await find_due(chain)
        message = UnstakeSupplier(signer, operator or signer)
        return _unstake(message, due, due.live.shared.supplier_unbonding_period_sessions)

    send_proposal(sending, propose)


@tx.command("transfer-application")
@click.argument("destination", type=_ADDRESS)
@sending_options
def transfer_application(sending: Sending, destination: str) -> None:
    """Move the application --from to DESTINATION, once its session is settled.

    Its stake and its delegations go with it.
    """

    async def propose(chain: Chain, signer: str) -> Proposal:
        due = await find_due(chain)
        message = TransferApplication(signer, destination)
        # It moves at the end of the session in which what may still be burned is settled.
        settled = compute_settlement_height(Height(due.session - 1), due.live.shared)
        height = compute_session_end(settled, due.live.shared)
        return _change_one(message, "application", signer, destination, height)

    send_proposal(sending, propose)


@tx.command("transfer-service")
@click.argument("service_id", metavar="SERVICE")
@click.argument("new_owner", type=_ADDRESS)
@sending_options
def transfer_service(sending: Sending, service_id: str, new_owner: str) -> None:
    """Make NEW_OWNER the owner of the SERVICE of --from."""

    async def propose(chain: Chain, signer: str) -> Proposal:
        due = await find_due(chain)
        message = TransferService(signer, service_id, new_owner)
        return _change_one(message, f"owner of {service_id}", signer, new_owner, due.block)

    send_proposal(sending, propose)


def _change_one(message: Message, what: str, before: str, after: str, height: Height) -> Proposal:
    title = _name(message)
    return Proposal(title, (message,), (Change(what, before, after, height),))


def _unstake(message: Message, due: Due, period_sessions: int) -> Proposal:
    last = Height(due.session - 1)
    back = compute_unbonding_end(last, period_sessions, due.live.shared)
    changes = (
        Change("staked", "yes", "no", due.session),
        Change("stake", "locked", "given back", back),
    )
    return Proposal(_name(message), (message,), changes)


def _name(message: Message) -> str:
    """Return `unstake supplier` of `UnstakeSupplier`."""
    name = type(message).__name__
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


@tx.command()
@click.argument("transaction_hash", metavar="HASH", type=_Hash())
@chain_options
@JSON
def show(place: ChainPlace, transaction_hash: str, as_json: bool) -> None:
    """Print the transaction HASH: its block, result, fee, messages and events."""

    async def work(chain: Chain) -> IncludedTransaction:
        found = await chain.transaction(transaction_hash.upper())
        if found is None:
            raise NotOnChain(f"there is no transaction {transaction_hash} in a block")
        return found

    document = _describe_transaction(run_on_chain(place, work))
    print_document(document, as_json=as_json, show=lambda: _print_transaction(document))


def _describe_transaction(included: IncludedTransaction) -> Document:
    document: Document = {
        "hash": included.hash,
        "height": included.height,
        "code": included.code,
        "codespace": included.codespace,
        "log": included.log,
        "gas_wanted": included.gas_wanted,
        "gas_used": included.gas_used,
        "size_bytes": len(included.raw),
    }
    try:
        transaction = decode_transaction(included.raw)
    except ValueError as error:
        # The network knows messages that we do not.
        document["messages"] = None
        document["unreadable"] = str(error)
    else:
        document["fee_upokt"] = str(transaction.fee)
        document["memo"] = transaction.memo
        document["signers"] = list(transaction.required_signers)
        document["messages"] = [_describe_message(message) for message in transaction.messages]
    document["events"] = [{"type": type(event).__name__, **describe(event)} for event in included.events]
    return document


def _describe_message(message: Message) -> Document:
    described: Document = {"type": type(message).__name__, **describe(message)}
    if isinstance(message, SubmitProof):
        # A proof holds a request that somebody made.
        digest = hashlib.sha256(message.proof).hexdigest()
        described["proof"] = {"bytes": len(message.proof), "sha256": digest}
    return described


def _print_transaction(document: Document) -> None:
    failed = f"failed: {describe_log(document['log'])} ({document['codespace']} {document['code']})"
    print_pairs(
        [
            ("transaction", document["hash"]),
            ("block", str(document["height"])),
            ("result", "ok" if document["code"] == 0 else failed),
            ("gas", f"{document['gas_used']} of {document['gas_wanted']}"),
            ("fee", f"{document.get('fee_upokt', 'unknown')} upokt"),
            *(("signed by", signer) for signer in document.get("signers", [])),
        ]
    )
    click.echo()
    if document["messages"] is None:
        click.echo(f"messages cannot be read: {document['unreadable']}")
    else:
        rows = _list_fields(document["messages"])
        print_table(("message", "field", "value"), rows, numbers=set())
    if document["events"]:
        click.echo()
        print_table(("event", "field", "value"), _list_fields(document["events"]), numbers=set())


def _list_fields(described: list[Document]) -> list[tuple[str, str, str]]:
    return [
        (one["type"], name, str(value)) for one in described for name, value in one.items() if name != "type"
    ]
