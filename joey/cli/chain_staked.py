"""What is staked on a chain, as `joey chain` shows it: supplier, application, gateway, service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import click

from joey.cli.chain_options import HEIGHT, Address, ChainPlace, chain_options, run_on_chain
from joey.cli.chain_views import describe_service, describe_supplier
from joey.cli.printing import (
    JSON,
    Document,
    describe,
    format_amount,
    print_document,
    print_pairs,
    print_table,
)
from joey.core.errors import NotOnChain
from joey.core.units import Height
from joey.core.wire.session import Application
from joey.ports.chain import Chain

__all__ = ["application", "gateway", "service", "supplier"]

T = TypeVar("T")


@click.command(short_help="Print a supplier: stake, services, shares.")
@click.argument("address", type=Address())
@chain_options
@HEIGHT
@JSON
def supplier(place: ChainPlace, address: str, height: int, as_json: bool) -> None:
    """Print the supplier with the operator address ADDRESS: stake, services, shares."""
    found = _read(
        place, lambda opened: opened.supplier(address, Height(height)), f"supplier {address}", height
    )
    document = describe_supplier(found)
    print_document(document, as_json=as_json, show=lambda: _print_supplier(document))


def _print_supplier(document: Document) -> None:
    print_pairs(
        [
            ("operator", document["operator_address"]),
            ("owner", document["owner_address"]),
            ("stake", format_amount(int(document["stake_upokt"]))),
            ("unstaking", _format_unstaking(document)),
        ]
    )
    click.echo()
    updates = document["config_history"] or [
        {"config": config, "height_activation": "", "height_deactivation": 0}
        for config in document["services"]
    ]
    rows = [
        (
            update["config"]["service_id"],
            str(update["height_activation"]),
            str(update["height_deactivation"] or ""),
            " ".join(f"{one['url']} ({one['rpc_type']})" for one in update["config"]["endpoints"]),
            " ".join(f"{one['percentage']} % {one['address']}" for one in update["config"]["revenue_shares"]),
        )
        for update in updates
    ]
    heads = ("service", "from block", "to before", "endpoints", "revenue shares")
    print_table(heads, rows, numbers={1, 2})


def _format_unstaking(document: Document) -> str:
    end = document["unstake_session_end_height"]
    return f"serves up to block {end}" if end else "no"


@click.command("app")
@click.argument("address", type=Address())
@chain_options
@HEIGHT
@JSON
def application(place: ChainPlace, address: str, height: int, as_json: bool) -> None:
    """Print the application at ADDRESS: stake, service, gateways."""
    found = _read(
        place, lambda opened: opened.application(address, Height(height)), f"application {address}", height
    )
    limit = found.spend_limit_per_session
    pairs = [
        ("application", found.address),
        ("stake", format_amount(found.stake)),
        ("service", found.service_id),
        ("spend limit", "none" if limit is None else f"{format_amount(limit)} a session"),
        ("unstaking", _format_unstaking(describe(found))),
        *_list_transfer(found),
        *(("gateway", gateway) for gateway in found.delegated_gateways),
        *(
            ("until", f"{end}: {gateway}")
            for end, gateways in found.pending_undelegations.items()
            for gateway in gateways
        ),
    ]
    print_document(describe(found), as_json=as_json, show=partial(print_pairs, pairs))


def _list_transfer(found: Application) -> list[tuple[str, str]]:
    pending = found.pending_transfer
    if pending is None:
        return []
    return [
        (
            "moves to",
            f"{pending.destination_address}, once session end {pending.session_end_height} is settled",
        )
    ]


@click.command()
@click.argument("address", type=Address())
@chain_options
@HEIGHT
@JSON
def gateway(place: ChainPlace, address: str, height: int, as_json: bool) -> None:
    """Print the gateway at ADDRESS: stake, and who delegates to it."""

    async def work(opened: Chain) -> Document:
        found = await opened.gateway(address, Height(height))
        if found is None:
            raise _absent(f"gateway {address}", height)
        delegating = await opened.applications(address, Height(height))
        return {**describe(found), "applications": [one.address for one in delegating]}

    document = run_on_chain(place, work)
    pairs = [
        ("gateway", document["address"]),
        ("stake", format_amount(int(document["stake_upokt"]))),
        ("unstaking", _format_unstaking(document)),
        *(("application", one) for one in document["applications"]),
    ]
    print_document(document, as_json=as_json, show=partial(print_pairs, pairs))


@click.command()
@click.argument("service_id", metavar="ID")
@chain_options
@HEIGHT
@JSON
def service(place: ChainPlace, service_id: str, height: int, as_json: bool) -> None:
    """Print the service ID: owner, price, difficulty; its card with --json."""

    async def work(opened: Chain) -> Document:
        found = await opened.service(service_id, Height(height))
        if found is None:
            raise _absent(f"service {service_id}", height)
        return await describe_service(opened, found, Height(height))

    document = run_on_chain(place, work)
    at = document["height"]
    price = document["relay_price_upokt"]
    pairs = [
        ("service", document["id"]),
        ("name", document["name"]),
        ("owner", document["owner_address"]),
        ("compute units", f"{document['compute_units_per_relay']} a relay"),
        ("in force", f"{document['compute_units_per_relay_at_height']} at block {at}, {price} upokt a relay"),
        ("difficulty", document["difficulty_target"]),
        ("card", "none" if document["card"] is None else "yes, see --json"),
    ]
    print_document(document, as_json=as_json, show=partial(print_pairs, pairs))


def _read(place: ChainPlace, ask: Callable[[Chain], Awaitable[T | None]], what: str, height: int) -> T:
    """Return what the chain has; raises `NotOnChain` for what it has not."""
    found = run_on_chain(place, ask)
    if found is None:
        raise _absent(what, height)
    return found


def _absent(what: str, height: int) -> NotOnChain:
    return NotOnChain(f"there is no {what} on the chain" + (f" at height {height}" if height else ""))
