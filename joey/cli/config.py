"""`joey config`: the settings, as they are."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import click

from joey.config import Config, list_values, read_config
from joey.core.errors import ConfigError

__all__ = ["config", "find_config", "read_role_config"]


_CREDENTIALS = re.compile(r"^(https?://)[^/@]*@")


def find_config(path: Path | None) -> Path | None:
    """Return the file of settings: the one named, else `joey.toml` here, else none."""
    if path is None and Path("joey.toml").is_file():
        return Path("joey.toml")
    return path


def read_role_config(path: Path | None, command: str, needs: str) -> Config:
    """Read the settings of a role, which knows its chain by address.

    Raises `ConfigError`; without a file that says so and what one must hold, `needs` among it.
    """
    found = find_config(path)
    settings = read_config(found, os.environ)
    if found is None and settings.chain.kind == "local":
        raise ConfigError(
            f"no joey.toml was found in {Path.cwd()}: {command} needs one, here or named with --config, with"
            f' [chain] kind = "shannon", grpc_urls and rpc_urls; {needs}'
        )
    return settings


@click.group()
def config() -> None:
    """Show the settings."""


@config.command()
@click.option("--config", "path", type=click.Path(path_type=Path), help="A joey.toml; default: the one here.")
def show(path: Path | None) -> None:
    """Print every setting, and mark what differs from the default.

    Read in this order, later wins: defaults, the file, variables such as JOEY_GATEWAY__LISTEN.
    """
    defaults = dict(list_values(Config()))
    for name, value in list_values(read_config(find_config(path), os.environ)):
        shown = json.dumps(list(map(_mask, value)) if isinstance(value, tuple) else _mask(value))
        changed = "" if name in defaults and defaults[name] == value else "    # set"
        click.echo(f"{name} = {shown}{changed}")


def _mask(value: object) -> object:
    """Return a setting without the credentials that an address may hold; other secrets are references."""
    return _CREDENTIALS.sub(r"\1***@", value) if isinstance(value, str) else value
