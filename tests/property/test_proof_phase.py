"""Upokt is conserved whatever suppliers do about their proofs, with several applications and sessions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from joey.core.errors import TransactionRejected
from joey.core.protocol.bank import PROOF_FEES
from joey.core.protocol.params import MINIMAL, NetworkParams, ProofParams
from joey.core.protocol.proofs import compute_proof_seed_height
from joey.core.protocol.rows import decode_row, encode_row
from joey.core.protocol.sessions import compute_session_start
from joey.core.protocol.state import State, height_key
from joey.core.protocol.windows import compute_claim_window, compute_proof_window
from joey.core.trie.compact import decode_proof, encode_proof
from joey.core.units import Height, Upokt
from joey.core.wire.messages import AddService, StakeApplication, StakeSupplier, SubmitProof
from joey.core.wire.session import Session
from joey.testing.proofs import ServedSession, reveal_keys, serve_session
from joey.testing.pure_chain import PureChain
from joey.testing.watching import SupplyWatch
from joey.testing.worlds import World, make_genesis, make_key, make_supplier_config

WORLD = World.of_service(suppliers=3)
APPLICATIONS = {"application": "text", "second": "text", "third": "image"}
NAMES = (*WORLD.names, "second", "third")
KEYS = {make_key(name).address: make_key(name) for name in NAMES}
BLOCKS = 40


@st.composite
def worlds(draw: st.DrawFn) -> NetworkParams:
    """Parameters by which claims need proofs often, and rounding bites."""
    proof = ProofParams(
        proof_request_probability=draw(st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(1)])),
        proof_requirement_threshold=Upokt(draw(st.sampled_from([1, 5_000, 10**15]))),
        proof_missing_penalty=Upokt(draw(st.sampled_from([0, 1, 10**6, 10**12]))),
        proof_submission_fee=Upokt(draw(st.sampled_from([0, 1, 10**6]))),
    )
    tokenomics = replace(
        MINIMAL.tokenomics,
        mint_ratio=draw(st.sampled_from([Fraction(1), Fraction(39, 40), Fraction(3, 10_000)])),
        global_inflation_per_claim=draw(st.sampled_from([Fraction(0), Fraction(1, 10**6), Fraction(1, 8)])),
        overservicing_bonus_multiplier=draw(st.sampled_from([1, 3])),
    )
    return replace(MINIMAL, proof=proof, tokenomics=tokenomics)


def build(params: NetworkParams, limit: Upokt | None) -> PureChain:
    """Return a chain with two applications of one service and one of another."""
    chain = PureChain(make_genesis(NAMES, params=params))
    chain.stake(WORLD)
    owner = make_key(WORLD.service_owner).address
    chain.apply(AddService(owner, replace(WORLD.service, id="image")))
    for name in WORLD.suppliers:
        address = make_key(name).address
        configs = tuple(make_supplier_config(one, owner, address) for one in ("text", "image"))
        chain.apply(StakeSupplier(address, address, address, None, configs))
    for name, service_id in APPLICATIONS.items():
        stake = Upokt(WORLD.application_stake + 1)
        chain.apply(StakeApplication(make_key(name).address, stake, service_id, limit))
    reveal_keys(chain.state, NAMES)
    return chain


def find_claimable(chain: PureChain) -> list[Session]:
    """Return the sessions whose claim window opens with the block in the making."""
    shared = chain.params.shared
    sessions = []
    for start in range(compute_session_start(chain.height, shared), 0, -shared.num_blocks_per_session):
        end = Height(start + shared.num_blocks_per_session - 1)
        if compute_claim_window(end, shared).open != chain.height:
            continue
        found = [
            chain.session(make_key(name).address, service_id, start)
            for name, service_id in APPLICATIONS.items()
        ]
        sessions += [session for session in found if session is not None]
    return sessions


def serve(session: Session, address: str, relays: int) -> ServedSession:
    application = KEYS[session.header.application_address]
    is_delegating = application == make_key(WORLD.application)
    gateway = make_key(WORLD.gateway) if is_delegating else None
    return serve_session(
        session.header, KEYS[address], application=application, gateway=gateway, relays=relays
    )


def find_provable(chain: PureChain, served: Iterable[ServedSession]) -> list[ServedSession]:
    shared = chain.params.shared
    return [one for one in served if chain.height in compute_proof_window(one.header.height_end, shared)]


def prove(chain: PureChain, served: ServedSession, *, is_lie: bool) -> SubmitProof:
    height = compute_proof_seed_height(served.header.height_end, chain.params.shared)
    seed = chain.state.block_hashes.get(height_key(height))
    assert seed is not None
    message = served.prove(seed.hash)
    if not is_lie:
        return message
    opened = decode_proof(message.proof)
    return replace(message, proof=encode_proof(replace(opened, closest_path=bytes(32))))


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.data())
def test_upokt_is_conserved_whatever_suppliers_do_about_proofs(params: NetworkParams, data: DataObject):
    limit = data.draw(st.sampled_from([None, Upokt(1_000_000), Upokt(10**9)]))
    chain = build(params, limit)
    watch = SupplyWatch(chain)
    watch.check()
    served: list[ServedSession] = []
    seen: Counter[str] = Counter()
    for _ in range(BLOCKS):
        for session in find_claimable(chain):
            for supplier in session.suppliers:
                relays = data.draw(st.integers(0, 3))
                if relays:
                    served.append(serve(session, supplier.operator_address, relays))
                    chain.apply(served[-1].claim)
        for one in find_provable(chain, served):
            deed = data.draw(st.sampled_from(["prove", "lie", "nothing"]))
            if deed == "nothing":
                continue
            try:
                chain.apply(prove(chain, one, is_lie=deed == "lie"))
                seen["proofs"] += 1
            except TransactionRejected as refusal:
                seen[f"refused with {refusal.fields['tx_code']}"] += 1
        events = chain.end_block()
        seen.update(type(event).__name__ for event in events)
        watch.see(events)
    # Nothing but a proof that nobody asked for is refused.
    assert [name for name in seen if name.startswith("refused")] in ([], ["refused with 1129"])
    assert seen["ProofChecked"] == seen["proofs"]
    ends = seen["ClaimSettled"] + seen["ClaimExpired"] + seen["ClaimDiscarded"]
    assert ends + len(list(chain.state.claims.items())) == len(served)
    fees = chain.state.accounts.get(PROOF_FEES)
    collected = 0 if fees is None else fees.balance
    assert collected == seen["proofs"] * params.proof.proof_submission_fee
    types = State.row_types()
    for name, table in chain.state.tables():
        for _, row in table.items():
            assert decode_row(types[name], encode_row(row)) == row
