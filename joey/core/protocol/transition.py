"""The chain's rules as functions of its state: blocks begin, take transactions, and end.

Everything is decided by the arguments: the same genesis, transactions and block times give the same
states. A block is made on a draft: `begin_block`, then `apply_transaction` for each, then
`end_block`; the caller persists `State.changes()` and folds the draft. A transaction that is refused
leaves nothing behind, neither a message's effect nor a used sequence, and costs nothing: fees are
not charged here (the fee that a transaction names is not taken), where the network would charge it
and count the sequence.

Not here yet: proofs, governance of parameters (they are kept by height already), transfers of
applications and services.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from joey.core.crypto.keys import compute_address
from joey.core.protocol.applications import (
    delegate_to_gateway,
    prune_undelegations,
    stake_application,
    unbond_applications,
    undelegate_from_gateway,
    undelegate_from_inactive_gateways,
    unstake_application,
)
from joey.core.protocol.bank import (
    APPLICATION_POOL,
    GATEWAY_POOL,
    SERVICE_FEES,
    SUPPLIER_POOL,
    VALIDATOR_POOL,
    transfer,
)
from joey.core.protocol.block import BlockContext
from joey.core.protocol.checks import check_address, refuse
from joey.core.protocol.claiming import create_claim
from joey.core.protocol.events import ChainEvent
from joey.core.protocol.gateways import stake_gateway, unbond_gateways, unstake_gateway
from joey.core.protocol.queries import params_at
from joey.core.protocol.services import add_service
from joey.core.protocol.sessions import compute_session_start
from joey.core.protocol.settling import settle_claims, update_difficulties
from joey.core.protocol.state import Account, BlockHash, State, height_key
from joey.core.protocol.suppliers import (
    prune_config_history,
    stake_supplier,
    unbond_suppliers,
    unstake_supplier,
)
from joey.core.protocol.windows import compute_settlement_height
from joey.core.units import Height
from joey.core.wire.messages import (
    AddService,
    CreateClaim,
    DelegateToGateway,
    Message,
    Send,
    StakeApplication,
    StakeGateway,
    StakeSupplier,
    UndelegateFromGateway,
    UnstakeApplication,
    UnstakeGateway,
    UnstakeSupplier,
)
from joey.core.wire.transactions import Signer, Transaction, is_signature_of_transaction

__all__ = [
    "WRONG_SEQUENCE",
    "apply_message",
    "apply_transaction",
    "begin_block",
    "end_block",
]

WRONG_SEQUENCE = ("sdk", 32)
"""Codespace and code of a transaction that was signed with another sequence than is due."""

Events = tuple[ChainEvent, ...]
Handler = Callable[[State, Any, BlockContext], Events]

_MODULE_ACCOUNTS = frozenset(
    {APPLICATION_POOL, GATEWAY_POOL, SERVICE_FEES, SUPPLIER_POOL, VALIDATOR_POOL},
)


def begin_block(state: State, block: BlockContext) -> None:
    """Note the hash of the block before, if a session began with it. Source: x/session EndBlocker."""
    previous = block.height_previous
    if previous > 0 and compute_session_start(previous, params_at(state, previous).shared) == previous:
        state.block_hashes.put(height_key(previous), BlockHash(block.previous_hash))


def apply_transaction(state: State, transaction: Transaction, block: BlockContext) -> Events:
    """Check a transaction's signatures and apply its messages, all or none; return what happened.

    Raises `TransactionRejected`, with codespace and code, and then has changed nothing.
    """
    draft = state.draft()
    _check_signatures(draft, transaction, block)
    events: list[ChainEvent] = []
    for message in transaction.messages:
        events += _HANDLERS[type(message)](draft, message, block)
    draft.fold()
    return tuple(events)


def apply_message(state: State, message: Message, block: BlockContext) -> Events:
    """Apply one message whose signer is taken for granted; return what happened.

    Raises `TransactionRejected` and then has changed nothing.
    """
    draft = state.draft()
    events = _HANDLERS[type(message)](draft, message, block)
    draft.fold()
    return events


def end_block(state: State, block: BlockContext) -> Events:
    """Settle what is due, then give stakes back and forget what no rule asks for any more.

    The order is the network's: tokenomics, gateways, applications, suppliers.
    Source: poktroll app/app_config.go.
    """
    events = settle_claims(state, block)
    update_difficulties(state, events, block)
    unbond_gateways(state, block)
    undelegate_from_inactive_gateways(state, block)
    prune_undelegations(state, block)
    unbond_applications(state, block)
    unbond_suppliers(state, block)
    prune_config_history(state, block)
    _prune_block_hashes(state, block.height)
    return tuple(events)


def _check_signatures(state: State, transaction: Transaction, block: BlockContext) -> None:
    """Check who signed, and count their sequences up. Source: cosmos-sdk x/auth/ante."""
    timeout = transaction.timeout_height
    if timeout and block.height > timeout:
        raise refuse("sdk", 30, f"the transaction was to be in a block by height {timeout}")
    required = transaction.required_signers
    if len(required) != len(transaction.signers):
        text = f"{len(required)} accounts must sign, there are {len(transaction.signers)} signatures"
        raise refuse("sdk", 4, text)
    for address, signer in zip(required, transaction.signers, strict=True):
        account = state.accounts.get(address)
        if account is None:
            raise refuse("sdk", 9, f"account {address} does not exist; send it something first")
        public_key = _find_public_key(address, account, signer)
        if signer.sequence != account.sequence:
            codespace, code = WRONG_SEQUENCE
            text = f"account {address} is at sequence {account.sequence}, not {signer.sequence}"
            raise refuse(codespace, code, text)
        if not is_signature_of_transaction(
            transaction,
            signer.signature,
            public_key,
            chain_id=block.chain_id,
            account_number=account.number,
        ):
            text = f"the signature of {address} is not one for chain {block.chain_id}"
            raise refuse("sdk", 4, text)
        state.accounts.put(address, replace(account, sequence=account.sequence + 1, public_key=public_key))


def _find_public_key(address: str, account: Account, signer: Signer) -> bytes:
    """Return the key that must have signed: the account's, or for a first signature the signer's."""
    public_key = signer.public_key or account.public_key
    if public_key is None:
        raise refuse("sdk", 8, f"account {address} has not signed before: its public key is needed")
    try:
        is_of_address = compute_address(public_key) == address
    except ValueError:
        is_of_address = False
    if not is_of_address:
        raise refuse("sdk", 8, f"the public key is not that of {address}")
    return public_key


def _send(state: State, message: Send, _block: BlockContext) -> Events:
    """Move upokt. Module accounts take none: what lies on them is somebody's stake."""
    check_address(message.to_address)
    if message.amount <= 0:
        raise refuse("sdk", 10, f"{message.amount} upokt cannot be sent")
    if message.to_address in _MODULE_ACCOUNTS:
        raise refuse("sdk", 4, f"{message.to_address} is a module's account and takes no payments")
    transfer(state, message.from_address, message.to_address, message.amount)
    return ()


def _prune_block_hashes(state: State, height: Height) -> None:
    """Forget the seeds of sessions that are settled, but for the session after."""
    for key, _ in state.block_hashes.items():
        if _is_forgotten(state, key, height):
            state.block_hashes.remove(key)


def _is_forgotten(state: State, key: str, height: Height) -> bool:
    start = Height(int(key))
    shared = params_at(state, start).shared
    end = Height(start + shared.num_blocks_per_session - 1)
    return height > compute_settlement_height(end, shared) + shared.num_blocks_per_session


_HANDLERS: dict[type[Message], Handler] = {
    Send: _send,
    AddService: add_service,
    StakeApplication: stake_application,
    UnstakeApplication: unstake_application,
    DelegateToGateway: delegate_to_gateway,
    UndelegateFromGateway: undelegate_from_gateway,
    StakeGateway: stake_gateway,
    UnstakeGateway: unstake_gateway,
    StakeSupplier: stake_supplier,
    UnstakeSupplier: unstake_supplier,
    CreateClaim: create_claim,
}
