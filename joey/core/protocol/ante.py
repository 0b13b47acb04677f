"""What a transaction must fulfil before its messages are looked at.

The order is the network's, so that of two faults the same one is told. A transaction that fails here
is in no block and costs nothing; one that passes pays its fee whatever becomes of its messages.
Where a limit is not a parameter here, it is main-net's.

Fees are moved to the account of the fee collector and lie there: this chain has no distribution
module that would pass them on. Supply is not touched by them.

Departures: a `gas_limit` of zero is taken where the chain asks for no fee and then means no limit
(the network refuses it), since the embedded chain in a process asks for none. Nobody can grant fees.
Source: cosmos-sdk v0.53 baseapp/baseapp.go, x/auth/ante/{ext,basic,fee,sigverify,validator_tx_fee}.go,
types/tx/types.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from joey.core.crypto.keys import compute_address
from joey.core.protocol.bank import FEE_COLLECTOR, transfer
from joey.core.protocol.basics import check_message_basics
from joey.core.protocol.block import BlockContext, count_nanoseconds
from joey.core.protocol.checks import refuse
from joey.core.protocol.fees import (
    GAS_LIMIT_MAX,
    SIGNATURE_GAS,
    SIMULATED_SIGNATURE_BYTES,
    SIZE_GAS_PER_BYTE,
    UNORDERED_GAS,
    GasMeter,
    compute_fee_min,
)
from joey.core.protocol.state import Account, State, UnorderedNonce, nonce_key
from joey.core.wire.transactions import Signer, Transaction, is_signature_of_transaction

__all__ = [
    "MEMO_BYTES_MAX",
    "SIGNATURES_MAX",
    "TRANSACTION_BYTES_MAX",
    "UNORDERED_TIMEOUT_MAX",
    "WRONG_SEQUENCE",
    "pass_ante",
    "prune_nonces",
]

WRONG_SEQUENCE = ("sdk", 32)
"""Codespace and code of a transaction that was signed with another sequence than is due."""
TRANSACTION_BYTES_MAX = 1024 * 1024
"""Source: cometbft config/config.go, max_tx_bytes."""
MEMO_BYTES_MAX = 256
SIGNATURES_MAX = 7
UNORDERED_TIMEOUT_MAX = timedelta(minutes=10)
"""Source: cosmos-sdk x/auth/ante/sigverify.go, DefaultMaxTimeoutDuration."""


def pass_ante(
    state: State,
    transaction: Transaction,
    block: BlockContext,
    *,
    gas_price_min: Fraction | None = None,
    is_simulated: bool = False,
) -> GasMeter:
    """Take a transaction's fee and its place in the order; return how much gas it has used so far.

    `gas_price_min`, in upokt per unit of gas, is what one full node asks of transactions that are sent
    to it; `None` in a block. A simulated transaction needs no signatures and has all the gas it wants.
    Raises `TransactionRejected` and then leaves `state` half changed: give it a draft.
    """
    if transaction.size > TRANSACTION_BYTES_MAX:
        text = f"a transaction has at most {TRANSACTION_BYTES_MAX} bytes, not {transaction.size}"
        raise refuse("sdk", 21, text)
    for message in transaction.messages:
        check_message_basics(message)
    meter = GasMeter(None if is_simulated else transaction.gas_limit)
    _check_shape(transaction)
    _check_timeouts(transaction, block)
    if len(transaction.memo.encode()) > MEMO_BYTES_MAX:
        raise refuse("sdk", 12, f"a memo has at most {MEMO_BYTES_MAX} bytes")
    meter.use(SIZE_GAS_PER_BYTE * _count_bytes(transaction, is_simulated=is_simulated), "txSize")
    _take_fee(state, transaction, None if is_simulated else gas_price_min)
    accounts = _set_public_keys(state, transaction, is_simulated=is_simulated)
    if len(transaction.signers) > SIGNATURES_MAX:
        text = f"signatures: {len(transaction.signers)}, limit: {SIGNATURES_MAX}"
        raise refuse("sdk", 14, text)
    for _ in transaction.signers:
        meter.use(SIGNATURE_GAS, "ante verify: secp256k1")
    if transaction.unordered:
        _check_nonce_time(transaction, block)
        meter.use(UNORDERED_GAS, "unordered tx")
        _use_nonce(state, transaction, block, accounts)
    for (address, account), signer in zip(accounts, transaction.signers, strict=True):
        _check_signature(transaction, block, address, account, signer, is_simulated=is_simulated)
        if not transaction.unordered:
            # The fee may have changed the row: only the sequence is counted up in it.
            state.accounts.put(address, replace(account, sequence=account.sequence + 1))
    return meter


def prune_nonces(state: State, block: BlockContext) -> None:
    """Forget the nonces of transactions whose timeout has passed: those are refused by it.

    Source: cosmos-sdk x/auth/keeper/unordered_tx.go, RemoveExpiredUnorderedNonces.
    """
    end = nonce_key(count_nanoseconds(block.time), "")
    for key, _ in state.unordered.items():
        if key >= end:
            break
        state.unordered.remove(key)


def _check_shape(transaction: Transaction) -> None:
    if transaction.is_extended:
        raise refuse("sdk", 31, "unknown extension options")
    if transaction.gas_limit > GAS_LIMIT_MAX:
        raise refuse("sdk", 18, f"a gas limit is at most {GAS_LIMIT_MAX}, not {transaction.gas_limit}")
    if not transaction.signers:
        raise refuse("sdk", 15, "no signatures supplied")
    required = len(transaction.required_signers)
    if required != len(transaction.signers):
        text = f"wrong number of signers; expected {required}, got {len(transaction.signers)}"
        raise refuse("sdk", 4, text)


def _count_bytes(transaction: Transaction, *, is_simulated: bool) -> int:
    missing = sum(not signer.signature for signer in transaction.signers) if is_simulated else 0
    return transaction.size + missing * SIMULATED_SIGNATURE_BYTES


def _check_timeouts(transaction: Transaction, block: BlockContext) -> None:
    """Refuse what comes too late: the height and the time of its block may be those it names at most."""
    timeout = transaction.timeout_height
    if timeout and block.height > timeout:
        raise refuse("sdk", 30, f"block height: {block.height}, timeout height: {timeout}")
    nanoseconds = transaction.timeout_nanoseconds
    if nanoseconds and nanoseconds < count_nanoseconds(block.time):
        text = f"block time: {block.time}, timeout timestamp: {transaction.timeout_time}"
        raise refuse("sdk", 42, text)


def _take_fee(state: State, transaction: Transaction, gas_price_min: Fraction | None) -> None:
    """Move the fee from who pays it to the fee collector."""
    if gas_price_min:
        if transaction.gas_limit == 0:
            raise refuse("sdk", 41, "must provide positive gas")
        required = compute_fee_min(transaction.gas_limit, gas_price_min)
        if transaction.fee < required:
            text = f"insufficient fees; got: {transaction.fee}upokt required: {required}upokt"
            raise refuse("sdk", 13, text)
    payer = transaction.fee_payer or transaction.required_signers[0]
    if transaction.fee_granter not in ("", payer):
        raise refuse("sdk", 18, "fee grants are not enabled")
    if state.accounts.get(payer) is None:
        raise refuse("sdk", 9, f"fee payer address: {payer} does not exist")
    transfer(state, payer, FEE_COLLECTOR, transaction.fee)


def _set_public_keys(
    state: State, transaction: Transaction, *, is_simulated: bool
) -> Sequence[tuple[str, Account]]:
    """Return who must sign, each account with its public key, which from now on the chain knows."""
    accounts = []
    for address, signer in zip(transaction.required_signers, transaction.signers, strict=True):
        key = signer.public_key
        if key is not None and not is_simulated and not _is_key_of(key, address):
            raise refuse("sdk", 8, f"pubKey does not match signer address {address}")
        account = state.accounts.get(address)
        if account is None:
            raise refuse("sdk", 9, f"account {address} does not exist; send it something first")
        if account.public_key is None and key is not None and _is_key_of(key, address):
            account = replace(account, public_key=key)
            state.accounts.put(address, account)
        accounts.append((address, account))
    return accounts


def _is_key_of(public_key: bytes, address: str) -> bool:
    try:
        return compute_address(public_key) == address
    except ValueError:
        return False


def _check_nonce_time(transaction: Transaction, block: BlockContext) -> None:
    if transaction.timeout_nanoseconds == 0:
        raise refuse("sdk", 18, "unordered transaction must have timeout_timestamp set")
    latest = count_nanoseconds(block.time + UNORDERED_TIMEOUT_MAX)
    if transaction.timeout_nanoseconds > latest:
        raise refuse("sdk", 18, f"unordered tx ttl exceeds {UNORDERED_TIMEOUT_MAX}")
    if any(signer.sequence for signer in transaction.signers):
        raise refuse("sdk", 18, "sequence is not allowed for unordered transactions")


def _use_nonce(
    state: State, transaction: Transaction, block: BlockContext, accounts: Sequence[tuple[str, Account]]
) -> None:
    """Note the timeout as used by every signer. A second transaction with the same one is a replay."""
    for address, _ in accounts:
        key = nonce_key(transaction.timeout_nanoseconds, address)
        if state.unordered.get(key) is not None:
            text = f"failed to add unordered nonce: already used timeout {transaction.timeout_nanoseconds}"
            raise refuse("sdk", 18, f"{text} for address {address}")
        state.unordered.put(key, UnorderedNonce(block.height))


def _check_signature(
    transaction: Transaction,
    block: BlockContext,
    address: str,
    account: Account,
    signer: Signer,
    *,
    is_simulated: bool,
) -> None:
    if not is_simulated and account.public_key is None:
        raise refuse("sdk", 8, f"account {address} has not signed before: its public key is needed")
    if not transaction.unordered and signer.sequence != account.sequence:
        codespace, code = WRONG_SEQUENCE
        text = f"account sequence mismatch, expected {account.sequence}, got {signer.sequence}"
        raise refuse(codespace, code, text)
    if is_simulated or account.public_key is None:
        return
    if not is_signature_of_transaction(
        transaction,
        signer.signature,
        account.public_key,
        chain_id=block.chain_id,
        account_number=account.number,
    ):
        text = "signature verification failed; please verify account number"
        raise refuse("sdk", 4, f"{text} ({account.number}) and chain-id ({block.chain_id})")
