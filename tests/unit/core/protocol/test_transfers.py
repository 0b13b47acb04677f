"""Applications move to another account, services to another owner, and gateways say who they are."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from joey.core.errors import TransactionRejected
from joey.core.protocol.bank import APPLICATION_POOL
from joey.core.protocol.events import ClaimDiscarded, ClaimSettled
from joey.core.protocol.params import MAINNET, MINIMAL
from joey.core.protocol.queries import application_service_at
from joey.core.protocol.sessions import compute_session_end
from joey.core.protocol.transfers import compute_transfer_height, is_settled_in_time
from joey.core.protocol.windows import compute_settlement_height
from joey.core.units import UPOKT_PER_POKT, ComputeUnits, Height, Upokt
from joey.core.wire.codec import (
    application_from_proto,
    application_to_proto,
    gateway_from_proto,
    gateway_to_proto,
)
from joey.core.wire.messages import (
    AddService,
    CreateClaim,
    DelegateToGateway,
    Message,
    StakeApplication,
    StakeGateway,
    TransferApplication,
    TransferService,
    UndelegateFromGateway,
    UnstakeApplication,
    UnstakeGateway,
    UpdateGatewayMetadata,
)
from joey.core.wire.session import Application, Gateway, PendingTransfer
from joey.testing.pure_chain import PureChain
from joey.testing.watching import SupplyWatch
from joey.testing.worlds import WITHOUT_PROOFS, World, make_genesis, make_key, make_trie_root

WORLD = World.of_service()
APP = make_key(WORLD.application).address
GATEWAY = make_key(WORLD.gateway).address
OTHER_GATEWAY = make_key("other gateway").address
OWNER = make_key(WORLD.service_owner).address
NEW = make_key("new home").address
SUPPLIER = make_key(WORLD.suppliers[0]).address


@pytest.fixture(params=[MINIMAL, MAINNET], ids=["minimal", "mainnet"])
def chain(request: pytest.FixtureRequest) -> PureChain:
    chain = PureChain(make_genesis((*WORLD.names, "new home", "other gateway"), params=request.param))
    chain.stake(WORLD)
    return chain


def expect_refusal(chain: PureChain, message: Message, codespace: str, code: int) -> None:
    with pytest.raises(TransactionRejected) as refusal:
        chain.apply(message)
    assert (refusal.value.fields["codespace"], refusal.value.fields["tx_code"]) == (codespace, code)


def application(chain: PureChain, address: str = APP) -> Application:
    found = chain.state.applications.get(address)
    assert found is not None
    return found


def transfer_height(chain: PureChain) -> int:
    """Return the height whose end completes a transfer that begins now."""
    shared = chain.live.shared
    end = compute_session_end(chain.height, shared)
    settled = compute_settlement_height(end, shared)
    return compute_session_end(settled, shared)


def test_an_application_moves_when_its_claims_are_settled(chain: PureChain):
    before = application(chain)
    pool = chain.state.accounts.get(APPLICATION_POOL)
    height = transfer_height(chain)
    chain.apply(TransferApplication(APP, NEW))
    pending = PendingTransfer(NEW, compute_session_end(chain.height, chain.live.shared))
    assert application(chain) == replace(before, pending_transfer=pending)
    assert application_from_proto(application_to_proto(application(chain))) == application(chain)
    expect_refusal(chain, UnstakeApplication(APP), "application", 1114)
    chain.go_to(height)
    assert application(chain).pending_transfer == pending
    chain.end_block()
    assert chain.state.applications.get(APP) is None
    assert application(chain, NEW) == replace(before, address=NEW)
    assert chain.state.accounts.get(APPLICATION_POOL) == pool
    session = chain.session(NEW, "text", chain.height - 1)
    assert session is not None
    assert chain.session(APP, "text", chain.height - 1) is None


def test_the_services_of_before_move_along(chain: PureChain):
    chain.apply(AddService(OWNER, replace(WORLD.service, id="second")))
    chain.apply(StakeApplication(APP, Upokt(WORLD.application_stake + 1), "second"))
    changed = Height(compute_session_end(chain.height, chain.live.shared) + 1)
    height = transfer_height(chain)
    chain.apply(TransferApplication(APP, NEW))
    chain.go_to(height + 1)
    assert application_service_at(chain.state, NEW, Height(changed - 1)) == "text"
    assert application_service_at(chain.state, NEW, changed) == "second"
    assert chain.state.application_services.get(APP) is None


def test_two_applications_become_one(chain: PureChain):
    chain.apply(StakeGateway(OTHER_GATEWAY, WORLD.gateway_stake))
    height = transfer_height(chain)
    chain.apply(StakeApplication(APP, Upokt(WORLD.application_stake + 1), "text", Upokt(3 * UPOKT_PER_POKT)))
    chain.apply(TransferApplication(APP, NEW))
    chain.go_to(height - 1)
    stake = WORLD.application_stake
    chain.apply(StakeApplication(NEW, stake, "text", Upokt(2 * UPOKT_PER_POKT)))
    chain.apply(DelegateToGateway(NEW, OTHER_GATEWAY))
    chain.apply(DelegateToGateway(NEW, GATEWAY))
    chain.apply(UndelegateFromGateway(NEW, OTHER_GATEWAY))
    chain.apply(UndelegateFromGateway(APP, GATEWAY))
    end = compute_session_end(chain.height, chain.live.shared)
    chain.go_to(height + 1)
    merged = application(chain, NEW)
    assert merged.stake == 2 * stake + 1
    assert merged.delegated_gateways == (GATEWAY,)
    assert merged.pending_undelegations == {end: tuple(sorted((GATEWAY, OTHER_GATEWAY)))}
    assert merged.spend_limit_per_session == 2 * UPOKT_PER_POKT
    assert merged.pending_transfer is None


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_nothing_is_lost_where_moves_follow_one_another(order: tuple[int, ...]):
    """A moves to B, B to C, in one block, whatever their addresses: C and B have it all."""
    names = ("t1", "t2", "t3")
    chain = PureChain(make_genesis((*WORLD.names, *names)))
    chain.stake(WORLD)
    first, second, third = (make_key(names[place]).address for place in order)
    height = transfer_height(chain)
    chain.apply(StakeApplication(first, Upokt(7_000_000_000), "text"))
    chain.apply(TransferApplication(first, second))
    chain.apply(StakeApplication(second, Upokt(1_000_000_000), "text"))
    chain.apply(TransferApplication(second, third))
    watch = SupplyWatch(chain)
    chain.go_to(height + 1)
    watch.check()
    stakes = {address: one.stake for address, one in chain.state.applications.items() if address != APP}
    if first < second:
        assert stakes == {third: 8_000_000_000}
    else:
        assert stakes == {second: 7_000_000_000, third: 1_000_000_000}


def test_a_session_is_settled_in_time_or_not_at_all(chain: PureChain):
    """Of the sessions that begin before the move, those count that are settled before it, too."""
    moves = transfer_height(chain)
    chain.apply(TransferApplication(APP, NEW))
    shared = chain.params.shared
    sessions = []
    while chain.height <= moves:
        chain.go_to(compute_session_end(chain.height, shared) + 2)
        session = chain.session(APP, "text", chain.height - 1)
        if session is not None:
            sessions.append(session)
            pending = session.application.pending_transfer
            assert pending is not None
            assert compute_transfer_height(pending, shared) == moves
    assert len(sessions) > 1
    in_time = [is_settled_in_time(session, shared) for session in sessions]
    assert in_time == [
        compute_settlement_height(session.header.height_end, shared) <= moves for session in sessions
    ]
    assert not in_time[-1]
    unmoved = replace(sessions[-1], application=replace(sessions[-1].application, pending_transfer=None))
    assert is_settled_in_time(unmoved, shared)


@pytest.mark.parametrize("is_last", [True, False])
def test_what_is_settled_with_the_move_is_paid_and_what_is_not_cannot_be(is_last: bool):
    # With these windows a session that begins after the request can be settled before the move.
    shared = replace(WITHOUT_PROOFS.shared, grace_period_end_offset_blocks=0)
    shared = replace(
        shared,
        claim_window_open_offset_blocks=0,
        claim_window_close_offset_blocks=4,
        proof_window_open_offset_blocks=0,
        proof_window_close_offset_blocks=4 if is_last else 3,
    )
    chain = PureChain(make_genesis((*WORLD.names, "new home"), params=replace(WITHOUT_PROOFS, shared=shared)))
    chain.stake(WORLD)
    chain.go_to(6)
    moves = transfer_height(chain)
    chain.apply(TransferApplication(APP, NEW))
    paid = {}
    for start in (5, 9):
        chain.go_to(start + 5)
        session = chain.session(APP, "text", start)
        assert session is not None
        chain.apply(CreateClaim(SUPPLIER, session.header, make_trie_root("a", 5, ComputeUnits(3000))))
        paid[session.header.session_id] = is_settled_in_time(session, shared)
    ended = [one for one in chain.go_to(moves + 20) if isinstance(one, ClaimSettled | ClaimDiscarded)]
    assert {one.header.session_id: isinstance(one, ClaimSettled) for one in ended} == paid
    assert sorted(paid.values()) == [False, True]


def test_one_that_is_made_to_leave_stays(chain: PureChain):
    height = transfer_height(chain)
    chain.apply(TransferApplication(APP, NEW))
    # As settlement does when an application's stake is spent.
    leaving = replace(application(chain), unstake_session_end_height=Height(height))
    chain.state.applications.put(APP, leaving)
    chain.go_to(height + 1)
    assert application(chain) == replace(leaving, pending_transfer=None)
    assert chain.state.applications.get(NEW) is None


def test_transfers_that_are_refused(chain: PureChain):
    expect_refusal(chain, TransferApplication(APP, APP), "application", 1113)
    expect_refusal(chain, TransferApplication(APP, "nobody"), "application", 1102)
    expect_refusal(chain, TransferApplication(NEW, OWNER), "application", 1104)
    chain.apply(StakeApplication(OWNER, WORLD.application_stake, "text"))
    expect_refusal(chain, TransferApplication(APP, OWNER), "application", 1113)
    chain.apply(UnstakeApplication(APP))
    expect_refusal(chain, TransferApplication(APP, NEW), "application", 1112)


def test_a_service_gets_another_owner(chain: PureChain):
    expect_refusal(chain, TransferService(NEW, "text", OWNER), "service", 1118)
    expect_refusal(chain, TransferService(OWNER, "nothing", NEW), "service", 1117)
    expect_refusal(chain, TransferService(OWNER, "", NEW), "service", 1103)
    expect_refusal(chain, TransferService(OWNER, "text", OWNER), "service", 1113)
    before = chain.state.services.get("text")
    assert before is not None
    chain.apply(TransferService(OWNER, "text", NEW))
    assert chain.state.services.get("text") == replace(before, owner_address=NEW)
    expect_refusal(chain, AddService(OWNER, before), "service", 1113)
    chain.apply(AddService(NEW, replace(before, owner_address=NEW, name="another name")))


def gateway(chain: PureChain) -> Gateway:
    found = chain.state.gateways.get(GATEWAY)
    assert found is not None
    return found


@pytest.mark.parametrize(("card", "code"), [(b"", 1109), (b"x" * (256 * 1024 + 1), 1109)])
def test_cards_that_are_refused(chain: PureChain, card: bytes, code: int):
    expect_refusal(chain, UpdateGatewayMetadata(GATEWAY, card), "shared", code)


def test_a_gateway_has_a_card(chain: PureChain):
    expect_refusal(chain, UpdateGatewayMetadata(NEW, b"{}"), "gateway", 1104)
    steps: tuple[tuple[Any, bytes], ...] = ((b"{}", b"{}"), (None, b"{}"), (b"[]", b"[]"))
    for card, expected in steps:
        chain.apply(UpdateGatewayMetadata(GATEWAY, card))
        assert gateway(chain).card == expected
    chain.apply(UnstakeGateway(GATEWAY))
    chain.apply(UpdateGatewayMetadata(GATEWAY, b"last words"))
    chain.apply(StakeGateway(GATEWAY, Upokt(WORLD.gateway_stake + 1)))
    assert gateway(chain) == Gateway(GATEWAY, Upokt(WORLD.gateway_stake + 1), card=b"last words")
    assert gateway_from_proto(gateway_to_proto(gateway(chain))) == gateway(chain)
