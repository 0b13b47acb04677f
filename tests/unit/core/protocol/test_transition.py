"""The chain's rules, message by message, without disk, clock or network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from joey.core.crypto.keys import compute_module_address
from joey.core.errors import TransactionRejected
from joey.core.protocol import transition
from joey.core.protocol.bank import (
    APPLICATION_POOL,
    GATEWAY_POOL,
    SERVICE_FEES,
    SUPPLIER_POOL,
    VALIDATOR_POOL,
)
from joey.core.protocol.block import BlockContext
from joey.core.protocol.genesis import Genesis
from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams
from joey.core.protocol.queries import (
    application_service_at,
    compute_units_at,
    supplier_at,
)
from joey.core.protocol.sessions import compute_session_end
from joey.core.protocol.state import State, Validator
from joey.core.protocol.suppliers import slash_supplier
from joey.core.protocol.windows import compute_settlement_height
from joey.core.units import UPOKT_PER_POKT, ComputeUnits, Height, Upokt
from joey.core.wire.messages import (
    AddService,
    DelegateToGateway,
    Message,
    Send,
    StakeApplication,
    StakeGateway,
    StakeSupplier,
    UndelegateFromGateway,
    UnstakeApplication,
    UnstakeGateway,
    UnstakeSupplier,
)
from joey.core.wire.session import Application, RevenueShare, Supplier, SupplierEndpoint
from joey.core.wire.transactions import Signer, Transaction, decode_transaction, sign_transaction
from joey.testing.pure_chain import PureChain
from joey.testing.worlds import World, make_genesis, make_key, make_supplier_config

WORLD = World.of_service()
APP = make_key(WORLD.application).address
GATEWAY = make_key(WORLD.gateway).address
SUPPLIER = make_key(WORLD.suppliers[0]).address
OWNER = make_key(WORLD.service_owner).address
STRANGER = make_key("stranger").address
POKT = UPOKT_PER_POKT


def open_chain(params: NetworkParams = MINIMAL, *, staked: bool = True, world: World = WORLD) -> PureChain:
    chain = PureChain(make_genesis(world.names, params=params))
    if staked:
        chain.stake(world)
    return chain


@pytest.fixture(params=[MINIMAL, MAINNET], ids=["minimal", "mainnet"])
def chain(request: pytest.FixtureRequest) -> PureChain:
    return open_chain(request.param)


def expect_refusal(chain: PureChain, message: Message, codespace: str, code: int) -> None:
    before = {name: list(table.items()) for name, table in chain.state.tables()}
    with pytest.raises(TransactionRejected) as refusal:
        chain.apply(message)
    assert (refusal.value.fields["codespace"], refusal.value.fields["tx_code"]) == (codespace, code)
    assert {name: list(table.items()) for name, table in chain.state.tables()} == before


def balance(chain: PureChain, address: str) -> int:
    account = chain.state.accounts.get(address)
    return 0 if account is None else account.balance


def application(chain: PureChain) -> Application:
    found = chain.state.applications.get(APP)
    assert found is not None
    return found


def supplier(chain: PureChain) -> Supplier:
    found = chain.state.suppliers.get(SUPPLIER)
    assert found is not None
    return found


def session_end(chain: PureChain) -> int:
    return compute_session_end(chain.height, chain.params.shared)


# --- genesis ---


def test_the_genesis_is_the_supply():
    chain = open_chain(staked=False)
    assert chain.sum_balances() == 5 * 1_000_000 * POKT + 4 * POKT
    totals = chain.state.totals.get("")
    assert totals is not None
    assert totals.supply == chain.sum_balances()
    assert totals.accounts == 6
    assert balance(chain, VALIDATOR_POOL) == 4 * POKT
    numbers = [account.number for _, account in chain.state.accounts.items()]
    assert sorted(numbers) == list(range(6))


@pytest.mark.parametrize(
    "changes",
    [
        {"chain_id": ""},
        {"validators": ()},
        {"validators": (Validator(APP, Upokt(1)),) * 2},
        {"validators": (Validator(APP, Upokt(0)),)},
        {"validators": (Validator("nobody", Upokt(1)),)},
        {"balances": {APP: Upokt(0)}},
        {"balances": {"nobody": Upokt(1)}},
        {"time": make_genesis([]).time.replace(tzinfo=None)},
        {"params": replace(MINIMAL, tokenomics=replace(MINIMAL.tokenomics, dao_reward_address=""))},
        {
            "params": replace(
                MINIMAL, tokenomics=replace(MINIMAL.tokenomics, dao_reward_address=OWNER.upper())
            )
        },
        {"authority": OWNER.upper()},
    ],
)
def test_a_genesis_that_no_chain_can_begin_with(changes: dict[str, Any]):
    good = make_genesis(["a"])
    with pytest.raises(ValueError):
        replace(good, **changes)
    assert replace(good) == good


def test_a_genesis_needs_no_balances():
    assert isinstance(make_genesis([]), Genesis)


# --- payments ---


def test_payments():
    chain = open_chain(staked=False)
    chain.apply(Send(APP, STRANGER, Upokt(7)))
    assert balance(chain, STRANGER) == 7
    expect_refusal(chain, Send(STRANGER, APP, Upokt(8)), "sdk", 5)
    expect_refusal(chain, Send(make_key("poor").address, APP, Upokt(1)), "sdk", 5)
    expect_refusal(chain, Send(APP, STRANGER, Upokt(0)), "sdk", 10)
    expect_refusal(chain, Send(APP, "nobody", Upokt(1)), "sdk", 7)
    expect_refusal(chain, Send(APP, STRANGER.upper(), Upokt(1)), "sdk", 7)


@pytest.mark.parametrize(
    "pool", [APPLICATION_POOL, GATEWAY_POOL, SUPPLIER_POOL, VALIDATOR_POOL, SERVICE_FEES]
)
def test_stakes_cannot_be_paid_into(pool: str):
    expect_refusal(open_chain(), Send(APP, pool, Upokt(1)), "sdk", 4)


# --- signatures ---


def sign(chain: PureChain, *messages: Message, key: str = WORLD.application, **changes: Any) -> Transaction:
    account = chain.state.accounts.get(make_key(key).address)
    assert account is not None
    facts: dict[str, Any] = {
        "chain_id": chain.genesis.chain_id,
        "account_number": account.number,
        "sequence": account.sequence,
    }
    return decode_transaction(sign_transaction(messages, make_key(key), **facts | changes))


def expect_transaction_refusal(
    chain: PureChain, transaction: Transaction, code: int, codespace: str = "sdk"
) -> None:
    before = {name: list(table.items()) for name, table in chain.state.tables()}
    with pytest.raises(TransactionRejected) as refusal:
        chain.apply_transaction(transaction)
    assert (refusal.value.fields["codespace"], refusal.value.fields["tx_code"]) == (codespace, code)
    assert {name: list(table.items()) for name, table in chain.state.tables()} == before


PAYMENT = Send(APP, STRANGER, Upokt(1))


def test_signing_counts_and_leaves_the_key():
    chain = open_chain(staked=False)
    for count in (1, 2):
        chain.apply_transaction(sign(chain, PAYMENT))
        account = chain.state.accounts.get(APP)
        assert account is not None
        assert account.sequence == count
        assert account.public_key == make_key(WORLD.application).public_key
    assert balance(chain, STRANGER) == 2


def test_a_transaction_is_applied_whole_or_not_at_all():
    chain = open_chain(staked=False)
    too_much = Send(APP, STRANGER, Upokt(10**18))
    before = balance(chain, APP)
    outcome = chain.apply_transaction(sign(chain, PAYMENT, too_much))
    assert (outcome.codespace, outcome.code) == ("sdk", 5)
    assert outcome.log.startswith("failed to execute message; message index: 1: ")
    assert outcome.events == ()
    # It is in the block all the same: its sequence is used, and nothing else has changed.
    assert (balance(chain, APP), balance(chain, STRANGER)) == (before, 0)
    account = chain.state.accounts.get(APP)
    assert account is not None
    assert account.sequence == 1


def test_a_replayed_transaction_is_refused():
    chain = open_chain(staked=False)
    transaction = sign(chain, PAYMENT)
    chain.apply_transaction(transaction)
    expect_transaction_refusal(chain, transaction, 32)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"sequence": 1}, 32), ({"chain_id": "other"}, 4), ({"account_number": 99}, 4)],
)
def test_a_signature_for_something_else_is_refused(changes: dict[str, Any], code: int):
    chain = open_chain(staked=False)
    expect_transaction_refusal(chain, sign(chain, PAYMENT, **changes), code)


def test_another_key_is_refused():
    chain = open_chain(staked=False)
    expect_transaction_refusal(chain, sign(chain, PAYMENT, key=WORLD.gateway), 8)
    theirs = Send(GATEWAY, STRANGER, Upokt(1))
    expect_transaction_refusal(chain, sign(chain, PAYMENT, theirs), 4)


def test_an_account_that_does_not_exist_cannot_sign():
    chain = open_chain(staked=False)
    poor = make_key("poor")
    raw = sign_transaction(
        [Send(poor.address, APP, Upokt(1))], poor, chain_id="joey-test", account_number=0, sequence=0
    )
    expect_transaction_refusal(chain, decode_transaction(raw), 9)


def test_a_signature_that_is_none_is_refused():
    chain = open_chain(staked=False)
    good = sign(chain, PAYMENT)
    (signer,) = good.signers
    for signature in (b"", bytes(64), signer.signature[:-1] + b"\x00"):
        forged = replace(good, signers=(replace(signer, signature=signature),))
        expect_transaction_refusal(chain, forged, 4)


@pytest.mark.parametrize("public_key", [None, b"\x02" * 33, b"\x09"])
def test_the_first_signature_brings_the_key(public_key: bytes | None):
    chain = open_chain(staked=False)
    good = sign(chain, PAYMENT)
    forged = replace(good, signers=(replace(good.signers[0], public_key=public_key),))
    expect_transaction_refusal(chain, forged, 8)


def test_a_known_key_may_be_left_out():
    chain = open_chain(staked=False)
    chain.apply_transaction(sign(chain, PAYMENT))
    good = sign(chain, PAYMENT)
    # What is signed is `auth_info`; `Signer` is only how it was read.
    without = replace(good, signers=(Signer(None, 1, good.signers[0].signature),))
    chain.apply_transaction(without)
    assert balance(chain, STRANGER) == 2


def test_a_signature_over_another_document_is_refused():
    chain = open_chain(staked=False)
    theirs = Send(GATEWAY, STRANGER, Upokt(1))
    mine = sign(chain, PAYMENT, theirs)
    other = sign(chain, PAYMENT, theirs, key=WORLD.gateway)
    # Two one-signer documents do not make a two-signer one: the second signature covers other bytes.
    both = replace(mine, signers=(mine.signers[0], other.signers[0]))
    expect_transaction_refusal(chain, both, 4)


def test_a_transaction_that_comes_too_late():
    chain = open_chain(staked=False)
    chain.go_to(5)
    expect_transaction_refusal(chain, sign(chain, PAYMENT, timeout_height=Height(4)), 30)
    chain.apply_transaction(sign(chain, PAYMENT, timeout_height=Height(5)))


# --- services ---


def test_a_service_costs_its_fee_once(chain: PureChain):
    fee = chain.params.service.add_service_fee
    before = balance(chain, OWNER)
    assert balance(chain, SERVICE_FEES) == fee
    other = replace(WORLD.service, id="other")
    chain.apply(AddService(OWNER, other))
    assert balance(chain, OWNER) == before - fee
    chain.apply(AddService(OWNER, replace(other, name="renamed")))
    assert balance(chain, OWNER) == before - fee
    assert balance(chain, SERVICE_FEES) == 2 * fee


def test_a_service_keeps_its_card_unless_it_gets_another():
    chain = open_chain()
    chain.apply(AddService(OWNER, replace(WORLD.service, card=b"{1}")))
    chain.apply(AddService(OWNER, WORLD.service))
    service = chain.state.services.get("text")
    assert service is not None
    assert service.card == b"{1}"


def test_prices_by_height(chain: PureChain):
    first_end = session_end(chain)
    chain.apply(AddService(OWNER, replace(WORLD.service, compute_units_per_relay=ComputeUnits(5))))
    chain.apply(AddService(OWNER, replace(WORLD.service, compute_units_per_relay=ComputeUnits(7))))
    assert compute_units_at(chain.state, "text", Height(1)) == 3000
    assert compute_units_at(chain.state, "text", Height(first_end)) == 3000
    assert compute_units_at(chain.state, "text", Height(first_end + 1)) == 7
    history = chain.state.compute_units.get("text")
    assert history is not None
    assert history.changes == ((1, 3000), (first_end + 1, 7))


@pytest.mark.parametrize(
    ("change", "codespace", "code"),
    [
        ({"id": "no spaces"}, "service", 1103),
        ({"id": ""}, "service", 1103),
        ({"id": "x" * 43}, "service", 1103),
        ({"name": ""}, "service", 1104),
        ({"name": "x" * 170}, "service", 1104),
        ({"compute_units_per_relay": 0}, "shared", 1108),
        ({"compute_units_per_relay": 2**21 + 1}, "shared", 1108),
        ({"card": b"x" * (256 * 1024 + 1)}, "shared", 1109),
        ({"owner_address": "nobody"}, "service", 1102),
        ({"owner_address": STRANGER}, "service", 1113),
    ],
)
def test_services_that_are_refused(change: dict[str, Any], codespace: str, code: int):
    service = replace(WORLD.service, **{"id": "new"} | change)
    expect_refusal(open_chain(), AddService(OWNER, service), codespace, code)


def test_only_the_owner_changes_a_service():
    service = replace(WORLD.service, owner_address=APP)
    expect_refusal(open_chain(), AddService(APP, service), "service", 1113)


def test_the_fee_leaves_something_on_the_account():
    chain = open_chain()
    fee = chain.params.service.add_service_fee
    chain.apply(Send(APP, STRANGER, fee))
    service = replace(WORLD.service, id="new", owner_address=STRANGER)
    expect_refusal(chain, AddService(STRANGER, service), "service", 1108)
    chain.apply(Send(APP, STRANGER, Upokt(1)))
    chain.apply(AddService(STRANGER, service))
    assert balance(chain, STRANGER) == 1


# --- gateways ---


def test_a_gateway_raises_its_stake(chain: PureChain):
    stake = WORLD.gateway_stake
    before = balance(chain, GATEWAY)
    chain.apply(StakeGateway(GATEWAY, Upokt(stake + 3)))
    assert balance(chain, GATEWAY) == before - 3
    assert balance(chain, GATEWAY_POOL) == stake + 3
    expect_refusal(chain, StakeGateway(GATEWAY, Upokt(stake + 3)), "gateway", 1102)


def test_gateways_that_are_refused():
    chain = open_chain()
    least = chain.params.gateway.min_stake
    expect_refusal(chain, StakeGateway(APP, Upokt(least - 1)), "gateway", 1102)
    expect_refusal(chain, StakeGateway(APP, Upokt(10**18)), "sdk", 5)
    expect_refusal(chain, StakeGateway("nobody", least), "gateway", 1101)
    expect_refusal(chain, UnstakeGateway(STRANGER), "gateway", 1104)


def test_a_gateway_leaves(chain: PureChain):
    end = session_end(chain)
    before = balance(chain, GATEWAY)
    chain.apply(UnstakeGateway(GATEWAY))
    expect_refusal(chain, UnstakeGateway(GATEWAY), "gateway", 1107)
    assert application(chain).delegated_gateways == (GATEWAY,)
    chain.go_to(end + 2)
    # The delegation went with the first block after the session, and signs for it no more.
    assert application(chain).delegated_gateways == ()
    assert application(chain).pending_undelegations == {session_end(chain): (GATEWAY,)}
    expect_refusal(chain, DelegateToGateway(APP, GATEWAY), "application", 1107)
    shared = chain.params.shared
    paid_back = end + shared.gateway_unbonding_period_sessions * shared.num_blocks_per_session
    chain.go_to(paid_back)
    assert chain.state.gateways.get(GATEWAY) is not None
    chain.end_block()
    assert chain.state.gateways.get(GATEWAY) is None
    assert balance(chain, GATEWAY) == before + WORLD.gateway_stake
    assert balance(chain, GATEWAY_POOL) == 0


def test_staking_again_takes_leaving_back():
    chain = open_chain()
    chain.apply(UnstakeGateway(GATEWAY))
    chain.apply(StakeGateway(GATEWAY, Upokt(WORLD.gateway_stake + 1)))
    chain.go_to(60)
    assert chain.state.gateways.get(GATEWAY) is not None
    assert application(chain).delegated_gateways == (GATEWAY,)


# --- applications ---


def test_applications_that_are_refused():
    chain = open_chain()
    least = chain.params.application.min_stake
    expect_refusal(chain, StakeApplication(OWNER, Upokt(least - 1), "text"), "application", 1101)
    expect_refusal(chain, StakeApplication(OWNER, least, "nothing"), "application", 1106)
    expect_refusal(chain, StakeApplication(OWNER, least, "text", Upokt(POKT - 1)), "application", 1101)
    expect_refusal(chain, StakeApplication("nobody", least, "text"), "application", 1102)
    expect_refusal(chain, StakeApplication(OWNER, Upokt(10**18), "text"), "sdk", 5)
    expect_refusal(chain, UnstakeApplication(STRANGER), "application", 1104)
    expect_refusal(chain, DelegateToGateway(STRANGER, GATEWAY), "application", 1104)
    expect_refusal(chain, DelegateToGateway(APP, STRANGER), "application", 1107)
    expect_refusal(chain, DelegateToGateway(APP, GATEWAY), "application", 1109)
    expect_refusal(chain, UndelegateFromGateway(APP, STRANGER), "application", 1111)


def test_a_spend_limit_is_set_kept_and_cleared():
    chain = open_chain()
    stake = WORLD.application_stake
    for step, (limit, expected) in enumerate(((POKT, POKT), (None, POKT), (0, None)), 1):
        message_limit = None if limit is None else Upokt(limit)
        chain.apply(StakeApplication(APP, Upokt(stake + step), "text", message_limit))
        assert application(chain).spend_limit_per_session == expected


def test_an_application_changes_its_service_with_the_next_session(chain: PureChain):
    for service_id in ("second", "third"):
        chain.apply(AddService(OWNER, replace(WORLD.service, id=service_id)))
    end = session_end(chain)
    stake = WORLD.application_stake
    chain.apply(StakeApplication(APP, Upokt(stake + 1), "second"))
    chain.apply(StakeApplication(APP, Upokt(stake + 2), "third"))
    chain.go_to(end + 3)
    # The change to `second` never held: `third` took its place within the session.
    for height, service_id in ((1, "text"), (end, "text"), (end + 1, "third")):
        assert application_service_at(chain.state, APP, Height(height)) == service_id
    assert chain.session(APP, "second", end + 1) is None
    second_end = session_end(chain)
    chain.apply(StakeApplication(APP, Upokt(stake + 3), "text"))
    assert application_service_at(chain.state, APP, Height(second_end)) == "third"
    assert application_service_at(chain.state, APP, Height(second_end + 1)) == "text"
    assert application_service_at(chain.state, STRANGER, Height(1)) is None
    assert application_service_at(chain.state, APP, Height(0)) is None


def test_a_session_of_the_service_before(chain: PureChain):
    chain.apply(AddService(OWNER, replace(WORLD.service, id="second")))
    first = session_end(chain) + 1
    chain.go_to(first + 1)
    before = chain.session(APP, "text", first)
    assert before is not None
    chain.apply(StakeApplication(APP, Upokt(WORLD.application_stake + 1), "second"))
    end = session_end(chain)
    chain.go_to(end + 2)
    after = chain.session(APP, "text", first)
    assert after is not None
    assert (after.header, after.suppliers) == (before.header, before.suppliers)
    assert chain.session(APP, "text", end + 1) is None


def test_an_application_leaves(chain: PureChain):
    end = session_end(chain)
    before = balance(chain, APP)
    chain.apply(UnstakeApplication(APP))
    expect_refusal(chain, UnstakeApplication(APP), "application", 1112)
    chain.go_to(end + 2)
    assert chain.session(APP, "text", end + 1) is None
    shared = chain.params.shared
    paid_back = end + shared.application_unbonding_period_sessions * shared.num_blocks_per_session
    chain.go_to(paid_back)
    assert balance(chain, APP) == before
    chain.end_block()
    assert chain.state.applications.get(APP) is None
    assert balance(chain, APP) == before + WORLD.application_stake
    assert balance(chain, APPLICATION_POOL) == 0


def test_an_application_delegates_to_so_many_gateways():
    chain = open_chain()
    most = chain.params.application.max_delegated_gateways
    gateways = [make_key(f"gateway {number}").address for number in range(most)]
    for address in gateways:
        chain.apply(Send(GATEWAY, address, Upokt(1000)))
        chain.apply(StakeGateway(address, Upokt(1000)))
    for address in gateways[: most - 1]:
        chain.apply(DelegateToGateway(APP, address))
    expect_refusal(chain, DelegateToGateway(APP, gateways[-1]), "application", 1110)


def test_an_undelegated_gateway_signs_to_the_end_of_the_session_and_is_then_forgotten(chain: PureChain):
    end = session_end(chain)
    chain.apply(UndelegateFromGateway(APP, GATEWAY))
    assert application(chain).pending_undelegations == {end: (GATEWAY,)}
    shared = chain.params.shared
    kept = end + shared.grace_period_end_offset_blocks + 2 * shared.num_blocks_per_session
    chain.go_to(kept + 1)
    assert application(chain).pending_undelegations == {end: (GATEWAY,)}
    chain.end_block()
    assert application(chain).pending_undelegations == {}


def test_delegating_again_takes_an_undelegation_back():
    chain = open_chain()
    chain.apply(UndelegateFromGateway(APP, GATEWAY))
    chain.apply(DelegateToGateway(APP, GATEWAY))
    assert application(chain).delegated_gateways == (GATEWAY,)
    assert application(chain).pending_undelegations == {}


# --- suppliers ---


def stake_supplier(**changes: Any) -> StakeSupplier:
    config = make_supplier_config("text", SUPPLIER, SUPPLIER)
    message = StakeSupplier(SUPPLIER, SUPPLIER, SUPPLIER, WORLD.supplier_stake, (config,))
    return replace(message, **changes)


CONFIG = make_supplier_config("text", SUPPLIER, SUPPLIER)


@pytest.mark.parametrize(
    ("changes", "codespace", "code"),
    [
        ({"stake": Upokt(1)}, "supplier", 1101),
        ({"signer_address": STRANGER}, "shared", 1105),
        ({"owner_address": "nobody"}, "supplier", 1102),
        ({"services": (CONFIG, CONFIG)}, "supplier", 1104),
        ({"services": (replace(CONFIG, service_id="nothing"),)}, "supplier", 1106),
        ({"services": (replace(CONFIG, endpoints=()),)}, "supplier", 1104),
        ({"services": (replace(CONFIG, endpoints=(SupplierEndpoint("ftp://x"),)),)}, "supplier", 1104),
        ({"services": (replace(CONFIG, endpoints=(SupplierEndpoint("http://"),)),)}, "supplier", 1104),
        ({"services": (replace(CONFIG, endpoints=(SupplierEndpoint("http://[x"),)),)}, "supplier", 1104),
        ({"services": (replace(CONFIG, revenue_shares=()),)}, "shared", 1106),
        ({"services": (replace(CONFIG, revenue_shares=(RevenueShare(APP, 99),)),)}, "shared", 1106),
        ({"services": (replace(CONFIG, revenue_shares=(RevenueShare("x", 100),)),)}, "shared", 1106),
        ({"stake": Upokt(10**18)}, "sdk", 5),
    ],
)
def test_suppliers_that_are_refused(changes: dict[str, Any], codespace: str, code: int):
    expect_refusal(open_chain(), stake_supplier(**changes), codespace, code)


def test_a_new_supplier_names_stake_and_services():
    chain = open_chain()
    new = stake_supplier(signer_address=APP, owner_address=APP, operator_address=APP)
    expect_refusal(chain, replace(new, stake=None), "supplier", 1101)
    expect_refusal(chain, replace(new, services=()), "supplier", 1104)


def test_a_stake_change_moves_the_difference_and_costs_the_fee(chain: PureChain):
    before, pool, stake = balance(chain, SUPPLIER), balance(chain, SUPPLIER_POOL), WORLD.supplier_stake
    fee = chain.params.supplier.staking_fee
    chain.apply(stake_supplier(stake=Upokt(stake + 10), services=()))
    assert balance(chain, SUPPLIER) == before - 10 - fee
    chain.apply(stake_supplier(stake=Upokt(stake - 10), services=()))
    assert balance(chain, SUPPLIER) == before + 10 - 2 * fee
    assert balance(chain, SUPPLIER_POOL) == pool - 10 + 2 * fee
    chain.apply(stake_supplier(stake=None))
    assert supplier(chain).stake == stake - 10


def test_owner_and_operator(chain: PureChain):
    # The operator hands the supplier over to an owner, who then decides about ownership and stake.
    chain.apply(stake_supplier(owner_address=APP))
    expect_refusal(chain, stake_supplier(owner_address=GATEWAY), "shared", 1105)
    expect_refusal(chain, stake_supplier(signer_address=APP, owner_address=APP), "shared", 1105)
    expect_refusal(
        chain, stake_supplier(signer_address=GATEWAY, owner_address=GATEWAY, services=()), "shared", 1105
    )
    before = balance(chain, APP)
    smaller = Upokt(WORLD.supplier_stake - 7)
    chain.apply(stake_supplier(signer_address=APP, owner_address=APP, stake=smaller, services=()))
    assert balance(chain, APP) == before + 7 - chain.params.supplier.staking_fee
    expect_refusal(chain, UnstakeSupplier(GATEWAY, SUPPLIER), "shared", 1105)
    chain.apply(UnstakeSupplier(APP, SUPPLIER))


def test_configs_hold_from_the_next_session_on(chain: PureChain):
    first_end = session_end(chain)
    assert supplier_at(supplier(chain), chain.height).services == ()
    chain.go_to(first_end + 1)
    assert supplier_at(supplier(chain), chain.height).services == (CONFIG,)
    moved = replace(CONFIG, endpoints=(SupplierEndpoint("http://elsewhere:1"),))
    again = replace(CONFIG, endpoints=(SupplierEndpoint("http://elsewhere:2"),))
    second_end = session_end(chain)
    chain.apply(stake_supplier(services=(moved,)))
    chain.apply(stake_supplier(services=(again,)))
    assert supplier_at(supplier(chain), Height(second_end)).services == (CONFIG,)
    assert supplier_at(supplier(chain), Height(second_end + 1)).services == (again,)
    assert len(supplier(chain).config_history) == 2


def test_old_configs_are_forgotten_when_their_sessions_are_settled(chain: PureChain):
    chain.go_to(session_end(chain) + 1)
    end = Height(session_end(chain))
    chain.apply(stake_supplier())
    shared = chain.params.shared
    last = compute_settlement_height(end, shared) + shared.num_blocks_per_session
    chain.go_to(last + 1)
    assert len(supplier(chain).config_history) == 2
    chain.end_block()
    assert len(supplier(chain).config_history) == 1


def test_a_supplier_leaves():
    chain = open_chain()
    chain.go_to(session_end(chain) + 2)
    end = session_end(chain)
    before = balance(chain, SUPPLIER)
    chain.apply(UnstakeSupplier(SUPPLIER, SUPPLIER))
    expect_refusal(chain, UnstakeSupplier(SUPPLIER, SUPPLIER), "supplier", 1105)
    expect_refusal(chain, UnstakeSupplier(SUPPLIER, STRANGER), "supplier", 1103)
    chain.go_to(end + 2)
    for height, expected in ((end, 2), (end + 1, 1)):
        session = chain.session(APP, "text", height)
        assert session is not None
        assert len(session.suppliers) == expected
    shared = chain.params.shared
    paid_back = end + shared.supplier_unbonding_period_sessions * shared.num_blocks_per_session
    chain.go_to(paid_back + 1)
    assert chain.state.suppliers.get(SUPPLIER) is None
    assert balance(chain, SUPPLIER) == before + WORLD.supplier_stake


def test_a_supplier_that_comes_back_serves_again():
    chain = open_chain()
    chain.go_to(session_end(chain) + 1)
    chain.apply(UnstakeSupplier(SUPPLIER, SUPPLIER))
    chain.apply(stake_supplier())
    chain.go_to(session_end(chain) + 2)
    assert supplier_at(supplier(chain), chain.height).services == (CONFIG,)
    chain.go_to(80)
    assert chain.state.suppliers.get(SUPPLIER) is not None


def test_a_config_that_has_ended_is_active_once_more_up_to_the_next_change(chain: PureChain):
    """The network gives every old config the newest end: see `joey.core.protocol.suppliers`."""
    chain.apply(AddService(OWNER, replace(WORLD.service, id="second")))
    second = replace(CONFIG, service_id="second")
    first_end = session_end(chain)
    chain.go_to(first_end + 1)
    chain.apply(StakeSupplier(SUPPLIER, SUPPLIER, SUPPLIER, None, (second,)))
    ended = session_end(chain) + 1
    chain.go_to(ended + 1)
    assert [config.service_id for config in supplier_at(supplier(chain), chain.height).services] == ["second"]
    chain.apply(UnstakeSupplier(SUPPLIER, SUPPLIER))
    left = session_end(chain) + 1
    history = supplier(chain).config_history
    assert {update.config.service_id: update.height_deactivation for update in history} == {
        "text": left,
        "second": left,
    }


def test_a_config_that_never_began_leaves_a_trace_unless_its_own_service_replaces_it():
    chain = open_chain()
    chain.apply(AddService(OWNER, replace(WORLD.service, id="second")))
    chain.go_to(session_end(chain) + 1)
    start = session_end(chain) + 1
    for service_id in ("second", "text", "text"):
        config = replace(CONFIG, service_id=service_id)
        chain.apply(StakeSupplier(SUPPLIER, SUPPLIER, SUPPLIER, None, (config,)))
    spans = [
        (update.config.service_id, update.height_activation, update.height_deactivation)
        for update in supplier(chain).config_history
    ]
    assert spans == [("text", start, 0), ("second", start, start), ("text", start - 4, start)]


# --- what is kept beside ---


@pytest.mark.parametrize(
    "module",
    [
        "application",
        "bonded_tokens_pool",
        "distribution",
        "fee_collector",
        "gateway",
        "mint",
        "not_bonded_tokens_pool",
        "proof",
        "service",
        "supplier",
        "tokenomics",
    ],
)
def test_no_module_takes_a_payment(module: str):
    chain = open_chain(staked=False)
    expect_refusal(chain, Send(APP, compute_module_address(module), Upokt(1)), "sdk", 4)


def test_an_application_that_left_leaves_no_history_of_services(chain: PureChain):
    chain.apply(AddService(OWNER, replace(WORLD.service, id="other")))
    chain.apply(StakeApplication(APP, Upokt(WORLD.application_stake + 1), "other"))
    assert chain.state.application_services.get(APP) is not None
    chain.apply(UnstakeApplication(APP))
    period = chain.live.shared.application_unbonding_period_sessions
    chain.go_to(session_end(chain) + period * chain.live.shared.num_blocks_per_session + 1)
    assert chain.state.applications.get(APP) is None
    assert chain.state.application_services.get(APP) is None
    # Staked again it has the new service only, at every height.
    chain.apply(StakeApplication(APP, WORLD.application_stake, "text"))
    assert application_service_at(chain.state, APP, Height(1)) == "text"


def test_a_stake_that_is_lowered_goes_to_the_owner_whoever_signs(chain: PureChain):
    least = chain.live.supplier.min_stake
    chain.apply(StakeSupplier(SUPPLIER, OWNER, SUPPLIER, Upokt(least + 9)))
    owner, operator = balance(chain, OWNER), balance(chain, SUPPLIER)
    chain.apply(StakeSupplier(SUPPLIER, OWNER, SUPPLIER, least))
    assert balance(chain, OWNER) == owner + 9
    assert balance(chain, SUPPLIER) == operator - chain.live.supplier.staking_fee


def test_a_slash_does_not_begin_an_unstaking_anew():
    chain = open_chain()
    chain.apply(UnstakeSupplier(SUPPLIER, SUPPLIER))
    before = supplier(chain)
    chain.go_to(session_end(chain) + 2)
    slash_supplier(chain.state, SUPPLIER, Upokt(before.stake - 1), chain.context)
    assert supplier(chain) == replace(before, stake=Upokt(1))
    assert before.unstake_session_end_height < chain.height


def test_a_new_service_has_its_price_from_the_start_of_the_session(chain: PureChain):
    chain.go_to(session_end(chain) + 3)
    start = chain.height - 2
    chain.apply(AddService(OWNER, replace(WORLD.service, id="late")))
    history = chain.state.compute_units.get("late")
    assert history is not None
    assert history.changes == ((start, WORLD.service.compute_units_per_relay),)


def test_a_bug_fails_its_transaction_and_nothing_else(monkeypatch: pytest.MonkeyPatch):
    def break_down(state: State, message: Send, block: BlockContext) -> tuple[()]:
        state.accounts.remove(APP)
        raise ZeroDivisionError("nobody thought of this")

    chain = open_chain(staked=False)
    monkeypatch.setitem(transition._HANDLERS, Send, break_down)
    before = balance(chain, APP)
    transaction = sign(chain, Send(APP, STRANGER, Upokt(7)), fee=5, gas_limit=10**6)
    outcome = chain.apply_transaction(transaction)
    assert (outcome.codespace, outcome.code) == ("sdk", 111222)
    assert outcome.log == "recovered: ZeroDivisionError"
    assert isinstance(outcome.bug, ZeroDivisionError)
    assert outcome.refusal is not None
    account = chain.state.accounts.get(APP)
    assert account is not None
    assert (account.balance, account.sequence) == (before - 5, 1)
    with pytest.raises(TransactionRejected):
        chain.apply_transaction(transaction)
