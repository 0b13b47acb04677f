"""cosmos.auth.v1beta1.Query and cosmos.bank.v1beta1.Query.

Source: cosmos-sdk x/auth/keeper/grpc_query.go, x/bank/keeper/grpc_query.go.
"""

from __future__ import annotations

import re

from google.protobuf.any_pb2 import Any as AnyProto

from joey.adapters.chains.served.snapshot import Snapshot, not_found, refuse_argument
from joey.core.crypto.keys import is_address
from joey.core.protocol.bank import read_totals
from joey.core.wire.codec import DENOMINATION
from joey.core.wire.gogo import marshal
from joey.core.wire.proto import auth_query_pb2, bank_query_pb2, coin_pb2, secp256k1_pb2

__all__ = ["answer_account", "answer_balance", "answer_supply"]

_DENOMINATION = re.compile(r"[a-zA-Z][a-zA-Z0-9/:._-]{2,127}")


def answer_account(
    snapshot: Snapshot, request: auth_query_pb2.QueryAccountRequest
) -> auth_query_pb2.QueryAccountResponse:
    """Return an account; its public key is absent until it has signed."""
    _check_address(request.address)
    account = snapshot.state.accounts.get(request.address)
    if account is None:
        raise not_found(f"account {request.address} not found")
    message = auth_query_pb2.BaseAccount(
        address=request.address, account_number=account.number, sequence=account.sequence
    )
    if account.public_key is not None:
        message.pub_key.CopyFrom(_pack(secp256k1_pb2.PubKey(key=account.public_key)))
    return auth_query_pb2.QueryAccountResponse(account=_pack(message))


def answer_balance(
    snapshot: Snapshot, request: bank_query_pb2.QueryBalanceRequest
) -> bank_query_pb2.QueryBalanceResponse:
    """Return what an account can spend; nothing of a coin that there is not."""
    _check_address(request.address)
    _check_denomination(request.denom)
    account = snapshot.state.accounts.get(request.address)
    balance = 0 if account is None or request.denom != DENOMINATION else account.balance
    return bank_query_pb2.QueryBalanceResponse(
        balance=coin_pb2.Coin(denom=request.denom, amount=str(balance))
    )


def answer_supply(
    snapshot: Snapshot, request: bank_query_pb2.QuerySupplyOfRequest
) -> bank_query_pb2.QuerySupplyOfResponse:
    """Return all that there is of a coin."""
    _check_denomination(request.denom)
    supply = read_totals(snapshot.state).supply if request.denom == DENOMINATION else 0
    return bank_query_pb2.QuerySupplyOfResponse(amount=coin_pb2.Coin(denom=request.denom, amount=str(supply)))


def _check_address(address: str) -> None:
    if not address:
        raise refuse_argument("Address cannot be empty")
    if not is_address(address):
        raise refuse_argument(f"invalid address: {address!r}")


def _check_denomination(denomination: str) -> None:
    if not _DENOMINATION.fullmatch(denomination):
        raise refuse_argument(f"invalid denom: {denomination}")


def _pack(message: auth_query_pb2.BaseAccount | secp256k1_pb2.PubKey) -> AnyProto:
    """Return a message as an Any, whose type URL has no host, as cosmos-sdk writes it."""
    return AnyProto(type_url=f"/{message.DESCRIPTOR.full_name}", value=marshal(message))
