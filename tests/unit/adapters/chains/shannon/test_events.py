"""What happened in a block is told also where nodes no longer keep its state."""

from __future__ import annotations

import pytest

from joey.adapters.chains.shannon import open_shannon_chain
from joey.core.protocol.claims import ProofStatus
from joey.core.protocol.events import ChainEvent, ClaimDiscarded, SupplierSlashed, SupplyChanged
from joey.core.protocol.network_events import encode_block_events
from joey.core.protocol.params import MINIMAL
from joey.core.protocol.sessions import compute_session_end, compute_session_id
from joey.core.units import Height, Upokt
from joey.core.wire.session import SessionHeader
from joey.testing.full_node_double import SUPPLY, ScriptedNetwork, ScriptedNode, serve_node
from joey.testing.worlds import make_key

pytestmark = pytest.mark.anyio

APPLICATION = make_key("application").address
SUPPLIER = make_key("supplier").address
STRANGER = make_key("stranger").address
HEIGHT = Height(20)


def make_events(network: ScriptedNetwork) -> list[ChainEvent]:
    start = Height(1)
    _, session_id = compute_session_id(network.block(start).block.hash, "text", APPLICATION, start)
    header = SessionHeader(APPLICATION, "text", session_id, start, compute_session_end(start, MINIMAL.shared))
    return [
        ClaimDiscarded(header, STRANGER, Upokt(0), "its root adds up to nothing"),
        SupplierSlashed(header, SUPPLIER, Upokt(7), Upokt(993), ProofStatus.PENDING),
    ]


@pytest.mark.parametrize("is_pruned", [False, True])
async def test_what_only_the_state_tells_is_left_out_where_nobody_keeps_it(is_pruned: bool) -> None:
    network = ScriptedNetwork()
    network.make_blocks(24)
    told = make_events(network)
    network.events[HEIGHT] = encode_block_events(told)
    async with (
        serve_node(ScriptedNode(network, pruned_below=24 if is_pruned else 0)) as node,
        open_shannon_chain([node.grpc_url], [node.rpc_url], poll_interval_s=0.05) as chain,
    ):
        events = await chain.events(HEIGHT)
    assert [event for event in events if not isinstance(event, SupplyChanged)] == told
    changes = [event for event in events if isinstance(event, SupplyChanged)]
    if is_pruned:
        assert changes == []
    else:
        assert changes == [SupplyChanged(HEIGHT, Upokt(0), Upokt(7), Upokt(SUPPLY))]
