"""Parameters as the network's messages: exact decimals, nothing lost."""

from __future__ import annotations

import struct
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import pytest

from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams, SharedParams
from joey.core.protocol.params_codec import (
    decode_module_params,
    encode_module_params,
    module_params_from_proto,
    module_params_to_proto,
)
from joey.core.protocol.rows import decode_row, encode_row
from joey.core.wire.doubles import double_from_fraction, fraction_from_double

MODULES = [field.name for field in fields(NetworkParams)]
LATER = b"\x9a\x06\x05later"
"""Field 99, which no message has."""


@pytest.mark.parametrize("params", [MAINNET, MINIMAL], ids=["mainnet", "minimal"])
@pytest.mark.parametrize("module", MODULES)
def test_every_module_survives_the_round_trip(params: NetworkParams, module: str):
    value = getattr(params, module)
    assert module_params_from_proto(module_params_to_proto(value)) == value
    assert decode_module_params(module, encode_module_params(value)) == value


@pytest.mark.parametrize("module", MODULES)
def test_what_nobody_knows_survives_reading_storing_and_writing(module: str):
    wire = encode_module_params(getattr(MAINNET, module)) + LATER
    value: Any = decode_module_params(module, wire)
    assert value.unknown == LATER
    stored = decode_row(NetworkParams, encode_row(replace(MAINNET, **{module: value})))
    assert encode_module_params(getattr(stored, module)) == wire


def test_what_nobody_knows_of_shares_survives():
    shares = replace(MAINNET.tokenomics.mint_allocation_percentages, unknown=LATER)
    value: Any = replace(MAINNET.tokenomics, mint_allocation_percentages=shares)
    assert decode_module_params("tokenomics", encode_module_params(value)) == value


def test_shared_parameters_are_where_the_network_looks_for_them():
    numbered = SharedParams(
        num_blocks_per_session=1,
        grace_period_end_offset_blocks=2,
        claim_window_open_offset_blocks=3,
        claim_window_close_offset_blocks=4,
        proof_window_open_offset_blocks=5,
        proof_window_close_offset_blocks=6,
        supplier_unbonding_period_sessions=7,
        application_unbonding_period_sessions=8,
        compute_units_to_tokens_multiplier=9,
        gateway_unbonding_period_sessions=10,
        compute_unit_cost_granularity=11,
        session_grid_anchor_height=12,
        session_number_at_anchor=13,
    )
    assert encode_module_params(numbered) == bytes(
        byte for field in range(1, 14) for byte in (field << 3, field)
    )


def test_the_other_modules_are_where_the_network_looks_for_them():
    def coin(amount: str) -> bytes:
        data = b"\x0a\x05upokt\x12" + bytes([len(amount)]) + amount.encode()
        return bytes([len(data)]) + data

    def shares(*parts: float) -> bytes:
        data = b"".join(
            bytes([number << 3 | 1]) + struct.pack("<d", part) for number, part in enumerate(parts, 1) if part
        )
        return bytes([len(data)]) + data

    assert encode_module_params(MAINNET.session) == b"\x18\x32"
    assert encode_module_params(MAINNET.proof) == (
        b"\x11" + struct.pack("<d", 0.01) + b"\x1a" + coin("100") + b"\x22" + coin("1") + b"\x2a" + coin("1")
    )
    address = MAINNET.tokenomics.dao_reward_address.encode()
    assert encode_module_params(MAINNET.tokenomics) == (
        b"\x0a" + shares(0.1, 0, 0.8, 0.1, 0)
        + b"\x32" + bytes([len(address)]) + address
        + b"\x39" + struct.pack("<d", 0.000001)
        + b"\x42" + shares(0.045, 0.14, 0.79, 0.025, 0)
        + b"\x49" + struct.pack("<d", 0.975)
        + b"\x50\x01"
    )  # fmt: skip
    assert encode_module_params(MAINNET.service) == b"\x0a" + coin("3500000000") + b"\x10\xa0\x8d\x06"
    assert encode_module_params(MAINNET.application) == b"\x08\x07\x12" + coin("1000000000")
    assert encode_module_params(MAINNET.supplier) == b"\x0a" + coin("59500000000") + b"\x12" + coin("1")
    assert encode_module_params(MAINNET.gateway) == b"\x0a" + coin("5000000000")


@pytest.mark.parametrize("text", ["0.975", "0.000001", "0.1", "1", "0", "0.145", "123456.789"])
def test_decimals_are_exact_both_ways(text: str):
    exact = Fraction(text)
    assert fraction_from_double(double_from_fraction(exact)) == exact


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_what_is_no_number_is_refused(value: float):
    with pytest.raises(ValueError):
        fraction_from_double(value)


def test_what_no_double_holds_is_refused():
    with pytest.raises(ValueError, match="range"):
        double_from_fraction(Fraction(10**400))


@pytest.mark.parametrize(
    ("module", "wire"),
    [
        ("shared", b"\xff"),
        ("gateway", b""),
        ("gateway", b"\x0a\x05\x0a\x03usd"),
        ("tokenomics", b""),
        ("proof", b"\x11" + struct.pack("<d", float("nan"))),
    ],
)
def test_what_cannot_be_parameters_is_refused(module: str, wire: bytes):
    with pytest.raises(ValueError):
        decode_module_params(module, wire)
