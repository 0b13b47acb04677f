"""Transactions: the network's bytes, and signatures that cover all of them."""

from __future__ import annotations

import hashlib

import pytest
from google.protobuf.any_pb2 import Any as AnyProto

from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.gogo import marshal
from joey.core.wire.message_codec import TYPE_URLS, decode_message, encode_message
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
from joey.core.wire.proto import application_tx_pb2, bank_tx_pb2, coin_pb2, shared_pb2, tx_pb2
from joey.core.wire.session import (
    RevenueShare,
    RpcType,
    Service,
    ServiceConfig,
    SessionHeader,
    SupplierEndpoint,
)
from joey.core.wire.transactions import (
    compute_transaction_hash,
    decode_transaction,
    is_signature_of_transaction,
    sign_transaction,
)
from joey.testing.worlds import make_key

KEY = make_key("signer")
ME, YOU = KEY.address, make_key("other").address
HEADER = SessionHeader(ME, "text", "ab" * 32, Height(5), Height(8))
CONFIG = ServiceConfig(
    "text", (SupplierEndpoint("http://localhost:1", RpcType.JSON_RPC),), (RevenueShare(ME, 100),)
)

MESSAGES: tuple[Message, ...] = (
    Send(ME, YOU, Upokt(10**18)),
    StakeApplication(ME, Upokt(5), "text"),
    StakeApplication(ME, Upokt(5), "text", Upokt(0)),
    UnstakeApplication(ME),
    StakeGateway(ME, Upokt(5)),
    UnstakeGateway(ME),
    StakeSupplier(ME, YOU, ME, Upokt(5), (CONFIG,)),
    StakeSupplier(ME, YOU, ME, None),
    UnstakeSupplier(ME, YOU),
    AddService(ME, Service("text", "Text", ComputeUnits(3000), ME, b"{}")),
    AddService(ME, Service("text", "Text", ComputeUnits(3000), ME)),
    DelegateToGateway(ME, YOU),
    UndelegateFromGateway(ME, YOU),
    CreateClaim(ME, HEADER, b"\x01" * 48),
)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_messages_survive_the_round_trip(message: Message):
    type_url, wire = encode_message(message)
    assert decode_message(type_url, wire) == message
    assert message.signer == ME


def test_every_kind_of_message_is_tried():
    assert {encode_message(message)[0] for message in MESSAGES} == set(TYPE_URLS)


def test_type_urls_are_the_networks():
    assert set(TYPE_URLS) == {
        "/cosmos.bank.v1beta1.MsgSend",
        "/pocket.application.MsgStakeApplication",
        "/pocket.application.MsgUnstakeApplication",
        "/pocket.application.MsgDelegateToGateway",
        "/pocket.application.MsgUndelegateFromGateway",
        "/pocket.gateway.MsgStakeGateway",
        "/pocket.gateway.MsgUnstakeGateway",
        "/pocket.supplier.MsgStakeSupplier",
        "/pocket.supplier.MsgUnstakeSupplier",
        "/pocket.service.MsgAddService",
        "/pocket.proof.MsgCreateClaim",
    }


def test_an_empty_service_is_written_all_the_same():
    empty = Service("", "", ComputeUnits(0), "")
    assert encode_message(AddService("", empty))[1] == bytes.fromhex("1200")


def test_unknown_messages_are_refused():
    with pytest.raises(ValueError, match=r"MsgSubmitProof"):
        decode_message("/pocket.proof.MsgSubmitProof", b"")
    with pytest.raises(ValueError):
        decode_message("/cosmos.bank.v1beta1.MsgSend", b"\xff")


@pytest.mark.parametrize("count", [0, 2])
def test_a_payment_has_one_amount(count: int):
    coins = [coin_pb2.Coin(denom="upokt", amount="1")] * count
    wire = bank_tx_pb2.MsgSend(from_address=ME, to_address=YOU, amount=coins)
    with pytest.raises(ValueError, match="one amount"):
        decode_message("/cosmos.bank.v1beta1.MsgSend", marshal(wire))


@pytest.mark.parametrize("count", [0, 2])
def test_an_application_has_one_service(count: int):
    services = [shared_pb2.ApplicationServiceConfig(service_id="text")] * count
    coin = coin_pb2.Coin(denom="upokt", amount="1")
    wire = application_tx_pb2.MsgStakeApplication(address=ME, stake=coin, services=services)
    with pytest.raises(ValueError, match="one service"):
        decode_message("/pocket.application.MsgStakeApplication", marshal(wire))


@pytest.mark.parametrize(
    ("denom", "amount"), [("usd", "1"), ("upokt", "-1"), ("upokt", "1.5"), ("upokt", "")]
)
def test_amounts_are_whole_upokt(denom: str, amount: str):
    coin = coin_pb2.Coin(denom=denom, amount=amount)
    wire = bank_tx_pb2.MsgSend(from_address=ME, to_address=YOU, amount=[coin])
    with pytest.raises(ValueError):
        decode_message("/cosmos.bank.v1beta1.MsgSend", marshal(wire))


def sign(*messages: Message, sequence: int = 3, chain_id: str = "pocket", account_number: int = 4) -> bytes:
    return sign_transaction(
        messages, KEY, chain_id=chain_id, account_number=account_number, sequence=sequence
    )


def test_a_transaction_says_what_was_signed():
    raw = sign(*MESSAGES)
    transaction = decode_transaction(raw)
    assert transaction.messages == MESSAGES
    assert transaction.required_signers == (ME,)
    (signer,) = transaction.signers
    assert (signer.public_key, signer.sequence) == (KEY.public_key, 3)
    assert len(signer.signature) == 64
    assert compute_transaction_hash(raw) == hashlib.sha256(raw).hexdigest().upper()


def test_signing_is_deterministic():
    assert sign(MESSAGES[0]) == sign(MESSAGES[0])
    assert sign(MESSAGES[0]) != sign(MESSAGES[0], sequence=4)


def test_the_signed_document_is_cosmos_sign_doc():
    raw = sign(Send(ME, YOU, Upokt(1)))
    wire = tx_pb2.TxRaw.FromString(raw)
    document = (
        b"\x0a" + bytes([len(wire.body_bytes) & 0x7F | 0x80, len(wire.body_bytes) >> 7]) + wire.body_bytes
        + b"\x12" + bytes([len(wire.auth_info_bytes)]) + wire.auth_info_bytes
        + b"\x1a\x06pocket"
        + b"\x20\x04"
    )  # fmt: skip
    assert KEY.sign(document) == wire.signatures[0]


def test_signatures_hold_for_one_chain_account_and_body():
    transaction = decode_transaction(sign(MESSAGES[0]))
    signature = transaction.signers[0].signature

    def is_valid(**changes: object) -> bool:
        facts: dict[str, object] = {"chain_id": "pocket", "account_number": 4} | changes
        return is_signature_of_transaction(transaction, signature, KEY.public_key, **facts)  # type: ignore[arg-type]

    assert is_valid()
    assert not is_valid(chain_id="other")
    assert not is_valid(account_number=5)
    other = decode_transaction(sign(Send(ME, YOU, Upokt(2))))
    assert not is_signature_of_transaction(
        other, signature, KEY.public_key, chain_id="pocket", account_number=4
    )
    stranger = make_key("other").public_key
    assert not is_signature_of_transaction(
        transaction, signature, stranger, chain_id="pocket", account_number=4
    )


def change(raw: bytes, what: str) -> bytes:
    wire = tx_pb2.TxRaw.FromString(raw)
    body = tx_pb2.TxBody.FromString(wire.body_bytes)
    auth_info = tx_pb2.AuthInfo.FromString(wire.auth_info_bytes)
    match what:
        case "no message":
            del body.messages[:]
        case "unordered":
            body.unordered = True
        case "unknown message":
            body.messages[0].type_url = "/pocket.nothing.Msg"
        case "no signature":
            del wire.signatures[:]
        case "other mode":
            auth_info.signer_infos[0].mode_info.single.mode = 127
        case "no mode":
            auth_info.signer_infos[0].ClearField("mode_info")
        case "other key type":
            auth_info.signer_infos[0].public_key.type_url = "/cosmos.crypto.ed25519.PubKey"
    wire.body_bytes = body.SerializeToString()
    wire.auth_info_bytes = auth_info.SerializeToString()
    return wire.SerializeToString()


@pytest.mark.parametrize(
    "what",
    [
        "no message",
        "unordered",
        "unknown message",
        "no signature",
        "other mode",
        "no mode",
        "other key type",
    ],
)
def test_what_is_not_supported_is_refused(what: str):
    with pytest.raises(ValueError):
        decode_transaction(change(sign(MESSAGES[0]), what))


@pytest.mark.parametrize("raw", [b"", b"\xff", b"\x0a\x01\xff"])
def test_bytes_that_are_no_transaction_are_refused(raw: bytes):
    with pytest.raises(ValueError):
        decode_transaction(raw)


def test_a_signer_may_leave_the_key_out():
    wire = tx_pb2.TxRaw.FromString(sign(MESSAGES[0]))
    auth_info = tx_pb2.AuthInfo.FromString(wire.auth_info_bytes)
    auth_info.signer_infos[0].ClearField("public_key")
    wire.auth_info_bytes = auth_info.SerializeToString()
    assert decode_transaction(wire.SerializeToString()).signers[0].public_key is None


def test_messages_of_several_accounts_need_all_of_them():
    two = Send(YOU, ME, Upokt(1))
    transaction = decode_transaction(sign(MESSAGES[0], two, MESSAGES[0]))
    assert transaction.required_signers == (ME, YOU)


def test_an_any_of_ours_is_an_any_of_theirs():
    type_url, value = encode_message(UnstakeGateway(ME))
    packed = AnyProto(type_url=type_url, value=value)
    assert packed.value == b"\x0a" + bytes([len(ME)]) + ME.encode()
