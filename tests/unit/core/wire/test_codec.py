"""Values to messages and back, and what no value can be made of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire import codec
from joey.core.wire.proto import application_pb2, coin_pb2, session_pb2
from joey.core.wire.session import (
    Application,
    Gateway,
    RevenueShare,
    RpcType,
    Service,
    ServiceConfig,
    ServiceConfigUpdate,
    Session,
    SessionHeader,
    Supplier,
    SupplierEndpoint,
)

HEADER = SessionHeader("pokt1app", "svc", "ab" * 32, Height(5), Height(8))
CONFIG = ServiceConfig(
    "svc", (SupplierEndpoint("https://supplier.example", RpcType.REST),), (RevenueShare("pokt1owner", 100),)
)
SUPPLIER = Supplier(
    owner_address="pokt1owner",
    operator_address="pokt1operator",
    stake=Upokt(59_500_000_000),
    services=(CONFIG,),
    unstake_session_end_height=Height(0),
    config_history=(ServiceConfigUpdate("pokt1operator", CONFIG, Height(1), Height(9)),),
)
APPLICATION = Application(
    address="pokt1app",
    stake=Upokt(10**12),
    service_id="svc",
    delegated_gateways=("pokt1g1", "pokt1g2"),
    pending_undelegations={8: ("pokt1g3",), 4: ("pokt1g4", "pokt1g5")},
    unstake_session_end_height=Height(12),
    spend_limit_per_session=Upokt(1_000_000),
)
SESSION = Session(HEADER, 2, 4, APPLICATION, (SUPPLIER,))


def test_session_header() -> None:
    encoded = codec.encode_session_header(HEADER)
    assert encoded.hex().startswith("0a08" + b"pokt1app".hex() + "1203" + b"svc".hex() + "1a40")
    assert encoded.endswith(bytes.fromhex("20052808"))
    assert codec.decode_session_header(encoded) == HEADER


def test_round_trips() -> None:
    gateway = Gateway("pokt1g1", Upokt(5), Height(3))
    service = Service("svc", "A service", ComputeUnits(3000), "pokt1owner", b'{"joey":1}')
    assert codec.decode_session(codec.encode_session(SESSION)) == SESSION
    assert codec.decode_supplier(codec.encode_supplier(SUPPLIER)) == SUPPLIER
    assert codec.decode_application(codec.encode_application(APPLICATION)) == APPLICATION
    assert codec.decode_gateway(codec.encode_gateway(gateway)) == gateway
    assert codec.decode_service(codec.encode_service(service)) == service
    assert codec.decode_service(codec.encode_service(replace(service, card=b""))).card == b""


def test_no_spend_limit_is_not_a_limit_of_zero() -> None:
    for limit in (None, Upokt(0)):
        application = replace(APPLICATION, spend_limit_per_session=limit)
        assert codec.decode_application(codec.encode_application(application)) == application


def test_application_bytes_do_not_depend_on_the_order_of_undelegations() -> None:
    turned = dict(reversed(APPLICATION.pending_undelegations.items()))
    assert codec.encode_application(APPLICATION) == codec.encode_application(
        replace(APPLICATION, pending_undelegations=turned)
    )


@pytest.mark.parametrize(
    ("denomination", "amount"),
    [("pokt", "1"), ("upokt", ""), ("upokt", "-1"), ("upokt", "1.5"), ("upokt", "¹")],
)
def test_coin_refuses(denomination: str, amount: str) -> None:
    with pytest.raises(ValueError, match="no amount of upokt"):
        codec.coin_from_proto(coin_pb2.Coin(denom=denomination, amount=amount))


def test_application_has_one_service() -> None:
    with pytest.raises(ValueError, match="0 services"):
        codec.application_from_proto(application_pb2.Application(address="pokt1app"))


def test_text_must_be_text() -> None:
    with pytest.raises(ValueError, match="UTF-8"):
        codec.decode_session_header(b"\x0a\x02\xff\xfe")


def test_read_message_refuses() -> None:
    with pytest.raises(ValueError, match=r"pocket\.session\.Session"):
        codec.read_message(session_pb2.Session, b"\x0a\x7f")
