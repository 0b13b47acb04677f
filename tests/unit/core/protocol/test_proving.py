"""Proofs on a chain: from the claim to the settlement that asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import pytest

from joey.core.errors import TransactionRejected
from joey.core.protocol.bank import PROOF_FEES
from joey.core.protocol.claims import ProofRequirement, ProofStatus
from joey.core.protocol.events import (
    ChainEvent,
    ClaimExpired,
    ClaimSettled,
    ProofChecked,
    ProofSubmitted,
    SupplierSlashed,
)
from joey.core.protocol.params import MAINNET, MINIMAL, NetworkParams, ProofParams
from joey.core.protocol.proofs import compute_proof_seed_height
from joey.core.protocol.proving import require_proof
from joey.core.protocol.state import height_key
from joey.core.protocol.windows import compute_claim_window, compute_proof_window, compute_settlement_height
from joey.core.trie.compact import decode_proof, encode_proof
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.messages import (
    CreateClaim,
    SubmitProof,
    UndelegateFromGateway,
    UnstakeApplication,
)
from joey.testing.proofs import ServedSession, reveal_keys, serve_session
from joey.testing.pure_chain import PureChain
from joey.testing.settlements import make_root
from joey.testing.worlds import World, make_genesis, make_key

WORLD = World.of_service()
APP, GATEWAY = make_key(WORLD.application), make_key(WORLD.gateway)
SUPPLIER, OTHER = (make_key(name) for name in WORLD.suppliers)
STRANGER = make_key("stranger")


def with_proofs(params: NetworkParams = MINIMAL, **changes: Any) -> NetworkParams:
    """Return parameters under which every claim needs a proof."""
    proof = ProofParams(Fraction(0), Upokt(1), params.proof.proof_missing_penalty, Upokt(7))
    return replace(params, proof=replace(proof, **changes))


@dataclass
class Stage:
    """A session that was served and claimed."""

    chain: PureChain
    served: ServedSession

    @property
    def end(self) -> Height:
        return self.served.header.height_end

    @property
    def params(self) -> NetworkParams:
        return self.chain.params

    @property
    def seed(self) -> bytes:
        height = compute_proof_seed_height(self.end, self.params.shared)
        found = self.chain.state.block_hashes.get(height_key(height))
        assert found is not None
        return found.hash

    @property
    def proof(self) -> SubmitProof:
        return self.served.prove(self.seed)

    @property
    def status(self) -> ProofStatus:
        ((_, claim),) = self.chain.state.claims.items()
        return claim.proof_status

    def open_window(self) -> None:
        self.chain.go_to(compute_proof_window(self.end, self.params.shared).open)

    def settle(self) -> list[ChainEvent]:
        """Return what the chain says up to and at the settlement."""
        return list(self.chain.go_to(compute_settlement_height(self.end, self.params.shared) + 1))

    def balance(self, address: str) -> int:
        account = self.chain.state.accounts.get(address)
        return 0 if account is None else account.balance


def open_stage(params: NetworkParams, *, relays: int = 4, world: World = WORLD) -> Stage:
    chain = PureChain(make_genesis(world.names, params=params))
    chain.stake(world)
    reveal_keys(chain.state, world.names)
    blocks = params.shared.num_blocks_per_session
    chain.go_to(blocks + 2)
    session = chain.session(APP.address, "text", blocks + 1)
    assert session is not None
    chain.go_to(compute_claim_window(session.header.height_end, params.shared).open)
    served = serve_session(session.header, SUPPLIER, application=APP, gateway=GATEWAY, relays=relays)
    chain.apply(served.claim)
    return Stage(chain, served)


@pytest.fixture(params=[with_proofs(), with_proofs(MAINNET)], ids=["minimal", "mainnet"])
def stage(request: pytest.FixtureRequest) -> Stage:
    return open_stage(request.param)


def find(events: Sequence[ChainEvent], kind: type) -> Any:
    (found,) = (event for event in events if isinstance(event, kind))
    return found


def expect_refusal(stage: Stage, message: SubmitProof, code: int) -> TransactionRejected:
    before = {name: list(table.items()) for name, table in stage.chain.state.tables()}
    with pytest.raises(TransactionRejected) as refusal:
        stage.chain.apply(message)
    assert (refusal.value.fields["codespace"], refusal.value.fields["tx_code"]) == ("proof", code)
    assert {name: list(table.items()) for name, table in stage.chain.state.tables()} == before
    return refusal.value


def test_a_claim_with_its_proof_is_paid(stage: Stage):
    stage.open_window()
    fees, own = stage.balance(PROOF_FEES), stage.balance(SUPPLIER.address)
    (submitted,) = stage.chain.apply(stage.proof)
    assert isinstance(submitted, ProofSubmitted)
    assert (submitted.num_relays, submitted.claimed_compute_units) == (4, 12_000)
    assert (submitted.status, submitted.updated) == (ProofStatus.PENDING, False)
    assert stage.balance(PROOF_FEES) == fees + 7
    assert stage.balance(SUPPLIER.address) == own - 7
    assert stage.status is ProofStatus.PENDING
    checked = find(stage.chain.end_block(), ProofChecked)
    assert checked == ProofChecked(
        stage.served.header, SUPPLIER.address, Height(stage.chain.height - 1), ProofStatus.VALIDATED
    )
    assert stage.status is ProofStatus.VALIDATED
    assert list(stage.chain.state.proofs.items()) == []
    settled = find(stage.settle(), ClaimSettled)
    assert (settled.proof_requirement, settled.proof_status) == (
        ProofRequirement.THRESHOLD,
        ProofStatus.VALIDATED,
    )
    assert settled.settled == submitted.claimed


def test_the_last_block_of_the_window_is_early_enough(stage: Stage):
    window = compute_proof_window(stage.end, stage.params.shared)
    stage.chain.go_to(window.close)
    assert window.close == compute_settlement_height(stage.end, stage.params.shared)
    stage.chain.apply(stage.proof)
    assert find(stage.chain.end_block(), ClaimSettled).proof_status is ProofStatus.VALIDATED


def test_a_claim_without_its_proof_expires(stage: Stage):
    events = stage.settle()
    expired, slashed = find(events, ClaimExpired), find(events, SupplierSlashed)
    penalty = stage.params.proof.proof_missing_penalty
    assert (expired.reason, expired.slashed, expired.num_relays) == ("PROOF_MISSING", penalty, 4)
    assert (slashed.penalty, slashed.stake) == (penalty, WORLD.supplier_stake - penalty)


def forge(stage: Stage) -> SubmitProof:
    """Return a proof that is well formed and leads to another root."""
    opened = decode_proof(stage.proof.proof)
    return replace(stage.proof, proof=encode_proof(replace(opened, side_nodes=(), sibling_data=None)))


def test_a_claim_whose_proof_is_a_lie_expires(stage: Stage):
    stage.open_window()
    stage.chain.apply(forge(stage))
    checked = find(stage.chain.end_block(), ProofChecked)
    assert checked.status is ProofStatus.INVALID
    assert "root" in checked.failure
    assert stage.status is ProofStatus.INVALID
    assert find(stage.settle(), ClaimExpired).reason == "PROOF_INVALID"


def test_a_later_proof_in_the_window_counts():
    stage = open_stage(with_proofs())
    stage.open_window()
    stage.chain.apply(forge(stage))
    stage.chain.end_block()
    stage.chain.apply(stage.proof)
    assert stage.status is ProofStatus.INVALID
    assert find(stage.settle(), ClaimSettled).settled == 12_000


def test_a_later_lie_counts_too():
    stage = open_stage(with_proofs())
    stage.open_window()
    stage.chain.apply(stage.proof)
    stage.chain.end_block()
    stage.chain.apply(forge(stage))
    assert find(stage.settle(), ClaimExpired).reason == "PROOF_INVALID"


def test_of_two_proofs_in_a_block_the_last_counts():
    stage = open_stage(with_proofs())
    stage.open_window()
    stage.chain.apply(forge(stage))
    (submitted,) = stage.chain.apply(stage.proof)
    assert isinstance(submitted, ProofSubmitted)
    assert submitted.updated
    assert find(stage.chain.end_block(), ProofChecked).status is ProofStatus.VALIDATED


def test_proofs_come_in_their_window_only(stage: Stage):
    window = compute_proof_window(stage.end, stage.params.shared)
    stage.chain.go_to(window.open - 1)
    early = stage.served.prove(bytes(32))
    expect_refusal(stage, early, 1122)
    stage.chain.go_to(window.open)
    proof = stage.proof
    stage.chain.apply(proof)
    stage.chain.go_to(window.close + 1)
    expect_refusal(stage, proof, 1122)


def test_what_is_refused():
    stage = open_stage(with_proofs())
    stage.open_window()
    good = stage.proof
    header = good.header
    expect_refusal(stage, replace(good, supplier_address="nobody"), 1101)
    expect_refusal(stage, replace(good, supplier_address=STRANGER.address), 1102)
    expect_refusal(stage, replace(good, header=replace(header, service_id="")), 1115)
    expect_refusal(stage, replace(good, header=replace(header, service_id="image")), 1115)
    expect_refusal(stage, replace(good, header=replace(header, session_id="ab" * 32)), 1116)
    expect_refusal(stage, replace(good, proof=b""), 1108)
    expect_refusal(stage, replace(good, proof=b"no gob"), 1108)
    # The other supplier is in the session but the relay is not its.
    expect_refusal(stage, replace(good, supplier_address=OTHER.address), 1123)


def test_a_proof_needs_a_claim():
    stage = open_stage(with_proofs())
    stage.open_window()
    served = serve_session(stage.served.header, OTHER, application=APP, gateway=GATEWAY)
    expect_refusal(stage, served.prove(stage.seed), 1106)


@pytest.mark.parametrize(("field", "change", "code"), [("height_start", 1, 1118), ("height_end", -1, 1117)])
def test_a_wrong_header_proves_nothing(field: str, change: int, code: int):
    stage = open_stage(with_proofs())
    header = stage.served.header
    wrong = replace(header, **{field: Height(getattr(header, field) + change)})
    stage.open_window()
    expect_refusal(stage, replace(stage.proof, header=wrong), code)
    # A claim of such a header, as a file of an older version may hold one.
    ((key, claim),) = stage.chain.state.claims.items()
    stage.chain.state.claims.put(key, replace(claim, header=wrong))
    expect_refusal(stage, stage.proof, code)


@pytest.mark.parametrize(("blocks", "status"), [(4, ProofStatus.VALIDATED), (6, ProofStatus.INVALID)])
def test_the_ring_is_that_of_the_live_grids_session_end(blocks: int, status: ProofStatus):
    """An undelegated gateway counts to the end of its session, as the grid of now has that session."""
    stage = open_stage(with_proofs())
    chain = stage.chain
    assert stage.end == 8
    stage.open_window()
    application = chain.state.applications.get(APP.address)
    assert application is not None
    left = replace(application, delegated_gateways=(), pending_undelegations={8: (GATEWAY.address,)})
    chain.state.applications.put(APP.address, left)
    shared = replace(chain.live.shared, num_blocks_per_session=blocks)
    chain.state.live_params.put("", replace(chain.live, shared=shared))
    chain.apply(stage.proof)
    assert find(chain.end_block(), ProofChecked).status is status


def test_the_seed_is_that_of_the_windows_at_the_sessions_end():
    stage = open_stage(with_proofs())
    chain = stage.chain
    stage.open_window()
    proof = stage.proof
    later = replace(chain.live.shared, proof_window_open_offset_blocks=5)
    chain.state.params.put(height_key(stage.end + 1), replace(chain.live, shared=later))
    chain.state.live_params.put("", replace(chain.live, shared=later))
    chain.apply(proof)
    assert find(chain.end_block(), ProofChecked).status is ProofStatus.VALIDATED


@pytest.mark.parametrize(
    ("fee", "balance", "enough"), [(7, 7, False), (7, 8, True), (0, 0, False), (0, 1, True)]
)
def test_the_operator_must_have_more_than_the_fee(fee: int, balance: int, enough: bool):
    stage = open_stage(with_proofs(proof_submission_fee=Upokt(fee)))
    stage.open_window()
    account = stage.chain.state.accounts.get(SUPPLIER.address)
    assert account is not None
    stage.chain.state.accounts.put(SUPPLIER.address, replace(account, balance=Upokt(balance)))
    if enough:
        stage.chain.apply(stage.proof)
        assert stage.balance(SUPPLIER.address) == balance - fee
    else:
        expect_refusal(stage, stage.proof, 1127)


def test_a_proof_that_nobody_asked_for_is_refused():
    stage = open_stage(with_proofs(proof_requirement_threshold=Upokt(12_001)))
    stage.open_window()
    assert str(expect_refusal(stage, stage.proof, 1129)) == "proof not required"
    settled = find(stage.settle(), ClaimSettled)
    assert settled.proof_requirement is ProofRequirement.NOT_REQUIRED


def test_chance_asks_for_a_proof():
    never = with_proofs(proof_requirement_threshold=Upokt(10**9))
    always = with_proofs(proof_requirement_threshold=Upokt(10**9), proof_request_probability=Fraction(1))
    for params, requirement in (
        (never, ProofRequirement.NOT_REQUIRED),
        (always, ProofRequirement.PROBABILISTIC),
    ):
        stage = open_stage(params)
        stage.open_window()
        ((_, claim),) = stage.chain.state.claims.items()
        assert require_proof(stage.chain.state, claim) is requirement
    assert find(stage.settle(), ClaimExpired).reason == "PROOF_MISSING"


def test_the_live_parameters_decide_at_settlement():
    """A claim that needed a proof when it came may not when it is settled."""
    stage = open_stage(with_proofs())
    stage.open_window()
    waived = replace(
        stage.params, proof=replace(stage.params.proof, proof_requirement_threshold=Upokt(10**9))
    )
    stage.chain.state.live_params.put("", waived)
    settled = find(stage.settle(), ClaimSettled)
    assert settled.proof_requirement is ProofRequirement.NOT_REQUIRED


def test_a_gateway_that_was_undelegated_in_the_session_still_counts():
    stage = open_stage(with_proofs())
    stage.chain.apply(UndelegateFromGateway(APP.address, GATEWAY.address))
    stage.open_window()
    stage.chain.apply(stage.proof)
    assert find(stage.chain.end_block(), ProofChecked).status is ProofStatus.VALIDATED


@pytest.mark.parametrize("name", [WORLD.suppliers[0], WORLD.gateway])
def test_without_the_public_keys_nothing_can_be_proven(name: str):
    stage = open_stage(with_proofs())
    stage.open_window()
    address = make_key(name).address
    account = stage.chain.state.accounts.get(address)
    assert account is not None
    stage.chain.state.accounts.put(address, replace(account, public_key=None))
    stage.chain.apply(stage.proof)
    checked = find(stage.chain.end_block(), ProofChecked)
    assert checked.status is ProofStatus.INVALID
    assert address in checked.failure


def test_an_application_that_left_has_no_session_to_prove():
    short = replace(MINIMAL, shared=replace(MINIMAL.shared, application_unbonding_period_sessions=1))
    stage = open_stage(with_proofs(short))
    stage.chain.apply(UnstakeApplication(APP.address))
    stage.open_window()
    stage.chain.state.applications.remove(APP.address)
    expect_refusal(stage, stage.served.prove(stage.seed), 1115)


def test_a_claim_may_be_replaced_while_a_proof_is_due():
    """Where the windows meet in one block, a new claim waits for a proof again."""
    stage = open_stage(with_proofs())
    stage.open_window()
    window = compute_claim_window(stage.end, stage.params.shared)
    assert stage.chain.height == window.close
    stage.chain.apply(stage.proof)
    stage.chain.apply(CreateClaim(SUPPLIER.address, stage.served.header, make_root(ComputeUnits(3000), 9)))
    assert find(stage.chain.end_block(), ProofChecked).status is ProofStatus.INVALID


def test_a_proof_of_many_relays():
    stage = open_stage(with_proofs(), relays=300)
    stage.open_window()
    stage.chain.apply(stage.proof)
    assert find(stage.chain.end_block(), ProofChecked).status is ProofStatus.VALIDATED
