"""`joey chain suppliers`, `applications` and `services`: all of a kind that a chain has, one a line."""

from __future__ import annotations

from functools import partial

import click

from joey.cli.chain_options import HEIGHT, Address, ChainPlace, chain_options, run_on_chain
from joey.cli.chain_views import describe_supplier
from joey.cli.printing import JSON, describe, print_document, print_table
from joey.core.units import Height, format_pokt

__all__ = ["applications", "services", "suppliers"]


@click.command()
@click.option("--service", "service_id", default="", help="Only those that offer this service.")
@chain_options
@HEIGHT
@JSON
def suppliers(place: ChainPlace, service_id: str, height: int, as_json: bool) -> None:
    """List the suppliers, by operator address."""
    found = run_on_chain(place, lambda opened: opened.suppliers(service_id, Height(height)))
    rows = [
        (
            one.operator_address,
            format_pokt(one.stake),
            _format_end(one.unstake_session_end_height),
            " ".join(config.service_id for config in one.services),
        )
        for one in found
    ]
    show = partial(print_table, ("supplier", "POKT", "serves up to", "services"), rows, numbers={1, 2})
    print_document([describe_supplier(one) for one in found], as_json=as_json, show=show)


@click.command()
@click.option(
    "--gateway",
    default="",
    metavar="ADDRESS",
    type=Address(is_needed=False),
    help="Only those that delegate to this gateway.",
)
@chain_options
@HEIGHT
@JSON
def applications(place: ChainPlace, gateway: str, height: int, as_json: bool) -> None:
    """List the applications, by address."""
    found = run_on_chain(place, lambda opened: opened.applications(gateway, Height(height)))
    rows = [
        (
            one.address,
            one.service_id,
            format_pokt(one.stake),
            _format_end(one.unstake_session_end_height),
            " ".join(one.delegated_gateways),
        )
        for one in found
    ]
    heads = ("application", "service", "POKT", "pays up to", "gateways")
    show = partial(print_table, heads, rows, numbers={2, 3})
    print_document([describe(one) for one in found], as_json=as_json, show=show)


@click.command()
@chain_options
@HEIGHT
@JSON
def services(place: ChainPlace, height: int, as_json: bool) -> None:
    """List the services, by id. A card is shown by `joey chain service ID --json`."""
    found = run_on_chain(place, lambda opened: opened.services(Height(height)))
    rows = [(one.id, one.name, str(one.compute_units_per_relay), one.owner_address) for one in found]
    documents = [{**describe(one), "card": {"bytes": len(one.card)} if one.card else None} for one in found]
    show = partial(print_table, ("service", "name", "compute units", "owner"), rows, numbers={2})
    print_document(documents, as_json=as_json, show=show)


def _format_end(height: int) -> str:
    return str(height) if height else ""
