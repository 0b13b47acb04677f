"""Parameters change by their authority's word: which ones, from when on, and what stays as it was."""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import pytest

from joey.core.errors import TransactionRejected
from joey.core.protocol.claims import compute_claimed
from joey.core.protocol.events import ClaimSettled, ParamsUpdated
from joey.core.protocol.genesis import AUTHORITY, Genesis, write_genesis
from joey.core.protocol.governance import (
    authority_of,
    make_update_param,
    make_update_params,
)
from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams, SharedParams, Shares
from joey.core.protocol.params_codec import ModuleParams
from joey.core.protocol.params_rules import BLOCKS_MAX, find_fault, find_grace_fault
from joey.core.protocol.queries import params_at
from joey.core.protocol.sessions import (
    compute_session_end,
    compute_session_number,
    compute_session_start,
)
from joey.core.protocol.state import State
from joey.core.protocol.windows import compute_claim_window, compute_settlement_height
from joey.core.units import Height, Upokt
from joey.core.wire.codec import (
    decode_application,
    decode_session_header,
    encode_application,
    encode_session_header,
)
from joey.core.wire.governance_codec import GOVERNED_MODULES
from joey.core.wire.messages import CreateClaim, SharesValue, UnstakeApplication, UpdateParam
from joey.testing.pure_chain import PureChain
from joey.testing.worlds import World, make_genesis, make_key, make_trie_root, without_proofs

WORLD = World.of_service()
GOVERNOR = make_key("governor").address
APP = make_key(WORLD.application).address


def open_chain(params: NetworkParams = MINIMAL, **shared: int) -> PureChain:
    params = replace(params, shared=replace(params.shared, **shared))
    genesis = make_genesis(WORLD.names, params=without_proofs(params))
    chain = PureChain(replace(genesis, authority=GOVERNOR))
    chain.stake(WORLD)
    return chain


@pytest.fixture(params=[MINIMAL, MAINNET], ids=["minimal", "mainnet"])
def chain(request: pytest.FixtureRequest) -> PureChain:
    return open_chain(request.param)


def change(chain: PureChain, name: str, value: Any, module: str = "shared") -> ParamsUpdated:
    (event,) = chain.apply(make_update_param(GOVERNOR, module, name, value))
    assert isinstance(event, ParamsUpdated)
    assert event.module == module
    return event


def change_all(chain: PureChain, params: ModuleParams) -> None:
    chain.apply(make_update_params(GOVERNOR, params))


def expect_refusal(chain: PureChain, message: Any, codespace: str, code: int) -> None:
    before = {name: list(table.items()) for name, table in chain.state.tables()}
    with pytest.raises(TransactionRejected) as refusal:
        chain.apply(message)
    assert (refusal.value.fields["codespace"], refusal.value.fields["tx_code"]) == (codespace, code)
    assert {name: list(table.items()) for name, table in chain.state.tables()} == before


def next_start(chain: PureChain) -> Height:
    return Height(compute_session_end(chain.height, chain.params.shared) + 1)


# --- who may ---


@pytest.mark.parametrize("module", GOVERNED_MODULES)
def test_only_the_authority_changes_parameters(module: str):
    chain = open_chain()
    whole = make_update_params(APP, getattr(chain.live, module))
    expect_refusal(chain, whole, module, 1100)
    chain.apply(replace(whole, authority=GOVERNOR))


def test_the_networks_authority_is_nobody_here():
    genesis = make_genesis(WORLD.names)
    assert genesis.authority == AUTHORITY == "pokt10d07y265gmmuvt4z0w9aw880jnsr700j8yv32t"
    chain = PureChain(genesis)
    assert authority_of(chain.state) == AUTHORITY
    expect_refusal(chain, make_update_param(GOVERNOR, "gateway", "min_stake", 5), "gateway", 1100)
    # A state from before there was an authority in it has the network's.
    assert authority_of(State.empty()) == AUTHORITY
    with pytest.raises(ValueError, match="not an address"):
        replace(genesis, authority="nobody")


# --- which, and from when on ---


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        ("proof", "proof_request_probability", Fraction(1, 3)),
        ("proof", "proof_missing_penalty", 7),
        ("tokenomics", "global_inflation_per_claim", Fraction(1, 10)),
        ("tokenomics", "dao_reward_address", APP),
        ("tokenomics", "mint_allocation_percentages", Shares(*[Fraction(1, 5)] * 5)),
        ("service", "add_service_fee", 7),
        ("service", "target_num_relays", 7),
        ("application", "max_delegated_gateways", 2),
        ("application", "min_stake", 7),
        ("supplier", "min_stake", 7),
        ("supplier", "staking_fee", 7),
        ("gateway", "min_stake", 7),
    ],
)
def test_parameters_without_history_change_at_once_for_every_height(module: str, name: str, value: Any):
    chain = open_chain()
    chain.go_to(7)
    assert change(chain, name, value, module).height_effective == 7
    assert getattr(getattr(chain.live, module), name) == value
    for height in (1, 7, 100):
        assert getattr(getattr(params_at(chain.state, Height(height)), module), name) == value


def test_session_parameters_are_live_at_once_and_drawn_by_from_the_next_session_on(chain: PureChain):
    before, start = chain.live.session.num_suppliers_per_session, next_start(chain)
    assert change(chain, "num_suppliers_per_session", 1, "session").height_effective == start
    assert chain.live.session.num_suppliers_per_session == 1
    assert params_at(chain.state, Height(start - 1)).session.num_suppliers_per_session == before
    assert params_at(chain.state, start).session.num_suppliers_per_session == 1
    chain.go_to(2 * start)
    counts = []
    for height in (start - 1, start):
        session = chain.session(APP, "text", height)
        counts.append(0 if session is None else len(session.suppliers))
    # The suppliers' configs begin with the second session.
    assert counts == [0, 1]


def test_a_price_is_live_at_once_and_charged_from_the_next_session_on(chain: PureChain):
    start = next_start(chain)
    before = chain.live.shared.compute_units_to_tokens_multiplier
    assert change(chain, "compute_units_to_tokens_multiplier", 2 * before).height_effective == start
    assert chain.live.shared.compute_units_to_tokens_multiplier == 2 * before
    assert params_at(chain.state, Height(start - 1)).shared.compute_units_to_tokens_multiplier == before
    assert params_at(chain.state, start).shared.compute_units_to_tokens_multiplier == 2 * before


def test_timing_is_withheld_until_the_end_of_its_first_block(chain: PureChain):
    start = next_start(chain)
    before = chain.live.shared
    close = before.proof_window_close_offset_blocks + 1
    change(chain, "proof_window_close_offset_blocks", close)
    assert chain.live.shared == before
    assert params_at(chain.state, Height(start - 1)).shared.proof_window_close_offset_blocks == close - 1
    assert params_at(chain.state, start).shared.proof_window_close_offset_blocks == close
    chain.go_to(start)
    assert chain.live.shared == before
    chain.end_block()
    assert chain.live.shared.proof_window_close_offset_blocks == close


def test_a_second_change_in_a_session_drops_a_timing_that_waits():
    chain = open_chain(MAINNET)
    start = next_start(chain)
    change(chain, "num_blocks_per_session", 30)
    change(chain, "compute_units_to_tokens_multiplier", 5)
    chain.go_to(start + 1)
    assert chain.live.shared.num_blocks_per_session == 20
    assert chain.live.shared.compute_units_to_tokens_multiplier == 5


def test_a_change_in_the_block_of_a_promotion_is_undone_until_its_own_session():
    chain = open_chain(MAINNET)
    change(chain, "compute_units_to_tokens_multiplier", 5)
    start = next_start(chain)
    chain.go_to(start)
    change(chain, "compute_units_to_tokens_multiplier", 6)
    assert chain.live.shared.compute_units_to_tokens_multiplier == 6
    second = next_start(chain)
    chain.end_block()
    assert chain.live.shared.compute_units_to_tokens_multiplier == 5
    chain.go_to(second + 1)
    assert chain.live.shared.compute_units_to_tokens_multiplier == 6


def test_a_whole_set_replaces_all_but_the_anchors(chain: PureChain):
    wanted = replace(
        chain.live.shared,
        num_blocks_per_session=30,
        session_grid_anchor_height=999,
        session_number_at_anchor=999,
        unknown=b"\x9a\x06\x05later",
    )
    start = next_start(chain)
    change_all(chain, wanted)
    chain.go_to(start + 1)
    assert chain.live.shared == replace(wanted, session_grid_anchor_height=start, session_number_at_anchor=2)


def test_unknown_parameters_stay_when_a_known_one_changes():
    chain = open_chain()
    change_all(chain, replace(chain.live.gateway, unknown=b"\x9a\x06\x05later"))
    change(chain, "min_stake", 5, "gateway")
    assert chain.live.gateway.unknown == b"\x9a\x06\x05later"


# --- the grid ---


def test_the_grid_is_laid_anew_where_sessions_change_their_length():
    """The case of x/shared/types/session_anchored_grid_test.go: 60 to 7 in the session of 121 to 180."""
    chain = open_chain(MAINNET, num_blocks_per_session=60)
    chain.go_to(130)
    change(chain, "num_blocks_per_session", 11)
    assert params_at(chain.state, Height(1)).shared.session_grid_anchor_height == 1
    chain.go_to(182)
    shared = chain.live.shared
    assert (shared.session_grid_anchor_height, shared.session_number_at_anchor) == (181, 4)
    old, new = params_at(chain.state, Height(180)).shared, params_at(chain.state, Height(181)).shared
    assert compute_session_start(Height(180), old) == 121
    assert compute_session_end(Height(180), old) == 180
    assert compute_session_number(Height(180), old) == 3
    assert [compute_session_start(Height(height), new) for height in (181, 191, 192)] == [181, 181, 192]
    assert [compute_session_number(Height(height), new) for height in (181, 191, 192)] == [4, 4, 5]
    # A change of something else leaves the grid where it is.
    change(chain, "compute_units_to_tokens_multiplier", 5)
    later = params_at(chain.state, Height(192)).shared
    assert (later.session_grid_anchor_height, later.session_number_at_anchor) == (181, 4)


def test_what_begins_before_a_longer_session_ends_by_the_old_grid():
    chain = open_chain(MAINNET)
    change(chain, "num_blocks_per_session", 30)
    chain.go_to(21)
    # In the block that the new grid begins with, the live one is still the old.
    chain.apply(UnstakeApplication(APP))
    application = chain.state.applications.get(APP)
    assert application is not None
    assert application.unstake_session_end_height == 40


# --- windows by a session's end, prices by its start ---


def test_a_claim_keeps_its_price_and_its_windows(chain: PureChain):
    start = next_start(chain)
    end = Height(start + chain.params.shared.num_blocks_per_session - 1)
    chain.go_to(start + 1)
    old = chain.params.shared
    # Within the session: the price doubles with the next, and so do the windows.
    change_all(
        chain,
        replace(
            old,
            compute_units_to_tokens_multiplier=2 * old.compute_units_to_tokens_multiplier,
            claim_window_open_offset_blocks=old.claim_window_open_offset_blocks + 3,
        ),
    )
    window = compute_claim_window(end, old)
    session = chain.session(APP, "text", start)
    assert session is not None
    supplier = session.suppliers[0].operator_address
    root = make_trie_root("governed", 5, WORLD.service.compute_units_per_relay)
    chain.go_to(window.open)
    assert params_at(chain.state, chain.height).shared.claim_window_open_offset_blocks > (
        old.claim_window_open_offset_blocks
    )
    chain.apply(CreateClaim(supplier, session.header, root))
    settled = [
        event
        for event in chain.go_to(compute_settlement_height(end, old) + 1)
        if isinstance(event, ClaimSettled)
    ]
    assert [event.claimed for event in settled] == [compute_claimed(root, b"\xff" * 32, old)]
    # The session after it goes by the new ones.
    shared = params_at(chain.state, Height(end + 1)).shared
    last = compute_session_end(Height(end + 1), shared)
    assert compute_claim_window(last, shared).open == last + old.claim_window_open_offset_blocks + 4


# --- what is refused ---


@pytest.mark.parametrize(
    ("module", "name", "value", "code"),
    [
        ("shared", "nothing", 1, 1102),
        ("shared", "unknown", 1, 1102),
        ("shared", "session_grid_anchor_height", 1, 1102),
        ("shared", "num_blocks_per_session", "text", 1103),
        ("shared", "num_blocks_per_session", 0, 1103),
        ("shared", "claim_window_open_offset_blocks", 1, 1103),
        ("shared", "supplier_unbonding_period_sessions", 1, 1103),
        ("shared", "application_unbonding_period_sessions", 1, 1103),
        ("shared", "gateway_unbonding_period_sessions", 0, 1103),
        ("shared", "compute_units_to_tokens_multiplier", 0, 1103),
        ("shared", "compute_unit_cost_granularity", 0, 1103),
        ("session", "num_suppliers_per_session", 0, 1110),
        ("proof", "nothing", 1, 1119),
        ("proof", "proof_request_probability", Fraction(11, 10), 1120),
        ("tokenomics", "mint_ratio", Fraction(1, 2), 1114),
        ("tokenomics", "dao_reward_address", "nobody", 1115),
        ("tokenomics", "global_inflation_per_claim", Fraction(-1), 1115),
        ("service", "add_service_fee", 0, 1115),
        ("service", "target_num_relays", 0, 1115),
        ("application", "max_delegated_gateways", 0, 1115),
        ("application", "min_stake", 0, 1115),
        ("supplier", "min_stake", 0, 1107),
        ("gateway", "min_stake", 0, 1105),
        ("gateway", "min_stake", "5", 1105),
    ],
)
def test_parameters_that_no_chain_can_have(module: str, name: str, value: Any, code: int):
    expect_refusal(open_chain(), make_update_param(GOVERNOR, module, name, value), module, code)


def test_shares_that_do_not_fit_are_refused_when_they_are_sent():
    chain = open_chain()
    one = UpdateParam(GOVERNOR, "tokenomics", "mint_allocation_percentages", None)
    expect_refusal(chain, one, "tokenomics", 1115)
    halves = SharesValue(*[Fraction(1, 2)] * 5)
    expect_refusal(chain, replace(one, value=halves), "tokenomics", 1115)
    whole = make_update_params(GOVERNOR, chain.live.tokenomics)
    expect_refusal(chain, replace(whole, params=b"\x0a\x00"), "tokenomics", 1115)
    expect_refusal(chain, replace(whole, authority="nobody"), "sdk", 7)


@pytest.mark.parametrize(
    "changes",
    [
        {"mint_ratio": Fraction(0)},
        {"mint_ratio": Fraction(11, 10)},
        {"overservicing_bonus_multiplier": 1001},
        {"mint_equals_burn_claim_distribution": Shares(*map(Fraction, (0, 0, 1, 0, 0)))},
    ],
)
def test_a_whole_set_that_no_chain_can_have(changes: dict[str, Any]):
    chain = open_chain()
    wrong = replace(chain.live.tokenomics, **changes)
    expect_refusal(chain, make_update_params(GOVERNOR, wrong), "tokenomics", 1115)


def test_windows_are_not_all_empty():
    empty = replace(
        MAINNET.shared,
        grace_period_end_offset_blocks=0,
        claim_window_open_offset_blocks=0,
        claim_window_close_offset_blocks=0,
        proof_window_open_offset_blocks=0,
        proof_window_close_offset_blocks=0,
    )
    assert find_fault(empty) is not None


def test_a_grace_period_is_shorter_than_a_session_where_it_ever_was():
    assert find_grace_fault(MINIMAL.shared) is not None
    mainnet = open_chain(MAINNET)
    wrong = make_update_param(GOVERNOR, "shared", "num_blocks_per_session", 10)
    expect_refusal(mainnet, wrong, "shared", 1103)
    # The minimal chain has begun otherwise and may stay so.
    change(open_chain(), "num_blocks_per_session", 5)


@pytest.mark.parametrize("params", [MINIMAL, MAINNET], ids=["minimal", "mainnet"])
def test_our_own_sets_are_ones_that_a_chain_can_have(params: NetworkParams):
    for field in fields(params):
        assert find_fault(getattr(params, field.name)) is None


def test_the_rows_of_an_older_file_still_answer():
    state = State.empty()
    genesis = make_genesis(WORLD.names)
    assert isinstance(genesis, Genesis)
    write_genesis(state, genesis)
    state.live_params.remove("")
    assert params_at(state, Height(9)) == genesis.params
    assert Upokt(params_at(state, Height(9)).gateway.min_stake) == genesis.params.gateway.min_stake


def test_the_first_change_writes_down_where_the_grid_began():
    chain = open_chain()
    chain.go_to(10)
    change(chain, "compute_units_to_tokens_multiplier", 7)
    first, later = (params_at(chain.state, Height(height)).shared for height in (1, next_start(chain)))
    for shared in (first, later):
        assert (shared.session_grid_anchor_height, shared.session_number_at_anchor) == (1, 1)
    # Live, at once, is the price alone: anchors go with the session that they begin with.
    assert chain.live.shared.compute_units_to_tokens_multiplier == 7
    live = chain.live.shared
    assert (live.session_grid_anchor_height, live.session_number_at_anchor) == (0, 0)
    chain.go_to(next_start(chain) + 1)
    live = chain.live.shared
    assert (live.session_grid_anchor_height, live.session_number_at_anchor) == (1, 1)


@pytest.mark.parametrize(
    "name",
    [
        field.name
        for field in fields(SharedParams)
        if field.name.endswith(("_blocks", "_sessions", "per_session"))
    ],
)
def test_lengths_and_offsets_are_bounded(name: str):
    """Whatever the authority says, heights stay ones that the wire can carry."""
    chain = open_chain()
    expect_refusal(chain, make_update_param(GOVERNOR, "shared", name, 2**31 + 1), "shared", 1103)
    expect_refusal(chain, make_update_param(GOVERNOR, "shared", name, 2**64 - 1), "shared", 1103)


def test_the_longest_sessions_can_still_be_told():
    chain = open_chain()
    change(chain, "num_blocks_per_session", BLOCKS_MAX)
    chain.go_to(next_start(chain) + 1)
    session = chain.session(APP, "text", chain.height - 1)
    assert session is not None
    assert decode_session_header(encode_session_header(session.header)) == session.header
    chain.apply(UnstakeApplication(APP))
    application = chain.state.applications.get(APP)
    assert application is not None
    assert decode_application(encode_application(application)) == application


def test_the_dao_is_paid_where_its_address_is_read():
    chain = open_chain()
    upper = replace(chain.live.tokenomics, dao_reward_address=GOVERNOR.upper())
    message = make_update_params(GOVERNOR, upper)
    expect_refusal(chain, message, "tokenomics", 1115)
    single = make_update_param(GOVERNOR, "tokenomics", "dao_reward_address", GOVERNOR.upper())
    expect_refusal(chain, single, "tokenomics", 1115)
