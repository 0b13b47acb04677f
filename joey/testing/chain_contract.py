"""What every chain must do: derive a test class from `ChainContract` and open your chain in it.

```python
class TestMyChain(ChainContract):
    @asynccontextmanager
    async def open_chain(self, world: World) -> AsyncIterator[ChainUnderTest]:
        async with MyChain(...) as chain:
            yield ChainUnderTest(chain, make_blocks)
```

The suite asks for a chain of its own per test, on which the keys of `world.names` have a balance,
nothing is staked and no claim needs a proof. `make_blocks` waits until so many more blocks are there; a
submitted transaction must find a block without it. What proofs ask of a chain is in
`proving_chain_contract`, and what can be asked of any chain without changing it, such as a real network,
in `read_only_chain_contract`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, replace
from typing import Any, cast

import anyio
import anyio.lowlevel
import pytest

from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ChainUnavailable, TransactionRejected, WindowClosed
from joey.core.protocol.claims import Claim
from joey.core.protocol.difficulty import BASE_TARGET
from joey.core.protocol.events import (
    ClaimCreated,
    ClaimSettled,
    SupplyChanged,
)
from joey.core.protocol.sessions import (
    compute_session_end,
    compute_session_number,
    compute_session_start,
)
from joey.core.protocol.windows import compute_claim_window, compute_settlement_height
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.messages import (
    AddService,
    CreateClaim,
    DelegateToGateway,
    Message,
    Send,
    StakeApplication,
    UndelegateFromGateway,
)
from joey.core.wire.session import Application, Session
from joey.core.wire.transactions import (
    compute_transaction_hash,
    decode_transaction,
)
from joey.ports.chain import Block, Chain, TransactionResult, TransactionTerms
from joey.testing.worlds import World, make_key, make_trie_root

__all__ = ["ChainContract", "ChainUnderTest", "find_key"]

_PATIENCE_S = 60.0
_RELAYS = 25


@dataclass(frozen=True, slots=True)
class ChainUnderTest:
    """A chain, and how to make it go on by a number of blocks."""

    chain: Chain
    make_blocks: Callable[[int], Awaitable[None]]

    async def go_to(self, height: int) -> None:
        """Make blocks until the head is at least at a height."""
        missing = height - (await self.chain.head()).height
        if missing > 0:
            await self.make_blocks(missing)

    async def next_session(self, world: World) -> Session:
        """Go to the first block of the next session and return it."""
        head = (await self.chain.head()).height
        shared = (await self.chain.params_at(head)).shared
        await self.go_to(compute_session_end(head, shared) + 1)
        session = await self.chain.session(make_key(world.application).address, world.service.id)
        assert session is not None
        return session


def find_key(world: World, address: str) -> PrivateKey:
    """Return the key of a world's supplier."""
    return next(key for key in map(make_key, world.suppliers) if key.address == address)


class _StoppedError(Exception):
    """Stands for a process that ends between signing and sending."""


class _Signed:
    """Keeps the terms that it is told of. `is_last`: it is never heard of again."""

    def __init__(self, *, is_last: bool = False) -> None:
        self.terms: list[TransactionTerms] = []
        self._is_last = is_last

    async def note(self, terms: TransactionTerms) -> None:
        self.terms.append(terms)
        await anyio.lowlevel.checkpoint()
        if self._is_last:
            raise _StoppedError


@pytest.mark.anyio
class ChainContract:
    """The suite."""

    @abstractmethod
    def open_chain(self, world: World) -> AbstractAsyncContextManager[ChainUnderTest]:
        """Return a chain at its beginning, closed when the context is left."""

    async def test_the_head_is_a_block(self) -> None:
        """The head can be asked for by height, and nothing lies beyond it."""
        async with self.open_chain(World.of_service()) as under_test:
            await under_test.make_blocks(3)
            chain = under_test.chain
            head = await chain.head()
            assert head.height >= 3
            assert len(head.hash) == 32
            assert head.time.utcoffset() is not None
            assert await chain.block(head.height) == head
            before = await chain.block(Height(head.height - 1))
            assert before is not None
            assert before.time < head.time
            assert before.hash != head.hash
            assert await chain.block(Height(head.height + 1_000_000)) is None

    async def test_followers_miss_no_block(self) -> None:
        """A follower begins with the head and sees every block after it, also those it was slow for."""
        async with self.open_chain(World.of_service()) as under_test:
            head = await under_test.chain.head()
            seen: list[Block] = []
            async with aclosing(cast(Any, under_test.chain.follow())) as blocks:
                with anyio.fail_after(_PATIENCE_S):
                    async for block in blocks:
                        seen.append(block)
                        if len(seen) == 1:
                            await under_test.make_blocks(3)
                        if len(seen) == 4:
                            break
            assert seen[0] == head
            assert [block.height for block in seen] == list(range(head.height, head.height + 4))
            for block in seen:
                assert await under_test.chain.block(block.height) == block

    async def test_a_follower_waits_for_the_next_block(self) -> None:
        """A follower that has seen all is woken by the next block."""
        async with self.open_chain(World.of_service()) as under_test:
            seen = anyio.Event()

            async def follow() -> None:
                async with aclosing(cast(Any, under_test.chain.follow())) as blocks:
                    async for block in blocks:
                        if block.height > head.height:
                            seen.set()
                            return

            head = await under_test.chain.head()
            with anyio.fail_after(_PATIENCE_S):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(follow)
                    await anyio.lowlevel.checkpoint()
                    await under_test.make_blocks(1)
                    await seen.wait()

    async def test_what_does_not_exist_is_none(self) -> None:
        """Unknown names are `None`, never an exception, and unknown accounts are empty."""
        async with self.open_chain(World.of_service()) as under_test:
            chain, stranger = under_test.chain, make_key("stranger").address
            assert await chain.application(stranger) is None
            assert await chain.supplier(stranger) is None
            assert await chain.service("nothing") is None
            assert await chain.compute_units_at("nothing", Height(1)) is None
            assert await chain.public_key(stranger) is None
            assert await chain.balance(stranger) == 0
            assert await chain.claim("00" * 32, stranger) is None
            assert await chain.session(stranger, "nothing") is None
            assert await chain.difficulty_at("nothing", Height(1)) == BASE_TARGET

    async def test_payments_move_and_keys_become_known(self) -> None:
        """A payment is in the block that the result names; the sender's key is then on the chain."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain = under_test.chain
            sender, recipient = make_key(world.application), make_key("stranger").address
            before, supply = await chain.balance(sender.address), await chain.supply()
            assert await chain.public_key(sender.address) is None
            result = await chain.submit([Send(sender.address, recipient, Upokt(123))], sender)
            assert (await chain.head()).height >= result.height
            assert len(bytes.fromhex(result.hash)) == 32
            assert result.hash == result.hash.upper()
            assert await chain.balance(recipient) == 123
            assert await chain.balance(sender.address) <= before - 123
            assert await chain.public_key(sender.address) == sender.public_key
            assert await chain.public_key(recipient) is None
            assert await chain.supply() == supply

    async def test_a_refused_message_undoes_its_transaction(self) -> None:
        """Messages before the refused one have no effect either, and the account can go on."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain = under_test.chain
            sender, recipient = make_key(world.application), make_key("stranger").address
            balance = await chain.balance(sender.address)
            messages = [
                Send(sender.address, recipient, Upokt(1)),
                Send(sender.address, recipient, Upokt(balance)),
            ]
            with pytest.raises(TransactionRejected) as refusal:
                await chain.submit(messages, sender)
            assert refusal.value.fields["codespace"]
            assert refusal.value.fields["tx_code"]
            assert await chain.balance(recipient) == 0
            await chain.submit(messages[:1], sender)
            assert await chain.balance(recipient) == 1

    async def test_only_the_signer_may_act(self) -> None:
        """A key cannot spend from another's account."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            victim, thief = make_key(world.application), make_key(world.gateway)
            before = await under_test.chain.balance(victim.address)
            with pytest.raises(TransactionRejected):
                await under_test.chain.submit([Send(victim.address, thief.address, Upokt(1))], thief)
            assert await under_test.chain.balance(victim.address) == before

    async def test_one_key_may_submit_many_at_once(self) -> None:
        """Transactions sent side by side by one account all find their place, whoever fails."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain = under_test.chain
            sender, recipient = make_key(world.application), make_key("stranger").address
            refused: list[int] = []

            async def pay(amount: int) -> None:
                try:
                    await chain.submit([Send(sender.address, recipient, Upokt(amount))], sender)
                except TransactionRejected:
                    refused.append(amount)

            with anyio.fail_after(_PATIENCE_S):
                async with anyio.create_task_group() as tasks:
                    for amount in (1, 10**18, 2, 4, 10**18 + 1, 8):
                        tasks.start_soon(pay, amount)
            assert sorted(refused) == [10**18, 10**18 + 1]
            assert await chain.balance(recipient) == 15

    async def test_staking_makes_a_session(self) -> None:
        """What is staked is on the chain, and suppliers are drawn from the next session on."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain = under_test.chain
            await world.stake(chain.submit)
            application = await chain.application(make_key(world.application).address)
            assert application is not None
            assert application.service_id == world.service.id
            assert application.stake == world.application_stake
            assert application.delegated_gateways == (make_key(world.gateway).address,)
            assert await chain.service(world.service.id) == world.service
            session = await under_test.next_session(world)
            head = await chain.head()
            shared = (await chain.params_at(head.height)).shared
            assert session.header.height_start == compute_session_start(head.height, shared)
            assert session.header.height_end == compute_session_end(head.height, shared)
            assert session.number == compute_session_number(head.height, shared)
            assert session.blocks_per_session == shared.num_blocks_per_session
            assert session.application == application
            drawn = {supplier.operator_address for supplier in session.suppliers}
            assert drawn == {make_key(name).address for name in world.suppliers}
            for supplier in session.suppliers:
                assert [config.service_id for config in supplier.services] == [world.service.id]
                assert supplier.config_history == ()
                known = await chain.supplier(supplier.operator_address)
                assert known is not None
                assert known.services == supplier.services

    async def test_a_session_stays_what_it_was(self) -> None:
        """A session is the same at each of its heights, and still when the next ones run."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain, application = under_test.chain, make_key(world.application).address
            await world.stake(chain.submit)
            session = await under_test.next_session(world)
            header = session.header
            end = (await chain.params_at(header.height_end)).shared
            await under_test.go_to(compute_settlement_height(header.height_end, end))
            for height in range(header.height_start, header.height_end + 1):
                assert await chain.session(application, world.service.id, Height(height)) == session
            after = await chain.session(application, world.service.id, Height(header.height_end + 1))
            assert after is not None
            assert after.header.session_id != header.session_id
            assert after.number == session.number + 1

    async def test_no_session_is_ahead_of_the_chain(self) -> None:
        """A session of a height that no block has cannot be known."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            await world.stake(under_test.chain.submit)
            ahead = Height((await under_test.chain.head()).height + 1000)
            application = make_key(world.application).address
            with pytest.raises(ChainUnavailable):
                await under_test.chain.session(application, world.service.id, ahead)

    async def test_there_is_no_session_for_another_service(self) -> None:
        """An application has sessions for the service that it is staked for."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            await world.stake(under_test.chain.submit)
            await under_test.next_session(world)
            other = replace(world.service, id="other")
            owner = make_key(world.service_owner)
            await under_test.chain.submit([AddService(owner.address, other)], owner)
            application = make_key(world.application).address
            assert await under_test.chain.session(application, "other") is None

    async def test_a_price_changes_with_the_next_session(self) -> None:
        """The session in which a price is changed keeps the old one."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain, owner = under_test.chain, make_key(world.service_owner)
            await world.stake(chain.submit)
            session = await under_test.next_session(world)
            dearer = replace(world.service, compute_units_per_relay=ComputeUnits(3001))
            await chain.submit([AddService(owner.address, dearer)], owner)
            start, end = session.header.height_start, session.header.height_end
            assert await chain.compute_units_at(world.service.id, start) == 3000
            assert await chain.compute_units_at(world.service.id, end) == 3000
            assert await chain.compute_units_at(world.service.id, Height(end + 1)) == 3001

    async def test_a_delegation_can_be_taken_back(self) -> None:
        """The gateway stays in the ring up to the end of the session."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain, key, gateway = under_test.chain, make_key(world.application), make_key(world.gateway)
            await world.stake(chain.submit)
            session = await under_test.next_session(world)
            with pytest.raises(TransactionRejected):
                await chain.submit([DelegateToGateway(key.address, gateway.address)], key)
            await chain.submit([UndelegateFromGateway(key.address, gateway.address)], key)
            application = await chain.application(key.address)
            assert application is not None
            assert application.delegated_gateways == ()
            assert application.pending_undelegations == {session.header.height_end: (gateway.address,)}

    async def test_a_stake_can_only_grow(self) -> None:
        """Staking the same amount again is refused; a larger one takes the difference."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain, key = under_test.chain, make_key(world.application)
            await world.stake(chain.submit)
            stake = world.application_stake
            with pytest.raises(TransactionRejected):
                await chain.submit([StakeApplication(key.address, stake, world.service.id)], key)
            before = await chain.balance(key.address)
            more = Upokt(stake + 5)
            await chain.submit([StakeApplication(key.address, more, world.service.id)], key)
            application = await chain.application(key.address)
            assert application is not None
            assert application.stake == more
            assert await chain.balance(key.address) <= before - 5

    async def test_claims_are_settled(self) -> None:
        """Claims made in their window are paid at their height: burned, minted and told of."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain = under_test.chain
            await world.stake(chain.submit)
            session = await under_test.next_session(world)
            header = session.header
            shared = (await chain.params_at(header.height_end)).shared
            await under_test.go_to(compute_claim_window(header.height_end, shared).open - 1)
            claims = []
            for supplier in session.suppliers:
                key = find_key(world, supplier.operator_address)
                root = make_trie_root(key.address, _RELAYS, world.service.compute_units_per_relay)
                message = CreateClaim(key.address, header, root)
                result = await chain.submit([message], key)
                (created,) = result.events
                assert isinstance(created, ClaimCreated)
                assert created.header == header
                assert created.num_relays == _RELAYS
                assert not created.updated
                claims.append(Claim(key.address, header, root))
                assert await chain.claim(header.session_id, key.address) == claims[-1]
            supply = await chain.supply()
            stake = (await _require_application(chain, world)).stake
            height = compute_settlement_height(header.height_end, shared)
            await under_test.go_to(height)
            events = await chain.events(height)
            settled = [event for event in events if isinstance(event, ClaimSettled)]
            (change,) = (event for event in events if isinstance(event, SupplyChanged))
            assert {event.supplier_address for event in settled} == {
                claim.supplier_address for claim in claims
            }
            for event in settled:
                assert event.settled > 0
                assert event.minted <= event.settled
                paid = sum(reward.amount for reward in event.rewards) + event.validators
                assert paid == event.minted + event.inflation
            burned = sum(event.settled for event in settled)
            minted = sum(event.minted + event.inflation for event in settled)
            assert (change.burned, change.minted) == (burned, minted)
            assert await chain.supply() == supply - burned + minted == change.supply
            debited = sum(event.settled + event.reimbursed for event in settled)
            assert (await _require_application(chain, world)).stake == stake - debited
            for claim in claims:
                assert await chain.claim(header.session_id, claim.supplier_address) is None

    async def test_claims_are_refused_outside_of_their_window(self) -> None:
        """A claim for a session that still runs is refused, and so is a forged one in the window."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain = under_test.chain
            await world.stake(chain.submit)
            session = await under_test.next_session(world)
            header = session.header
            key = find_key(world, session.suppliers[0].operator_address)
            root = make_trie_root(key.address, _RELAYS, world.service.compute_units_per_relay)
            good = CreateClaim(key.address, header, root)
            await self._expect_refusal(chain, good, key)
            shared = (await chain.params_at(header.height_end)).shared
            await under_test.go_to(compute_claim_window(header.height_end, shared).open - 1)
            stranger = make_key(world.gateway)
            forgeries: list[tuple[CreateClaim, PrivateKey]] = [
                (replace(good, root=b""), key),
                (replace(good, root=bytes(48)), key),
                (replace(good, root=make_trie_root("heavy", 2, ComputeUnits(3001))), key),
                (replace(good, header=replace(header, session_id="00" * 32)), key),
                (replace(good, supplier_address=stranger.address), stranger),
            ]
            for forged, signer in forgeries:
                await self._expect_refusal(chain, forged, signer)
            await under_test.go_to(compute_claim_window(header.height_end, shared).close)
            await self._expect_refusal(chain, good, key)
            assert await chain.claim(header.session_id, key.address) is None

    async def test_the_later_claim_counts(self) -> None:
        """A second claim in the window replaces the first, and says so."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain = under_test.chain
            await world.stake(chain.submit)
            session = await under_test.next_session(world)
            header = session.header
            key = find_key(world, session.suppliers[0].operator_address)
            shared = (await chain.params_at(header.height_end)).shared
            await under_test.go_to(compute_claim_window(header.height_end, shared).open - 1)
            units = world.service.compute_units_per_relay
            for relays, updated in ((1, False), (2, True)):
                root = make_trie_root(key.address, relays, units)
                result = await chain.submit([CreateClaim(key.address, header, root)], key)
                (event,) = result.events
                assert isinstance(event, ClaimCreated)
                assert event.updated is updated
            claim = await chain.claim(header.session_id, key.address)
            assert claim is not None
            assert claim.relays == 2

    async def test_parameters_are_those_of_a_height(self) -> None:
        """The live parameters are whole, and those of a height that has passed stay what they were."""
        async with self.open_chain(World.of_service()) as under_test:
            chain = under_test.chain
            head = (await chain.head()).height
            live = await chain.live_params()
            assert await chain.live_params(head) == live
            assert (await chain.params_at(head)).shared == live.shared
            await under_test.make_blocks(3)
            assert await chain.live_params(head) == live
            assert (await chain.params_at(head)).shared == live.shared
            assert live.proof.proof_missing_penalty >= 0

    async def test_lists_are_whole_and_in_order(self) -> None:
        """Everything that is staked is listed, by name, and filters let through what they say."""
        world = World.of_service(suppliers=3)
        async with self.open_chain(world) as under_test:
            chain = under_test.chain
            assert await chain.applications() == ()
            assert await chain.suppliers() == ()
            assert await chain.services() == ()
            await world.stake(chain.submit)
            await under_test.next_session(world)
            application = await _require_application(chain, world)
            gateway = make_key(world.gateway).address
            assert await chain.applications() == await chain.applications(gateway) == (application,)
            assert await chain.applications(application.address) == ()
            staked = await chain.gateway(gateway)
            assert staked is not None
            assert (staked.address, staked.stake) == (gateway, world.gateway_stake)
            assert await chain.gateway(application.address) is None
            suppliers = await chain.suppliers()
            addresses = [supplier.operator_address for supplier in suppliers]
            assert addresses == sorted(make_key(name).address for name in world.suppliers)
            of_service = await chain.suppliers(world.service.id)
            assert [supplier.operator_address for supplier in of_service] == addresses
            assert await chain.suppliers("nothing") == ()
            assert await chain.services() == (world.service,)

    async def test_the_past_can_be_asked_for(self) -> None:
        """A height that has passed shows what stood there then; one ahead cannot be known."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain = under_test.chain
            sender, recipient = make_key(world.application), make_key("stranger").address
            await under_test.make_blocks(1)
            before = (await chain.head()).height
            supply = await chain.supply()
            first = await chain.submit([Send(sender.address, recipient, Upokt(1))], sender)
            second = await chain.submit([Send(sender.address, recipient, Upokt(2))], sender)
            await world.stake(chain.submit)
            after = (await chain.head()).height
            assert await chain.balance(recipient, before) == 0
            assert await chain.balance(recipient, first.height) == 1
            assert await chain.balance(recipient, second.height) == 3
            assert await chain.supply(before) == supply
            assert await chain.application(sender.address, before) is None
            assert await chain.service(world.service.id, before) is None
            assert await chain.applications(height=before) == ()
            assert await chain.application(sender.address, after) == await chain.application(sender.address)
            ahead = Height(after + 1000)
            with pytest.raises(ChainUnavailable):
                await chain.balance(recipient, ahead)
            with pytest.raises(ChainUnavailable):
                await chain.live_params(ahead)

    async def test_transactions_can_be_found(self) -> None:
        """A transaction is found by its hash and in its block, with the bytes that were signed."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain, sender = under_test.chain, make_key(world.application)
            messages = [Send(sender.address, make_key("stranger").address, Upokt(7))]
            result = await chain.submit(messages, sender)
            found = await chain.transaction(result.hash)
            assert found is not None
            assert found in await chain.transactions(result.height)
            assert (found.hash, found.height, found.code) == (result.hash, result.height, 0)
            assert compute_transaction_hash(found.raw) == result.hash
            assert list(decode_transaction(found.raw).messages) == messages
            assert await chain.transaction("00" * 32) is None
            assert await chain.transactions(Height(result.height + 1_000_000)) == ()
            assert await chain.events(Height(result.height + 1_000_000)) == ()

    async def test_a_timeout_that_has_passed_is_told(self) -> None:
        """No transaction is sent for a block that is made already; one in time finds its block."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain, sender = under_test.chain, make_key(world.application)
            recipient = make_key("stranger").address
            messages = [Send(sender.address, recipient, Upokt(7))]
            await under_test.make_blocks(2)
            head = (await chain.head()).height
            with pytest.raises(WindowClosed):
                await chain.submit(messages, sender, timeout_height=head)
            assert await chain.balance(recipient) == 0
            timeout_height = Height(head + 100)
            result = await chain.submit(messages, sender, timeout_height=timeout_height)
            found = await chain.transaction(result.hash)
            assert found is not None
            assert decode_transaction(found.raw).timeout_height in (0, timeout_height)
            assert await chain.balance(recipient) == 7

    async def test_terms_of_a_transaction_in_a_block_bring_its_result(self) -> None:
        """Who submits again with the terms that it was told of is told what came of them; nothing is sent."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain, sender = under_test.chain, make_key(world.application)
            recipient = make_key("stranger").address
            messages, signed = [Send(sender.address, recipient, Upokt(7))], _Signed()
            result = await chain.submit(messages, sender, on_signed=signed.note)
            count = len(signed.terms)
            await under_test.make_blocks(3)
            await chain.submit([Send(sender.address, recipient, Upokt(1))], sender)
            again = await chain.submit(messages, sender, on_signed=signed.note, terms=signed.terms[-1])
            assert again == result
            assert len(signed.terms) == count
            assert await chain.balance(recipient) == 8

    async def test_the_same_terms_are_one_transaction(self) -> None:
        """Signed, told of and not sent: however often it is submitted, it takes effect once."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain, sender = under_test.chain, make_key(world.application)
            recipient = make_key("stranger").address
            messages, signed = [Send(sender.address, recipient, Upokt(7))], _Signed(is_last=True)
            with pytest.raises(_StoppedError):
                await chain.submit(messages, sender, on_signed=signed.note)
            (terms,) = signed.terms
            assert await chain.balance(recipient) == 0
            results: list[TransactionResult] = []

            async def submit() -> None:
                results.append(await chain.submit(messages, sender, on_signed=signed.note, terms=terms))

            with anyio.fail_after(_PATIENCE_S):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(submit)
                    tasks.start_soon(submit)
            await submit()
            assert len(results) == 3
            assert len({result.hash for result in results}) == 1
            assert await chain.balance(recipient) == 7
            raw = (await chain.transactions(results[0].height))[0].raw
            assert decode_transaction(raw).signers[0].sequence == terms.sequence

    async def test_terms_whose_timeout_has_passed_are_signed_anew(self) -> None:
        """Unless the caller's own timeout has passed as well."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain, sender = under_test.chain, make_key(world.application)
            recipient = make_key("stranger").address
            messages, signed = [Send(sender.address, recipient, Upokt(7))], _Signed(is_last=True)
            timeout_height = Height((await chain.head()).height + 2)
            with pytest.raises(_StoppedError):
                await chain.submit(messages, sender, timeout_height=timeout_height, on_signed=signed.note)
            (terms,) = signed.terms
            assert terms.timeout_height == timeout_height
            await under_test.make_blocks(3)
            with pytest.raises(WindowClosed):
                await chain.submit(messages, sender, timeout_height=timeout_height, terms=terms)
            anew = _Signed()
            result = await chain.submit(messages, sender, on_signed=anew.note, terms=terms)
            assert len(anew.terms) == 1
            assert anew.terms[0] != terms
            assert await chain.balance(recipient) == 7
            assert await chain.submit(messages, sender, terms=anew.terms[0]) == result
            assert await chain.balance(recipient) == 7

    async def test_terms_whose_sequence_another_has_used_are_signed_anew(self) -> None:
        """Then the first can be in no block any more."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain, sender = under_test.chain, make_key(world.application)
            recipient = make_key("stranger").address
            messages, signed = [Send(sender.address, recipient, Upokt(7))], _Signed(is_last=True)
            with pytest.raises(_StoppedError):
                await chain.submit(messages, sender, on_signed=signed.note)
            await chain.submit([Send(sender.address, recipient, Upokt(1))], sender)
            await under_test.make_blocks(2)
            anew = _Signed()
            await chain.submit(messages, sender, on_signed=anew.note, terms=signed.terms[0])
            assert len(anew.terms) == 1
            assert anew.terms[0].sequence > signed.terms[0].sequence
            assert await chain.balance(recipient) == 8

    async def test_what_is_signed_side_by_side_is_told_of_each(self) -> None:
        """Whoever sends many at once is told terms that differ, of each that found a block."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain, sender = under_test.chain, make_key(world.application)
            recipient, signed = make_key("stranger").address, _Signed()

            async def pay(amount: int) -> None:
                await chain.submit(
                    [Send(sender.address, recipient, Upokt(amount))], sender, on_signed=signed.note
                )

            with anyio.fail_after(_PATIENCE_S):
                async with anyio.create_task_group() as tasks:
                    for amount in (1, 2, 4, 8):
                        tasks.start_soon(pay, amount)
            assert await chain.balance(recipient) == 15
            assert len({terms.sequence for terms in signed.terms}) == 4

    async def test_a_fee_can_be_known_before(self) -> None:
        """What would be refused has no fee; what would not costs at most what was said."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain, sender = under_test.chain, make_key(world.application)
            recipient = make_key("stranger").address
            before = await chain.balance(sender.address)
            fee = await chain.estimate_fee([Send(sender.address, recipient, Upokt(7))], sender)
            assert fee.gas >= 0
            assert fee.amount >= 0
            assert await chain.balance(sender.address) == before
            with pytest.raises(TransactionRejected):
                await chain.estimate_fee([Send(sender.address, recipient, Upokt(before + 1))], sender)
            await chain.submit([Send(sender.address, recipient, Upokt(7))], sender)
            assert await chain.balance(sender.address) >= before - 7 - fee.amount

    async def test_claims_can_be_listed(self) -> None:
        """All claims that are not settled, by session and supplier, and those of one of each."""
        world = World.of_service()
        async with self.open_chain(world) as under_test:
            chain = under_test.chain
            await world.stake(chain.submit)
            session = await under_test.next_session(world)
            header = session.header
            shared = (await chain.params_at(header.height_end)).shared
            await under_test.go_to(compute_claim_window(header.height_end, shared).open - 1)
            before = (await chain.head()).height
            claims = []
            for supplier in session.suppliers:
                key = find_key(world, supplier.operator_address)
                root = make_trie_root(key.address, _RELAYS, world.service.compute_units_per_relay)
                await chain.submit([CreateClaim(key.address, header, root)], key)
                claims.append(Claim(key.address, header, root))
            claims.sort(key=lambda claim: claim.supplier_address)
            assert await chain.claims() == tuple(claims)
            assert await chain.claims(session_id=header.session_id) == tuple(claims)
            assert await chain.claims(height_session_end=header.height_end) == tuple(claims)
            assert await chain.claims(supplier=claims[0].supplier_address) == (claims[0],)
            assert await chain.claims(session_id="00" * 32) == ()
            assert await chain.claims(height_session_end=Height(header.height_end + 1)) == ()
            assert await chain.claims(height=before) == ()
            assert await chain.claim(header.session_id, claims[0].supplier_address, before) is None

    async def _expect_refusal(self, chain: Chain, message: Message, key: PrivateKey) -> None:
        with pytest.raises(TransactionRejected):
            await chain.submit([message], key)


async def _require_application(chain: Chain, world: World) -> Application:
    application = await chain.application(make_key(world.application).address)
    assert application is not None
    return application
