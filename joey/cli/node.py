"""`joey node`: suppliers and their engines alone, on a chain that they know by address."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import click

from joey.cli.config import read_role_config
from joey.cli.models import pull_missing_models
from joey.cli.running import ROLE_LOG_LEVEL, Progress, prepare_logging, run_until_stopped
from joey.models.files import get_models_folder
from joey.wiring.folder import open_folder
from joey.wiring.suppliers import open_suppliers

__all__ = ["node"]

_NEEDS = "[[node]] with supplier_key, listen and services"


@click.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="A joey.toml [the one here].")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("joey-node"),
    show_default=True,
    help="Keep evidence and claims in this folder.",
)
@ROLE_LOG_LEVEL
def node(config_path: Path | None, data: Path, log_level: str | None) -> None:
    """Serve relays for staked suppliers, and claim and prove what was served.

    Needs [chain] kind = "shannon" with addresses, and in each [[node]] supplier_key, listen and services.
    Prints a line with the address of each node once all serve. SIGTERM finishes what runs, then stops;
    what was served is claimed after the next start.
    """
    prepare_logging(log_level)
    config = read_role_config(config_path, "joey node", _NEEDS)

    async def work(progress: Progress) -> None:
        models_folder = get_models_folder(os.environ)
        await pull_missing_models(config.node, models_folder, progress)
        async with open_suppliers(config, folder, models_folder, progress) as places:
            for number, where in enumerate(places, 1):
                click.echo(f"node {number} ready at {where}")
            await anyio.sleep_forever()

    with open_folder(data) as folder:
        run_until_stopped(work)
