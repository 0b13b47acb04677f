"""One question through a running network, and its money followed to the end.

Ask through the gateway as any client does; find the relay in its node's evidence; wait for the claim
and the settlement on the chain; close the week; audit the books. Each step is checked, none is assumed.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

import anyio

from joey.adapters.stores.sqlite.node import SqliteRelayLog
from joey.core.errors import InvariantBroken, JoeyError, NoSupplierLeft
from joey.core.ledger.invoices import Invoice
from joey.core.ledger.rules import name_settlement
from joey.core.protocol.events import (
    ChainEvent,
    ClaimCreated,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
)
from joey.core.protocol.windows import compute_settlement_height
from joey.core.units import Height
from joey.core.wire.envelope import HttpRequest, HttpResponse
from joey.economy.audit import AuditReport, audit_chain, check_report
from joey.http.client import HttpClient
from joey.http.errors import TransportError
from joey.wiring.network import Network, Report

__all__ = ["Answer", "Trail", "ask", "follow_events", "follow_money"]

E = TypeVar("E", bound=ChainEvent)

_TOKENS_OUT_MAX = 256
_ANSWER_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the text, and the names under which its relay is known."""

    text: str
    relay_hash: str
    session_id: str
    supplier_address: str


@dataclass(frozen=True, slots=True)
class Trail:
    """What became of the relay's money."""

    claim: ClaimCreated
    claim_height: Height
    settled: ClaimSettled
    settled_height: Height
    invoice: Invoice
    audit: AuditReport


async def ask(network: Network, question: str) -> Answer:
    """Ask once over HTTP, with the API key. Raises `JoeyError` with the gateway's own message."""
    offer = network.offers[0]
    body = {
        "model": offer.models[0],
        "messages": [{"role": "user", "content": question}],
        "max_tokens": min(_TOKENS_OUT_MAX, offer.limits.tokens_out_max),
    }
    request = HttpRequest(
        "POST",
        f"{network.url}/v1/chat/completions",
        (("Authorization", f"Bearer {network.api_key}"), ("Content-Type", "application/json")),
        json.dumps(body).encode(),
    )
    http = HttpClient(body_bytes_max=_ANSWER_BYTES_MAX)
    try:
        deadline = anyio.current_time() + network.config.gateway.deadline_s + 5
        response = await http.request(request, deadline=deadline)
    except TransportError as error:
        raise NoSupplierLeft(f"the gateway did not answer: {error}") from None
    finally:
        await http.aclose()
    return _read_answer(response)


def _read_answer(response: HttpResponse) -> Answer:
    try:
        data = json.loads(response.body)
        if response.status != 200:
            raise JoeyError(f"the gateway answered {response.status}: {data['error']['message']}")
        text = data["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        raise JoeyError(f"the gateway answered {response.status} with a body that is no completion") from None
    names = ("x-joey-relay-hash", "x-joey-session", "x-joey-supplier")
    relay_hash, session_id, supplier = (response.header(name) or "" for name in names)
    return Answer(text, relay_hash, session_id, supplier)


async def follow_events(network: Network, since: Height) -> AsyncIterator[tuple[Height, ChainEvent]]:
    """Yield every event of the chain from the block at `since` on, with its height."""
    height = since
    async with aclosing(network.chain.follow()) as blocks:
        async for block in blocks:
            while height <= block.height:
                for event in await network.chain.events(height):
                    yield height, event
                height = Height(height + 1)


async def follow_money(network: Network, answer: Answer, since: Height, report: Report) -> Trail:
    """Wait until the relay of `answer` is claimed, settled, invoiced and audited.

    `since` is a height before its claim. Raises `InvariantBroken` when its evidence is not on disk or
    its claim ends unpaid, `SupplyMismatch` when the books do not add up.
    """
    await _check_evidence(network, answer)
    report(f"relay {answer.relay_hash[:12]} is in the node's evidence")
    claim_height, claim = await _wait_for(network, since, answer, ClaimCreated)
    report(f"claimed in block {claim_height}")
    settled_height, settled = await _wait_for(network, claim_height, answer, ClaimSettled)
    report(f"settled in block {settled_height}")
    await network.collector.wait_for(settled_height)
    await network.close_week()
    entry_id = name_settlement(answer.session_id, answer.supplier_address)
    invoices = [one for one in await network.ledger.invoices() if entry_id in one.entry_ids]
    if len(invoices) != 1:
        raise InvariantBroken(f"settlement {entry_id} is on {len(invoices)} invoices instead of one")
    audit = await audit_chain(journal=network.ledger, prices=network.ledger, chain=network.chain)
    check_report(audit)
    return Trail(claim, claim_height, settled, settled_height, invoices[0], audit)


async def _check_evidence(network: Network, answer: Answer) -> None:
    for built in network.nodes:
        log = SqliteRelayLog(built.database)
        relays = await log.relays(answer.session_id, answer.supplier_address)
        if any(relay.relay_hash.hex() == answer.relay_hash for relay in relays):
            return
    raise InvariantBroken(f"no node has evidence of the relay {answer.relay_hash!r}")


async def _wait_for(network: Network, since: Height, answer: Answer, kind: type[E]) -> tuple[Height, E]:
    """Return the first event of a kind about the relay's claim. Raises when the claim ends unpaid."""
    shared = (await network.chain.params_at(since)).shared
    # Its session may begin after `since`, and settles this long after its end at the latest.
    last = compute_settlement_height(Height(since + 2 * shared.num_blocks_per_session), shared)
    for height in range(since, last + 1):
        await network.chain.wait_for(Height(height))
        for event in await network.chain.events(Height(height)):
            if not isinstance(event, ClaimCreated | ClaimSettled | ClaimExpired | ClaimDiscarded):
                continue
            key = (event.header.session_id, event.supplier_address)
            if key != (answer.session_id, answer.supplier_address):
                continue
            if isinstance(event, kind):
                return Height(height), event
            if isinstance(event, ClaimExpired | ClaimDiscarded):
                raise InvariantBroken(f"the claim of session {key[0]} ended unpaid in block {height}")
    raise InvariantBroken(f"the relay's claim was not settled until block {last}")
