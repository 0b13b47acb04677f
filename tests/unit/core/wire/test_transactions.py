"""Transactions: the network's bytes, and signatures that cover all of them."""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from google.protobuf.any_pb2 import Any as AnyProto

from joey.core.protocol.governance import make_update_params
from joey.core.protocol.params import MAINNET
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.gogo import marshal, write_varint
from joey.core.wire.governance_codec import GOVERNED_MODULES
from joey.core.wire.message_codec import TYPE_URLS, decode_message, encode_message
from joey.core.wire.messages import (
    AddService,
    CoinValue,
    CreateClaim,
    DelegateToGateway,
    Message,
    Send,
    SharesValue,
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
)
from joey.core.wire.proto import (
    application_tx_pb2,
    bank_tx_pb2,
    coin_pb2,
    shared_pb2,
    supplier_tx_pb2,
    tx_pb2,
)
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

SHARES = SharesValue(Fraction(1, 10), Fraction(0), Fraction(4, 5), Fraction(1, 10), Fraction(0))

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
    SubmitProof(ME, HEADER, b"proof"),
    TransferApplication(ME, YOU),
    TransferService(ME, "text", YOU),
    UpdateGatewayMetadata(ME, b"{}"),
    UpdateGatewayMetadata(ME, None),
    *(make_update_params(ME, getattr(MAINNET, module)) for module in GOVERNED_MODULES),
    UpdateParam(ME, "shared", "num_blocks_per_session", 20),
    UpdateParam(ME, "shared", "nothing", "text"),
    UpdateParam(ME, "shared", "nothing", b"bytes"),
    UpdateParam(ME, "shared", "nothing", None),
    UpdateParam(ME, "session", "num_suppliers_per_session", 0),
    UpdateParam(ME, "proof", "proof_request_probability", Fraction(1, 100)),
    UpdateParam(ME, "proof", "proof_missing_penalty", CoinValue(Upokt(0))),
    UpdateParam(ME, "tokenomics", "dao_reward_address", YOU),
    UpdateParam(ME, "tokenomics", "mint_allocation_percentages", SHARES),
    UpdateParam(ME, "service", "target_num_relays", 2**64 - 1),
    UpdateParam(ME, "application", "min_stake", CoinValue(Upokt(1))),
    UpdateParam(ME, "supplier", "staking_fee", CoinValue(Upokt(1))),
    UpdateParam(ME, "gateway", "min_stake", CoinValue(Upokt(1))),
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
        "/pocket.proof.MsgSubmitProof",
        "/pocket.application.MsgTransferApplication",
        "/pocket.service.MsgTransferService",
        "/pocket.gateway.MsgUpdateGatewayMetadata",
        *(f"/pocket.{module}.MsgUpdateParams" for module in GOVERNED_MODULES),
        *(f"/pocket.{module}.MsgUpdateParam" for module in GOVERNED_MODULES),
    }
    assert len(GOVERNED_MODULES) == 8


def test_an_empty_service_is_written_all_the_same():
    empty = Service("", "", ComputeUnits(0), "")
    assert encode_message(AddService("", empty))[1] == bytes.fromhex("1200")


def test_unknown_messages_are_refused():
    with pytest.raises(ValueError, match=r"MsgNothing"):
        decode_message("/pocket.proof.MsgNothing", b"")
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


# --- the network's bytes, written here by field number alone ---


def number(value: int) -> bytes:
    """Return a varint."""
    more, low = divmod(value, 128)
    return bytes([low | 0x80]) + number(more) if more else bytes([low])


def part(field: int, value: int | str | bytes) -> bytes:
    """Return a field: a varint, or what is written with its length."""
    if isinstance(value, int):
        return number(field << 3) + number(value)
    data = value.encode() if isinstance(value, str) else value
    return number(field << 3 | 2) + number(len(data)) + data


def test_every_part_of_a_transaction_is_where_the_network_looks_for_it():
    time = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)
    raw = sign_transaction(
        [Send(ME, YOU, Upokt(7))], KEY, chain_id="pocket", account_number=4, sequence=0,
        timeout_height=Height(300), fee=Upokt(170), gas_limit=170_000_000, memo="for relays",
        unordered=True, timeout_time=time,
    )  # fmt: skip
    payment = part(1, ME) + part(2, YOU) + part(3, part(1, "upokt") + part(2, "7"))
    body = (
        part(1, part(1, "/cosmos.bank.v1beta1.MsgSend") + part(2, payment))
        + part(2, "for relays")
        + part(3, 300)
        + part(4, 1)
        + part(5, part(1, int(time.timestamp())) + part(2, 890_123_000))
    )
    key = part(1, "/cosmos.crypto.secp256k1.PubKey") + part(2, part(1, KEY.public_key))
    fee = part(1, part(1, "upokt") + part(2, "170")) + part(2, 170_000_000)
    auth_info = part(1, part(1, key) + part(2, part(1, part(1, 1)))) + part(2, fee)
    document = part(1, body) + part(2, auth_info) + part(3, "pocket") + part(4, 4)
    assert raw == part(1, body) + part(2, auth_info) + part(3, KEY.sign(document))
    transaction = decode_transaction(raw)
    assert transaction.timeout_time == time
    assert transaction.timeout_nanoseconds == int(time.timestamp()) * 10**9 + 890_123_000
    assert (transaction.fee, transaction.gas_limit, transaction.memo) == (170, 170_000_000, "for relays")
    assert (transaction.unordered, transaction.timeout_height) == (True, 300)
    assert transaction.size == len(raw)


def test_every_part_of_a_parameter_message_is_where_the_network_looks_for_it():
    half = struct.pack("<d", 0.5)
    assert encode_message(UpdateParam(ME, "proof", "p", Fraction(1, 2)))[1] == (
        part(1, ME) + part(2, "p") + number(8 << 3 | 1) + half
    )
    assert encode_message(UpdateParam(ME, "shared", "p", 9))[1] == part(1, ME) + part(2, "p") + part(6, 9)
    coin = part(1, "upokt") + part(2, "9")
    for module, field in (("application", 4), ("supplier", 3), ("gateway", 3), ("service", 3), ("proof", 9)):
        wire = encode_message(UpdateParam(ME, module, "p", CoinValue(Upokt(9))))[1]
        assert wire == part(1, ME) + part(2, "p") + part(field, coin)
    for module, field in (("application", 3), ("session", 3), ("service", 4)):
        wire = encode_message(UpdateParam(ME, module, "p", 9))[1]
        assert wire == part(1, ME) + part(2, "p") + part(field, 9)
    whole = make_update_params(ME, MAINNET.gateway)
    assert encode_message(whole)[1] == (
        part(1, ME) + part(2, part(1, part(1, "upokt") + part(2, "5000000000")))
    )


def test_a_module_carries_only_its_own_kinds_of_values():
    with pytest.raises(ValueError, match="as_float"):
        encode_message(UpdateParam(ME, "shared", "p", Fraction(1, 2)))
    with pytest.raises(ValueError, match="no value"):
        encode_message(UpdateParam(ME, "shared", "p", 0.5))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no module"):
        encode_message(UpdateParam(ME, "nothing", "p", 1))


def test_parameters_that_nobody_knows_travel_through():
    unknown = part(99, "later")
    message = make_update_params(ME, MAINNET.shared)
    wire = part(1, ME) + part(2, message.params + unknown)
    read = decode_message("/pocket.shared.MsgUpdateParams", wire)
    assert encode_message(read)[1] == wire


SENT = sign(MESSAGES[0])


def reassemble(*, body: bytes = b"", auth_info: bytes = b"", raw: bytes = b"") -> bytes:
    """Return the transaction with bytes behind its parts."""
    wire = tx_pb2.TxRaw.FromString(SENT)
    wire.body_bytes += body
    wire.auth_info_bytes += auth_info
    return wire.SerializeToString() + raw


@pytest.mark.parametrize(
    "raw",
    [
        reassemble(raw=b"\x00"),
        reassemble(raw=part(9, "more")),
        reassemble(raw=part(1, "another body")),
        reassemble(body=part(9, "critical")),
        reassemble(auth_info=part(9, "critical")),
        reassemble(auth_info=part(1025, "not critical, but not in a body")),
        reassemble(body=part(2, b"\xff\xfe")),
        reassemble(body=part(5, part(1, 2**63))),
        reassemble(body=part(5, part(1, 5) + part(2, 10**9))),
        reassemble(auth_info=part(2, part(1, part(1, "upokt") + part(2, "9" * 5000)))),
        reassemble(auth_info=part(2, part(1, part(1, "upokt") + part(2, str(2**256))))),
        reassemble(auth_info=part(2, part(1, part(1, "upokt") + part(2, "1")) * 2)),
        reassemble(auth_info=part(2, part(1, part(1, "usd") + part(2, "1")))),
        reassemble(auth_info=part(1, part(2, part(2, part(1, b""))))),
    ],
)
def test_malformed_transactions_are_a_value_error(raw: bytes):
    with pytest.raises(ValueError):
        decode_transaction(raw)


def test_additions_to_a_body_that_are_not_critical_are_let_pass():
    transaction = decode_transaction(reassemble(body=part(1025, "an addition")))
    assert not transaction.is_extended
    assert decode_transaction(reassemble(body=part(1023, part(1, "/x.Y")))).is_extended
    assert not decode_transaction(reassemble(body=part(2047, part(1, "/x.Y")))).is_extended


def test_who_pays_the_fee_must_sign():
    transaction = decode_transaction(reassemble(auth_info=part(2, part(3, YOU) + part(4, ME))))
    assert transaction.required_signers == (ME, YOU)
    assert transaction.fee_granter == ME


def test_a_timeout_in_the_first_second_of_1970_is_none():
    assert decode_transaction(reassemble(body=part(5, part(2, 5)))).timeout_time is None


def test_a_kind_of_endpoint_that_nobody_knows_survives():
    odd = ServiceConfig("text", (SupplierEndpoint("http://localhost:1", 77),))
    message = StakeSupplier(ME, ME, ME, None, (odd,))
    assert decode_message(*encode_message(message)) == message


def add_field(data: bytes, number: int) -> bytes:
    """Append a field of one byte that no definition has."""
    return data + write_varint(number << 3 | 2) + b"\x01A"


def forge(spot: str, number: int) -> bytes:
    """Return a transaction with an unknown field somewhere within."""
    message = StakeSupplier(ME, ME, ME, None, (CONFIG,))
    raw = sign_transaction([message], KEY, chain_id="chain", account_number=0, sequence=0)
    wire = tx_pb2.TxRaw.FromString(raw)
    body, auth_info = (
        tx_pb2.TxBody.FromString(wire.body_bytes),
        tx_pb2.AuthInfo.FromString(wire.auth_info_bytes),
    )
    match spot:
        case "body":
            wire.body_bytes = add_field(wire.body_bytes, number)
        case "message":
            body.messages[0].value = add_field(body.messages[0].value, number)
            wire.body_bytes = marshal(body)
        case "within a message":
            stake = supplier_tx_pb2.MsgStakeSupplier.FromString(body.messages[0].value)
            config = add_field(marshal(stake.services[0]), number)
            del stake.services[:]
            value = marshal(stake) + b"\x2a" + write_varint(len(config)) + config
            assert len(supplier_tx_pb2.MsgStakeSupplier.FromString(value).services) == 1
            body.messages[0].value = value
            wire.body_bytes = marshal(body)
        case "public key":
            key = auth_info.signer_infos[0].public_key
            key.value = add_field(key.value, number)
            wire.auth_info_bytes = marshal(auth_info)
    return marshal(wire)


@pytest.mark.parametrize("spot", ["body", "message", "within a message", "public key"])
def test_fields_that_nobody_knows_are_refused(spot: str):
    assert decode_transaction(forge("nowhere", 31)).messages
    with pytest.raises(ValueError, match="has no field 31"):
        decode_transaction(forge(spot, 31))


@pytest.mark.parametrize(
    ("spot", "is_allowed"),
    [("body", True), ("message", True), ("within a message", True), ("public key", False)],
)
def test_fields_that_say_that_they_do_not_matter_are_let_pass_in_a_body(spot: str, is_allowed: bool):
    raw = forge(spot, 1 << 10 | 31)
    if is_allowed:
        assert decode_transaction(raw).messages == decode_transaction(forge("nowhere", 31)).messages
        return
    with pytest.raises(ValueError, match="has no field 1055"):
        decode_transaction(raw)
