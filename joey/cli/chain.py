"""`joey chain`: look at a chain, embedded or Pocket Network's own, and send it transactions."""

from __future__ import annotations

from functools import partial

import click

from joey.cli.chain_options import HEIGHT, Address, ChainPlace, chain_options, run_on_chain
from joey.cli.chain_views import (
    describe_claim,
    describe_params,
    describe_session,
    describe_status,
    format_window,
)
from joey.cli.lazy import LazyGroup
from joey.cli.printing import (
    JSON,
    Document,
    format_amount,
    print_document,
    print_pairs,
    print_table,
)
from joey.core.errors import NotOnChain
from joey.core.units import Height, Upokt, format_pokt
from joey.ports.chain import Chain

__all__ = ["chain"]


@click.group(
    cls=LazyGroup,
    lazy={
        "serve": "joey.cli.chain_serve:serve",
        "supplier": "joey.cli.chain_staked:supplier",
        "app": "joey.cli.chain_staked:application",
        "gateway": "joey.cli.chain_staked:gateway",
        "service": "joey.cli.chain_staked:service",
        "suppliers": "joey.cli.chain_lists:suppliers",
        "applications": "joey.cli.chain_lists:applications",
        "services": "joey.cli.chain_lists:services",
        "tx": "joey.cli.chain_tx:tx",
    },
)
def chain() -> None:
    """Look at a chain, and send it transactions.

    Any command takes --grpc and --rpc of a full node, a joey.toml, or the --data folder of an embedded
    chain. What is not on the chain ends with exit status 1.
    """


@chain.command()
@chain_options
@JSON
def status(place: ChainPlace, as_json: bool) -> None:
    """Print where the chain stands: height, session, supply."""
    document = run_on_chain(place, describe_status)
    session = document["session"]
    pairs = [
        ("chain", document["chain_id"]),
        ("height", str(document["height"])),
        ("block hash", document["block_hash"]),
        ("time", document["time"]),
        (
            "session",
            f"{session['number']}, blocks {session['height_start']} to {session['height_end']}",
        ),
        ("supply", format_amount(int(document["supply_upokt"]))),
    ]
    print_document(document, as_json=as_json, show=partial(print_pairs, pairs))


@chain.command()
@chain_options
@click.option(
    "--height",
    type=click.IntRange(0),
    default=0,
    help="Parameters in force for sessions at this height [the newest block].",
)
@JSON
def params(place: ChainPlace, height: int, as_json: bool) -> None:
    """Print the network's parameters.

    `session` are those that sessions at the height go by: windows, prices. `live` are those that the
    block after it executes with: stakes, fees, proofs, shares. They differ after a change of parameters,
    up to the next session.
    """
    document = run_on_chain(place, lambda opened: describe_params(opened, Height(height)))
    print_document(document, as_json=as_json, show=lambda: _print_params(document))


_VALUE_WIDTH_MAX = 24
"""Longer values, which are addresses, would push the next column off the screen."""


def _print_params(document: Document) -> None:
    rows: list[tuple[str, str, str]] = []
    long: list[tuple[str, str, str]] = []
    live = document["live"] or {}
    for module, values in document["session"].items():
        lives = dict(_flatten(live.get(module, {})))
        for name, value in _flatten(values):
            row = (f"{module}.{name}", value, lives.get(name, "unknown"))
            (long if max(len(value), len(row[2])) > _VALUE_WIDTH_MAX else rows).append(row)
    print_table(("parameter", f"sessions at {document['height']}", "live"), rows, numbers={1, 2})
    for name, value, live_value in long:
        click.echo(f"{name}  {value}" if value == live_value else f"{name}  {value}, live: {live_value}")
    if document["live"] is None:
        click.echo(
            f"the chain is at block {document['head']}: what block {document['height']} executes with is"
            " not known yet"
        )


def _flatten(values: Document, prefix: str = "") -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            flat += _flatten(value, f"{prefix}{name}.")
        else:
            flat.append((f"{prefix}{name}", str(value)))
    return flat


@chain.command(short_help="Print a session: its windows, the suppliers drawn.")
@click.argument("application", type=Address())
@click.argument("service")
@chain_options
@HEIGHT
@JSON
def session(place: ChainPlace, application: str, service: str, height: int, as_json: bool) -> None:
    """Print the session of the application at address APPLICATION for SERVICE: windows, suppliers drawn."""
    document = run_on_chain(
        place, lambda opened: describe_session(opened, application, service, Height(height))
    )
    print_document(document, as_json=as_json, show=lambda: _print_session(document))


def _print_session(document: Document) -> None:
    header = document["header"]
    print_pairs(
        [
            ("session", header["session_id"]),
            ("number", str(document["number"])),
            ("application", header["application_address"]),
            ("service", header["service_id"]),
            ("blocks", f"{header['height_start']} to {header['height_end']}"),
            *_list_windows(document["windows"]),
        ]
    )
    click.echo()
    rows = [
        (str(place), supplier["operator_address"], endpoint["url"], endpoint["rpc_type"])
        for place, supplier in enumerate(document["suppliers"], 1)
        for config in supplier["services"]
        for endpoint in config["endpoints"]
    ]
    print_table(("drawn", "supplier", "url", "rpc type"), rows, numbers={0})


def _list_windows(windows: Document) -> list[tuple[str, str]]:
    return [
        ("head", str(windows["height"])),
        ("grace", f"relays up to {windows['grace_end']}"),
        ("claims", format_window(windows["claim"])),
        ("proofs", format_window(windows["proof"])),
        ("settled", f"at {windows['settlement']}"),
    ]


@chain.command()
@click.argument("session_id", metavar="SESSION")
@click.argument("supplier_address", metavar="SUPPLIER", type=Address())
@chain_options
@JSON
def claim(place: ChainPlace, session_id: str, supplier_address: str, as_json: bool) -> None:
    """Print the claim of a SUPPLIER for a SESSION: its worth, proof and windows. A settled one is gone."""

    async def work(opened: Chain) -> Document:
        found = await opened.claim(session_id, supplier_address)
        if found is None:
            raise NotOnChain(
                f"there is no claim of {supplier_address} for session {session_id}; a settled one is gone"
            )
        return await describe_claim(opened, found)

    document = run_on_chain(place, work)
    print_document(document, as_json=as_json, show=lambda: _print_claim(document))


def _print_claim(document: Document) -> None:
    header = document["header"]
    requirement = document["proof_requirement"] or f"known at block {document['proof_seed_height']}"
    print_pairs(
        [
            ("supplier", document["supplier_address"]),
            ("session", header["session_id"]),
            ("application", header["application_address"]),
            ("service", header["service_id"]),
            ("blocks", f"{header['height_start']} to {header['height_end']}"),
            ("root", document["root"]),
            ("relays", f"{document['relays']} mined, {document['estimated_relays']} estimated"),
            (
                "compute units",
                f"{document['compute_units']} mined, {document['estimated_compute_units']} estimated",
            ),
            ("worth", f"{document['claimed_upokt']} upokt, {format_amount(int(document['claimed_upokt']))}"),
            ("proof", f"{requirement}, {document['proof_status']}"),
            *_list_windows(document["windows"]),
        ]
    )


@chain.command()
@click.option("--session", "session_id", default="", help="Only claims of this session.")
@click.option(
    "--supplier",
    "supplier_address",
    default="",
    metavar="ADDRESS",
    type=Address(is_needed=False),
    help="Only claims of this supplier.",
)
@click.option(
    "--end-height",
    type=click.IntRange(0),
    default=0,
    help="Only claims of sessions that ended at this height.",
)
@chain_options
@JSON
def claims(place: ChainPlace, session_id: str, supplier_address: str, end_height: int, as_json: bool) -> None:
    """List the claims that are not settled yet."""

    async def work(opened: Chain) -> list[Document]:
        found = await opened.claims(
            session_id=session_id, supplier=supplier_address, height_session_end=Height(end_height)
        )
        return [await describe_claim(opened, one) for one in found]

    documents = run_on_chain(place, work)
    rows = [
        (
            document["header"]["session_id"][:16],
            document["supplier_address"],
            document["header"]["service_id"],
            str(document["header"]["height_end"]),
            str(document["relays"]),
            format_pokt(Upokt(int(document["claimed_upokt"]))),
            f"{document['proof_requirement'] or 'not known yet'}, {document['proof_status']}",
            str(document["windows"]["settlement"]),
        )
        for document in documents
    ]
    heads = ("session", "supplier", "service", "ended", "relays", "POKT", "proof", "settled at")
    print_document(documents, as_json=as_json, show=partial(print_table, heads, rows, numbers={3, 4, 5, 7}))
