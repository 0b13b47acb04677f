"""`joey vectors DIR`: hold the protocol code to vectors of the network's reference code."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["vectors"]


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_context
def vectors(context: click.Context, folder: Path) -> None:
    """Check every vector file (*.json) in DIR, byte for byte.

    One line for each group, the first mismatch of each kind in full, and a closing count. The exit
    status is 1 when anything failed: an item, an empty or unknown group, an unreadable file.
    """
    from joey.testing.vectors import run_folder

    passed = failed = 0
    for result in run_folder(folder):
        click.echo(str(result))
        for complaint in result.complaints:
            click.echo("  " + complaint.replace("\n", "\n  "))
        passed += result.passed
        failed += result.failed
    click.echo(f"{passed} passed, {failed} failed")
    context.exit(1 if failed else 0)
