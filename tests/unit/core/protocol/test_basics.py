"""Messages that are refused before anybody looks at the chain, each with its module's code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joey.core.errors import TransactionRejected
from joey.core.protocol.basics import check_message_basics
from joey.core.units import Height, Upokt
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
    TransferService,
    UndelegateFromGateway,
    UnstakeApplication,
    UnstakeGateway,
    UnstakeSupplier,
)
from joey.core.wire.session import ServiceConfig, SessionHeader, SupplierEndpoint
from joey.testing.worlds import World, make_key, make_supplier_config

ME, YOU = make_key("me").address, make_key("you").address
SERVICE = World.of_service().service
HEADER = SessionHeader(ME, "text", "ab" * 32, Height(5), Height(8))
ROOT = bytes(32) + (10).to_bytes(8, "big") + (5).to_bytes(8, "big")
CONFIG = make_supplier_config("text", ME, ME)
NO_TYPE, ODD_TYPE = SupplierEndpoint("http://localhost", 0), SupplierEndpoint("http://localhost", 6)
STAKE = StakeSupplier(ME, ME, ME, Upokt(1), (CONFIG,))


@pytest.mark.parametrize(
    "message",
    [
        Send("anything", "at all", Upokt(0)),
        StakeApplication(ME, Upokt(1), "text", Upokt(0)),
        DelegateToGateway(ME, YOU),
        STAKE,
        replace(STAKE, stake=None, services=()),
        replace(STAKE, operator_address=YOU, services=()),
        AddService(SERVICE.owner_address, SERVICE),
        CreateClaim(ME, HEADER, ROOT),
        SubmitProof(ME, HEADER, b"proof"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_well_formed_messages(message: Message):
    check_message_basics(message)


@pytest.mark.parametrize(
    ("message", "codespace", "code"),
    [
        (StakeApplication("nobody", Upokt(1), "text"), "application", 1102),
        (StakeApplication(ME.upper(), Upokt(1), "text"), "application", 1102),
        (StakeApplication(ME, Upokt(0), "text"), "application", 1101),
        (StakeApplication(ME, Upokt(1), "no spaces"), "application", 1106),
        (StakeApplication(ME, Upokt(1), "text", Upokt(999_999)), "application", 1101),
        (UnstakeApplication("nobody"), "application", 1102),
        (DelegateToGateway("nobody", ME), "application", 1102),
        (UndelegateFromGateway(ME, "nobody"), "application", 1108),
        (StakeGateway("nobody", Upokt(1)), "gateway", 1101),
        (UnstakeGateway("nobody"), "gateway", 1101),
        (UnstakeSupplier(ME, "nobody"), "supplier", 1102),
        (UnstakeSupplier("nobody", ME), "supplier", 1102),
        (replace(STAKE, operator_address=YOU), "shared", 1105),
        (replace(STAKE, owner_address=YOU, operator_address=YOU), "shared", 1105),
        (replace(STAKE, stake=Upokt(0)), "supplier", 1101),
        (replace(STAKE, services=(CONFIG, CONFIG)), "supplier", 1104),
        (replace(STAKE, services=(replace(CONFIG, service_id="no spaces"),)), "supplier", 1104),
        (replace(STAKE, services=(ServiceConfig("text", ()),)), "supplier", 1104),
        (
            replace(STAKE, services=(replace(CONFIG, endpoints=(SupplierEndpoint("http://[::1"),)),)),
            "supplier",
            1104,
        ),
        (replace(STAKE, services=(replace(CONFIG, endpoints=(NO_TYPE,)),)), "supplier", 1104),
        (replace(STAKE, services=(replace(CONFIG, endpoints=(ODD_TYPE,)),)), "supplier", 1104),
        (replace(STAKE, services=(replace(CONFIG, revenue_shares=()),)), "shared", 1106),
        (TransferService("nobody", "text", ME), "service", 1102),
        (TransferService(ME, "text", "nobody"), "service", 1102),
        (CreateClaim("nobody", HEADER, ROOT), "proof", 1101),
        (CreateClaim(ME, replace(HEADER, session_id=""), ROOT), "proof", 1115),
        (CreateClaim(ME, replace(HEADER, application_address=""), ROOT), "proof", 1115),
        (CreateClaim(ME, replace(HEADER, height_end=Height(5)), ROOT), "proof", 1115),
        (CreateClaim(ME, replace(HEADER, height_start=Height(0)), ROOT), "proof", 1115),
        (CreateClaim(ME, HEADER, ROOT[:-1]), "proof", 1104),
        (CreateClaim(ME, HEADER, ROOT[:40] + bytes(8)), "proof", 1104),
        (CreateClaim(ME, HEADER, bytes(40) + ROOT[40:]), "proof", 1104),
        (SubmitProof("nobody", HEADER, b"proof"), "proof", 1101),
        (SubmitProof(ME, replace(HEADER, service_id=""), b"proof"), "proof", 1115),
        (SubmitProof(ME, HEADER, b""), "proof", 1108),
    ],
)
def test_malformed_messages(message: Message, codespace: str, code: int):
    with pytest.raises(TransactionRejected) as refusal:
        check_message_basics(message)
    assert (refusal.value.fields["codespace"], refusal.value.fields["tx_code"]) == (codespace, code)
