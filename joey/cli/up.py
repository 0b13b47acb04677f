"""`joey up`: a small Pocket network on this machine, and one question through it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anyio
import click

from joey.cli.config import find_config
from joey.cli.models import pull_missing_models
from joey.cli.running import LOG_LEVEL, Progress, cancel_on_signal, prepare_logging
from joey.config import Config, read_config
from joey.core.protocol.events import ClaimCreated, ClaimDiscarded, ClaimExpired, ClaimSettled
from joey.core.units import format_pokt, format_usd
from joey.models.files import get_models_folder
from joey.relaying.outcome import RelayOutcome
from joey.telemetry import log_outcome
from joey.wiring.folder import DataFolder, open_folder
from joey.wiring.network import Network, open_network
from joey.wiring.purchase import Answer, Trail, ask, follow_events, follow_money

__all__ = ["up"]

_QUESTION = "Who won the world series in 2020?"


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Keep state in this folder [joey-data].")
@click.option("--ephemeral", is_flag=True, help="Keep nothing.")
@click.option("--once", "question", metavar="QUESTION", help="Ask once, follow the money, stop.")
@click.option("--model", metavar="NAME|PATH", help="A name of `joey models list`, or any GGUF file.")
@click.option("--listen", metavar="HOST:PORT", help="Where the gateway answers.")
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="A joey.toml [the one here].")
@LOG_LEVEL
def up(
    data: Path | None,
    ephemeral: bool,
    question: str | None,
    model: str | None,
    listen: str | None,
    config_path: Path | None,
    log_level: str,
) -> None:
    """Start a network: chain, gateway, two nodes with a model, books.

    Prints a URL, an API key, a curl line and a Python snippet. Ctrl-C stops all of it.
    """
    if ephemeral and data is not None:
        raise click.UsageError("--ephemeral keeps nothing and --data keeps all: choose one")
    if question is not None and not question.strip():
        raise click.UsageError("--once needs a question")
    prepare_logging(log_level)
    config = _override(read_config(find_config(config_path), os.environ), model, listen)
    with open_folder(None if ephemeral else data or Path("joey-data")) as folder:
        status = anyio.run(
            _run, config, folder, question, backend="asyncio", backend_options={"use_uvloop": True}
        )
    sys.exit(status)


def _override(config: Config, model: str | None, listen: str | None) -> Config:
    """Apply the flags: a model replaces that of every engine we run, and the first offer's name for it."""
    if listen is not None:
        config = replace(config, gateway=replace(config.gateway, listen=listen))
    if model is None:
        return config
    name = Path(model).stem if "/" in model or model.endswith(".gguf") else model
    nodes = tuple(
        replace(
            node,
            services=tuple(
                replace(service, engine=replace(service.engine, model=model))
                if service.engine.kind == "llamacpp"
                else service
                for service in node.services
            ),
        )
        for node in config.node
    )
    offers = (replace(config.offers[0], models=(name,)), *config.offers[1:])
    return replace(config, node=nodes, offers=offers)


async def _run(config: Config, folder: DataFolder, question: str | None) -> int:
    """Return the exit status: 0, or 130 when interrupted before the question was answered."""
    progress = Progress()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cancel_on_signal, tasks.cancel_scope, progress)
        models_folder = get_models_folder(os.environ)
        await pull_missing_models(config.node, models_folder, progress)
        listener = _Listener(progress)
        async with open_network(config, folder, models_folder, progress, listener) as network:
            if question is None:
                _print_banner(network, progress)
                listener.is_open = True
                await _show_money(network, progress)
            else:
                await _ask_once(network, question, progress)
        tasks.cancel_scope.cancel()
        return 0
    if question is None:
        progress("stopped")
        return 0
    return 130


class _Listener:
    """Shows each attempt of the gateway, once the banner is out."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.is_open = False

    def __call__(self, outcome: RelayOutcome) -> None:
        """Take one outcome."""
        log_outcome(outcome)
        if not self.is_open:
            return
        if outcome.fault is not None:
            self._progress(f"supplier {outcome.supplier_address} failed: {outcome.fault.code}")
        elif outcome.relay_hash is not None:
            self._progress(
                f"relay {outcome.relay_hash.hex()[:12]} answered by {outcome.supplier_address} "
                f"in {outcome.duration_s:.2f} s, verified"
            )


def _print_banner(network: Network, progress: Progress) -> None:
    offer = network.offers[0]
    model = offer.models[0]
    base_url = f"{network.url}/v1"
    click.echo(
        f"""
Joey is up after {progress.elapsed_s:.1f} s.

  URL      {base_url}
  API key  {network.api_key}
  model    {model}, ${format_usd(offer.price)} a call

Ask it:

curl {base_url}/chat/completions \\
  -H "Authorization: Bearer {network.api_key}" -H "Content-Type: application/json" \\
  -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "{_QUESTION}"}}]}}'

or, in Python, with `pip install openai`:

from openai import OpenAI
client = OpenAI(base_url="{base_url}", api_key="{network.api_key}")
answer = client.chat.completions.create(
    model="{model}", messages=[{{"role": "user", "content": "{_QUESTION}"}}]
)
print(answer.choices[0].message.content)

The money shows below as it moves. Ctrl-C stops everything.
"""
    )


async def _show_money(network: Network, show: Callable[[str], None]) -> None:
    """Tell what happens to claims, until cancelled."""
    head = await network.chain.head()
    async for height, event in follow_events(network, head.height):
        if isinstance(event, ClaimCreated):
            relays = _count_relays(event.num_relays)
            show(f"block {height}: session {event.header.session_id[:12]} claimed: {relays}")
        elif isinstance(event, ClaimSettled):
            show(
                f"block {height}: session {event.header.session_id[:12]} settled: burned "
                f"{format_pokt(event.settled)} POKT, minted {format_pokt(event.minted)} POKT"
            )
        elif isinstance(event, ClaimExpired | ClaimDiscarded):
            show(f"block {height}: session {event.header.session_id[:12]} ended unpaid")


async def _ask_once(network: Network, question: str, progress: Progress) -> None:
    since = (await network.chain.head()).height
    answer = await ask(network, question)
    progress("answered, signed by the supplier, verified by the gateway")
    click.echo(f"\n{answer.text.strip()}\n")
    network.hurry()
    trail = await follow_money(network, answer, since, progress)
    _print_trail(answer, trail)


def _print_trail(answer: Answer, trail: Trail) -> None:
    header, settled, invoice, audit = trail.claim.header, trail.settled, trail.invoice, trail.audit
    supply = "unchanged" if audit.supply_change == 0 else f"changed by {audit.supply_change} upokt"
    rows = [
        ("relay", answer.relay_hash),
        ("session", f"{answer.session_id}, blocks {header.height_start} to {header.height_end}"),
        ("supplier", answer.supplier_address),
        ("claim", f"root {trail.claim.root.hex()}"),
        (
            "",
            f"{_count_relays(trail.claim.num_relays)}, {trail.claim.claimed_compute_units} compute units, "
            f"block {trail.claim_height}",
        ),
        ("burned", f"{settled.settled} upokt from the application's stake, block {trail.settled_height}"),
        ("minted", f"{settled.minted} upokt, of which"),
        *(("", f"{reward.amount} to {reward.recipient} ({reward.reason})") for reward in settled.rewards),
        ("", f"{settled.validators} to validators"),
        ("dollars", f"${format_usd(invoice.dollars)} at ${format_usd(invoice.fixing.price)} a POKT"),
        ("invoice", f"{invoice.number}: {_count_relays(invoice.relays)}, {format_pokt(invoice.burned)} POKT"),
        (
            "books",
            f"balanced against the chain: burned {audit.burned}, minted {audit.minted} upokt, "
            f"supply {supply}",
        ),
    ]
    for name, value in rows:
        click.echo(f"  {name:9}{value}")


def _count_relays(count: int) -> str:
    return "1 relay" if count == 1 else f"{count} relays"
