"""`joey stake`: put suppliers, applications, gateways and services on a chain, each from a small file."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from joey.cli.sending import Sending, send_proposal, sending_options
from joey.core.errors import ConfigError
from joey.ports.chain import Chain
from joey.wiring.proposal import Proposal
from joey.wiring.stake_file import (
    APPLICATION_EXAMPLE,
    GATEWAY_EXAMPLE,
    SERVICE_EXAMPLE,
    SUPPLIER_EXAMPLE,
    ApplicationFile,
    GatewayFile,
    ServiceFile,
    SupplierFile,
    read_card,
    read_stake_file,
)
from joey.wiring.stake_plan import propose_application, propose_gateway, propose_service
from joey.wiring.supplier_plan import propose_supplier

__all__ = ["stake"]

T = TypeVar("T")


@click.group()
def stake() -> None:
    """Stake, or change what is staked, from one small file.

    Each command shows what is on the chain, what will change and from which block on, and what it costs;
    then it asks. What the chain would refuse is refused before anything is sent. `--example` prints a
    file to begin with.
    """


def _file_options(example: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command its FILE, the options of a transaction, and `--example`."""

    def show_example(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            click.echo(example, nl=False)
            ctx.exit()

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
        @click.option(
            "--example",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=show_example,
            help="Print a file to begin with.",
        )
        @sending_options
        @functools.wraps(command)
        def with_file(**values: Any) -> None:
            command(**values)

        return with_file

    return decorate


@stake.command()
@_file_options(SUPPLIER_EXAMPLE)
def supplier(file: Path, sending: Sending) -> None:
    """Stake the supplier of FILE, or change its stake, owner or services."""
    _send_file(file, SupplierFile, sending, propose_supplier)


@stake.command(short_help="Stake the application of FILE, or change it.")
@_file_options(APPLICATION_EXAMPLE)
def application(file: Path, sending: Sending) -> None:
    """Stake the application of FILE, raise its stake, change its service, or add gateways."""
    _send_file(file, ApplicationFile, sending, propose_application)


@stake.command()
@_file_options(GATEWAY_EXAMPLE)
def gateway(file: Path, sending: Sending) -> None:
    """Stake the gateway of FILE, or raise its stake."""
    _send_file(file, GatewayFile, sending, propose_gateway)


@stake.command()
@_file_options(SERVICE_EXAMPLE)
def service(file: Path, sending: Sending) -> None:
    """Publish the service of FILE, or change its name, price or card."""

    async def propose(chain: Chain, read: ServiceFile, signer: str) -> Proposal:
        return await propose_service(chain, read, read_card(read.card, file), signer)

    _send_file(file, ServiceFile, sending, propose)


def _send_file(
    file: Path,
    kind: type[T],
    sending: Sending,
    propose: Callable[[Chain, T, str], Awaitable[Proposal]],
) -> None:
    """Read the file and send what it asks for; a field that is refused is named with the file."""
    read = read_stake_file(kind, file)

    async def propose_file(chain: Chain, signer: str) -> Proposal:
        try:
            return await propose(chain, read, signer)
        except ConfigError as error:
            raise ConfigError(f"{file}: {error.message}", **error.fields) from None

    send_proposal(sending, propose_file)
