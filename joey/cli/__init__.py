"""The command line: one file per group, loaded when it is called.

Errors that are ours end in one line on standard error and the error's exit status; a traceback is
a bug.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import click

import joey
from joey.cli.lazy import LazyGroup
from joey.core.errors import ConfigError, InvariantBroken, JoeyError

__all__ = ["cli", "main"]

_COMMANDS = {
    "up": "joey.cli.up",
    "gateway": "joey.cli.gateway",
    "node": "joey.cli.node",
    "keys": "joey.cli.keys",
    "stake": "joey.cli.stake",
    "chain": "joey.cli.chain",
    "settle": "joey.cli.settle",
    "models": "joey.cli.models",
    "economy": "joey.cli.economy",
    "vectors": "joey.cli.vectors",
    "config": "joey.cli.config",
}


class _ReaderLeft(Exception):
    """Nobody reads our output any more."""


class _Root(LazyGroup):
    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; that the reader left is told apart before click takes it for a failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderLeft from error


@click.group(
    cls=_Root,
    lazy={name: f"{module}:{name}" for name, module in _COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(joey.__version__, prog_name="joey")
def cli() -> None:
    """Joey: foundation models in your Pocket.

    Sell text generation through an OpenAI-compatible API, served by independent suppliers over
    Pocket Network's relay protocol, with books that balance to the last upokt.

    \b
      joey up                        a small Pocket network with a real model, on this machine
      joey up --once "QUESTION"      ask once, wait for the money, check the books

    `joey up` starts an embedded chain, a gateway, two nodes with a model each, and the books; it
    prints a URL, an API key, a curl line and a Python snippet that work as pasted. Ctrl-C stops it.
    """  # noqa: D301 - click wants the control character


def main() -> None:
    """Run the command line and exit."""
    try:
        status = _run()
        sys.stdout.flush()
    except click.exceptions.Abort:
        status = 130
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except JoeyError as error:
        click.echo(f"joey: {error.message}", err=True)
        status = error.exit_code
    except (BrokenPipeError, _ReaderLeft):
        # Whoever read our output has left; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except OSError as error:
        click.echo(f"joey: {error}", err=True)
        status = 1
    except Exception as error:  # noqa: BLE001 - the outermost handler of a command
        status = _report_bug(error)
    sys.exit(status if isinstance(status, int) else 0)


def _run() -> object:
    """Call the command; of a group of errors raise the one that a person can act on."""
    try:
        return cli.main(standalone_mode=False)
    except BaseExceptionGroup as group:
        errors = list(_flatten(group))
        for kind in (ConfigError, JoeyError, OSError, Exception):
            for error in errors:
                if isinstance(error, kind):
                    raise error from None
        raise


def _report_bug(error: Exception) -> int:
    """Say in one line where our code failed; all of it only to somebody who asked for debug logs."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    click.echo(
        f"joey: internal error: {type(error).__name__} at {place.filename}:{place.lineno}; "
        "please report it, with what `--log-level debug` shows",
        err=True,
    )
    if logging.getLogger().isEnabledFor(logging.DEBUG):
        traceback.print_exception(error)
    return InvariantBroken.exit_code


def _flatten(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flatten(error)
        else:
            yield error
