"""Proofs come in, are checked at the end of their block, and decide at settlement.

A proof that is well formed, in its window and needed is kept until the end of the block; there it
sets its claim's status and is forgotten. Another one in the window sets the status again.
Sources: poktroll x/proof/keeper/{msg_server_submit_proof,validate_proofs,proof_validation}.go.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import TypedDict

from joey.core.protocol.bank import PROOF_FEES, transfer
from joey.core.protocol.block import BlockContext
from joey.core.protocol.claiming import check_claimant, refuse_proof, resolve_session
from joey.core.protocol.claims import (
    Claim,
    ProofRequirement,
    ProofStatus,
    compute_claimed,
    compute_estimated_relays,
    compute_estimated_units,
)
from joey.core.protocol.events import ChainEvent, ProofChecked, ProofSubmitted
from joey.core.protocol.params import ProofParams, SharedParams
from joey.core.protocol.proofs import (
    compute_proof_requirement,
    compute_proof_seed_height,
    find_submission_fault,
    find_validity_fault,
)
from joey.core.protocol.queries import difficulty_target_at, live_params, params_at
from joey.core.protocol.rings import compute_ring, list_ring_addresses
from joey.core.protocol.sessions import compute_session_end
from joey.core.protocol.settling import Judge
from joey.core.protocol.state import State, SubmittedProof, claim_key, height_key
from joey.core.protocol.windows import compute_proof_window
from joey.core.wire.messages import SubmitProof
from joey.core.wire.session import SessionHeader

__all__ = ["make_judge", "require_proof", "submit_proof", "validate_proofs"]


def submit_proof(state: State, message: SubmitProof, block: BlockContext) -> tuple[ProofSubmitted, ...]:
    """Keep a proof until the end of the block, in place of an earlier one of the same block.

    Raises `TransactionRejected` with the codes of the network's proof module.
    """
    supplier_address = message.supplier_address
    check_claimant(supplier_address, message.header)
    if not message.proof:
        raise refuse_proof(1108, "the proof is empty")
    header = resolve_session(state, message.header, supplier_address, block).header
    window = compute_proof_window(header.height_end, params_at(state, header.height_end).shared)
    if block.height not in window:
        raise refuse_proof(
            1122,
            f"height {block.height} is outside of the proof window {window.open} to {window.close}"
            f" of session {header.session_id}",
        )
    target = difficulty_target_at(state, header.service_id, header.height_start)
    fault = find_submission_fault(
        message.proof, supplier_address=supplier_address, header=header, target=target
    )
    if fault is not None:
        raise refuse_proof(fault.code, fault.text)
    claim = _find_claim(state, header, supplier_address)
    _charge_fee(state, supplier_address)
    if require_proof(state, claim) is ProofRequirement.NOT_REQUIRED:
        raise refuse_proof(1129, "proof not required")
    key = claim_key(header.session_id, supplier_address)
    updated = state.proofs.get(key) is not None
    state.proofs.put(key, SubmittedProof(supplier_address, header, message.proof))
    shared_start = params_at(state, header.height_start).shared
    return (
        ProofSubmitted(
            header,
            supplier_address,
            claim.relays,
            compute_estimated_relays(claim.root, target),
            claim.compute_units,
            compute_estimated_units(claim.root, target),
            compute_claimed(claim.root, target, shared_start),
            ProofStatus.PENDING,
            updated,
        ),
    )


def validate_proofs(state: State, block: BlockContext) -> list[ChainEvent]:
    """Check every proof that came in with the block, set its claim's status, forget the proof."""
    events: list[ChainEvent] = []
    for key, proof in state.proofs.items():
        state.proofs.remove(key)
        claim = state.claims.get(key)
        assert claim is not None, "a proof without a claim is not taken in"
        failure = _find_fault(state, claim, proof)
        status = ProofStatus.VALIDATED if failure is None else ProofStatus.INVALID
        state.claims.put(key, replace(claim, proof_status=status))
        events.append(ProofChecked(claim.header, claim.supplier_address, block.height, status, failure or ""))
    return events


def require_proof(state: State, claim: Claim) -> ProofRequirement:
    """Return whether a claim, as it is now, needs a proof under the parameters in force."""
    return compute_proof_requirement(claim, **_find_terms(state, claim.header))


def make_judge(state: State) -> Judge:
    """Return what tells settlement whether a claim needed a proof.

    The question is asked anew, with the claim's status part of what is drawn from: a claim whose
    proof was checked may turn out not to have needed it.
    """
    # Thousands of claims of few sessions: what they share is looked up once.
    find_terms = cache(partial(_find_terms, state))
    return lambda claim: compute_proof_requirement(claim, **find_terms(claim.header))


class _Terms(TypedDict):
    """What decides on the proofs of a session, beside the claim."""

    target: bytes
    shared_start: SharedParams
    proof_params: ProofParams
    seed_block_hash: bytes


def _find_terms(state: State, header: SessionHeader) -> _Terms:
    return {
        "target": difficulty_target_at(state, header.service_id, header.height_start),
        "shared_start": params_at(state, header.height_start).shared,
        "proof_params": live_params(state).proof,
        "seed_block_hash": _find_seed(state, header),
    }


def _find_claim(state: State, header: SessionHeader, supplier_address: str) -> Claim:
    """Return the claim that a proof is of; its header must be the chain's in every field.

    No claim of another header comes in; one may wait in a file of an older version.
    """
    claim = state.claims.get(claim_key(header.session_id, supplier_address))
    if claim is None:
        raise refuse_proof(1106, f"supplier {supplier_address} has no claim of session {header.session_id}")
    for code, name, claimed, expected in (
        (1118, "start height", claim.header.height_start, header.height_start),
        (1117, "end height", claim.header.height_end, header.height_end),
        (1101, "application", claim.header.application_address, header.application_address),
        (1103, "service", claim.header.service_id, header.service_id),
    ):
        if claimed != expected:
            raise refuse_proof(code, f"the claim's {name} is {claimed}, the session's {expected}")
    return claim


def _charge_fee(state: State, supplier_address: str) -> None:
    """Move the fee; the operator must be left with something, even where there is no fee."""
    fee = live_params(state).proof.proof_submission_fee
    account = state.accounts.get(supplier_address)
    balance = 0 if account is None else account.balance
    if balance <= fee:
        raise refuse_proof(1127, f"{supplier_address} has {balance} upokt, a proof costs {fee}")
    transfer(state, supplier_address, PROOF_FEES, fee)


def _find_seed(state: State, header: SessionHeader) -> bytes:
    """Return the seed block's hash; empty, as on the network, where it is not known."""
    shared = params_at(state, header.height_end).shared
    seed = state.block_hashes.get(height_key(compute_proof_seed_height(header.height_end, shared)))
    return b"" if seed is None else seed.hash


def _find_fault(state: State, claim: Claim, proof: SubmittedProof) -> str | None:
    """Return why a proof does not hold, or `None`.

    The ring is that of the application as it is now, at the end of the session in which the live
    grid has the session's last height.
    """
    account = state.accounts.get(proof.supplier_address)
    if account is None or account.public_key is None:
        return f"no public key is known of {proof.supplier_address}"
    application = state.applications.get(claim.header.application_address)
    if application is None:
        return f"there is no application {claim.header.application_address}"
    end = compute_session_end(claim.header.height_end, live_params(state).shared)
    accounts = {address: state.accounts.get(address) for address in list_ring_addresses(application, end)}
    keys = {
        address: member.public_key
        for address, member in accounts.items()
        if member is not None and member.public_key is not None
    }
    try:
        ring = compute_ring(application, end, keys)
    except ValueError as error:
        return str(error)
    return find_validity_fault(
        proof.proof,
        claim=claim,
        seed_block_hash=_find_seed(state, proof.header),
        ring=ring,
        supplier_public_key=account.public_key,
    )
