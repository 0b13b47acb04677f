"""`joey chain tx update-param`, `update-params` and `gateway-card`: change what others go by, or read."""

from __future__ import annotations

from pathlib import Path

import click

from joey.cli.sending import Sending, send_proposal, sending_options
from joey.ports.chain import Chain
from joey.wiring.gateway_card import propose_gateway_card, read_gateway_card
from joey.wiring.params_plan import propose_param, propose_params
from joey.wiring.proposal import Proposal

__all__ = ["gateway_card", "update_param", "update_params"]

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command("update-param", short_help="Set one parameter, as the authority over them.")
@click.argument("module")
@click.argument("name")
@click.argument("value")
@sending_options
def update_param(sending: Sending, module: str, name: str, value: str) -> None:
    """Set the parameter NAME of MODULE to VALUE; --from is the authority over parameters.

    VALUE is a whole number, a plain decimal, an amount such as 100pokt, an address, or five shares:
    dao=0.1,proposer=0.05,supplier=0.7,source_owner=0.15,application=0. `joey chain params` lists all.
    """

    async def propose(chain: Chain, signer: str) -> Proposal:
        return await propose_param(chain, signer, module, name, value)

    send_proposal(sending, propose)


@click.command("update-params", short_help="Set all parameters of a module in one message.")
@click.argument("module")
@_FILE
@sending_options
def update_params(sending: Sending, module: str, file: Path) -> None:
    """Set all parameters of MODULE in one message; --from is the authority over parameters.

    FILE, TOML or .json, names those that change, as `joey chain params --json` prints them; an amount
    may be text such as "100pokt". The others are sent as they are.
    """

    async def propose(chain: Chain, signer: str) -> Proposal:
        return await propose_params(chain, signer, module, file)

    send_proposal(sending, propose)


@click.command("gateway-card")
@_FILE
@sending_options
def gateway_card(sending: Sending, file: Path) -> None:
    """Publish the JSON of FILE as the card of the gateway --from."""
    card = read_gateway_card(file)

    async def propose(chain: Chain, signer: str) -> Proposal:
        return await propose_gateway_card(chain, signer, card)

    send_proposal(sending, propose)
