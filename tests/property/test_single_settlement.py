"""Whatever headers are made up, a supplier is paid once for a session, and no more than once asked."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from joey.core.errors import TransactionRejected
from joey.core.protocol.events import ClaimDiscarded, ClaimExpired, ClaimSettled
from joey.core.protocol.governance import make_update_param
from joey.core.protocol.params import MAINNET, MINIMAL
from joey.core.protocol.sessions import compute_session_start
from joey.core.units import UPOKT_PER_POKT, Height, Upokt
from joey.core.wire.messages import CreateClaim
from joey.core.wire.session import SessionHeader
from joey.testing.pure_chain import PureChain
from joey.testing.settlements import make_root
from joey.testing.watching import SupplyWatch
from joey.testing.worlds import World, make_genesis, make_key, without_proofs

EXAMPLES = int(os.environ.get("JOEY_SOAK", "0")) * 500 or 8
WORLD = World.of_service()
GOVERNOR = make_key("governor").address
APP = make_key(WORLD.application).address
SUPPLIERS = [make_key(name).address for name in WORLD.suppliers]
CHANGES = (
    ("num_blocks_per_session", 2),
    ("num_blocks_per_session", 9),
    ("claim_window_open_offset_blocks", 12),
    ("claim_window_close_offset_blocks", 1),
    ("claim_window_close_offset_blocks", 9),
    ("proof_window_close_offset_blocks", 6),
)


def govern(chain: PureChain, data: DataObject) -> None:
    name, value = data.draw(st.sampled_from(CHANGES))
    message: Any = make_update_param(GOVERNOR, "shared", name, value)
    try:
        chain.apply(message)
    except TransactionRejected:
        return


@pytest.mark.soak
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([MINIMAL, MAINNET]), st.booleans(), st.data())
def test_a_session_is_settled_once(params: Any, is_governed: bool, data: DataObject) -> None:
    world = replace(WORLD, application_stake=Upokt(data.draw(st.integers(10**9, 10**10))))
    genesis = make_genesis(
        world.names, params=without_proofs(params), balance=Upokt(200_000 * UPOKT_PER_POKT)
    )
    chain = PureChain(replace(genesis, authority=GOVERNOR))
    chain.stake(world)
    watch = SupplyWatch(chain)
    root = make_root(world.service.compute_units_per_relay, data.draw(st.integers(1, 10**5)))
    # By how much an attacker moves the start, and where it says that sessions end, seen from the head.
    moved = data.draw(st.lists(st.integers(-3, 6), min_size=1, max_size=3))
    reach = data.draw(st.sets(st.integers(-25, 3), min_size=6, max_size=20))
    ends: Counter[tuple[str, str]] = Counter()
    true_headers: dict[str, SessionHeader] = {}
    for _ in range(3 * params.shared.num_blocks_per_session + 60):
        if is_governed and data.draw(st.integers(0, 19)) == 0:
            govern(chain, data)
        start = compute_session_start(chain.height, chain.params.shared)
        session = chain.session(APP, "text", start) if start < chain.height else None
        if session is not None:
            true_headers[session.header.session_id] = session.header
        for header in list(true_headers.values())[-30:]:
            heights = {(header.height_start, chain.height + offset) for offset in reach}
            heights |= {(header.height_start + by, header.height_end + by) for by in moved}
            heights.add((header.height_start, header.height_end))
            for first, last in sorted(heights):
                made_up = replace(header, height_start=Height(first), height_end=Height(last))
                for supplier in SUPPLIERS:
                    try:
                        chain.apply(CreateClaim(supplier, made_up, root))
                    except TransactionRejected:
                        continue
                    assert made_up == header
        events = chain.end_block()
        watch.see(events)
        for event in events:
            if isinstance(event, ClaimSettled | ClaimExpired | ClaimDiscarded):
                ends[event.header.session_id, event.supplier_address] += 1
    assert ends
    assert set(ends.values()) == {1}
