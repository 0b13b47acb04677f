"""`joey chain serve`: the embedded chain on the network's own gRPC and CometBFT endpoints."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import click

from joey.cli.running import LOG_LEVEL, Progress, prepare_logging, run_until_stopped
from joey.core.errors import ConfigError
from joey.core.protocol.params import PRESETS, read_decimal
from joey.wiring.addresses import check_is_free, split_address
from joey.wiring.folder import DataFolder, open_folder
from joey.wiring.served_chain import Drive, RunningChain, ServedChain, run_served_chain

__all__ = ["serve"]

_GRPC = "127.0.0.1:9090"
_RPC = "127.0.0.1:26657"
_INTERVAL_S = 2.0
_CHAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,50}")


@click.command()
@click.option(
    "--grpc", "grpc_address", default=_GRPC, show_default=True, metavar="HOST:PORT", help="Serve gRPC here."
)
@click.option(
    "--rpc",
    "rpc_address",
    default=_RPC,
    show_default=True,
    metavar="HOST:PORT",
    help="Serve CometBFT RPC here.",
)
@click.option(
    "--data", type=click.Path(path_type=Path), help="Keep the chain and its keys here [joey-chain]."
)
@click.option("--ephemeral", is_flag=True, help="Keep nothing.")
@click.option("--preset", type=click.Choice(sorted(PRESETS)), help="Parameters of a new chain [minimal].")
@click.option("--chain-id", metavar="NAME", help="Name of a new chain [joey-local].")
@click.option(
    "--block-interval",
    type=click.FloatRange(min=0.01),
    metavar="SECONDS",
    help="Make a block this often [2].",
)
@click.option("--by-hand", is_flag=True, help="Make blocks when `joey_make_blocks` is called.")
@click.option("--instant", is_flag=True, help="Make a block for each transaction, and by hand.")
@click.option("--min-gas-price", default="0", metavar="UPOKT", help="Least price of a unit of gas [0].")
@LOG_LEVEL
def serve(
    grpc_address: str,
    rpc_address: str,
    data: Path | None,
    ephemeral: bool,
    preset: str | None,
    chain_id: str | None,
    block_interval: float | None,
    by_hand: bool,
    instant: bool,
    min_gas_price: str,
    log_level: str,
) -> None:
    """Serve an embedded chain, so that any client of Pocket Network can use it.

    Prints where it listens, and the chain's own accounts with the files of their keys: a faucet that
    owns all upokt, a validator, the DAO, and the authority over parameters. Ctrl-C or SIGTERM stops it;
    what it has committed is on disk.
    """
    if ephemeral and data is not None:
        raise click.UsageError("--ephemeral keeps nothing and --data keeps all: choose one")
    if sum((block_interval is not None, by_hand, instant)) > 1:
        raise click.UsageError("choose one of --block-interval, --by-hand and --instant")
    if chain_id is not None and not _CHAIN_ID.fullmatch(chain_id):
        raise click.UsageError(f"--chain-id is up to 50 letters, digits, -, _ and ., not {chain_id!r}")
    if grpc_address == rpc_address and split_address(grpc_address, "--grpc")[1]:
        raise click.UsageError(f"--grpc and --rpc are both {grpc_address}: each needs an address of its own")
    for address, option in ((grpc_address, "--grpc"), (rpc_address, "--rpc")):
        check_is_free(address, option, "name another")
    prepare_logging(log_level)
    asked = ServedChain(
        grpc_address=grpc_address,
        rpc_address=rpc_address,
        preset=preset,
        chain_id=chain_id,
        drive=Drive.HAND if by_hand else Drive.INSTANT if instant else Drive.CLOCK,
        block_interval_s=_INTERVAL_S if block_interval is None else block_interval,
        gas_price_min=_read_gas_price(min_gas_price),
    )
    with open_folder(None if ephemeral else data or Path("joey-chain")) as folder:

        async def work(_progress: Progress) -> None:
            await run_served_chain(asked, folder, lambda running: _show(running, asked, folder))

        run_until_stopped(work)


def _read_gas_price(text: str) -> Fraction:
    try:
        price = read_decimal(text.removesuffix("upokt"))
    except ValueError:
        price = Fraction(-1)
    if price < 0:
        raise ConfigError(f"--min-gas-price must be a decimal such as 0.001, not {text!r}")
    return price


def _show(running: RunningChain, asked: ServedChain, folder: DataFolder) -> None:
    drives = {
        Drive.CLOCK: f"a block every {asked.block_interval_s:g} s",
        Drive.HAND: "blocks by hand: joey_make_blocks?count=1",
        Drive.INSTANT: "a block for each transaction",
    }
    click.echo(f"chain      {running.chain_id} at block {running.height}, {drives[asked.drive]}")
    click.echo(f"grpc       http://{running.grpc_address}")
    click.echo(f"rpc        http://{running.rpc_address}")
    for name, address in running.accounts.items():
        click.echo(f"{name:<10} {address}  {folder.keys / name}.hex")
