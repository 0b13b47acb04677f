"""Transactions: messages, who signs them and the signatures, as the network's `TxRaw`.

Only SIGN_MODE_DIRECT is made and accepted. A signature covers `SignDoc`: the very bytes of body and
auth info, the chain's id and the signer's account number; so a transaction is kept as it came and
never written again. What a chain demands beyond that (sequences, known accounts) is checked in
`joey.core.protocol.transition`.
Source: cosmos-sdk, cosmos.tx.v1beta1 and x/auth/signing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.any_pb2 import Any as AnyProto

from joey.core.crypto.keys import PrivateKey, verify_signature
from joey.core.units import Height
from joey.core.wire.codec import read_message
from joey.core.wire.gogo import marshal
from joey.core.wire.message_codec import decode_message, encode_message
from joey.core.wire.messages import Message
from joey.core.wire.proto import secp256k1_pb2, signing_pb2, tx_pb2

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


@dataclass(frozen=True, slots=True)
class Signer:
    """One signature and what it says of its account. `public_key` is `None` when left out."""

    public_key: bytes | None
    sequence: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Transaction:
    """A decoded transaction. `timeout_height` 0 means that it may wait for ever."""

    messages: tuple[Message, ...]
    signers: tuple[Signer, ...]
    timeout_height: Height
    body: bytes
    auth_info: bytes

    @property
    def required_signers(self) -> tuple[str, ...]:
        """The accounts that must sign, each once, in the order of the messages."""
        return tuple(dict.fromkeys(message.signer for message in self.messages))


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
) -> bytes:
    """Return the bytes of a transaction that one key signs, with no fee. The same input, the same bytes."""
    packed = []
    for message in messages:
        type_url, value = encode_message(message)
        packed.append(AnyProto(type_url=type_url, value=value))
    body = marshal(tx_pb2.TxBody(messages=packed, timeout_height=timeout_height))
    key_message = secp256k1_pb2.PubKey(key=key.public_key)
    single = tx_pb2.ModeInfo.Single(mode=signing_pb2.SIGN_MODE_DIRECT)
    signer = tx_pb2.SignerInfo(
        public_key=AnyProto(type_url=_PUBLIC_KEY_TYPE_URL, value=marshal(key_message)),
        mode_info=tx_pb2.ModeInfo(single=single),
        sequence=sequence,
    )
    auth_info = marshal(tx_pb2.AuthInfo(signer_infos=[signer], fee=tx_pb2.Fee()))
    signature = key.sign(_encode_sign_doc(body, auth_info, chain_id, account_number))
    return marshal(tx_pb2.TxRaw(body_bytes=body, auth_info_bytes=auth_info, signatures=[signature]))


def decode_transaction(raw: bytes) -> Transaction:
    """Read a transaction; says nothing about its signatures.

    Raises `ValueError` when the bytes are none, a message is unknown or cannot be read, a signature
    is missing or of another mode, or it is of a kind not supported here (unordered).
    """
    wire = read_message(tx_pb2.TxRaw, raw)
    body = read_message(tx_pb2.TxBody, wire.body_bytes)
    auth_info = read_message(tx_pb2.AuthInfo, wire.auth_info_bytes)
    if not body.messages:
        raise ValueError("a transaction has at least one message")
    if body.unordered:
        raise ValueError("unordered transactions are not supported, number them with the account's sequence")
    if len(auth_info.signer_infos) != len(wire.signatures):
        raise ValueError(f"{len(auth_info.signer_infos)} signers and {len(wire.signatures)} signatures")
    signers = []
    for info, signature in zip(auth_info.signer_infos, wire.signatures, strict=True):
        if info.mode_info.single.mode != signing_pb2.SIGN_MODE_DIRECT:
            raise ValueError("signatures must be of SIGN_MODE_DIRECT")
        signers.append(Signer(_read_public_key(info), info.sequence, signature))
    return Transaction(
        messages=tuple(decode_message(one.type_url, one.value) for one in body.messages),
        signers=tuple(signers),
        timeout_height=Height(body.timeout_height),
        body=wire.body_bytes,
        auth_info=wire.auth_info_bytes,
    )


def is_signature_of_transaction(
    transaction: Transaction, signature: bytes, public_key: bytes, *, chain_id: str, account_number: int
) -> bool:
    """Tell whether a key has signed this transaction for this chain and account."""
    document = _encode_sign_doc(transaction.body, transaction.auth_info, chain_id, account_number)
    return verify_signature(public_key, document, signature)


def _read_public_key(info: tx_pb2.SignerInfo) -> bytes | None:
    if not info.HasField("public_key"):
        return None
    if info.public_key.type_url != _PUBLIC_KEY_TYPE_URL:
        raise ValueError(f"keys of type {info.public_key.type_url!r} are not supported")
    return read_message(secp256k1_pb2.PubKey, info.public_key.value).key


def _encode_sign_doc(body: bytes, auth_info: bytes, chain_id: str, account_number: int) -> bytes:
    return marshal(
        tx_pb2.SignDoc(
            body_bytes=body, auth_info_bytes=auth_info, chain_id=chain_id, account_number=account_number
        )
    )
