"""What a chain says when it refuses, as people read it."""

from __future__ import annotations

import pytest

from joey.cli.refusals import describe_log, explain_refusal
from joey.core.errors import TransactionRejected
from joey.core.units import Upokt
from joey.ports.chain import Fee


@pytest.mark.parametrize(
    "log",
    [
        "failed to execute message; message index: 0: rpc error: code = NotFound desc = no supplier X",
        "rpc error: code = Unknown desc = failed to execute message; message index: 0: no supplier X",
        "failed to execute message; message index: 0: no supplier X with gas used: '58310'",
        "no supplier X [cosmos/cosmos-sdk@v0.53.0/baseapp/baseapp.go:1066] with gas used: '58310'",
        "no supplier X",
    ],
)
def test_of_a_log_only_the_description_is_shown(log: str) -> None:
    assert describe_log(log) == "no supplier X"


@pytest.mark.parametrize(("required", "price"), [(73, "0.001"), (100, "0.00137"), (73_000_000, "1000")])
def test_a_fee_that_is_too_small_names_the_price_that_suffices(required: int, price: str) -> None:
    refused = TransactionRejected(
        f"insufficient fees; got: 1upokt required: {required}upokt: insufficient fee",
        codespace="sdk",
        tx_code=13,
    )
    explained = explain_refusal(refused, Fee(73_000, Upokt(1)))
    assert f"asks for {required} upokt: offer more: --gas-price {price} or chain.gas_price" in str(explained)
    assert explained.fields == refused.fields


def test_a_fee_that_is_too_small_by_an_unknown_amount() -> None:
    refused = TransactionRejected("insufficient fee", codespace="sdk", tx_code=13)
    assert "offer more: a higher --gas-price" in str(explain_refusal(refused, None))
