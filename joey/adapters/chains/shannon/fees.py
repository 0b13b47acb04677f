"""What a transaction uses and pays: a simulation times a margin, times the price of gas."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from joey.adapters.chains.shannon.connection import Connection
from joey.adapters.chains.shannon.failover import RequestRefused
from joey.adapters.chains.shannon.refusals import make_rejection, read_expected_sequence, read_registered
from joey.core.crypto.keys import PrivateKey
from joey.core.errors import ChainUnavailable, TransactionRejected
from joey.core.units import Upokt
from joey.core.wire.gogo import marshal
from joey.core.wire.messages import Message
from joey.core.wire.proto import tx_pb2, tx_query_pb2
from joey.core.wire.transactions import sign_transaction
from joey.ports.chain import Fee

__all__ = ["compute_fee", "estimate_fee"]

_SIMULATIONS_MAX: Final = 4


def compute_fee(gas_used: int, *, gas_price: Fraction, gas_margin: Fraction) -> Fee:
    """Return what to offer for a simulated use: both rounded up, and at least 1 upokt unless gas is free.

    Source: cosmos-sdk client/tx/factory.go; poktroll, pkg/client/tx/client.go.
    """
    gas = -(-gas_used * gas_margin // 1)
    amount = -(-gas * gas_price // 1)
    return Fee(gas, Upokt(max(1, amount) if gas_price else 0))


async def estimate_fee(
    connection: Connection,
    messages: Sequence[Message],
    signer: PrivateKey,
    *,
    sequence: int,
    gas_price: Fraction,
    gas_margin: Fraction,
) -> Fee:
    """Return what a transaction of these messages should offer.

    It is simulated without a signature, so what a node is sent can never get into a block. A node may
    know more or fewer waiting transactions of the account than we do: its own count then goes.
    Raises `TransactionRejected` when the messages would be refused now, and `ChainUnavailable`.
    """
    for _ in range(_SIMULATIONS_MAX):
        raw = _make_unsigned(messages, signer, sequence)
        try:
            answer = await connection.query(
                "/cosmos.tx.v1beta1.Service/Simulate",
                tx_query_pb2.SimulateRequest(tx_bytes=raw),
                tx_query_pb2.SimulateResponse,
            )
        except RequestRefused as error:
            expected = read_expected_sequence(error.details)
            if expected is not None and expected != sequence:
                sequence = expected
                continue
            raise make_rejection(error.details, *read_registered(error.details)) from None
        if answer is None:
            raise ChainUnavailable("the full node has no simulation to offer")
        return compute_fee(answer.gas_info.gas_used, gas_price=gas_price, gas_margin=gas_margin)
    raise ChainUnavailable("the full nodes do not agree on the account's sequence")


def _make_unsigned(messages: Sequence[Message], signer: PrivateKey, sequence: int) -> bytes:
    try:
        raw = sign_transaction(messages, signer, chain_id="", account_number=0, sequence=sequence)
    except ValueError as error:
        raise TransactionRejected(str(error), codespace="sdk", tx_code=2) from None
    wire = tx_pb2.TxRaw.FromString(raw)
    wire.signatures[0] = b""
    return marshal(wire)
