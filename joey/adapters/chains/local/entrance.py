"""Where transactions come in: decoded, checked, made to wait; signed and priced for our own accounts.

Everything here runs on the event loop without a pause, so that no two transactions of an account can
be given the same sequence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from joey.adapters.chains.local.checking import CheckState
from joey.adapters.chains.local.mempool import Mempool, Outcome, Waiting
from joey.adapters.chains.local.production import Submission
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import TransactionRejected
from joey.core.protocol.block import BlockContext
from joey.core.protocol.state import State
from joey.core.units import Height, Upokt
from joey.core.wire.messages import Message
from joey.core.wire.transactions import compute_transaction_hash, decode_transaction, sign_transaction
from joey.ports.chain import Block, Fee, TransactionTerms

__all__ = ["Entrance", "read_submission"]

_GAS_MARGIN = Fraction(17, 10)
"""What is offered for each unit of gas that a simulation used, as the network's miners do."""


def read_submission(raw: bytes) -> Submission:
    """Read a transaction that somebody sent. Raises `TransactionRejected` when the bytes are none."""
    try:
        transaction = decode_transaction(raw)
    except ValueError as error:
        raise TransactionRejected(str(error), codespace="sdk", tx_code=2) from None
    return Submission(raw, transaction, compute_transaction_hash(raw))


class Entrance:
    """The mempool and the check-state of a chain, kept in step. `gas_price_min` is in upokt."""

    def __init__(self, chain_id: str, gas_price_min: Fraction, state: State, head: Block) -> None:
        self._chain_id = chain_id
        self._gas_price_min = gas_price_min
        self._mempool = Mempool()
        self._checks = CheckState(chain_id, gas_price_min, state, head)

    @property
    def count(self) -> int:
        """How many transactions wait."""
        return len(self._mempool)

    def add(self, submission: Submission) -> Waiting:
        """Check a transaction and let it wait.

        Raises `TransactionRejected`, and `ChainUnavailable` when too many wait.
        """
        self._mempool.check(submission)
        self._checks.add(submission.transaction)
        return self._mempool.add(submission)

    def find(self, transaction_hash: str) -> Waiting | None:
        """Return a transaction that waits."""
        return self._mempool.find(transaction_hash)

    def choose_terms(self, signer: PrivateKey, *, timeout_height: Height, fee: Fee) -> TransactionTerms:
        """Return terms with the sequence that is due once all that waits is in a block."""
        account = self._checks.account(signer.address)
        sequence = 0 if account is None else account.sequence
        return TransactionTerms(sequence, fee.gas, fee.amount, timeout_height)

    def sign(self, messages: Sequence[Message], signer: PrivateKey, terms: TransactionTerms) -> bytes:
        """Sign on these terms: the same terms, the same bytes.

        Raises `TransactionRejected` for messages that cannot be written.
        """
        account = self._checks.account(signer.address)
        try:
            return sign_transaction(
                messages,
                signer,
                chain_id=self._chain_id,
                account_number=0 if account is None else account.number,
                sequence=terms.sequence,
                timeout_height=terms.timeout_height,
                fee=terms.fee,
                gas_limit=terms.gas,
                unordered=terms.timeout_time is not None,
                timeout_time=terms.timeout_time,
            )
        except ValueError as error:
            raise TransactionRejected(str(error), codespace="sdk", tx_code=2) from None

    def price(self, gas_used: int) -> Fee:
        """Return what is offered for a transaction that was seen to use so much gas."""
        gas = math.ceil(gas_used * _GAS_MARGIN)
        return Fee(gas, Upokt(math.ceil(gas * self._gas_price_min)))

    def snapshot(self) -> tuple[State, BlockContext]:
        """Return what to simulate on, in a worker thread: a state of its own and the next block."""
        return self._checks.snapshot()

    def take(self) -> tuple[Waiting, ...]:
        """Return what the next block may hold."""
        return self._mempool.take()

    def advance(self, state: State, head: Block, outcomes: Sequence[tuple[Waiting, Outcome]]) -> None:
        """Let transactions go, and check anew what still waits: the state has changed under it."""
        self._mempool.resolve(outcomes)
        self._checks.reset(state, head)
        for waiting in self._mempool.all():
            try:
                self._checks.add(waiting.submission.transaction)
            except TransactionRejected as refusal:
                self._mempool.resolve([(waiting, refusal)])
