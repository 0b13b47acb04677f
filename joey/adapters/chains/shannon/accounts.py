"""Accounts: what a signature must cover, keys, balances, and all the upokt there is.

Sources: cosmos.auth.v1beta1.Query, cosmos.bank.v1beta1.Query.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from joey.adapters.chains.shannon.asking import Asker, read_answer
from joey.adapters.chains.shannon.recent import Recent
from joey.core.units import Height, Upokt
from joey.core.wire.codec import DENOMINATION, coin_from_proto, read_message
from joey.core.wire.proto import auth_query_pb2, bank_query_pb2, secp256k1_pb2

__all__ = ["Account", "Accounts"]

_HEAD: Final = Height(0)
_KEPT: Final = 4096
_BASE_ACCOUNT: Final = "/cosmos.auth.v1beta1.BaseAccount"
_PUBLIC_KEY: Final = "/cosmos.crypto.secp256k1.PubKey"


@dataclass(frozen=True, slots=True)
class Account:
    """What a signature must cover. `public_key` is `None` until the account has signed."""

    number: int
    sequence: int
    public_key: bytes | None


class Accounts:
    """Every method raises `ChainUnavailable`; heights are as `joey.ports.chain` says."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._public_keys: Recent[str, bytes] = Recent(_KEPT)

    async def account(self, address: str, height: Height = _HEAD) -> Account | None:
        """Return an account; `None` for an address that never held anything."""
        answer = await self._asker.ask(
            "/cosmos.auth.v1beta1.Query/Account",
            auth_query_pb2.QueryAccountRequest(address=address),
            auth_query_pb2.QueryAccountResponse,
            height,
        )
        return None if answer is None else read_answer(_read_account, answer)

    async def public_key(self, address: str) -> bytes | None:
        """Return the 33-byte key of an account that has signed at least once."""
        known = self._public_keys.get(address)
        if known is None:
            account = await self.account(address)
            known = None if account is None else account.public_key
            if known is not None:
                self._public_keys.put(address, known)
        return known

    async def balance(self, address: str, height: Height = _HEAD) -> Upokt:
        """Return what an account can spend."""
        answer = await self._asker.ask(
            "/cosmos.bank.v1beta1.Query/Balance",
            bank_query_pb2.QueryBalanceRequest(address=address, denom=DENOMINATION),
            bank_query_pb2.QueryBalanceResponse,
            height,
        )
        if answer is None or not answer.HasField("balance"):
            return Upokt(0)
        return read_answer(coin_from_proto, answer.balance)

    async def supply(self, height: Height = _HEAD) -> Upokt:
        """Return all upokt there is."""
        answer = await self._asker.ask(
            "/cosmos.bank.v1beta1.Query/SupplyOf",
            bank_query_pb2.QuerySupplyOfRequest(denom=DENOMINATION),
            bank_query_pb2.QuerySupplyOfResponse,
            height,
        )
        return Upokt(0) if answer is None else read_answer(coin_from_proto, answer.amount)


def _read_account(answer: auth_query_pb2.QueryAccountResponse) -> Account:
    if answer.account.type_url != _BASE_ACCOUNT:
        raise ValueError(f"an account of type {answer.account.type_url!r}")
    base = read_message(auth_query_pb2.BaseAccount, answer.account.value)
    key = None
    if base.HasField("pub_key"):
        if base.pub_key.type_url != _PUBLIC_KEY:
            raise ValueError(f"{base.address} has a key of type {base.pub_key.type_url!r}")
        key = read_message(secp256k1_pb2.PubKey, base.pub_key.value).key
    return Account(base.account_number, base.sequence, key)
