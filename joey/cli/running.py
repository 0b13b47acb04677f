"""What commands that run until they are stopped share: progress, and an orderly stop."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Awaitable, Callable

import anyio
import click

from joey.telemetry import configure_logging

__all__ = ["LOG_LEVEL", "Progress", "cancel_on_signal", "prepare_logging", "run_until_stopped"]

LOG_LEVEL = click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    show_default=True,
    help="What is logged to standard error.",
)


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


def prepare_logging(level: str) -> None:
    """Send logs of `level` and above to standard error."""
    configure_logging(level=level)
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
