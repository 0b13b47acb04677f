"""The presets have the network's values, and decimals are exact."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joey.core.crypto.keys import is_address
from joey.core.protocol.params import (
    MAINNET,
    MINIMAL,
    PRESETS,
    NetworkParams,
    Shares,
    format_decimal,
    read_decimal,
)
from joey.core.protocol.windows import compute_pending_sessions


def test_mainnet_is_the_file_of_august_2026():
    shared = MAINNET.shared
    assert shared.num_blocks_per_session == 20
    assert shared.grace_period_end_offset_blocks == 10
    windows = (
        shared.claim_window_open_offset_blocks,
        shared.claim_window_close_offset_blocks,
        shared.proof_window_open_offset_blocks,
        shared.proof_window_close_offset_blocks,
    )
    assert windows == (11, 10, 1, 10)
    assert sum(windows) == 32
    assert compute_pending_sessions(shared) == 2
    assert shared.compute_units_to_tokens_multiplier == 145_990
    assert shared.compute_unit_cost_granularity == 10**6
    unbonding = (
        shared.supplier_unbonding_period_sessions,
        shared.application_unbonding_period_sessions,
        shared.gateway_unbonding_period_sessions,
    )
    assert unbonding == (1429, 3, 3)
    assert MAINNET.session.num_suppliers_per_session == 50
    tokenomics = MAINNET.tokenomics
    assert tokenomics.mint_ratio == Fraction(39, 40)
    assert tokenomics.global_inflation_per_claim == Fraction(1, 10**6)
    assert tokenomics.mint_equals_burn_claim_distribution == Shares(
        dao=Fraction(45, 1000),
        proposer=Fraction(14, 100),
        supplier=Fraction(79, 100),
        source_owner=Fraction(25, 1000),
        application=Fraction(0),
    )
    assert tokenomics.mint_allocation_percentages == Shares(
        Fraction(1, 10), Fraction(0), Fraction(8, 10), Fraction(1, 10), Fraction(0)
    )
    assert tokenomics.overservicing_bonus_multiplier == 1
    assert is_address(tokenomics.dao_reward_address)
    assert MAINNET.proof.proof_request_probability == Fraction(1, 100)
    assert MAINNET.proof.proof_requirement_threshold == 100
    assert (MAINNET.proof.proof_missing_penalty, MAINNET.proof.proof_submission_fee) == (1, 1)
    assert MAINNET.service.add_service_fee == 3_500_000_000
    assert MAINNET.service.target_num_relays == 100_000
    assert MAINNET.application.max_delegated_gateways == 7
    assert MAINNET.application.min_stake == 1_000_000_000
    assert (MAINNET.supplier.min_stake, MAINNET.supplier.staking_fee) == (59_500_000_000, 1)
    assert MAINNET.gateway.min_stake == 5_000_000_000


def test_minimal_prices_a_compute_unit_at_one_upokt_and_mints_what_it_burns():
    shared = MINIMAL.shared
    assert shared.num_blocks_per_session == 4
    assert shared.compute_units_to_tokens_multiplier == shared.compute_unit_cost_granularity
    assert MINIMAL.tokenomics.mint_ratio == 1
    assert MINIMAL.tokenomics.global_inflation_per_claim == 0
    assert MINIMAL.session.num_suppliers_per_session == 5
    assert is_address(MINIMAL.tokenomics.dao_reward_address)


@pytest.mark.parametrize("params", PRESETS.values(), ids=PRESETS.keys())
def test_stakes_outlast_the_windows_of_their_sessions(params: NetworkParams):
    # Otherwise a stake would be given back before the claims on it are settled.
    shared = params.shared
    for period in (
        shared.supplier_unbonding_period_sessions,
        shared.application_unbonding_period_sessions,
    ):
        assert period >= compute_pending_sessions(shared)
    # A session's relays are accepted no longer than its claim window is closed.
    assert shared.grace_period_end_offset_blocks <= shared.claim_window_open_offset_blocks


def test_shares_must_sum_to_one():
    shares = MAINNET.tokenomics.mint_equals_burn_claim_distribution
    with pytest.raises(ValueError, match="sum to 1"):
        replace(shares, dao=Fraction(0))
    with pytest.raises(ValueError, match="at least 0"):
        replace(shares, dao=Fraction(-1), application=shares.dao + 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.975", Fraction(39, 40)), ("1", Fraction(1)), ("1e-06", Fraction(1, 10**6)), ("0", Fraction(0))],
)
def test_decimals_are_read_exactly(text: str, value: Fraction):
    assert read_decimal(text) == value
    assert read_decimal(repr(float(text))) == value


@pytest.mark.parametrize("text", ["39/40", "", "a half", "0.9.7"])
def test_only_decimals_are_read(text: str):
    with pytest.raises(ValueError):
        read_decimal(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(39, 40), "0.975"),
        (Fraction(1), "1"),
        (Fraction(0), "0"),
        (Fraction(1, 10**6), "0.000001"),
        (Fraction(-5, 2), "-2.5"),
        (Fraction(100), "100"),
    ],
)
def test_decimals_are_written_shortest(value: Fraction, text: str):
    assert format_decimal(value) == text


def test_a_third_has_no_decimal_text():
    with pytest.raises(ValueError):
        format_decimal(Fraction(1, 3))


@given(st.integers(-(10**20), 10**20), st.integers(0, 20))
def test_decimals_survive_the_round_trip(digits: int, scale: int):
    value = Fraction(digits, 10**scale)
    assert read_decimal(format_decimal(value)) == value
