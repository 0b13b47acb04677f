"""Transactions of the embedded chain: checked when they come in, kept with what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NoReturn

import anyio
import anyio.lowlevel
import pytest

from joey.adapters.chains.local import LocalChain, checking, mempool, production
from joey.core.errors import ChainUnavailable, TransactionRejected, WindowClosed
from joey.core.protocol import transition
from joey.core.protocol.genesis import write_genesis
from joey.core.protocol.state import State
from joey.core.units import Height, Upokt
from joey.core.wire.messages import Message, Send, StakeGateway
from joey.core.wire.transactions import compute_transaction_hash, sign_transaction
from joey.testing.worlds import World, make_genesis, make_key

pytestmark = pytest.mark.anyio

WORLD = World.of_service()
GENESIS = make_genesis(WORLD.names)
NUMBERS = {address: number for number, address in enumerate(sorted(GENESIS.balances))}
KEY, OTHER = make_key(WORLD.application), make_key(WORLD.gateway)
BALANCE = GENESIS.balances[KEY.address]
STRANGER = make_key("stranger").address
PRICE = Fraction(1, 1000)


def pay(amount: int = 1) -> Send:
    return Send(KEY.address, STRANGER, Upokt(amount))


def sign(
    messages: Sequence[Message],
    sequence: int,
    *,
    key=KEY,
    chain_id: str = "joey-test",
    timeout_height: int = 0,
    fee: int = 0,
    gas_limit: int = 0,
) -> bytes:
    return sign_transaction(
        messages,
        key,
        chain_id=chain_id,
        account_number=NUMBERS[key.address],
        sequence=sequence,
        timeout_height=Height(timeout_height),
        fee=Upokt(fee),
        gas_limit=gas_limit,
    )


async def test_a_transaction_that_comes_in_is_checked_at_once():
    chain = await LocalChain.open(None, GENESIS)
    raw = sign([pay()], 0)
    for wrong, refusal in (
        (b"\xff", ("sdk", 2)),
        (sign([pay()], 0, chain_id="other"), ("sdk", 4)),
        (sign([pay()], 1), ("sdk", 32)),
        (sign([pay()], 0, timeout_height=1), ("sdk", 30)),
        (sign([pay()], 0, fee=BALANCE + 1), ("sdk", 5)),
        (sign([pay()], 0, gas_limit=1), ("sdk", 11)),
        (sign([Send(STRANGER, KEY.address, Upokt(1))], 0), ("sdk", 9)),
    ):
        checked = await chain.broadcast(wrong)
        assert (checked.codespace, checked.code) == refusal
        assert checked.log
        assert checked.hash == compute_transaction_hash(wrong)
    checked = await chain.broadcast(raw)
    assert (checked.codespace, checked.code, checked.log) == ("", 0, "")
    again = await chain.broadcast(raw)
    assert (again.codespace, again.code) == ("sdk", 19)
    block = await chain.make_block()
    (included,) = await chain.transactions(block.height)
    assert (included.raw, included.code, included.height) == (raw, 0, 2)
    assert await chain.transaction(checked.hash) == included
    assert await chain.transaction("00" * 32) is None
    # It is in a block: its sequence is used.
    late = await chain.broadcast(raw)
    assert (late.codespace, late.code) == ("sdk", 32)
    await chain.aclose()


async def test_a_failed_message_is_in_the_block_with_its_code():
    chain = await LocalChain.open(None, GENESIS, gas_price_min=PRICE)
    raw = sign([pay(), pay(BALANCE)], 0, fee=200, gas_limit=200_000)
    assert (await chain.broadcast(raw)).code == 0
    await chain.make_block()
    included = await chain.transaction(compute_transaction_hash(raw))
    assert included is not None
    assert (included.codespace, included.code) == ("sdk", 5)
    assert "message index: 1" in included.log
    assert included.events == ()
    assert 0 < included.gas_used <= included.gas_wanted == 200_000
    assert await chain.balance(KEY.address) == BALANCE - 200
    assert await chain.balance(STRANGER) == 0
    assert (await chain.broadcast(raw)).code == 32
    assert (await chain.broadcast(sign([pay()], 1, fee=200, gas_limit=200_000))).code == 0
    await chain.aclose()


def break_down(*_arguments: object, **_named: object) -> NoReturn:
    raise ZeroDivisionError("nobody thought of this")


async def test_a_bug_in_a_message_fails_its_transaction_and_the_chain_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    chain = await LocalChain.open(None, GENESIS)
    raw, behind = sign([pay()], 0), sign([StakeGateway(KEY.address, WORLD.gateway_stake)], 1)
    monkeypatch.setitem(transition._HANDLERS, Send, break_down)
    for one in (raw, behind):
        assert (await chain.broadcast(one)).code == 0
    block = await chain.make_block()
    failed, done = await chain.transactions(block.height)
    assert (failed.raw, failed.codespace, failed.code) == (raw, "sdk", 111222)
    assert failed.log == "recovered: ZeroDivisionError"
    assert (done.raw, done.code) == (behind, 0)
    (record,) = (one for one in caplog.records if one.exc_info is not None)
    assert compute_transaction_hash(raw) in record.getMessage()
    assert "nobody thought of this" in caplog.text
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_submit_in_vain, chain)
        await _wait_until_waiting(chain, 1)
        await chain.make_block()


async def test_a_bug_before_the_messages_leaves_a_transaction_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    chain = await LocalChain.open(None, GENESIS)
    await chain.broadcast(sign([pay()], 0))
    with monkeypatch.context() as broken:
        broken.setattr(production, "apply_transaction", break_down)
        block = await chain.make_block()
    assert await chain.transactions(block.height) == ()
    assert "nobody thought of this" in caplog.text
    with monkeypatch.context() as broken:
        broken.setattr(checking, "check_transaction", break_down)
        checked = await chain.broadcast(sign([pay()], 0))
        assert (checked.codespace, checked.code) == ("sdk", 111222)
    # Neither has used up the sequence.
    assert (await chain.broadcast(sign([pay()], 0))).code == 0
    block = await chain.make_block()
    assert len(await chain.transactions(block.height)) == 1


async def test_a_simulation_shares_nothing_with_another():
    chain = await LocalChain.open(None, GENESIS)
    state = State.empty()
    write_genesis(state, GENESIS)
    checks = checking.CheckState("joey-test", Fraction(0), state, await chain.head())
    (_, first), (_, second) = checks.snapshot(), checks.snapshot()
    assert first == second
    assert first.sessions is not second.sessions


async def test_what_was_kept_is_read_back_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr("joey.adapters.chains.local.archive._RECENT_BLOCKS", 1)
    chain = await LocalChain.open(tmp_path / "chain.db", GENESIS, gas_price_min=PRICE)
    for sequence, messages in enumerate(([pay(5)], [pay(BALANCE)], [pay(7)])):
        assert (await chain.broadcast(sign(messages, sequence, fee=500, gas_limit=500_000))).code == 0
    height = (await chain.make_block()).height
    fresh = await chain.transactions(height), await chain.events(height), await chain.end_events(height)
    await chain.make_block()
    assert (
        await chain.transactions(height),
        await chain.events(height),
        await chain.end_events(height),
    ) == fresh
    assert [one.code for one in fresh[0]] == [0, 5, 0]
    assert fresh[1][-len(fresh[2]) :] == fresh[2]
    await chain.aclose()


async def test_waiting_transactions_of_one_account_follow_one_another():
    chain = await LocalChain.open(None, GENESIS)
    raws = [sign([pay()], sequence) for sequence in range(3)]
    assert [(await chain.broadcast(raw)).code for raw in (raws[1], raws[0], raws[1], raws[2])] == [
        32,
        0,
        0,
        0,
    ]
    await chain.make_block()
    assert await chain.balance(STRANGER) == 3
    await chain.aclose()


async def test_a_failed_transaction_holds_up_none_behind_it():
    chain = await LocalChain.open(None, GENESIS)
    outcomes: dict[int, object] = {}

    async def submit(amount: int) -> None:
        try:
            outcomes[amount] = (await chain.submit([pay(amount)], KEY)).height
        except TransactionRejected as refusal:
            outcomes[amount] = refusal.fields["tx_code"]

    async with anyio.create_task_group() as tasks:
        for amount in (1, 10**18, 2, 3):
            tasks.start_soon(submit, amount)
            await anyio.wait_all_tasks_blocked()
        await chain.make_block()
    assert outcomes == {1: 2, 10**18: 5, 2: 2, 3: 2}
    assert [one.code for one in await chain.transactions(Height(2))] == [0, 5, 0, 0]
    await chain.aclose()


async def test_who_is_behind_one_that_no_block_may_hold_is_signed_anew():
    """The first payment leaves too little for the fee of the second: the third moves up."""
    chain = await LocalChain.open(None, GENESIS, gas_price_min=PRICE)
    poor = await _make_poor_account(chain, 10_000)
    outcomes: dict[str, object] = {}

    async def submit(name: str) -> None:
        try:
            outcomes[name] = (await chain.submit([Send(poor.address, STRANGER, Upokt(1))], poor)).height
        except TransactionRejected as refusal:
            outcomes[name] = (refusal.fields["codespace"], refusal.fields["tx_code"])

    first = sign_transaction(
        [Send(poor.address, STRANGER, Upokt(9_000))],
        poor,
        chain_id="joey-test",
        account_number=await _read_number(chain, poor.address),
        sequence=0,
        fee=Upokt(500),
        gas_limit=200_000,
    )
    greedy = sign_transaction(
        [Send(poor.address, STRANGER, Upokt(1))],
        poor,
        chain_id="joey-test",
        account_number=await _read_number(chain, poor.address),
        sequence=1,
        fee=Upokt(2_000),
        gas_limit=200_000,
    )
    assert (await chain.broadcast(first)).code == 0
    assert (await chain.broadcast(greedy)).code == 0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(submit, "third")
        await _wait_until_waiting(chain, 3)
        await chain.make_block()
        await _wait_until_waiting(chain, 1)
        block = await chain.make_block()
    assert outcomes == {"third": block.height}
    assert [one.raw for one in await chain.transactions(Height(block.height - 1))] == [first]
    assert await chain.transaction(compute_transaction_hash(greedy)) is None
    await chain.aclose()


async def test_signing_anew_has_an_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("joey.adapters.chains.local.submitting._SIGNATURES_MAX", 1)
    chain = await LocalChain.open(None, GENESIS)
    raw = sign([pay(BALANCE)], 0)
    assert (await chain.broadcast(raw)).code == 0
    assert (await chain.broadcast(sign([pay()], 1, fee=1))).code == 0
    async with anyio.create_task_group() as tasks:

        async def submit() -> None:
            with pytest.raises(TransactionRejected) as refusal:
                await chain.submit([pay()], KEY)
            assert refusal.value.fields["tx_code"] == 32

        tasks.start_soon(submit)
        await _wait_until_waiting(chain, 3)
        await chain.make_block()
    await chain.aclose()


async def test_what_still_waits_is_checked_again_after_every_block(monkeypatch: pytest.MonkeyPatch):
    raws = [sign([pay()], 0), sign([pay()], 1, timeout_height=2), sign([pay()], 2)]
    monkeypatch.setattr(mempool, "_BLOCK_BYTES_MAX", len(raws[0]) + 1)
    chain = await LocalChain.open(None, GENESIS)
    outcomes: list[object] = []

    async def send(raw: bytes) -> None:
        try:
            outcomes.append((await chain.submit_transaction(raw)).height)
        except TransactionRejected as refusal:
            outcomes.append(refusal.fields["tx_code"])

    async with anyio.create_task_group() as tasks:
        for raw in raws:
            tasks.start_soon(send, raw)
            await anyio.wait_all_tasks_blocked()
        await chain.make_block()
    # The second came too late for block 3, and the third is then out of turn.
    assert outcomes == [2, 30, 32]
    assert (await chain.broadcast(sign([pay()], 1))).code == 0
    await chain.aclose()


async def test_a_window_that_has_closed_is_said_to_be():
    chain = await LocalChain.open(None, GENESIS, instant=True)
    await chain.make_block()
    with pytest.raises(WindowClosed) as error:
        await chain.submit([pay()], KEY, timeout_height=Height(2))
    assert error.value.fields["height"] == 2
    result = await chain.submit([pay()], KEY, timeout_height=Height(3))
    assert result.height == 3
    await chain.aclose()


async def test_a_window_that_closes_while_waiting_is_said_to_have(monkeypatch: pytest.MonkeyPatch):
    first = sign([replace(pay(), from_address=OTHER.address)], 0, key=OTHER)
    monkeypatch.setattr(mempool, "_BLOCK_BYTES_MAX", len(first) + 10)
    chain = await LocalChain.open(None, GENESIS)
    assert (await chain.broadcast(first)).code == 0

    async def submit() -> None:
        with pytest.raises(WindowClosed):
            await chain.submit([pay()], KEY, timeout_height=Height(2))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(submit)
        await anyio.wait_all_tasks_blocked()
        await chain.make_block()
    await chain.aclose()


async def test_fees_are_asked_for_and_paid():
    chain = await LocalChain.open(None, GENESIS, instant=True, gas_price_min=PRICE)
    fee = await chain.estimate_fee([pay()], KEY)
    assert fee.amount == -(-fee.gas // 1000)
    result = await chain.submit([pay()], KEY)
    included = await chain.transaction(result.hash)
    assert included is not None
    assert included.gas_wanted == fee.gas
    assert 0 < included.gas_used < fee.gas
    assert await chain.balance(KEY.address) == BALANCE - 1 - fee.amount
    stingy = sign([pay()], 1, fee=fee.amount - 1, gas_limit=fee.gas)
    checked = await chain.broadcast(stingy)
    assert (checked.codespace, checked.code, checked.gas_wanted) == ("sdk", 13, fee.gas)
    with pytest.raises(TransactionRejected) as refusal:
        await chain.estimate_fee([pay(BALANCE)], KEY)
    assert refusal.value.fields["tx_code"] == 5
    await chain.aclose()


async def test_a_free_chain_takes_nothing():
    chain = await LocalChain.open(None, GENESIS, instant=True)
    assert (await chain.estimate_fee([pay()], KEY)).amount == 0
    await chain.submit([pay()], KEY)
    assert await chain.balance(KEY.address) == BALANCE - 1
    await chain.aclose()


async def test_a_simulation_changes_nothing_and_sees_what_waits():
    chain = await LocalChain.open(None, GENESIS)
    assert (await chain.broadcast(sign([pay()], 0))).code == 0
    for _ in range(2):
        outcome = await chain.simulate(sign([pay()], 1, chain_id="the signature does not matter"))
        assert (outcome.code, outcome.refusal) == (0, None)
        assert outcome.gas_used > 0
    with pytest.raises(TransactionRejected):
        await chain.simulate(sign([pay()], 0))
    failed = await chain.simulate(sign([pay(BALANCE + 1)], 1))
    assert (failed.codespace, failed.code) == ("sdk", 5)
    await chain.make_block()
    assert await chain.balance(STRANGER) == 1
    await chain.aclose()


async def test_one_account_cannot_fill_the_mempool(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mempool, "_WAITING_MAX", 8)
    chain = await LocalChain.open(None, GENESIS)
    codes = [(await chain.broadcast(sign([pay()], sequence))).code for sequence in range(5)]
    assert codes == [0, 0, 0, 0, 20]
    with pytest.raises(ChainUnavailable, match="mempool is full: 4 transactions"):
        await chain.submit([pay()], KEY)
    gift = Send(OTHER.address, STRANGER, Upokt(1))
    codes = [(await chain.broadcast(sign([gift], sequence, key=OTHER))).code for sequence in range(3)]
    assert codes == [0, 0, 20]
    await chain.make_block()
    assert await chain.balance(STRANGER) == 6
    # The places are free again, and the sequences of the refused still due.
    assert (await chain.broadcast(sign([pay()], 4))).code == 0
    await chain.aclose()


async def test_the_mempool_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch):
    raws = [sign([pay()], sequence) for sequence in range(4)]
    monkeypatch.setattr(mempool, "_WAITING_BYTES_MAX", 4 * len(raws[0]) + 20)
    chain = await LocalChain.open(None, GENESIS)
    assert [(await chain.broadcast(raw)).code for raw in raws] == [0, 0, 20, 20]
    monkeypatch.setattr(mempool, "_TRANSACTION_BYTES_MAX", len(raws[2]) - 1)
    checked = await chain.broadcast(raws[2])
    assert (checked.codespace, checked.code) == ("sdk", 21)
    await chain.aclose()


async def test_blocks_as_fast_as_possible_hold_what_waits_and_are_never_empty():
    chain = await LocalChain.open(None, GENESIS)
    async with anyio.create_task_group() as tasks:
        await tasks.start(chain.run, 0.0)
        await anyio.wait_all_tasks_blocked()
        assert (await chain.head()).height == 1
        with anyio.fail_after(30):
            assert (await chain.submit([pay()], KEY)).height == 2
            assert (await chain.broadcast(sign([pay()], 1))).code == 0
            await chain.wait_for(Height(3))
            assert len(await chain.transactions(Height(3))) == 1
            await anyio.wait_all_tasks_blocked()
            assert (await chain.head()).height == 3
            chain.set_interval(0.001)
            await chain.wait_for(Height(5))
        tasks.cancel_scope.cancel()
    await chain.aclose()


async def test_many_that_submit_to_an_instant_chain_share_blocks():
    chain = await LocalChain.open(None, GENESIS, instant=True)
    async with anyio.create_task_group() as tasks:
        for amount in range(1, 9):
            tasks.start_soon(chain.submit, [pay(amount)], KEY)
    assert await chain.balance(STRANGER) == sum(range(1, 9))
    height = (await chain.head()).height
    assert height <= 4
    for number in range(2, height + 1):
        assert await chain.transactions(Height(number))
    assert (await chain.broadcast(sign([pay()], 8))).code == 0
    assert (await chain.head()).height == height + 1
    await chain.aclose()


async def _make_poor_account(chain: LocalChain, balance: int):
    key = make_key("poor")
    assert (
        await chain.broadcast(
            sign([Send(KEY.address, key.address, Upokt(balance))], 0, fee=500, gas_limit=500_000)
        )
    ).code == 0
    await chain.make_block()
    assert await chain.balance(key.address) == balance
    return key


async def _read_number(chain: LocalChain, address: str) -> int:
    state, _ = await chain.state_at()
    account = state.accounts.get(address)
    assert account is not None
    return account.number


async def _submit_in_vain(chain: LocalChain) -> None:
    with pytest.raises(TransactionRejected, match="recovered"):
        await chain.submit([pay()], KEY)


async def _wait_until_waiting(chain: LocalChain, count: int) -> None:
    """Wait until so many transactions wait: fees are estimated in a thread, which no loop can see."""
    with anyio.fail_after(30):
        while chain.count_waiting() != count:
            await anyio.lowlevel.checkpoint()
