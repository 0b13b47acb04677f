"""No message takes effect twice, whatever full nodes do. Blocks are made by hand, never by a clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from fractions import Fraction

import anyio
import anyio.lowlevel
import pytest

from joey.adapters.chains.shannon import open_shannon_chain
from joey.adapters.chains.shannon.broadcasting import broadcast_to_all
from joey.adapters.chains.shannon.chain import ShannonChain
from joey.adapters.chains.shannon.lane import Sent
from joey.core.errors import ChainUnavailable, TransactionRejected, WindowClosed
from joey.core.units import Height, Upokt
from joey.core.wire.messages import Send
from joey.core.wire.transactions import compute_transaction_hash, decode_transaction, sign_transaction
from joey.ports.chain import Fee, TransactionResult, TransactionTerms
from joey.testing.full_node_double import (
    GAS_USED,
    BroadcastFault,
    ScriptedNetwork,
    ScriptedNode,
    Verdict,
    serve_node,
)
from joey.testing.worlds import make_key

pytestmark = pytest.mark.anyio

KEY = make_key("sender")
RECIPIENT = make_key("recipient").address
PATIENCE_S = 30.0


def pay(amount: int = 1) -> list[Send]:
    return [Send(KEY.address, RECIPIENT, Upokt(amount))]


class Bench:
    """A network, its nodes, and a chain over them. Submissions run beside the test."""

    def __init__(self, network: ScriptedNetwork, chain: ShannonChain) -> None:
        self.network = network
        self.chain = chain
        self.nodes = network.nodes
        self.results: list[TransactionResult] = []
        self.errors: list[Exception] = []
        self.signed: list[TransactionTerms] = []

    async def submit(
        self, messages: list[Send], timeout_height: int = 0, terms: TransactionTerms | None = None
    ) -> None:
        try:
            result = await self.chain.submit(
                messages, KEY, timeout_height=Height(timeout_height), on_signed=self.note, terms=terms
            )
        except (ChainUnavailable, TransactionRejected, WindowClosed) as error:
            self.errors.append(error)
        else:
            self.results.append(result)
        self.network.tell()

    async def note(self, terms: TransactionTerms) -> None:
        self.signed.append(terms)

    async def wait_received(self, count: int, node: int = 0) -> None:
        await self.network.wait_until(lambda: len(self.nodes[node].received) >= count)

    async def wait_ended(self, count: int = 1) -> None:
        await self.network.wait_until(lambda: len(self.results) + len(self.errors) >= count)


@asynccontextmanager
async def open_bench(
    nodes: int = 1, *, unordered: bool = False, gas_price: str = "0.000001"
) -> AsyncIterator[Bench]:
    network = ScriptedNetwork(KEY)
    with anyio.fail_after(PATIENCE_S):
        async with AsyncExitStack() as stack:
            for _ in range(nodes):
                await stack.enter_async_context(serve_node(ScriptedNode(network)))
            yield await stack.enter_async_context(
                open_process(network, unordered=unordered, gas_price=gas_price)
            )


@asynccontextmanager
async def open_process(
    network: ScriptedNetwork, *, unordered: bool = False, gas_price: str = "0.000001"
) -> AsyncIterator[Bench]:
    """Open the network once more, as another process would that knows nothing of the first."""
    async with open_shannon_chain(
        [node.grpc_url for node in network.nodes],
        [node.rpc_url for node in network.nodes],
        gas_price=Fraction(gas_price),
        request_timeout_s=0.4,
        poll_interval_s=0.02,
        unordered=unordered,
    ) as chain:
        yield Bench(network, chain)


async def test_a_transaction_is_priced_sent_and_found_in_its_block() -> None:
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        tasks.start_soon(bench.submit, pay())
        await bench.wait_received(1)
        block = bench.network.make_block()
        await bench.wait_ended()
        (raw,) = bench.network.included
        sent = decode_transaction(raw)
        assert bench.results == [TransactionResult(compute_transaction_hash(raw), block.height)]
        assert sent.gas_limit == GAS_USED * 17 // 10
        assert sent.fee == 1
        assert sent.signers[0].sequence == 0
        assert sent.timeout_height > block.height


@pytest.mark.parametrize(("price", "amount"), [("0", 0), ("0.000001", 1), ("0.001", 170), ("0.0011", 187)])
async def test_a_fee_is_rounded_up_and_nothing_only_where_gas_is_free(price: str, amount: int) -> None:
    async with open_bench(gas_price=price) as bench:
        assert await bench.chain.estimate_fee(pay(), KEY) == Fee(170_000, Upokt(amount))
        assert bench.network.received == ()


@pytest.mark.parametrize(
    "fault", [BroadcastFault.DROP_AFTER, BroadcastFault.DROP_BEFORE, BroadcastFault.LATE]
)
async def test_a_node_that_does_not_answer_is_sent_the_same_bytes_again(fault: BroadcastFault) -> None:
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        bench.nodes[0].faults.append(fault)
        tasks.start_soon(bench.submit, pay())
        await bench.wait_received(2)
        bench.network.make_block()
        await bench.wait_ended()
        assert len(bench.results) == 1
        assert len(bench.network.received) == len(bench.network.included) == 1


async def test_another_node_is_sent_the_same_bytes() -> None:
    async with open_bench(nodes=2) as bench, anyio.create_task_group() as tasks:
        bench.nodes[0].faults.append(BroadcastFault.DROP_AFTER)
        tasks.start_soon(bench.submit, pay())
        await bench.wait_received(1, node=1)
        bench.network.make_block()
        await bench.wait_ended()
        assert len(bench.network.received) == len(bench.network.included) == len(bench.results) == 1


async def test_a_restarted_node_is_sent_what_it_forgot() -> None:
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        for amount in (1, 2, 3):
            tasks.start_soon(bench.submit, pay(amount))
            await bench.wait_received(amount)
        (node,) = bench.nodes
        before = list(node.received)
        node.restart()
        bench.network.make_blocks(2)
        await bench.wait_received(6)
        assert node.received[3:6] == before
        bench.network.make_block()
        await bench.wait_ended(3)
        assert list(bench.network.included) == before
        assert len(bench.results) == 3


async def test_a_lie_about_knowing_it_costs_the_timeout_and_no_more() -> None:
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        bench.nodes[0].faults.extend([BroadcastFault.LIE] * 1000)
        tasks.start_soon(bench.submit, pay())
        await bench.wait_received(1)
        timeout = decode_transaction(bench.network.received[0]).timeout_height
        while bench.network.height < timeout - 1:
            head = bench.network.make_block()
            await bench.chain.watcher.wait_beyond(Height(head.height - 1))
        assert len(bench.network.received) == 1
        bench.nodes[0].faults.clear()
        # Whatever the node does now: the first can still land in the one block that is left to it.
        count = len(bench.nodes[0].received)
        assert bench.nodes[0].mempool == []
        bench.network.make_block()
        await bench.network.wait_until(lambda: len(bench.network.received) == 2)
        first, second = map(decode_transaction, bench.network.received)
        assert bench.network.height >= first.timeout_height
        assert second.messages == first.messages
        assert second.timeout_height > first.timeout_height
        assert len(bench.nodes[0].received) > count
        bench.network.make_block()
        await bench.wait_ended()
        assert list(bench.network.included) == list(bench.network.received)[1:]
        assert len(bench.results) == 1


async def test_a_refusal_after_silence_is_no_licence_to_sign_again() -> None:
    """The first node took it and fell silent; a block has it; the second says that the sequence is used."""
    async with open_bench(nodes=2) as bench, anyio.create_task_group() as tasks:
        first, second = bench.nodes
        first.faults.append(BroadcastFault.LATE)
        tasks.start_soon(bench.submit, pay())
        await bench.wait_received(1)
        bench.network.make_block()
        await bench.wait_ended()
        assert second.received[0] == first.received[0]
        assert len(bench.network.received) == len(bench.network.included) == len(bench.results) == 1


async def test_a_sequence_that_somebody_else_used_frees_the_messages() -> None:
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        (node,) = bench.nodes
        node.faults.append(BroadcastFault.DROP_BEFORE)
        tasks.start_soon(bench.submit, pay())
        await bench.wait_received(1)
        foreign = sign_transaction(
            pay(99), KEY, chain_id="joey-test", account_number=0, sequence=0, timeout_height=Height(50)
        )
        node.restart()
        bench.network.make_block(foreign)
        bench.network.make_blocks(2)
        await bench.network.wait_until(lambda: len(bench.network.received) == 2)
        bench.network.make_block()
        await bench.wait_ended()
        assert [decode_transaction(raw).signers[0].sequence for raw in bench.network.included] == [0, 1]
        amounts = [decode_transaction(raw).messages for raw in bench.network.included]
        assert amounts == [tuple(pay(99)), tuple(pay())]


async def test_a_wrong_sequence_is_asked_for_again() -> None:
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        await bench.chain.estimate_fee(pay(), KEY)
        foreign = sign_transaction(pay(99), KEY, chain_id="joey-test", account_number=0, sequence=0)
        bench.network.make_block(foreign)
        tasks.start_soon(bench.submit, pay())
        await bench.wait_received(2)
        bench.network.make_block()
        await bench.wait_ended()
        assert decode_transaction(bench.network.included[-1]).signers[0].sequence == 1


async def test_a_definite_refusal_is_told_and_its_sequence_used_again() -> None:
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        bench.nodes[0].refusals.append(Verdict(13, "sdk", "insufficient fees; got: 1upokt: insufficient fee"))
        await bench.submit(pay())
        (error,) = bench.errors
        assert isinstance(error, TransactionRejected)
        assert (error.fields["codespace"], error.fields["tx_code"]) == ("sdk", 13)
        assert error.fields["reason"] == "insufficient_funds"
        assert error.fields["height"] is None
        tasks.start_soon(bench.submit, pay(2))
        await bench.wait_received(2)
        bench.network.make_block()
        await bench.wait_ended(2)
        assert decode_transaction(bench.network.included[0]).signers[0].sequence == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("current block height 9 is less than session claim window open height 10", "claim_window"),
        ("proof attempted outside of the session's proof window", "proof_window"),
        ("proof not required", "proof_not_required"),
        ("spendable balance 1upokt is smaller than 2upokt: insufficient funds", "insufficient_funds"),
        ("something else", ""),
    ],
)
async def test_a_message_that_failed_in_its_block_is_a_refusal(text: str, reason: str) -> None:
    log = f"failed to execute message; message index: 0: rpc error: code = FailedPrecondition desc = {text}"
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        bench.network.verdict = Verdict(1, "undefined", log)
        tasks.start_soon(bench.submit, pay())
        await bench.wait_received(1)
        block = bench.network.make_block()
        await bench.wait_ended()
        (error,) = bench.errors
        assert isinstance(error, TransactionRejected)
        assert str(error) == error.fields["log"] == log
        assert (error.fields["codespace"], error.fields["tx_code"]) == ("undefined", 1)
        assert error.fields["reason"] == reason
        assert error.fields["height"] == block.height
        bench.network.verdict = Verdict()
        tasks.start_soon(bench.submit, pay())
        await bench.wait_received(2)
        bench.network.make_block()
        await bench.wait_ended(2)
        assert decode_transaction(bench.network.included[-1]).signers[0].sequence == 1


async def test_a_timeout_that_passes_is_told() -> None:
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        bench.nodes[0].faults.append(BroadcastFault.LIE)
        tasks.start_soon(bench.submit, pay(), 3)
        await bench.wait_received(1)
        bench.network.make_block()
        bench.nodes[0].is_down = True
        bench.network.make_block()
        bench.nodes[0].is_down = False
        await bench.wait_ended()
        (error,) = bench.errors
        assert isinstance(error, WindowClosed)
        assert error.fields["timeout_height"] == 3
        assert len(bench.network.received) == 1
        await bench.submit(pay(), 3)
        assert isinstance(bench.errors[1], WindowClosed)
        assert len(bench.network.received) == 1


async def test_without_any_node_the_caller_is_told_which_and_why() -> None:
    async with open_bench(nodes=2) as bench:
        await bench.chain.estimate_fee(pay(), KEY)
        for node in bench.nodes:
            node.is_down = True
        await bench.submit(pay())
        (error,) = bench.errors
        assert isinstance(error, ChainUnavailable)
        for node in bench.nodes:
            assert node.grpc_url in str(error)
        assert bench.network.received == ()


async def test_what_was_given_up_is_taken_up_again_by_the_same_messages() -> None:
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        (node,) = bench.nodes
        node.faults.extend([BroadcastFault.DROP_BEFORE] * 50)
        await bench.submit(pay())
        assert isinstance(bench.errors[0], ChainUnavailable)
        node.faults.clear()
        count = len(node.received)
        tasks.start_soon(bench.submit, pay())
        await bench.wait_received(count + 1)
        bench.network.make_block()
        await bench.wait_ended(2)
        assert len(bench.network.received) == len(bench.network.included) == len(bench.results) == 1


async def test_other_messages_are_sent_behind_what_was_given_up() -> None:
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        (node,) = bench.nodes
        node.faults.extend([BroadcastFault.DROP_BEFORE] * 50)
        await bench.submit(pay(1))
        node.faults.clear()
        tasks.start_soon(bench.submit, pay(2))
        await bench.network.wait_until(lambda: len(node.mempool) == 2)
        bench.network.make_block()
        await bench.wait_ended(2)
        amounts = [decode_transaction(raw).messages for raw in bench.network.included]
        assert amounts == [tuple(pay(1)), tuple(pay(2))]


async def test_a_caller_that_stops_waiting_finds_its_transaction_later() -> None:
    async with open_bench() as bench:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bench.submit, pay())
            await bench.wait_received(1)
            tasks.cancel_scope.cancel()
        block = bench.network.make_block()
        await bench.submit(pay())
        assert [result.height for result in bench.results] == [block.height]
        assert len(bench.network.received) == 1


async def test_many_at_once_find_their_place_in_order() -> None:
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        for amount in range(1, 13):
            tasks.start_soon(bench.submit, pay(amount))
        await bench.wait_received(12)
        bench.network.make_block()
        await bench.wait_ended(12)
        assert len(bench.results) == 12
        sequences = [decode_transaction(raw).signers[0].sequence for raw in bench.network.included]
        assert sequences == list(range(12))


async def test_equal_messages_side_by_side_are_two_transactions() -> None:
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        tasks.start_soon(bench.submit, pay())
        tasks.start_soon(bench.submit, pay())
        await bench.wait_received(2)
        bench.network.make_block()
        await bench.wait_ended(2)
        assert len(bench.network.included) == 2
        assert len({result.hash for result in bench.results}) == 2


async def test_a_full_mempool_sends_the_caller_to_another_node() -> None:
    async with open_bench(nodes=2) as bench, anyio.create_task_group() as tasks:
        bench.nodes[0].refusals.append(Verdict(20, "sdk", "mempool is full"))
        tasks.start_soon(bench.submit, pay())
        await bench.wait_received(1, node=1)
        bench.network.make_block()
        await bench.wait_ended()
        assert len(bench.results) == 1


async def test_unordered_transactions_differ_by_their_time_alone() -> None:
    async with open_bench(unordered=True) as bench, anyio.create_task_group() as tasks:
        head = await bench.chain.head()
        for _ in range(3):
            tasks.start_soon(bench.submit, pay())
        await bench.wait_received(3)
        bench.network.make_block()
        await bench.wait_ended(3)
        sent = [decode_transaction(raw) for raw in bench.network.included]
        assert [one.signers[0].sequence for one in sent] == [0, 0, 0]
        assert all(one.unordered and one.timeout_height == 0 for one in sent)
        times = [one.timeout_time for one in sent if one.timeout_time is not None]
        assert len(set(times)) == 3
        assert all(560 < (time - head.time).total_seconds() <= 590 for time in times)


async def test_an_unordered_transaction_is_signed_again_once_its_time_has_passed() -> None:
    async with open_bench(unordered=True) as bench, anyio.create_task_group() as tasks:
        bench.nodes[0].faults.extend([BroadcastFault.LIE] * 1000)
        tasks.start_soon(bench.submit, pay())
        await bench.wait_received(1)
        timeout = decode_transaction(bench.network.received[0]).timeout_time
        assert timeout is not None
        block = bench.network.make_block()
        while block.time <= timeout:
            assert len(bench.network.received) == 1
            await bench.chain.watcher.wait_beyond(Height(block.height - 1))
            block = bench.network.make_block()
        bench.nodes[0].faults.clear()
        await bench.network.wait_until(lambda: len(bench.nodes[0].mempool) == 1)
        bench.network.make_block()
        await bench.wait_ended()
        assert bench.network.included == (bench.network.received[-1],)
        assert len(bench.network.received) == 2


@pytest.mark.parametrize("unordered", [False, True])
async def test_terms_bring_back_the_very_bytes_after_a_restart(unordered: bool) -> None:
    """It waits in a mempool while blocks pass, and a simulation would find another price by now."""
    async with open_bench(unordered=unordered) as first:
        network, (node,) = first.network, first.nodes
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first.submit, pay())
            await first.wait_received(1)
            tasks.cancel_scope.cancel()
        held, node.mempool = node.mempool, []
        network.make_blocks(2)
        node.mempool = held
        async with (
            open_process(network, unordered=unordered, gas_price="1") as second,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(second.submit, pay(), 0, first.signed[0])
            await second.wait_received(2)
            block = network.make_block()
            await second.wait_ended()
            assert len(network.received) == len(network.included) == 1
            assert second.signed == []
            assert [result.height for result in second.results] == [block.height]


@pytest.mark.parametrize("unordered", [False, True])
@pytest.mark.parametrize("blocks", [0, 1, 7])
async def test_terms_of_what_is_in_a_block_are_found_there(unordered: bool, blocks: int) -> None:
    async with open_bench(unordered=unordered) as first:
        network, (node,) = first.network, first.nodes
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first.submit, pay())
            await first.wait_received(1)
            tasks.cancel_scope.cancel()
        block = network.make_block()
        for amount in range(blocks):
            foreign = sign_transaction(
                pay(99 + amount),
                KEY,
                chain_id="joey-test",
                account_number=0,
                sequence=amount + (not unordered),
            )
            network.make_block(foreign)
        async with open_process(network, unordered=unordered) as second:
            await second.submit(pay(), 0, first.signed[0])
            assert [result.height for result in second.results] == [block.height]
            assert second.signed == []
            assert len(node.received) == 1


async def test_terms_of_an_unordered_transaction_that_is_too_old_are_signed_anew() -> None:
    async with open_bench(unordered=True) as first:
        network = first.network
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first.submit, pay())
            await first.wait_received(1)
            tasks.cancel_scope.cancel()
        first.nodes[0].restart()
        network.make_blocks(25)
        async with (
            open_process(network, unordered=True) as second,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(second.submit, pay(), 0, first.signed[0])
            await second.wait_received(2)
            network.make_block()
            await second.wait_ended()
            assert len(second.signed) == len(network.included) == 1
            assert network.included[0] != network.received[0]


async def test_terms_that_may_still_land_are_not_signed_anew_because_a_node_refuses_them() -> None:
    """What the earlier process had sent to which node, nobody knows."""
    async with open_bench() as first:
        network, (node,) = first.network, first.nodes
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first.submit, pay(), 8)
            await first.wait_received(1)
            tasks.cancel_scope.cancel()
        node.restart()
        async with open_process(network) as second, anyio.create_task_group() as tasks:
            node.refusals.extend([Verdict(13, "sdk", "insufficient fee")] * 1000)
            tasks.start_soon(second.submit, pay(), 8, first.signed[0])
            while network.height < 7:
                await second.wait_received(len(node.received))
                head = network.make_block()
                await second.chain.watcher.wait_beyond(Height(head.height - 1))
                assert not second.errors
                assert not second.signed
            network.make_block()
            await second.wait_ended()
            assert isinstance(second.errors[0], WindowClosed)
            assert len(network.received) == 1


async def test_a_gap_below_a_restored_sequence_is_told_and_filled_by_the_next_transaction(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The transaction that had the sequence before was lost with the earlier process."""
    terms = TransactionTerms(1, 200_000, Upokt(1), Height(0))
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        tasks.start_soon(bench.submit, pay(), 0, terms)
        while "waits for sequence 0, which nothing uses" not in caplog.text:
            await anyio.lowlevel.checkpoint()
        tasks.start_soon(bench.submit, pay(2))
        while len(bench.results) < 2:
            head = bench.network.make_block()
            await bench.chain.watcher.wait_beyond(Height(head.height - 1))
            assert not bench.errors
        assert len(bench.network.included) == 2


async def test_what_failed_its_first_checks_in_a_block_has_used_no_sequence() -> None:
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        text = "spendable balance 0upokt is smaller than 1upokt: insufficient funds"
        bench.network.verdict = Verdict(5, "sdk", text, uses_sequence=False)
        tasks.start_soon(bench.submit, pay(1))
        await bench.wait_received(1)
        block = bench.network.make_block()
        await bench.wait_ended()
        (error,) = bench.errors
        assert isinstance(error, TransactionRejected)
        assert error.fields["height"] == block.height
        bench.network.verdict = Verdict()
        for count in (2, 3):
            tasks.start_soon(bench.submit, pay(count))
            await bench.wait_received(count)
            bench.network.make_block()
            await bench.wait_ended(count)
        assert len(bench.results) == 2
        sequences = [decode_transaction(raw).signers[0].sequence for raw in bench.network.included]
        assert sequences == [0, 0, 1]


async def test_two_processes_with_one_key_do_not_make_the_same_unordered_transaction() -> None:
    async with open_bench(unordered=True) as first, open_process(first.network, unordered=True) as second:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first.submit, pay())
            tasks.start_soon(second.submit, pay())
            await first.network.wait_until(lambda: len(first.network.received) == 2)
            first.network.make_block()
            await first.wait_ended()
            await second.wait_ended()
        assert len(first.results) == len(second.results) == 1
        assert len(first.network.included) == 2


async def test_a_claim_that_is_one_block_early_for_a_simulation_says_so_and_is_taken_with_the_next() -> None:
    async with open_bench() as bench, anyio.create_task_group() as tasks:
        bench.nodes[0].height_claims = 2
        await bench.submit(pay())
        (error,) = bench.errors
        assert isinstance(error, TransactionRejected)
        assert error.fields["reason"] == "claim_window"
        assert error.fields["height"] is None
        assert bench.network.received == ()
        bench.network.make_block()
        await bench.chain.watcher.wait_beyond(Height(1))
        tasks.start_soon(bench.submit, pay())
        await bench.wait_received(1)
        bench.network.make_block()
        await bench.wait_ended(2)
        assert len(bench.results) == 1


async def test_one_node_that_refuses_makes_no_other_certain() -> None:
    """Of two that are asked side by side, one refuses and one is silent: it may have it."""
    async with open_bench(nodes=2) as bench:
        sent = Sent((), b"x", "00", TransactionTerms(0, 1, Upokt(0), Height(9)), Height(1))
        for order in ((0, 1), (1, 0)):
            sent.unanswered = 0
            quick, silent = (bench.nodes[place] for place in order)
            quick.refusals.append(Verdict(13, "sdk", "insufficient fee"))
            silent.faults.append(BroadcastFault.LATE)
            sent.raw = sign_transaction(
                pay(), KEY, chain_id="joey-test", account_number=0, sequence=0, memo=str(order)
            )
            (refusal,) = await broadcast_to_all(bench.chain._connection, sent)
            assert refusal.code == 13
            assert sent.is_doubtful
