from __future__ import annotations

from fractions import Fraction

import pytest

from joey.cli.printing import describe, print_pairs, print_table
from joey.core.protocol.claims import ProofStatus
from joey.core.protocol.params import MAINNET
from joey.core.units import Height, Upokt
from joey.core.wire.messages import StakeApplication, UndelegateFromGateway
from joey.core.wire.session import Application


def test_amounts_are_texts_that_say_their_unit() -> None:
    assert describe(StakeApplication("a", Upokt(10**19), "text", Upokt(0))) == {
        "address": "a",
        "stake_upokt": "10000000000000000000",
        "service_id": "text",
        "spend_limit_per_session_upokt": "0",
    }
    assert describe(StakeApplication("a", Upokt(1), "text"))["spend_limit_per_session_upokt"] is None


def test_what_json_cannot_hold() -> None:
    described = describe(MAINNET.tokenomics)
    assert described["mint_ratio"] == "0.975"
    assert described["mint_equals_burn_claim_distribution"]["dao"] == "0.045"
    assert describe({1: (b"\x00\xff", ProofStatus.VALIDATED, Fraction(1, 4))}) == {
        "1": ["00ff", "VALIDATED", "0.25"]
    }
    application = Application("a", Upokt(1), "text", pending_undelegations={8: ("g",)})
    assert describe(application)["pending_undelegations"] == {"8": ["g"]}
    assert describe(Height(7)) == 7
    assert describe([UndelegateFromGateway("a", "g")]) == [
        {"application_address": "a", "gateway_address": "g"}
    ]


def test_columns_and_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "n"), [("a", "10"), ("long name", "5")], numbers={1})
    assert capsys.readouterr().out == "name        n\na          10\nlong name   5\n"
    print_pairs([("a", "1"), ("name", "")])
    assert capsys.readouterr().out == "a     1\nname\n"
