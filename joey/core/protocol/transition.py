"""The chain's rules as functions of its state: blocks begin, take transactions, and end.

Everything is decided by the arguments: the same genesis, transactions and block times give the same
states. A block is made on a draft: `begin_block`, then `apply_transaction` for each, then
`end_block`; the caller persists `State.changes()` and folds the draft.

A transaction that fails its ante checks (`joey.core.protocol.ante`) is in no block. One whose message
fails is: its fee is paid, its sequence used, and none of its messages has had an effect.
Source: cosmos-sdk baseapp/baseapp.go (runTx), poktroll app/app_config.go.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from joey.core.crypto.keys import compute_module_address
from joey.core.errors import TransactionRejected
from joey.core.protocol.ante import WRONG_SEQUENCE, pass_ante, prune_nonces
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
    FEE_COLLECTOR,
    GATEWAY_POOL,
    PROOF_FEES,
    SERVICE_FEES,
    SUPPLIER_POOL,
    VALIDATOR_POOL,
    transfer,
)
from joey.core.protocol.basics import check_message_basics
from joey.core.protocol.block import BlockContext
from joey.core.protocol.checks import check_address, refuse
from joey.core.protocol.claiming import create_claim
from joey.core.protocol.events import ChainEvent
from joey.core.protocol.fees import MESSAGE_GAS, GasMeter
from joey.core.protocol.gateways import (
    stake_gateway,
    unbond_gateways,
    unstake_gateway,
    update_gateway_metadata,
)
from joey.core.protocol.governance import promote_params, update_param, update_params
from joey.core.protocol.outcomes import TransactionOutcome, describe_bug, describe_failure
from joey.core.protocol.proving import make_judge, submit_proof, validate_proofs
from joey.core.protocol.queries import compute_oldest_start
from joey.core.protocol.retargeting import update_difficulties
from joey.core.protocol.services import add_service, transfer_service
from joey.core.protocol.settling import settle_claims
from joey.core.protocol.state import BlockHash, State, height_key
from joey.core.protocol.suppliers import (
    prune_config_history,
    stake_supplier,
    unbond_suppliers,
    unstake_supplier,
)
from joey.core.protocol.transfers import complete_transfers, transfer_application
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
    SubmitProof,
    TransferApplication,
    TransferService,
    UndelegateFromGateway,
    UnstakeApplication,
    UnstakeGateway,
    UnstakeSupplier,
    UpdateGatewayMetadata,
    UpdateParam,
    UpdateParams,
)
from joey.core.wire.transactions import Transaction

__all__ = [
    "WRONG_SEQUENCE",
    "TransactionOutcome",
    "apply_message",
    "apply_transaction",
    "begin_block",
    "check_transaction",
    "end_block",
    "simulate_transaction",
]

Events = tuple[ChainEvent, ...]
Handler = Callable[[State, Any, BlockContext], Events]

_MODULE_ACCOUNTS = frozenset(
    {
        APPLICATION_POOL,
        FEE_COLLECTOR,
        GATEWAY_POOL,
        PROOF_FEES,
        SERVICE_FEES,
        SUPPLIER_POOL,
        VALIDATOR_POOL,
        *map(compute_module_address, ("distribution", "mint", "not_bonded_tokens_pool", "tokenomics")),
    },
)
"""The accounts that take no payment. Source: poktroll app/app_config.go, blockAccAddrs."""

_NO_PRICE = Fraction(0)


def begin_block(state: State, block: BlockContext) -> None:
    """Forget nonces that time out, and note the hash of the block before: seed of a session or of proofs.

    Source: cosmos-sdk x/auth PreBlocker; x/session EndBlocker of the block before.
    """
    prune_nonces(state, block)
    previous = block.height_previous
    if previous > 0:
        state.block_hashes.put(height_key(previous), BlockHash(block.previous_hash))


def check_transaction(
    state: State, transaction: Transaction, block: BlockContext, *, gas_price_min: Fraction = _NO_PRICE
) -> None:
    """Let a transaction pass the ante checks, as for a block that follows; its messages do not run.

    `state` is what the chain's state would be after all transactions that wait already; it is changed
    by this one's fee and sequence. `gas_price_min` is what this full node asks, in upokt per unit of gas.
    Raises `TransactionRejected`, with codespace and code, and then has changed nothing.
    """
    draft = state.draft()
    pass_ante(draft, transaction, block, gas_price_min=gas_price_min)
    draft.fold()


def apply_transaction(state: State, transaction: Transaction, block: BlockContext) -> TransactionOutcome:
    """Take a transaction into a block: its fee and sequence, then its messages, all or none.

    Raises `TransactionRejected`, with codespace and code, when it fails the ante checks: it does not
    belong into the block and has changed nothing.
    """
    draft = state.draft()
    meter = pass_ante(draft, transaction, block)
    outcome = _run_messages(draft, transaction, block, meter)
    draft.fold()
    return outcome


def simulate_transaction(state: State, transaction: Transaction, block: BlockContext) -> TransactionOutcome:
    """Return what a transaction would do and use in this block; `state` is left as it is.

    Signatures are not looked at and gas is without limit. Raises `TransactionRejected` when it would
    fail another ante check.
    """
    draft = state.draft()
    meter = pass_ante(draft, transaction, block, is_simulated=True)
    return _run_messages(draft, transaction, block, meter)


def apply_message(state: State, message: Message, block: BlockContext) -> Events:
    """Apply one message whose signer is taken for granted; return what happened.

    Raises `TransactionRejected` and then has changed nothing.
    """
    check_message_basics(message)
    draft = state.draft()
    events = _HANDLERS[type(message)](draft, message, block)
    draft.fold()
    return events


def end_block(state: State, block: BlockContext) -> Events:
    """Settle what is due, then give stakes back and forget what no rule asks for any more.

    The order is the network's: proofs, tokenomics, gateways, applications, suppliers, and last the
    shared parameters: all others still go by those of the block.
    Source: poktroll app/app_config.go; x/application/module/abci.go for the order within applications.
    """
    events = validate_proofs(state, block)
    events += settle_claims(state, block, make_judge(state))
    events += update_difficulties(state, events, block)
    unbond_gateways(state, block)
    undelegate_from_inactive_gateways(state, block)
    prune_undelegations(state, block)
    unbond_applications(state, block)
    complete_transfers(state, block)
    unbond_suppliers(state, block)
    prune_config_history(state, block)
    promote_params(state, block)
    _prune_block_hashes(state, block.height)
    return tuple(events)


def _run_messages(
    state: State, transaction: Transaction, block: BlockContext, meter: GasMeter
) -> TransactionOutcome:
    """Run messages on top of a state, which keeps their effects only if none of them fails.

    What fails by a mistake of ours fails like any other: the network recovers such in the same place.
    """
    draft = state.draft()
    events: list[ChainEvent] = []
    for index, message in enumerate(transaction.messages):
        try:
            meter.use(MESSAGE_GAS[type(message)], type(message).__name__)
            events += _HANDLERS[type(message)](draft, message, block)
        except TransactionRejected as refusal:
            codespace, code, log = describe_failure(refusal, message, index)
            return TransactionOutcome(
                code, codespace, log, transaction.gas_limit, meter.used, refusal=refusal
            )
        except Exception as error:  # noqa: BLE001 - a bug in one message must not stop the chain
            return describe_bug(error, transaction.gas_limit, meter.used)
    draft.fold()
    return TransactionOutcome(0, "", "", transaction.gas_limit, meter.used, tuple(events))


def _send(state: State, message: Send, _block: BlockContext) -> Events:
    """Move upokt. Module accounts take none: what lies on them is somebody's stake."""
    check_address(message.to_address)
    if message.amount <= 0:
        raise refuse("sdk", 10, f"{message.amount}upokt: invalid coins")
    if message.to_address in _MODULE_ACCOUNTS:
        raise refuse("sdk", 4, f"{message.to_address} is not allowed to receive funds: unauthorized")
    transfer(state, message.from_address, message.to_address, message.amount)
    return ()


def _prune_block_hashes(state: State, height: Height) -> None:
    """Forget the hashes that neither a session nor a proof is seeded by any more."""
    oldest = height_key(compute_oldest_start(state, height))
    for key, _ in state.block_hashes.items():
        if key < oldest:
            state.block_hashes.remove(key)


_HANDLERS: dict[type[Message], Handler] = {
    Send: _send,
    AddService: add_service,
    TransferService: transfer_service,
    StakeApplication: stake_application,
    UnstakeApplication: unstake_application,
    DelegateToGateway: delegate_to_gateway,
    UndelegateFromGateway: undelegate_from_gateway,
    TransferApplication: transfer_application,
    StakeGateway: stake_gateway,
    UnstakeGateway: unstake_gateway,
    UpdateGatewayMetadata: update_gateway_metadata,
    StakeSupplier: stake_supplier,
    UnstakeSupplier: unstake_supplier,
    CreateClaim: create_claim,
    SubmitProof: submit_proof,
    UpdateParams: update_params,
    UpdateParam: update_param,
}
