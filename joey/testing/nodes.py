"""A node on loopback beside an embedded chain, and a gateway's hand that writes relays to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import anyio

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.stores.sqlite.database import Database
from joey.adapters.stores.sqlite.node import SqliteClaims, SqliteRelayLog, open_node_database
from joey.core.crypto.keys import PrivateKey
from joey.core.offers.offer import ServiceOffer
from joey.core.protocol.params import NetworkParams
from joey.core.protocol.relays import check_response
from joey.core.units import Height, NanoUsd
from joey.core.wire.envelope import Headers, HttpRequest, HttpResponse, decode_response
from joey.core.wire.messages import Message, SubmitProof
from joey.core.wire.relay import RelayRequest, RelayResponse, decode_relay_response, encode_relay_request
from joey.core.wire.session import SessionHeader
from joey.http.client import HttpClient
from joey.http.server import ServerLimits
from joey.node.app import Node, NodeService, NodeSupplier
from joey.ports.chain import Chain, OnSigned, TransactionResult, TransactionTerms
from joey.ports.engine import Engine, EngineExchange, EngineStatus
from joey.ports.stores import RelayLog
from joey.testing.relays import make_call, sign_relay
from joey.testing.worlds import WITHOUT_PROOFS, World, make_genesis, make_key

__all__ = [
    "InterposedChain",
    "NodeBench",
    "OFFER",
    "ScriptedAnswer",
    "ScriptedEngine",
    "run_node",
    "start_chain",
]

_PATIENCE_S = 30.0
_ANY_BLOCK = Height(0)

OFFER = ServiceOffer("text", "Text", ("echo",), NanoUsd(750_000))


@dataclass
class ScriptedAnswer:
    """What a `ScriptedEngine` answers.

    `gate` is waited for before the last chunk is sent; `error` is raised in place of the end.
    """

    status: int = 200
    headers: Headers = (("Content-Type", "application/json"), ("Server", "scripted"))
    chunks: Sequence[bytes] = (b'{"ok":', b"true}")
    gate: anyio.Event | None = None
    error: Exception | None = None


@dataclass(eq=False)
class ScriptedEngine:
    """Answers as told; remembers what it was asked and how often it was left before the end."""

    answer: ScriptedAnswer = field(default_factory=ScriptedAnswer)
    slots: int = 4
    healthy: bool = True
    calls: list[HttpRequest] = field(default_factory=list)
    left_early: int = 0
    running: int = 0
    running_most: int = 0

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to stop."""

    async def status(self) -> EngineStatus:
        """Describe the engine."""
        return EngineStatus("scripted", ("echo",), self.slots, self.healthy)

    @asynccontextmanager
    async def open(self, request: HttpRequest, *, deadline: float) -> AsyncIterator[EngineExchange]:
        """Answer one request; the deadline is left to whoever calls."""
        del deadline
        self.calls.append(request)
        self.running += 1
        self.running_most = max(self.running, self.running_most)
        exchange = _ScriptedExchange(self.answer)
        try:
            yield exchange
        finally:
            self.running -= 1
            self.left_early += not exchange.ended


class _ScriptedExchange:
    def __init__(self, answer: ScriptedAnswer) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.ended = False
        self._answer = answer

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        *first, last = self._answer.chunks
        for chunk in first:
            yield chunk
        if self._answer.gate is not None:
            await self._answer.gate.wait()
        yield last
        if self._answer.error is not None:
            raise self._answer.error
        self.ended = True


class InterposedChain:
    """A chain between a node and the real one, which notes what is submitted; subclasses interfere."""

    def __init__(self, chain: LocalChain) -> None:
        self.chain = chain
        self.submitted: list[Message] = []
        self.timeouts: list[Height] = []
        self.terms: list[TransactionTerms | None] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.chain, name)

    async def submit(
        self,
        messages: Sequence[Message],
        signer: PrivateKey,
        *,
        timeout_height: Height = _ANY_BLOCK,
        on_signed: OnSigned | None = None,
        terms: TransactionTerms | None = None,
    ) -> TransactionResult:
        """Note the messages and pass them on."""
        self.submitted += messages
        self.timeouts.append(timeout_height)
        self.terms.append(terms)
        return await self.chain.submit(
            messages, signer, timeout_height=timeout_height, on_signed=on_signed, terms=terms
        )

    @property
    def proofs(self) -> list[SubmitProof]:
        """The proofs among what was submitted."""
        return [message for message in self.submitted if isinstance(message, SubmitProof)]


@dataclass(frozen=True)
class NodeBench:
    """A running node, and all around it. `supplier` is the operator address it serves for."""

    chain: LocalChain
    world: World
    node: Node
    database: Database
    relay_log: SqliteRelayLog
    claims: SqliteClaims
    http: HttpClient
    url: str

    @property
    def supplier(self) -> str:
        """The operator address of the node's supplier."""
        return make_key(self.world.suppliers[0]).address

    @property
    def ring(self) -> list[bytes]:
        """The public keys of those who may sign."""
        return [make_key(name).public_key for name in (self.world.application, self.world.gateway)]

    async def header(self) -> SessionHeader:
        """Return the header of the session that runs now."""
        session = await self.chain.session(make_key(self.world.application).address, self.world.service.id)
        assert session is not None
        return session.header

    async def relay(
        self,
        call: HttpRequest | None = None,
        *,
        header: SessionHeader | None = None,
        supplier: str | None = None,
    ) -> RelayRequest:
        """Return a fresh relay of the gateway; genuine unless something is given that is not."""
        header = header or await self.header()
        signer = make_key(self.world.gateway)
        return sign_relay(header, supplier or self.supplier, call or make_call(), self.ring, signer)

    async def post(self, request: RelayRequest | bytes, *, accept: str = "*/*") -> HttpResponse:
        """Send a relay and return the HTTP answer."""
        body = request if isinstance(request, bytes) else encode_relay_request(request)
        post = HttpRequest("POST", f"{self.url}/", (("Accept", accept),), body)
        return await self.http.request(post, deadline=anyio.current_time() + _PATIENCE_S)

    async def get(self, path: str) -> HttpResponse:
        """Ask for something other than a relay."""
        request = HttpRequest("GET", f"{self.url}{path}")
        return await self.http.request(request, deadline=anyio.current_time() + _PATIENCE_S)

    async def ask(self, request: RelayRequest | None = None) -> HttpResponse:
        """Send a relay, verify its answer, and return what the engine said."""
        request = request or await self.relay()
        reply = await self.post(request)
        response = decode_relay_response(reply.body)
        assert reply.status == 200, response.error
        check_response(response, request, make_key(self.world.suppliers[0]).public_key)
        return decode_response(response.payload)

    async def ask_in_vain(self, request: RelayRequest | bytes) -> tuple[int, str, RelayResponse]:
        """Send a relay that fails; return the HTTP status, our error code and the unsigned response."""
        reply = await self.post(request)
        response = decode_relay_response(reply.body)
        assert response.error is not None
        assert response.signature == b""
        return reply.status, response.error.description, response

    async def count_logged(self) -> int:
        """Return how many relays are on record."""
        return sum(session.relays for session in await self.relay_log.sessions())

    async def advance_to(self, height: int) -> None:
        """Make blocks; the node does what is due at each before the next is made."""
        while (await self.chain.head()).height < height:
            await self.chain.make_block()
            await self.catch_up()

    async def catch_up(self) -> None:
        """Wait until the node has done what is due at the newest block."""
        with anyio.fail_after(_PATIENCE_S):
            while True:
                height = (await self.chain.head()).height
                await self.node.wait_done(height)
                # A claim makes a block of its own on a chain that is instant.
                if (await self.chain.head()).height == height:
                    return


@asynccontextmanager
async def run_node(
    engine: Engine,
    *,
    chain: LocalChain,
    world: World,
    seen_as: Chain | None = None,
    database: Database | None = None,
    relay_log: RelayLog | None = None,
    offer: ServiceOffer = OFFER,
    queue_max: int = 16,
    deadline_s: float = _PATIENCE_S,
    limits: ServerLimits | None = None,
    answer_bytes_max: int = 1 << 20,
    port: int = 0,
    suppliers: int = 1,
) -> AsyncIterator[NodeBench]:
    """Run a node for the first suppliers of a world, all with one engine.

    `seen_as` stands between the node and the chain, `relay_log` between it and its own log; `database`
    is closed by whoever gave it.
    """
    kept = database or open_node_database(None)
    kept_log, claims = SqliteRelayLog(kept), SqliteClaims(kept)
    node = Node(
        chain=seen_as or chain,
        suppliers=[
            NodeSupplier(make_key(name), (NodeService(offer, engine, queue_max),))
            for name in world.suppliers[:suppliers]
        ],
        port=port,
        relay_log=relay_log or kept_log,
        claims=claims,
        deadline_s=deadline_s,
        limits=limits or ServerLimits(drain_s=0.2),
        answer_bytes_max=answer_bytes_max,
    )
    http = HttpClient(body_bytes_max=1 << 24)
    try:
        async with anyio.create_task_group() as tasks:
            host, port = await tasks.start(node.run)
            bench = NodeBench(chain, world, node, kept, kept_log, claims, http, f"http://{host}:{port}")
            await bench.catch_up()
            yield bench
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await http.aclose()
            if database is None:
                kept.close()


async def start_chain(
    world: World, *, params: NetworkParams = WITHOUT_PROOFS, governor: str = ""
) -> LocalChain:
    """Return a chain in memory, at the first block of the first session that the world can have.

    `governor` names the key that may change its parameters, which nobody may where it is empty.
    """
    genesis = make_genesis((*world.names, governor) if governor else world.names, params=params)
    if governor:
        genesis = replace(genesis, authority=make_key(governor).address)
    chain = await LocalChain.open(None, genesis, instant=True)
    await world.stake(chain.submit)
    application = make_key(world.application).address
    while True:
        height = (await chain.head()).height
        session = await chain.session(application, world.service.id)
        if session is not None and session.header.height_start == height:
            return chain
        await chain.make_block()
