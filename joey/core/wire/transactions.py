"""Transactions: messages, who signs them and the signatures, as the network's `TxRaw`.

Only SIGN_MODE_DIRECT is made and accepted. A signature covers `SignDoc`: the very bytes of body and
auth info, the chain's id and the signer's account number; so a transaction is kept as it came and
never written again. What a chain demands beyond that (sequences, known accounts, fees) is checked in
`joey.core.protocol.ante`.
Source: cosmos-sdk, cosmos.tx.v1beta1, x/auth/tx/decoder.go and x/auth/signing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.any_pb2 import Any as AnyProto
from google.protobuf.timestamp_pb2 import Timestamp

from joey.core.crypto.keys import PrivateKey, verify_signature
from joey.core.units import Height, Upokt
from joey.core.wire.codec import coin_from_proto, coin_to_proto, read_message
from joey.core.wire.gogo import marshal
from joey.core.wire.message_codec import decode_message, encode_message
from joey.core.wire.messages import Message
from joey.core.wire.proto import secp256k1_pb2, signing_pb2, tx_pb2
from joey.core.wire.unknown_fields import check_no_unknown_fields, check_no_unknown_fields_within

__all__ = [
    "Signer",
    "Transaction",
    "compute_transaction_hash",
    "decode_transaction",
    "is_signature_of_transaction",
    "sign_transaction",
]

_PUBLIC_KEY_TYPE_URL = "/cosmos.crypto.secp256k1.PubKey"
_NO_TIMEOUT = Height(0)
_NO_FEE = Upokt(0)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NANOSECONDS_PER_SECOND = 10**9
_SECONDS_FIRST, _SECONDS_LAST = -62_135_596_800, 253_402_300_799
"""The years 1 and 9999: what a timestamp may say."""


@dataclass(frozen=True, slots=True)
class Signer:
    """One signature and what it says of its account. `public_key` is `None` when left out."""

    public_key: bytes | None
    sequence: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Transaction:
    """A decoded transaction.

    `timeout_height` 0 means that it may wait for ever. `timeout_time`, aware, in UTC and rounded down
    to microseconds, is the last block time that it may have, `timeout_nanoseconds` the same since 1970
    and exact; `None` and 0 when it names none. `unordered`: the timeout stands in for the sequence.
    `size` counts the bytes of the whole, signatures included. `fee_payer` is empty where the first
    signer pays. `is_extended`: it names options of its body that nothing here knows.
    """

    messages: tuple[Message, ...]
    signers: tuple[Signer, ...]
    timeout_height: Height
    body: bytes
    auth_info: bytes
    fee: Upokt = _NO_FEE
    gas_limit: int = 0
    memo: str = ""
    unordered: bool = False
    timeout_time: datetime | None = None
    timeout_nanoseconds: int = 0
    size: int = 0
    fee_payer: str = ""
    fee_granter: str = ""
    is_extended: bool = False

    @property
    def required_signers(self) -> tuple[str, ...]:
        """The accounts that must sign, each once: those of the messages in order, then who pays the fee."""
        signers = dict.fromkeys(message.signer for message in self.messages)
        if self.fee_payer:
            signers.setdefault(self.fee_payer)
        return tuple(signers)


def compute_transaction_hash(raw: bytes) -> str:
    """Return the name of a transaction: SHA-256 of its bytes, upper-case hex."""
    return hashlib.sha256(raw).hexdigest().upper()


def sign_transaction(
    messages: Sequence[Message],
    key: PrivateKey,
    *,
    chain_id: str,
    account_number: int,
    sequence: int,
    timeout_height: Height = _NO_TIMEOUT,
    fee: Upokt = _NO_FEE,
    gas_limit: int = 0,
    memo: str = "",
    unordered: bool = False,
    timeout_time: datetime | None = None,
) -> bytes:
    """Return the bytes of a transaction that one key signs. The same input, the same bytes.

    `timeout_time` is aware. An `unordered` transaction needs one, at most ten minutes ahead of the
    chain, has `sequence` 0, and can be told from another of the same account by its time alone.
    """
    packed = []
    for message in messages:
        type_url, value = encode_message(message)
        packed.append(AnyProto(type_url=type_url, value=value))
    body = tx_pb2.TxBody(messages=packed, memo=memo, timeout_height=timeout_height, unordered=unordered)
    if timeout_time is not None:
        body.timeout_timestamp.CopyFrom(_write_time(timeout_time))
    key_message = secp256k1_pb2.PubKey(key=key.public_key)
    single = tx_pb2.ModeInfo.Single(mode=signing_pb2.SIGN_MODE_DIRECT)
    signer = tx_pb2.SignerInfo(
        public_key=AnyProto(type_url=_PUBLIC_KEY_TYPE_URL, value=marshal(key_message)),
        mode_info=tx_pb2.ModeInfo(single=single),
        sequence=sequence,
    )
    price = tx_pb2.Fee(amount=[coin_to_proto(fee)] if fee else [], gas_limit=gas_limit)
    body_bytes = marshal(body)
    auth_info = marshal(tx_pb2.AuthInfo(signer_infos=[signer], fee=price))
    signature = key.sign(_encode_sign_doc(body_bytes, auth_info, chain_id, account_number))
    return marshal(tx_pb2.TxRaw(body_bytes=body_bytes, auth_info_bytes=auth_info, signatures=[signature]))


def decode_transaction(raw: bytes) -> Transaction:
    """Read a transaction; says nothing about its signatures.

    Raises `ValueError`, and nothing else, when the bytes are none or are written in another way than
    the one proper one, when a message is unknown or cannot be read, when anything in it has a field that
    nobody here knows and that matters, or a signature is missing or of another mode.
    """
    wire = read_message(tx_pb2.TxRaw, raw)
    if marshal(wire) != raw:
        raise ValueError("a transaction is written in ascending fields, each in the shortest way")
    body = read_message(tx_pb2.TxBody, wire.body_bytes)
    auth_info = read_message(tx_pb2.AuthInfo, wire.auth_info_bytes)
    check_no_unknown_fields(wire)
    check_no_unknown_fields(body, may_add=True)
    check_no_unknown_fields(auth_info)
    if not body.messages:
        raise ValueError("a transaction has at least one message")
    if len(auth_info.signer_infos) != len(wire.signatures):
        raise ValueError(f"{len(auth_info.signer_infos)} signers and {len(wire.signatures)} signatures")
    for one in body.messages:
        check_no_unknown_fields_within(one, may_add=True)
    nanoseconds = _read_time(body.timeout_timestamp)
    return Transaction(
        messages=tuple(decode_message(one.type_url, one.value) for one in body.messages),
        signers=tuple(
            _read_signer(info, signature)
            for info, signature in zip(auth_info.signer_infos, wire.signatures, strict=True)
        ),
        timeout_height=Height(body.timeout_height),
        body=wire.body_bytes,
        auth_info=wire.auth_info_bytes,
        fee=_read_fee(auth_info.fee),
        gas_limit=auth_info.fee.gas_limit,
        memo=body.memo,
        unordered=body.unordered,
        timeout_time=_EPOCH + nanoseconds // 1000 * _MICROSECOND if nanoseconds else None,
        timeout_nanoseconds=nanoseconds,
        size=len(raw),
        fee_payer=auth_info.fee.payer,
        fee_granter=auth_info.fee.granter,
        is_extended=bool(body.extension_options),
    )


def is_signature_of_transaction(
    transaction: Transaction, signature: bytes, public_key: bytes, *, chain_id: str, account_number: int
) -> bool:
    """Tell whether a key has signed this transaction for this chain and account."""
    document = _encode_sign_doc(transaction.body, transaction.auth_info, chain_id, account_number)
    return verify_signature(public_key, document, signature)


def _read_signer(info: tx_pb2.SignerInfo, signature: bytes) -> Signer:
    if info.mode_info.single.mode != signing_pb2.SIGN_MODE_DIRECT:
        raise ValueError("signatures must be of SIGN_MODE_DIRECT")
    return Signer(_read_public_key(info), info.sequence, signature)


def _read_public_key(info: tx_pb2.SignerInfo) -> bytes | None:
    if not info.HasField("public_key"):
        return None
    if info.public_key.type_url != _PUBLIC_KEY_TYPE_URL:
        raise ValueError(f"keys of type {info.public_key.type_url!r} are not supported")
    check_no_unknown_fields_within(info.public_key)
    return read_message(secp256k1_pb2.PubKey, info.public_key.value).key


def _read_fee(fee: tx_pb2.Fee) -> Upokt:
    if len(fee.amount) > 1:
        raise ValueError(f"a fee has one amount, this has {len(fee.amount)}")
    return coin_from_proto(fee.amount[0]) if fee.amount else _NO_FEE


def _write_time(time: datetime) -> Timestamp:
    seconds, microseconds = divmod((time - _EPOCH) // _MICROSECOND, 10**6)
    return Timestamp(seconds=seconds, nanos=microseconds * 1000)


def _read_time(timestamp: Timestamp) -> int:
    """Return nanoseconds since 1970; 0 for a timestamp that says nothing.

    The network takes every time within the first second of 1970 for none, and so does this.
    """
    if not _SECONDS_FIRST <= timestamp.seconds <= _SECONDS_LAST:
        raise ValueError(f"{timestamp.seconds} s is no time")
    if not 0 <= timestamp.nanos < _NANOSECONDS_PER_SECOND:
        raise ValueError(f"{timestamp.nanos} ns is no part of a second")
    if timestamp.seconds == 0:
        return 0
    return timestamp.seconds * _NANOSECONDS_PER_SECOND + timestamp.nanos


def _encode_sign_doc(body: bytes, auth_info: bytes, chain_id: str, account_number: int) -> bytes:
    return marshal(
        tx_pb2.SignDoc(
            body_bytes=body, auth_info_bytes=auth_info, chain_id=chain_id, account_number=account_number
        )
    )
