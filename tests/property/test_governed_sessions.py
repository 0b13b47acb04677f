"""However parameters are governed: no session is cut, none is numbered twice, no block is without one."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joey.core.errors import TransactionRejected
from joey.core.protocol.governance import make_update_param, make_update_params
from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams
from joey.core.protocol.queries import params_at
from joey.core.protocol.sessions import (
    compute_session_end,
    compute_session_number,
    compute_session_start,
)
from joey.core.units import Height
from joey.testing.pure_chain import PureChain
from joey.testing.worlds import make_genesis, make_key

EXAMPLES = int(os.environ.get("JOEY_SOAK", "0")) * 2_000 or 40
GOVERNOR = make_key("governor").address
NAMES = (
    "num_blocks_per_session",
    "num_blocks_per_session",
    "grace_period_end_offset_blocks",
    "claim_window_open_offset_blocks",
    "compute_units_to_tokens_multiplier",
)
CHANGES = st.lists(
    st.tuples(st.integers(1, 25), st.sampled_from(NAMES), st.integers(1, 14), st.booleans()), max_size=8
)


def govern(chain: PureChain, name: str, value: int, *, whole: bool) -> None:
    """Try a change. What the rules refuse changes nothing."""
    message: Any = make_update_param(GOVERNOR, "shared", name, value)
    if whole:
        message = make_update_params(GOVERNOR, replace(chain.live.shared, **{name: value}))
    try:
        chain.apply(message)
    except TransactionRejected:
        return


@pytest.mark.soak
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from([MINIMAL, MAINNET]), CHANGES)
def test_sessions_follow_one_another(
    params: NetworkParams, changes: list[tuple[int, str, int, bool]]
) -> None:
    chain = PureChain(replace(make_genesis(("a",), params=params), authority=GOVERNOR))
    for blocks, name, value, whole in changes:
        chain.go_to(chain.height + blocks)
        govern(chain, name, value, whole=whole)
    last = chain.height + 30
    shared = [params_at(chain.state, Height(height)).shared for height in range(1, last + 1)]
    height, number = 1, 1
    while height <= last:
        start = compute_session_start(Height(height), shared[height - 1])
        end = compute_session_end(Height(height), shared[height - 1])
        assert start == height
        # Every height within says the same of its session, by its own parameters.
        for inner in range(height, min(end, last) + 1):
            at = shared[inner - 1]
            assert compute_session_start(Height(inner), at) == start
            assert compute_session_end(Height(inner), at) == end
            assert compute_session_number(Height(inner), at) == number
        height, number = end + 1, number + 1


@pytest.mark.soak
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from([MINIMAL, MAINNET]), CHANGES)
def test_what_is_recorded_stays_recorded(
    params: NetworkParams, changes: list[tuple[int, str, int, bool]]
) -> None:
    chain = PureChain(replace(make_genesis(("a",), params=params), authority=GOVERNOR))
    for blocks, name, value, whole in changes:
        chain.go_to(chain.height + blocks)
        past = [params_at(chain.state, Height(height)).shared for height in range(1, chain.height + 1)]
        govern(chain, name, value, whole=whole)
        # Only the anchor of the first epoch is written down with the first change of all.
        for height, before in enumerate(past, 1):
            after = params_at(chain.state, Height(height)).shared
            if before.session_grid_anchor_height == 0:
                after = replace(after, session_grid_anchor_height=0, session_number_at_anchor=0)
            assert after == before
    # Once the next session has begun, live and recorded are one.
    chain.go_to(compute_session_end(chain.height, chain.params.shared) + 2)
    assert replace(chain.live.shared, session_grid_anchor_height=0, session_number_at_anchor=0) == replace(
        chain.params.shared, session_grid_anchor_height=0, session_number_at_anchor=0
    )
