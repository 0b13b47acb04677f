"""What commands that run until they are stopped share: progress, and an orderly stop."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Awaitable, Callable

import anyio
import click

from joey.telemetry import configure_logging

__all__ = [
    "LOG_LEVEL",
    "ROLE_LOG_LEVEL",
    "Progress",
    "cancel_on_signal",
    "prepare_logging",
    "run_until_stopped",
]

LOG_LEVEL = click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    show_default=True,
    help="What is logged to standard error.",
)


ROLE_LOG_LEVEL = click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="What is logged to standard error [info, but no line for each relay].",
)
"""That of a role that runs for months: what became of money is always told."""


_OF_EVERY_RELAY = ("joey.outcome", "joey.gateway")
"""These have a line at `info` for each relay, or each that failed."""


class Progress:
    """Says each step with the seconds since the start, on standard error."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def __call__(self, line: str) -> None:
        """Show one line."""
        click.echo(f"{self.elapsed_s:6.1f} s  {line}", err=True)


def prepare_logging(level: str | None) -> None:
    """Send logs of `level` and above to standard error; `None`: of a role, what happens to money."""
    configure_logging(level=level or "info")
    if level is None:
        logging.getLogger().setLevel(logging.WARNING)
        logging.getLogger("joey").setLevel(logging.INFO)
        for name in _OF_EVERY_RELAY:
            logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)


async def cancel_on_signal(scope: anyio.CancelScope, progress: Progress) -> None:
    """Cancel a scope at the first SIGINT, SIGTERM or SIGHUP: what runs in it drains."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async for _ in signals:
            progress("stopping")
            scope.cancel()
            return


def run_until_stopped(work: Callable[[Progress], Awaitable[None]]) -> None:
    """Run a role until a signal stops it, or an error ends it, which is raised."""

    async def run() -> None:
        progress = Progress()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(cancel_on_signal, tasks.cancel_scope, progress)
            await work(progress)
            tasks.cancel_scope.cancel()
        progress("stopped")

    anyio.run(run, backend="asyncio", backend_options={"use_uvloop": True})
