"""`joey gateway`: the portal alone, on a chain that it knows by address."""

from __future__ import annotations

from pathlib import Path

import anyio
import click

from joey.cli.config import read_role_config
from joey.cli.running import ROLE_LOG_LEVEL, Progress, prepare_logging, run_until_stopped
from joey.telemetry import log_outcome
from joey.wiring.folder import open_folder
from joey.wiring.portal import open_portal

__all__ = ["gateway"]

_NEEDS = "[gateway] key, and an application for each of [[offers]]"


@click.command(short_help="Serve the OpenAI-compatible API as a process of its own.")
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="A joey.toml [the one here].")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("joey-gateway"),
    show_default=True,
    help="Keep tenants and usage in this folder.",
)
@ROLE_LOG_LEVEL
def gateway(config_path: Path | None, data: Path, log_level: str | None) -> None:
    """Serve the OpenAI-compatible API for applications that delegate to this gateway.

    Needs [chain] kind = "shannon" with addresses, [gateway] key, and an application for each offer.
    Prints a line with its URL once it serves. SIGTERM finishes what runs, then stops.
    """
    prepare_logging(log_level)
    config = read_role_config(config_path, "joey gateway", _NEEDS)

    async def work(progress: Progress) -> None:
        async with open_portal(config, folder, progress, log_outcome) as url:
            click.echo(f"gateway ready at {url}/v1")
            await anyio.sleep_forever()

    with open_folder(data) as folder:
        run_until_stopped(work)
