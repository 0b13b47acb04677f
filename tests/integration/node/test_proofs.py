"""What is claimed is proven when the chain asks for it, whatever stops the node in between."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import anyio
import pytest

from joey.adapters.chains.local.chain import LocalChain
from joey.adapters.engines.echo import EchoEngine
from joey.adapters.stores.sqlite.database import Database
from joey.adapters.stores.sqlite.node import SqliteRelayLog, open_node_database
from joey.core.errors import ChainUnavailable, TransactionRejected
from joey.core.protocol.claims import ProofRequirement, ProofStatus
from joey.core.protocol.events import ChainEvent, ClaimSettled, ProofChecked, ProofSubmitted, SupplierSlashed
from joey.core.protocol.governance import make_update_params
from joey.core.protocol.params import MINIMAL, NetworkParams
from joey.core.units import Height, Upokt
from joey.core.wire.messages import (
    CreateClaim,
    DelegateToGateway,
    Message,
    StakeGateway,
    SubmitProof,
    UndelegateFromGateway,
)
from joey.core.wire.session import SessionHeader
from joey.core.wire.transactions import decode_transaction
from joey.ports.chain import TransactionTerms
from joey.ports.stores import ClaimRecord, LoggedRelay
from joey.testing.nodes import InterposedChain, NodeBench, run_node, start_chain
from joey.testing.worlds import World, make_genesis, make_key

pytestmark = pytest.mark.anyio

NOW = Height(0)
TERMS = TransactionTerms(7, 100_001, Upokt(3), Height(90))
CLAIM_START = 9
SEED = 13
SETTLED = 17
"""Blocks after a session's end, by the parameters below: claims in 10 to 12, proofs in 14 to 17."""


def make_params(**proof: Any) -> NetworkParams:
    """Return parameters by which every claim needs a proof, or others."""
    shared = replace(MINIMAL.shared, proof_window_open_offset_blocks=2, proof_window_close_offset_blocks=3)
    always = {"proof_requirement_threshold": Upokt(1)}
    return replace(MINIMAL, shared=shared, proof=replace(MINIMAL.proof, **(always | proof)))


@pytest.fixture
async def chain(world: World) -> AsyncIterator[LocalChain]:
    chain = await start_chain(world, params=make_params())
    yield chain
    await chain.aclose()


async def get_record(bench: NodeBench, header: SessionHeader) -> ClaimRecord:
    record = await bench.claims.get(header.session_id, bench.supplier)
    assert record is not None
    return record


async def list_events(chain: LocalChain, header: SessionHeader) -> list[ChainEvent]:
    """Return all that happened from a session's end to its settlement."""
    return [
        event
        for height in range(header.height_end, header.height_end + SETTLED + 1)
        for event in await chain.events(Height(height))
    ]


async def test_a_claim_is_proven_in_the_first_block_of_the_window_and_paid(
    chain: LocalChain, world: World
) -> None:
    seen = InterposedChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=seen) as bench:
        header = await bench.header()
        for _ in range(20):
            await bench.ask()
        await bench.advance_to(header.height_end + SEED - 1)
        assert (await get_record(bench, header)).state == "claimed"
        assert seen.proofs == []
        await bench.advance_to(header.height_end + SEED)
        record = await get_record(bench, header)
        assert (record.state, record.proof_height) == ("proved", header.height_end + SEED + 1)
        included = await chain.transaction(record.proof_tx_hash)
        assert included is not None
        assert (included.height, included.code) == (record.proof_height, 0)
        claim = await chain.claim(header.session_id, bench.supplier)
        assert claim is not None
        assert claim.proof_status is ProofStatus.VALIDATED
        await bench.advance_to(header.height_end + SETTLED)
        assert (await get_record(bench, header)).state == "settled"
        assert await bench.count_logged() == 0
    assert [type(message) for message in seen.submitted] == [CreateClaim, SubmitProof]
    assert seen.timeouts == [header.height_end + 12, header.height_end + SETTLED]
    events = await list_events(chain, header)
    (checked,) = [event for event in events if isinstance(event, ProofChecked)]
    assert (checked.status, checked.failure) == (ProofStatus.VALIDATED, "")
    (settled,) = [event for event in events if isinstance(event, ClaimSettled)]
    assert settled.proof_requirement is ProofRequirement.THRESHOLD
    assert settled.num_relays == 20


async def test_a_proof_may_be_asked_for_by_chance(world: World) -> None:
    params = make_params(proof_requirement_threshold=Upokt(10**12), proof_request_probability=Fraction(1))
    chain = await start_chain(world, params=params)
    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + SEED)
        assert (await get_record(bench, header)).state == "proved"
        await bench.advance_to(header.height_end + SETTLED)
        assert (await get_record(bench, header)).state == "settled"
    (settled,) = [event for event in await list_events(chain, header) if isinstance(event, ClaimSettled)]
    assert settled.proof_requirement is ProofRequirement.PROBABILISTIC
    await chain.aclose()


async def test_no_proof_is_sent_that_the_chain_does_not_ask_for(world: World) -> None:
    params = make_params(proof_requirement_threshold=Upokt(10**12), proof_request_probability=Fraction(0))
    chain = await start_chain(world, params=params)
    seen = InterposedChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=seen) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + SETTLED)
        record = await get_record(bench, header)
    assert (record.state, record.proof_tx_hash) == ("settled", "")
    assert [type(message) for message in seen.submitted] == [CreateClaim]
    await chain.aclose()


async def test_windows_that_overlap_are_both_met(world: World) -> None:
    """By the minimal parameters the proof window opens in the last block of the claim window."""
    params = replace(MINIMAL, proof=make_params().proof)
    chain = await start_chain(world, params=params)
    async with run_node(EchoEngine(), chain=chain, world=world) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + 11)
        record = await get_record(bench, header)
        assert (record.state, record.proof_height) == ("proved", header.height_end + 12)
        await bench.advance_to(header.height_end + 13)
        assert (await get_record(bench, header)).state == "settled"
    await chain.aclose()


async def restart_at(
    chain: LocalChain, world: World, database: Database, height: int, seen_as: InterposedChain
) -> ClaimRecord:
    """Run a second node on the first one's file from a height on, to the end; return what became of it."""
    while (await chain.head()).height < height:
        await chain.make_block()
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, seen_as=seen_as) as bench:
        (record,) = await bench.claims.all()
        await bench.advance_to(record.header.height_end + SETTLED)
        return await get_record(bench, record.header)


@pytest.mark.parametrize("height", [CLAIM_START + 1, SEED - 1, SEED, SETTLED - 1])
async def test_a_node_restarted_between_claim_and_proof_proves(
    chain: LocalChain, world: World, height: int
) -> None:
    database = open_node_database(None)
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        header = await bench.header()
        for _ in range(5):
            await bench.ask()
        await bench.advance_to(header.height_end + CLAIM_START)
        claimed = await get_record(bench, header)
        assert claimed.state == "claimed"
    seen = InterposedChain(chain)
    record = await restart_at(chain, world, database, header.height_end + height, seen)
    assert (record.state, record.root, record.tx_hash) == ("settled", claimed.root, claimed.tx_hash)
    assert [type(message) for message in seen.submitted] == [SubmitProof]
    database.close()


async def test_a_relay_that_came_too_late_for_the_claim_does_not_change_the_proof(
    chain: LocalChain, world: World
) -> None:
    database = open_node_database(None)
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        header = await bench.header()
        for _ in range(3):
            await bench.ask()
        late = (await bench.relay_log.relays(header.session_id, bench.supplier))[0].relay_bytes
        await bench.advance_to(header.height_end + 12)
    await SqliteRelayLog(database).append(header, bench.supplier, LoggedRelay(bytes(32), late))
    record = await restart_at(chain, world, database, header.height_end + SEED, InterposedChain(chain))
    assert (record.state, record.relays) == ("settled", 3)
    database.close()


class StuckChain(InterposedChain):
    """Takes a proof, and the node hears no more: as if it had died at that moment."""

    def __init__(self, chain: LocalChain) -> None:
        super().__init__(chain)
        self.taken = anyio.Event()

    async def submit(self, messages: Sequence[Message], signer: Any, **options: Any) -> Any:
        result = await super().submit(messages, signer, **options)
        if self.proofs:
            self.taken.set()
            await anyio.sleep_forever()
        return result


async def test_a_node_that_dies_while_it_proves_sends_no_second_proof(
    chain: LocalChain, world: World
) -> None:
    stuck, again = StuckChain(chain), InterposedChain(chain)
    database = open_node_database(None)
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, seen_as=stuck) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + SEED - 1)
        await chain.make_block()
        with anyio.fail_after(10):
            await stuck.taken.wait()
        assert (await get_record(bench, header)).state == "proving"
    record = await restart_at(chain, world, database, header.height_end + SEED, again)
    assert record.state == "settled"
    assert again.submitted == []
    database.close()


class CutOffChain(InterposedChain):
    """Signs a proof, says so, and nothing arrives: as if the node had died before it was passed on."""

    def __init__(self, chain: LocalChain) -> None:
        super().__init__(chain)
        self.reached = anyio.Event()

    async def submit(self, messages: Sequence[Message], signer: Any, **options: Any) -> Any:
        if isinstance(messages[0], SubmitProof):
            self.submitted += messages
            await options["on_signed"](TERMS)
            self.reached.set()
            await anyio.sleep_forever()
        return await super().submit(messages, signer, **options)


class TermsChain(InterposedChain):
    """Takes no notice of the terms that it is given, but notes them."""

    async def submit(self, messages: Sequence[Message], signer: Any, **options: Any) -> Any:
        self.submitted += messages
        self.terms.append(options.pop("terms"))
        return await self.chain.submit(messages, signer, timeout_height=options["timeout_height"])


async def test_a_proof_that_may_have_been_sent_is_sent_again_with_the_same_terms(
    chain: LocalChain, world: World
) -> None:
    cut_off, again = CutOffChain(chain), TermsChain(chain)
    database = open_node_database(None)
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, seen_as=cut_off) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + SEED - 1)
        await chain.make_block()
        with anyio.fail_after(10):
            await cut_off.reached.wait()
        record = await get_record(bench, header)
        assert (record.state, record.terms) == ("proving", TERMS)
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, seen_as=again) as bench:
        record = await get_record(bench, header)
        assert (record.state, record.terms) == ("proved", None)
        await bench.advance_to(header.height_end + SETTLED)
        assert (await get_record(bench, header)).state == "settled"
    assert again.terms == [TERMS]
    assert again.proofs == cut_off.proofs
    database.close()


class DroppingChain(InterposedChain):
    """Loses proofs on their way: nothing arrives, and the node hears of nothing, so many times."""

    def __init__(self, chain: LocalChain, times: int) -> None:
        super().__init__(chain)
        self.times = times

    async def submit(self, messages: Sequence[Message], signer: Any, **options: Any) -> Any:
        if isinstance(messages[0], SubmitProof) and self.times:
            self.times -= 1
            self.submitted += messages
            raise ChainUnavailable("the connection was cut")
        return await super().submit(messages, signer, **options)


async def test_a_proof_that_was_lost_is_sent_again_the_same(chain: LocalChain, world: World) -> None:
    dropping = DroppingChain(chain, 2)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=dropping) as bench:
        header = await bench.header()
        for _ in range(7):
            await bench.ask()
        await bench.advance_to(header.height_end + SETTLED)
        assert (await get_record(bench, header)).state == "settled"
    first, *others = dropping.proofs
    assert others == [first, first]


class GoneChain(InterposedChain):
    """Answers no question about claims, blocks or parameters while it is gone."""

    is_gone = False

    async def claim(self, *args: Any, **options: Any) -> Any:
        if self.is_gone:
            raise ChainUnavailable("the chain is gone")
        return await self.chain.claim(*args, **options)


async def test_a_chain_that_goes_away_at_the_proof_window_is_asked_again(
    chain: LocalChain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    gone = GoneChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=gone) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + SEED - 1)
        gone.is_gone = True
        await bench.advance_to(header.height_end + SETTLED - 2)
        assert "the chain is gone" in caplog.text
        assert (await get_record(bench, header)).state == "claimed"
        gone.is_gone = False
        await bench.advance_to(header.height_end + SETTLED - 1)
        assert (await get_record(bench, header)).proof_height == header.height_end + SETTLED
        await bench.advance_to(header.height_end + SETTLED)
        assert (await get_record(bench, header)).state == "settled"


class RefusingChain(InterposedChain):
    """Refuses every proof."""

    async def submit(self, messages: Sequence[Message], signer: Any, **options: Any) -> Any:
        if isinstance(messages[0], SubmitProof):
            self.submitted += messages
            raise TransactionRejected("no", codespace="test", tx_code=1)
        return await super().submit(messages, signer, **options)


async def test_before_a_proof_window_is_missed_there_are_alarms(
    chain: LocalChain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    refusing = RefusingChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=refusing) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + SETTLED - 1)
        alarms = [line.getMessage() for line in caplog.records if line.levelno == logging.ERROR]
        await bench.advance_to(header.height_end + SETTLED)
        record = await get_record(bench, header)
    assert len(refusing.proofs) == 4
    assert alarms == [
        f"ALARM: session {header.session_id} is not proven, {left} blocks left: no" for left in (3, 2, 1)
    ]
    assert (record.state, record.note) == ("lost", "the claim expired: PROOF_MISSING")
    events = await list_events(chain, header)
    (slashed,) = [event for event in events if isinstance(event, SupplierSlashed)]
    assert slashed.penalty == MINIMAL.proof.proof_missing_penalty
    assert not [event for event in events if isinstance(event, ProofSubmitted)]


async def test_a_proof_window_missed_is_told(
    chain: LocalChain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_node_database(None)
    async with run_node(EchoEngine(), chain=chain, world=world, database=database) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + CLAIM_START)
    seen = InterposedChain(chain)
    record = await restart_at(chain, world, database, header.height_end + SETTLED, seen)
    assert (record.state, record.note) == ("lost", "the claim expired: PROOF_MISSING")
    assert seen.submitted == []
    assert "LOST: 1 relays" in caplog.text
    database.close()


async def test_every_supplier_of_a_node_proves_its_own(chain: LocalChain, world: World) -> None:
    seen = InterposedChain(chain)
    addresses = [make_key(name).address for name in world.suppliers]
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=seen, suppliers=2) as bench:
        header = await bench.header()
        for address in addresses:
            for _ in range(4):
                await bench.post(await bench.relay(supplier=address))
        await bench.advance_to(header.height_end + SETTLED)
        records = await bench.claims.all()
    assert {record.supplier_address for record in records} == set(addresses)
    assert [record.state for record in records] == ["settled", "settled"]
    assert len({record.root for record in records}) == 2
    assert {proof.supplier_address for proof in seen.proofs} == set(addresses)


async def test_what_could_not_be_proven_is_not_claimed(
    chain: LocalChain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A relay of another supplier in the log: it would be slashed for, if it were asked for."""
    seen = InterposedChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=seen, suppliers=2) as bench:
        header = await bench.header()
        other = make_key(world.suppliers[1]).address
        await bench.post(await bench.relay(supplier=other))
        (foreign,) = await bench.relay_log.relays(header.session_id, other)
    database = open_node_database(None)
    await SqliteRelayLog(database).append(header, bench.supplier, foreign)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=seen, database=database) as bench:
        await bench.advance_to(header.height_end + SETTLED)
        record = await get_record(bench, header)
    assert record.state == "lost"
    assert record.note.startswith("not claimed: it could not be proven: the relay is for supplier pokt1")
    assert seen.submitted == []
    assert "LOST: 1 relays" in caplog.text
    database.close()


async def test_a_claim_worth_less_than_it_costs_is_not_sent(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    chain = await start_chain(world, params=make_params(proof_submission_fee=Upokt(7000)))
    seen = InterposedChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=seen) as bench:
        headers = []
        for relays in (2, 3):  # of 3000 upokt each
            headers.append(await bench.header())
            for _ in range(relays):
                await bench.ask()
            await bench.advance_to(headers[-1].height_end + 1)
        await bench.advance_to(headers[1].height_end + SETTLED)
        poor, rich = [await get_record(bench, header) for header in headers]
    assert (poor.state, rich.state) == ("lost", "settled")
    assert poor.note == "not claimed: it brings 6000 upokt and would cost 7000"
    assert {message.header for message in seen.submitted if isinstance(message, CreateClaim)} == {headers[1]}
    assert poor.note in caplog.text
    await chain.aclose()


async def test_a_ring_that_shrinks_by_another_grid_is_seen_as_the_chain_sees_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The live grid has the session's last height in a longer session, by whose end the gateway has left."""
    governor = make_key("governor")
    params = make_params()
    later = replace(params.shared, proof_window_open_offset_blocks=8)
    chain = await start_chain(world, params=replace(params, shared=later), governor="governor")
    application, gateway = make_key(world.application), make_key(world.gateway)
    seen = InterposedChain(chain)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=seen) as bench:
        header = await bench.header()
        await bench.ask()
        await chain.submit([UndelegateFromGateway(application.address, gateway.address)], application)
        await bench.advance_to(header.height_end + CLAIM_START)
        assert (await get_record(bench, header)).state == "claimed"
        assert "could not be proven now" not in caplog.text
        # Of a session from before its anchor the grid counts from height 1, in sessions of the new length.
        shared = (await chain.live_params()).shared
        await chain.submit(
            [make_update_params(governor.address, replace(shared, num_blocks_per_session=50))], governor
        )
        await bench.advance_to(header.height_end + SETTLED + 6)
        record = await get_record(bench, header)
    assert seen.proofs == [], "the chain would find it invalid and keep its fee"
    assert record.state == "lost"
    assert caplog.text.count("could not be proven now: 1 of the 2 keys") == 1
    assert caplog.text.count("the ring signature has a member that is not in") == 3
    await chain.aclose()


class InvalidChain(InterposedChain):
    """Says of a claim that was proven that its proof was invalid, as if its ring had been another one."""

    async def claim(self, *args: Any, **options: Any) -> Any:
        claim = await self.chain.claim(*args, **options)
        return replace(claim, proof_status=ProofStatus.INVALID) if claim and self.proofs else claim


async def test_a_proof_that_was_found_invalid_is_sent_again_only_once_the_ring_has_changed(
    chain: LocalChain, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    seen = InvalidChain(chain)
    application, other = make_key(world.application), make_key(world.suppliers[0])
    await chain.submit([StakeGateway(other.address, Upokt(world.gateway_stake))], other)
    async with run_node(EchoEngine(), chain=chain, world=world, seen_as=seen) as bench:
        header = await bench.header()
        await bench.ask()
        await bench.advance_to(header.height_end + SEED + 2)
        assert len(seen.proofs) == 1, "each one costs a fee"
        assert "2 blocks left: the chain found the proof invalid" in caplog.text
        await chain.submit([DelegateToGateway(application.address, other.address)], application)
        await bench.catch_up()
        first, *others = seen.proofs
        assert others == [first]


class SigningChain(InterposedChain):
    """Tells when a transaction of a kind is to be sent, and when it was signed."""

    def __init__(self, chain: LocalChain, kind: type[Message]) -> None:
        super().__init__(chain)
        self.kind = kind
        self.asked = anyio.Event()
        self.signed = anyio.Event()

    async def submit(self, messages: Sequence[Message], signer: Any, **options: Any) -> Any:
        keep_terms = options["on_signed"]
        self.asked.set()

        async def note(terms: TransactionTerms) -> None:
            await keep_terms(terms)
            if isinstance(messages[0], self.kind):
                self.signed.set()

        return await super().submit(messages, signer, **{**options, "on_signed": note})


async def starts_session(chain: LocalChain, world: World) -> bool:
    session = await chain.session(make_key(world.application).address, world.service.id)
    return session is not None and session.header.height_start == (await chain.head()).height


async def make_blocks(chain: LocalChain) -> None:
    """Make one block after another, each once nothing else is to be done."""
    while True:
        await anyio.wait_all_tasks_blocked()
        await chain.make_block()


@pytest.mark.parametrize("kind", [CreateClaim, SubmitProof])
async def test_of_a_transaction_that_waits_while_the_node_dies_there_is_one_in_the_blocks(
    world: World, kind: type[Message]
) -> None:
    database = open_node_database(None)
    genesis = make_genesis(world.names, params=make_params())
    chain = await LocalChain.open(None, genesis, gas_price_min=Fraction(1, 1000))
    signing, again = SigningChain(chain, kind), SigningChain(chain, kind)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(make_blocks, chain)
        await world.stake(chain.submit)
        tasks.cancel_scope.cancel()
    while not await starts_session(chain, world):
        await chain.make_block()
    async with run_node(EchoEngine(), chain=chain, world=world, database=database, seen_as=signing) as bench:
        header = await bench.header()
        await bench.ask()
        while not signing.signed.is_set():
            await chain.make_block()
            await anyio.wait_all_tasks_blocked()
        await anyio.wait_all_tasks_blocked()
        record = await get_record(bench, header)
        assert record.terms is not None
    async with anyio.create_task_group() as tasks:

        async def go_on() -> None:
            await again.asked.wait()
            await make_blocks(chain)

        tasks.start_soon(go_on)
        async with run_node(
            EchoEngine(), chain=chain, world=world, database=database, seen_as=again
        ) as second:
            await chain.wait_for(Height(header.height_end + SETTLED))
            await second.node.wait_done(Height(header.height_end + SETTLED))
            assert (await get_record(second, header)).state == "settled"
        tasks.cancel_scope.cancel()
    sent = [
        message
        for height in range(header.height_end, (await chain.head()).height + 1)
        for included in await chain.transactions(Height(height))
        for message in decode_transaction(included.raw).messages
        if isinstance(message, kind)
    ]
    assert len(sent) == 1
    assert again.terms[0] == record.terms
    await chain.aclose()
    database.close()
