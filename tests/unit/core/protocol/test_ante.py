"""What a transaction must fulfil before its messages run, and what it pays whatever becomes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from joey.core.errors import TransactionRejected
from joey.core.protocol.ante import MEMO_BYTES_MAX, SIGNATURES_MAX, TRANSACTION_BYTES_MAX
from joey.core.protocol.bank import FEE_COLLECTOR, read_totals
from joey.core.protocol.fees import (
    GAS_LIMIT_MAX,
    MESSAGE_GAS,
    SIGNATURE_GAS,
    SIMULATED_SIGNATURE_BYTES,
    SIZE_GAS_PER_BYTE,
    UNORDERED_GAS,
    compute_fee_min,
)
from joey.core.protocol.governance import make_update_param
from joey.core.protocol.state import Account, nonce_key
from joey.core.units import Height, Upokt
from joey.core.wire.messages import (
    CreateClaim,
    Message,
    Send,
    StakeGateway,
    TransferService,
    UnstakeApplication,
)
from joey.core.wire.session import SessionHeader
from joey.core.wire.transactions import Signer, Transaction, decode_transaction, sign_transaction
from joey.testing.pure_chain import PureChain
from joey.testing.worlds import World, make_genesis, make_key

WORLD = World.of_service()
KEY = make_key(WORLD.application)
ME, YOU = KEY.address, make_key("stranger").address
PAYMENT = Send(ME, YOU, Upokt(1))
GAS = 200_000
ROOT = bytes(32) + (3000).to_bytes(8, "big") + (1).to_bytes(8, "big")


@pytest.fixture
def chain() -> PureChain:
    return PureChain(make_genesis(WORLD.names))


def account(chain: PureChain, address: str = ME) -> Account:
    found = chain.state.accounts.get(address)
    assert found is not None
    return found


def balance(chain: PureChain, address: str) -> int:
    found = chain.state.accounts.get(address)
    return 0 if found is None else found.balance


def sign(chain: PureChain, *messages: Message, **changes: Any) -> Transaction:
    facts: dict[str, Any] = {
        "chain_id": chain.genesis.chain_id,
        "account_number": account(chain).number,
        "sequence": account(chain).sequence,
    }
    return decode_transaction(sign_transaction(messages or (PAYMENT,), KEY, **facts | changes))


def sign_unordered(chain: PureChain, ahead: timedelta = timedelta(minutes=5), **changes: Any) -> Transaction:
    facts = {"unordered": True, "timeout_time": chain.time + ahead, "sequence": 0}
    return sign(chain, **facts | changes)


def rows(chain: PureChain) -> dict[str, Any]:
    return {name: list(table.items()) for name, table in chain.state.tables()}


def expect_refusal(
    chain: PureChain,
    transaction: Transaction,
    code: int,
    *,
    price: Fraction | None = None,
    codespace: str = "sdk",
) -> None:
    """A transaction is refused when it is sent and in a block, and leaves nothing behind."""
    before = rows(chain)
    attempts = [lambda: chain.check_transaction(transaction, price or Fraction(0))]
    if price is None:
        attempts.append(lambda: chain.apply_transaction(transaction) and None)
    for attempt in attempts:
        with pytest.raises(TransactionRejected) as refusal:
            attempt()
        assert (refusal.value.fields["codespace"], refusal.value.fields["tx_code"]) == (codespace, code)
    assert rows(chain) == before


# --- shape, size, memo ---


def test_a_transaction_that_is_too_large(chain: PureChain):
    transaction = sign(chain)
    expect_refusal(chain, replace(transaction, size=TRANSACTION_BYTES_MAX + 1), 21)
    chain.check_transaction(replace(transaction, size=TRANSACTION_BYTES_MAX))


def test_a_memo_has_a_length_in_bytes(chain: PureChain):
    expect_refusal(chain, sign(chain, memo="ä" * (MEMO_BYTES_MAX // 2) + "a"), 12)
    chain.check_transaction(sign(chain, memo="ä" * (MEMO_BYTES_MAX // 2)))


def test_options_that_nobody_here_knows(chain: PureChain):
    expect_refusal(chain, replace(sign(chain), is_extended=True), 31)


def test_signatures_are_neither_missing_nor_too_many(chain: PureChain):
    transaction = sign(chain)
    expect_refusal(chain, replace(transaction, signers=()), 15)
    expect_refusal(chain, replace(transaction, signers=transaction.signers * 2), 4)


def test_so_many_may_sign(chain: PureChain):
    names = [f"signer {number}" for number in range(SIGNATURES_MAX + 1)]
    crowd = PureChain(make_genesis(names))
    keys = [make_key(name) for name in names]
    messages = tuple(Send(key.address, YOU, Upokt(1)) for key in keys)
    signers = tuple(Signer(key.public_key, 0, bytes(64)) for key in keys)
    transaction = replace(sign(chain), messages=messages, signers=signers)
    expect_refusal(crowd, transaction, 14)
    # One fewer are let pass up to their signatures, which are none.
    expect_refusal(crowd, replace(transaction, messages=messages[:-1], signers=signers[:-1]), 4)


def test_a_message_that_is_not_well_formed_is_never_in_a_block(chain: PureChain):
    expect_refusal(chain, sign(chain, StakeGateway(ME, Upokt(0))), 1102, codespace="gateway")


# --- timeouts ---


def test_the_last_block_that_may_hold_it(chain: PureChain):
    chain.go_to(5)
    expect_refusal(chain, sign(chain, timeout_height=Height(4)), 30)
    chain.check_transaction(sign(chain, timeout_height=Height(5)))


def test_the_last_block_time_that_it_may_have(chain: PureChain):
    chain.go_to(5)
    late = chain.time - timedelta(microseconds=1)
    expect_refusal(chain, sign(chain, timeout_time=late), 42)
    chain.check_transaction(sign(chain, timeout_time=chain.time))


# --- unordered ---


def test_unordered_transactions_come_in_any_order_and_once(chain: PureChain):
    first, second = sign_unordered(chain), sign_unordered(chain, timedelta(minutes=6))
    for transaction in (second, first):
        assert chain.apply_transaction(transaction).code == 0
    assert account(chain).sequence == 0
    assert balance(chain, YOU) == 2
    for transaction in (first, second):
        expect_refusal(chain, transaction, 18)


def test_a_timeout_names_one_transaction_of_an_account(chain: PureChain):
    chain.apply_transaction(sign_unordered(chain))
    other = sign(
        chain,
        Send(ME, YOU, Upokt(2)),
        unordered=True,
        timeout_time=chain.time + timedelta(minutes=5),
        sequence=0,
    )
    expect_refusal(chain, other, 18)


def test_a_nonce_is_kept_until_its_timeout_has_passed(chain: PureChain):
    transaction = sign_unordered(chain, timedelta(minutes=3))
    chain.apply_transaction(transaction)
    key = nonce_key(transaction.timeout_nanoseconds, ME)
    for _ in range(3):
        chain.end_block()
        assert chain.state.unordered.get(key) is not None
        expect_refusal(chain, transaction, 18)
    chain.end_block()
    assert chain.state.unordered.get(key) is None
    expect_refusal(chain, transaction, 42)


def test_what_an_unordered_transaction_must_name(chain: PureChain):
    chain.go_to(3)
    expect_refusal(chain, sign_unordered(chain, timeout_time=None), 18)
    expect_refusal(chain, sign_unordered(chain, timedelta(minutes=10, microseconds=1)), 18)
    expect_refusal(chain, sign_unordered(chain, timedelta(microseconds=-1)), 42)
    expect_refusal(chain, sign_unordered(chain, sequence=1), 18)
    chain.check_transaction(sign_unordered(chain, timedelta(minutes=10)))


def test_an_unordered_transaction_is_signed_like_any_other(chain: PureChain):
    expect_refusal(chain, sign_unordered(chain, chain_id="other"), 4)


# --- fees and gas ---


def test_fees_go_to_the_collector_and_leave_supply_as_it_is(chain: PureChain):
    before, supply = balance(chain, ME), read_totals(chain.state).supply
    outcome = chain.apply_transaction(sign(chain, fee=Upokt(50), gas_limit=GAS))
    assert outcome.code == 0
    assert balance(chain, ME) == before - 51
    assert balance(chain, FEE_COLLECTOR) == 50
    assert read_totals(chain.state).supply == supply == chain.sum_balances()


def test_a_failing_message_is_charged(chain: PureChain):
    before = balance(chain, ME)
    failing = sign(chain, PAYMENT, UnstakeApplication(ME), fee=Upokt(50), gas_limit=GAS)
    outcome = chain.apply_transaction(failing)
    assert (outcome.codespace, outcome.code) == ("undefined", 1)
    assert outcome.log.startswith(
        "failed to execute message; message index: 1: rpc error: code = NotFound desc = "
    )
    assert outcome.refusal is not None
    assert outcome.refusal.fields == {"codespace": "application", "tx_code": 1104}
    assert (balance(chain, ME), balance(chain, YOU)) == (before - 50, 0)
    assert account(chain).sequence == 1
    expect_refusal(chain, failing, 32)


def test_a_fee_that_cannot_be_paid(chain: PureChain):
    expect_refusal(chain, sign(chain, fee=Upokt(10**18), gas_limit=GAS), 5)


def test_the_least_fee_is_asked_when_a_transaction_is_sent(chain: PureChain):
    price = Fraction(1, 3000)
    least = compute_fee_min(GAS, price)
    assert least == 67
    expect_refusal(chain, sign(chain, fee=Upokt(least - 1), gas_limit=GAS), 13, price=price)
    expect_refusal(chain, sign(chain, fee=least), 41, price=price)
    chain.check_transaction(sign(chain, fee=least, gas_limit=GAS), price)
    # Another full node may have taken it for less: a block may hold it.
    assert chain.apply_transaction(sign(chain, fee=Upokt(1), gas_limit=GAS)).code == 0


def test_nobody_grants_fees(chain: PureChain):
    expect_refusal(chain, replace(sign(chain), fee_granter=YOU), 18)
    chain.check_transaction(replace(sign(chain), fee_granter=ME))


def test_gas_is_counted(chain: PureChain):
    transaction = sign(chain, PAYMENT, PAYMENT, gas_limit=GAS)
    ante = SIZE_GAS_PER_BYTE * transaction.size + SIGNATURE_GAS
    outcome = chain.apply_transaction(transaction)
    assert (outcome.gas_wanted, outcome.gas_used) == (GAS, ante + 2 * MESSAGE_GAS[Send])
    unordered = sign_unordered(chain)
    used = chain.apply_transaction(unordered).gas_used
    assert used == unordered.size + SIGNATURE_GAS + UNORDERED_GAS + MESSAGE_GAS[Send]


def test_every_kind_of_message_has_its_gas():
    assert set(MESSAGE_GAS) == set(Message.__args__)


def test_a_transaction_that_runs_out_of_gas_is_in_the_block(chain: PureChain):
    before = balance(chain, ME)
    outcome = chain.apply_transaction(sign(chain, PAYMENT, fee=Upokt(5), gas_limit=MESSAGE_GAS[Send]))
    assert (outcome.codespace, outcome.code) == ("sdk", 11)
    assert outcome.log.endswith("out of gas")
    assert (balance(chain, ME), balance(chain, YOU)) == (before - 5, 0)


def test_one_without_gas_for_its_own_bytes_is_in_no_block(chain: PureChain):
    transaction = sign(chain, gas_limit=100)
    assert transaction.size > 100
    expect_refusal(chain, transaction, 11)
    expect_refusal(chain, sign(chain, gas_limit=GAS_LIMIT_MAX + 1), 18)


# --- keys and accounts ---


def test_an_account_that_never_signed_must_name_its_key(chain: PureChain):
    transaction = sign(chain)
    (signer,) = transaction.signers
    expect_refusal(chain, replace(transaction, signers=(replace(signer, public_key=None),)), 8)
    other = make_key("other").public_key
    expect_refusal(chain, replace(transaction, signers=(replace(signer, public_key=other),)), 8)
    expect_refusal(chain, replace(transaction, signers=(replace(signer, public_key=b"none"),)), 8)


def test_an_account_that_does_not_exist(chain: PureChain):
    nobody = make_key("nobody")
    raw = sign_transaction(
        [Send(nobody.address, YOU, Upokt(1))], nobody, chain_id="joey-test", account_number=0, sequence=0
    )
    expect_refusal(chain, decode_transaction(raw), 9)


def test_checked_transactions_follow_one_another(chain: PureChain):
    chain.check_transaction(sign(chain))
    assert account(chain).sequence == 1
    chain.check_transaction(sign(chain))
    expect_refusal(chain, sign(chain, sequence=1), 32)
    # Messages do not run when a transaction is sent.
    assert balance(chain, YOU) == 0


def test_every_signer_must_exist(chain: PureChain):
    nobody = make_key("nobody")
    transaction = sign(chain, PAYMENT, Send(nobody.address, ME, Upokt(1)))
    transaction = replace(transaction, signers=(*transaction.signers, Signer(nobody.public_key, 0, b"")))
    expect_refusal(chain, transaction, 9)


def test_refusals_carry_the_status_that_the_network_gives_them(chain: PureChain):
    chain.stake(WORLD)
    for message, status in (
        (StakeGateway(ME, Upokt(1)), "InvalidArgument"),
        (TransferService(ME, "text", YOU), "PermissionDenied"),
        (make_update_param(ME, "gateway", "min_stake", 5), "PermissionDenied"),
        (CreateClaim(ME, SessionHeader(ME, "text", "ab", Height(1), Height(4)), ROOT), "FailedPrecondition"),
    ):
        outcome = chain.apply_transaction(sign(chain, message))
        assert (outcome.codespace, outcome.code) == ("undefined", 1)
        assert f"rpc error: code = {status} desc = " in outcome.log


# --- simulation ---


def test_a_simulation_tells_and_changes_nothing(chain: PureChain):
    before = rows(chain)
    unsigned = sign(chain, gas_limit=1)
    unsigned = replace(unsigned, signers=(Signer(None, 0, b""),))
    outcome = chain.simulate(unsigned)
    used = unsigned.size + SIMULATED_SIGNATURE_BYTES + SIGNATURE_GAS + MESSAGE_GAS[Send]
    assert (outcome.code, outcome.gas_used) == (0, used)
    signed = sign(chain, gas_limit=1)
    assert chain.simulate(signed).gas_used == signed.size + SIGNATURE_GAS + MESSAGE_GAS[Send]
    failing = chain.simulate(sign(chain, UnstakeApplication(ME)))
    assert (failing.codespace, failing.code) == ("undefined", 1)
    with pytest.raises(TransactionRejected):
        chain.simulate(sign(chain, sequence=7))
    assert rows(chain) == before
