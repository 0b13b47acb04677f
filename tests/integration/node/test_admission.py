"""Every check a node makes before any work: nothing that fails one reaches the engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.engines.echo import EchoEngine
from joey.adapters.stores.sqlite.node import open_node_database
from joey.core.crypto import curve
from joey.core.crypto.ring import encode_ring, hash_to_curve, hash_to_scalar, is_ring_valid, read_ring
from joey.core.errors import ChainUnavailable
from joey.core.protocol.claims import compute_session_budget
from joey.core.protocol.params import MINIMAL
from joey.core.protocol.rings import PLACEHOLDER_PUBLIC_KEY
from joey.core.units import Height, Upokt
from joey.core.wire.envelope import HttpRequest
from joey.core.wire.messages import DelegateToGateway, StakeGateway, TransferApplication
from joey.core.wire.relay import (
    RelayRequest,
    compute_request_hash,
    decode_relay_response,
    encode_relay_request,
)
from joey.core.wire.session import Session
from joey.http.server import ServerLimits
from joey.testing.nodes import OFFER, NodeBench, ScriptedEngine, run_node, start_chain
from joey.testing.relays import make_call, sign_relay, sign_request
from joey.testing.worlds import World, make_genesis, make_key

pytestmark = pytest.mark.anyio


class CountingChain:
    """A chain that counts how often it is asked for a session, and can be cut off."""

    def __init__(self, chain: LocalChain) -> None:
        self._chain = chain
        self.sessions = 0
        self.is_cut_off = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    async def session(self, application: str, service: str, height: Height = Height(0)) -> Session | None:
        self.sessions += 1
        await anyio.lowlevel.checkpoint()
        if self.is_cut_off:
            raise ChainUnavailable("cut off")
        return await self._chain.session(application, service, height)


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
async def bench(chain: LocalChain, world: World, engine: ScriptedEngine) -> AsyncIterator[NodeBench]:
    async with run_node(engine, chain=chain, world=world) as bench:
        yield bench
        assert engine.calls == [], "nothing unverified reaches the engine"
        assert await bench.count_logged() == 0


async def expect(bench: NodeBench, request: RelayRequest | bytes, status: int, code: str) -> None:
    told = await bench.ask_in_vain(request)
    assert told[:2] == (status, code), told
    assert bench.node.counts[code] == 1


@pytest.mark.parametrize("body", [b"", b"\xff\xff", b"not a relay", b'{"jsonrpc":"2.0"}', b"\x12\x03abc"])
async def test_bytes_that_are_no_relay(bench: NodeBench, body: bytes) -> None:
    await expect(bench, body, 400, "rejection.bad_relay")


async def test_a_relay_without_header(bench: NodeBench) -> None:
    wire = encode_relay_request(await bench.relay())
    await expect(bench, wire[: len(wire) // 2], 400, "rejection.bad_relay")


async def test_more_bytes_than_the_node_reads(
    chain: LocalChain, world: World, engine: ScriptedEngine
) -> None:
    limits = ServerLimits(body_bytes_max=2000, drain_s=0.1)
    async with run_node(engine, chain=chain, world=world, limits=limits) as bench:
        reply = await bench.post(await bench.relay(make_call(user="x" * 4000)))
        assert reply.status == 413
        error = decode_relay_response(reply.body).error
        assert error is not None
        assert error.description == "rejection.over_limit"
    assert engine.calls == []


async def test_a_supplier_of_somebody_else(bench: NodeBench) -> None:
    other = make_key("supplier 2").address
    await expect(bench, await bench.relay(supplier=other), 404, "rejection.not_offered")


@pytest.mark.parametrize(
    "changes",
    [
        {"application_address": "pokt1nobody"},
        {"session_id": ""},
        {"service_id": "no such/service"},
        {"height_start": Height(0)},
        {"height_end": Height(1)},
    ],
)
async def test_a_header_that_cannot_be_one(bench: NodeBench, changes: dict[str, Any]) -> None:
    header = replace(await bench.header(), **changes)
    await expect(bench, await bench.relay(header=header), 400, "rejection.bad_relay")


async def test_a_relay_that_is_not_signed(bench: NodeBench) -> None:
    request = replace(await bench.relay(), signature=b"")
    await expect(bench, request, 400, "rejection.bad_relay")


async def test_a_service_that_is_not_offered(bench: NodeBench) -> None:
    header = replace(await bench.header(), service_id="images")
    await expect(bench, await bench.relay(header=header), 404, "rejection.not_offered")


async def test_a_session_that_is_still_to_come(bench: NodeBench) -> None:
    header = await bench.header()
    header = replace(
        header, height_start=Height(header.height_end + 1), height_end=Height(header.height_end + 4)
    )
    await expect(bench, await bench.relay(header=header), 403, "rejection.session_unknown")


@pytest.mark.parametrize(
    "changes",
    [
        {"session_id": "ab" * 32},
        {"application_address": make_key("stranger").address},
        {"height_end": Height(1000)},
        {"height_start": Height(2)},
    ],
)
async def test_a_session_the_chain_does_not_know(bench: NodeBench, changes: dict[str, Any]) -> None:
    header = replace(await bench.header(), **changes)
    await expect(bench, await bench.relay(header=header), 403, "rejection.session_unknown")


async def test_a_session_past_its_grace_period(bench: NodeBench) -> None:
    request = await bench.relay()
    await bench.advance_to(request.header.height_end + 9)
    await expect(bench, request, 403, "rejection.session_expired")


async def test_a_session_in_its_grace_period_is_served(chain: LocalChain, world: World) -> None:
    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        request = await bench.relay()
        await bench.advance_to(request.header.height_end + 8)
        await bench.ask(request)


async def test_a_supplier_that_was_not_drawn(world: World, engine: ScriptedEngine) -> None:
    unstaked = replace(world, suppliers=("supplier 9", *world.suppliers))
    chain = await start_chain(world)
    try:
        async with run_node(engine, chain=chain, world=unstaked) as bench:
            await expect(bench, await bench.relay(), 403, "rejection.session_unknown")
    finally:
        await chain.aclose()
    assert engine.calls == []


async def test_signatures_of_the_wrong_ring(bench: NodeBench) -> None:
    genuine = await bench.relay()
    stranger, supplier = make_key("stranger"), make_key("supplier 1")
    ring = [*bench.ring, stranger.public_key]
    forged = [
        sign_request(genuine, [stranger.public_key, supplier.public_key], stranger),
        sign_request(genuine, ring, stranger),
        sign_request(genuine, [bench.ring[0], PLACEHOLDER_PUBLIC_KEY], make_key("application")),
        replace(genuine, payload=genuine.payload + b"\x00"),
        replace(genuine, signature=genuine.signature[:-1] + bytes((genuine.signature[-1] ^ 1,))),
        replace(genuine, signature=b"\x00" * 199),
    ]
    for request in forged:
        status, code, _ = await bench.ask_in_vain(request)
        assert (status, code) == (403, "rejection.bad_ring")


@pytest.mark.parametrize(
    "call",
    [
        make_call(path="/v1/embeddings"),
        make_call(path="/metrics"),
        make_call(path="/v1/chat/completions/../../slots"),
        make_call(method="GET"),
        HttpRequest("POST", "http://[bad/v1/completions", (), b"{}"),
        replace(make_call(), body=b"{"),
        replace(make_call(), body=b'{"model":"echo","model":"echo","messages":[]}'),
        replace(make_call(), body=b'{"messages":[]}'),
    ],
)
async def test_a_payload_that_is_no_call_for_an_engine(bench: NodeBench, call: HttpRequest) -> None:
    await expect(bench, await bench.relay(call), 400, "rejection.bad_relay")


async def test_a_payload_that_is_no_envelope(bench: NodeBench) -> None:
    unsigned = RelayRequest(await bench.header(), bench.supplier, b"\xff\xff\xff")
    request = sign_request(unsigned, bench.ring, make_key("gateway"))
    await expect(bench, request, 400, "rejection.bad_relay")


@pytest.mark.parametrize(
    "call",
    [
        make_call("x" * 601),
        make_call(max_tokens=1001),
        make_call(max_tokens=501, n=2),
        make_call(n_predict=100_000),
    ],
)
async def test_more_than_the_offer_admits(bench: NodeBench, call: HttpRequest) -> None:
    await expect(bench, await bench.relay(call), 400, "rejection.over_limit")


async def test_just_what_the_offer_admits(chain: LocalChain, world: World) -> None:
    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        await bench.ask(await bench.relay(make_call("x" * 600, max_tokens=1000)))
        assert OFFER.limits.tokens_in_max == 200


async def test_a_relay_is_served_once(chain: LocalChain, world: World) -> None:
    engine = ScriptedEngine()
    async with run_node(engine, chain=chain, world=world) as bench:
        request = await bench.relay()
        await bench.ask(request)
        await expect(bench, request, 400, "rejection.bad_relay")
        assert await bench.count_logged() == 1
    assert len(engine.calls) == 1


async def test_a_relay_in_another_form_is_the_same_relay(chain: LocalChain, world: World) -> None:
    engine = ScriptedEngine()
    async with run_node(engine, chain=chain, world=world) as bench:
        request = await bench.relay()
        await bench.ask(request)
        ring = read_ring(request.signature)
        challenges = compute_challenges(request)
        turned = replace(ring, c0=challenges[1], members=ring.members[1:] + ring.members[:1])
        for signature in (request.signature + b"more", encode_ring(turned)):
            other = replace(request, signature=signature)
            assert is_ring_valid(compute_request_hash(other), signature)
            status, code, _ = await bench.ask_in_vain(other)
            assert (status, code) == (400, "rejection.bad_relay")
    assert len(engine.calls) == 1


def compute_challenges(request: RelayRequest) -> list[int]:
    """Walk a ring as a verifier does, and note the challenge at which each member begins."""
    message, ring = compute_request_hash(request), read_ring(request.signature)
    image = curve.read_point(ring.key_image)
    challenges = [ring.c0]
    for scalar, public_key in ring.members:
        point, hash_point = curve.read_point(public_key), curve.read_point(hash_to_curve(public_key))
        left = curve.add(curve.multiply_base(scalar), curve.multiply(challenges[-1], point))
        right = curve.add(curve.multiply(scalar, hash_point), curve.multiply(challenges[-1], image))
        challenges.append(hash_to_scalar(message + curve.encode_point(left) + curve.encode_point(right)))
    assert challenges[-1] == ring.c0
    return challenges


async def test_of_equal_relays_at_once_one_is_served(chain: LocalChain, world: World) -> None:
    engine = ScriptedEngine()
    statuses: Counter[int] = Counter()
    async with run_node(engine, chain=chain, world=world) as bench:
        request = await bench.relay()

        async def send() -> None:
            statuses[(await bench.post(request)).status] += 1

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(send)
        assert statuses == {200: 1, 400: 19}
        assert await bench.count_logged() == 1
    assert len(engine.calls) == 1


async def test_a_hundred_relays_at_once_never_cost_more_than_the_stake_pays(world: World) -> None:
    price, relays_max, suppliers_drawn = 300_000, 7, MINIMAL.session.num_suppliers_per_session
    stake = Upokt((relays_max * price + price - 1) * 4 * suppliers_drawn)
    assert compute_session_budget(stake, MINIMAL.shared, suppliers_drawn) // price == relays_max
    dear = replace(World.of_service("text", compute_units=price), application_stake=stake)
    chain = await start_chain(dear)
    engine = ScriptedEngine(slots=100)
    codes: Counter[str] = Counter()
    try:
        async with run_node(engine, chain=chain, world=dear) as bench:
            requests = [await bench.relay() for _ in range(100)]

            async def send(request: RelayRequest) -> None:
                error = decode_relay_response((await bench.post(request)).body).error
                codes["served" if error is None else error.description] += 1

            async with anyio.create_task_group() as tasks:
                for request in requests:
                    tasks.start_soon(send, request)
            assert codes == {"served": relays_max, "rejection.stake_exhausted": 100 - relays_max}
            assert await bench.count_logged() == relays_max
            assert len(engine.calls) == relays_max
    finally:
        await chain.aclose()


async def test_garbage_does_not_hammer_the_chain(chain: LocalChain, world: World) -> None:
    engine = ScriptedEngine()
    counting = CountingChain(chain)
    async with run_node(engine, chain=chain, world=world, seen_as=counting) as bench:
        header = await bench.header()
        for number in range(200):
            application = make_key(f"stranger {number}").address
            await bench.post(await bench.relay(header=replace(header, application_address=application)))
        assert counting.sessions == 64
        assert bench.node.counts == {"rejection.session_unknown": 64, "rejection.busy": 136}
        # The next block lets a session be learned again, and one that is known needs no asking.
        await bench.advance_to((await chain.head()).height + 1)
        await bench.ask()
        await bench.ask()
        assert counting.sessions == 65
        again = replace(header, application_address=make_key("stranger 1").address)
        for _ in range(5):
            await bench.post(await bench.relay(header=again))
        assert counting.sessions == 66


async def test_strangers_use_up_no_lookups_of_an_application_that_has_signed(
    chain: LocalChain, world: World
) -> None:
    counting, database = CountingChain(chain), open_node_database(None)
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        await bench.ask()
    # After a restart the log is all that tells who has signed before.
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, seen_as=counting) as bench:
        await bench.advance_to((await bench.header()).height_end + 1)
        header = await bench.header()
        for number in range(70):
            application = make_key(f"stranger {number}").address
            await bench.post(await bench.relay(header=replace(header, application_address=application)))
        assert bench.node.counts["rejection.busy"] == 6
        await bench.ask()
        # Nor can its own name be used to ask without end.
        for number in range(header.height_start):
            made_up = replace(header, height_start=Height(header.height_start - number), session_id="ab" * 32)
            await bench.post(await bench.relay(header=made_up))
        assert counting.sessions <= 64 + 1 + 3
    database.close()


async def test_relays_of_a_new_session_ask_the_chain_once(chain: LocalChain, world: World) -> None:
    counting = CountingChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=counting) as bench:
        requests = [await bench.relay() for _ in range(20)]
        async with anyio.create_task_group() as tasks:
            for request in requests:
                tasks.start_soon(bench.ask, request)
    assert counting.sessions == 1


async def test_a_chain_that_does_not_answer_is_no_verdict(chain: LocalChain, world: World) -> None:
    counting = CountingChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=counting) as bench:
        request = await bench.relay()
        counting.is_cut_off = True
        await expect(bench, request, 503, "rejection.busy")
        counting.is_cut_off = False
        await bench.ask(request)


async def test_a_new_delegation_holds_from_the_next_block(world: World) -> None:
    names = (*world.names, "gateway 2")
    chain = await LocalChain.open(None, make_genesis(names), instant=True)
    await world.stake(chain.submit)
    second, application = make_key("gateway 2"), make_key("application")
    await chain.submit([StakeGateway(second.address, Upokt(10**9))], second)
    while (await chain.head()).height % 4 != 1:
        await chain.make_block()
    try:
        async with run_node(EchoEngine(), chain=chain, world=world) as bench:
            await bench.ask()
            ring = [application.public_key, second.public_key]
            request = sign_relay(await bench.header(), bench.supplier, make_call(), ring, second)
            await expect(bench, request, 403, "rejection.bad_ring")
            await chain.submit([DelegateToGateway(application.address, second.address)], application)
            await bench.catch_up()
            await bench.ask(request)
    finally:
        await chain.aclose()


async def test_a_session_that_is_settled_after_its_application_has_moved_is_not_served(
    chain: LocalChain, world: World
) -> None:
    source, destination = make_key(world.application), make_key("elsewhere").address
    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        header = await bench.header()
        await chain.submit([TransferApplication(source.address, destination)], source)
        await bench.ask()
        await bench.advance_to(header.height_end + 1)
        await expect(bench, await bench.relay(), 429, "rejection.stake_exhausted")
