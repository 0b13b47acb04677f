"""Proofs: who must give one, which leaf it must open, and whether it is one.

A proof is judged twice. When it is submitted, what is cheap is asked (`find_submission_fault`): a
failure refuses the transaction. At the end of the same block, what is dear (`find_validity_fault`):
a failure marks the claim invalid and costs the supplier at settlement. A node asks both before it
submits (`find_proof_fault`).

As in the network, and so accepted here too: nothing compares the leaf's path with the relay's hash;
nothing asks that the leaf be the nearest one to the path; the depth need not be the number of side
nodes, and a proof of depth zero with no flipped bit holds for any path. What makes the reference
crash is a fault here.

Sources: poktroll x/proof/keeper/{proof_validation,msg_server_submit_proof}.go,
x/proof/types/claim.go, pkg/crypto/protocol/proof_path.go.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256
from typing import NamedTuple

from joey.core.errors import BadRelay, BadRing, BadSupplierSignature, Malformed
from joey.core.protocol.claims import Claim, ProofRequirement, compute_claimed, encode_claim
from joey.core.protocol.difficulty import is_counted
from joey.core.protocol.go_random import seeded_float
from joey.core.protocol.params import ProofParams, SharedParams
from joey.core.protocol.relays import (
    check_request_fields,
    check_request_signature,
    check_response_fields,
    is_response_signed,
)
from joey.core.protocol.windows import compute_proof_window
from joey.core.trie.closest import ClosestProof, is_closest_valid
from joey.core.trie.compact import decode_proof
from joey.core.units import Height
from joey.core.wire.relay import Relay, compute_relay_hash, decode_relay
from joey.core.wire.session import SessionHeader

__all__ = [
    "ProofFault",
    "compute_proof_path",
    "compute_proof_requirement",
    "compute_proof_sample",
    "compute_proof_seed_height",
    "find_proof_fault",
    "find_submission_fault",
    "find_validity_fault",
]

_INVALID_PROOF = 1108
_INVALID_RELAY = 1109
_SUPPLIER_MISMATCH = 1123
_INVALID_DIFFICULTY = 1130


class ProofFault(NamedTuple):
    """Why a proof is refused: the code in the network's proof module, and the reason."""

    code: int
    text: str


def compute_proof_seed_height(height_end: Height, shared: SharedParams) -> Height:
    """Return the height whose block hash decides over a session's proofs: the last before the window.

    `shared` are the parameters at the session's end, `height_end`.
    """
    return Height(compute_proof_window(height_end, shared).open - 1)


def compute_proof_path(block_hash: bytes, session_id: str) -> bytes:
    """Return the 32-byte path to which the closest leaf must be proven.

    `block_hash` is that of the block before the proof window opens; the session id enters as its
    hex text.
    """
    return sha256(block_hash + session_id.encode()).digest()


def compute_proof_sample(claim: Claim, seed_block_hash: bytes) -> float:
    """Return the number in [0, 1) that a claim draws: at most the probability means a proof is due."""
    return seeded_float(sha256(encode_claim(claim)).digest() + seed_block_hash)


def compute_proof_requirement(
    claim: Claim,
    *,
    target: bytes,
    shared_start: SharedParams,
    proof_params: ProofParams,
    seed_block_hash: bytes,
) -> ProofRequirement:
    """Return whether a claim needs a proof, by its worth or by chance.

    `target` and `shared_start` are those at the session's start, `proof_params` those in force now,
    `seed_block_hash` that of `compute_proof_seed_height`.
    """
    if compute_claimed(claim.root, target, shared_start) >= proof_params.proof_requirement_threshold:
        return ProofRequirement.THRESHOLD
    # The parameter is a double on the network and compared as one; its exact decimal rounds back to it.
    if compute_proof_sample(claim, seed_block_hash) <= float(proof_params.proof_request_probability):
        return ProofRequirement.PROBABILISTIC
    return ProofRequirement.NOT_REQUIRED


def find_proof_fault(
    proof: bytes,
    *,
    claim: Claim,
    header: SessionHeader,
    seed_block_hash: bytes,
    target: bytes,
    ring: Collection[bytes],
    supplier_public_key: bytes,
) -> str | None:
    """Return why the chain would not accept a proof of a claim, or `None` when it would.

    `header` is the chain's own, `target` the difficulty at the session's start, `ring` the public
    keys that may sign for the application, `supplier_public_key` the operator's.
    """
    fault = find_submission_fault(
        proof, supplier_address=claim.supplier_address, header=header, target=target
    )
    if fault is not None:
        return fault.text
    return find_validity_fault(
        proof,
        claim=claim,
        seed_block_hash=seed_block_hash,
        ring=ring,
        supplier_public_key=supplier_public_key,
    )


def find_submission_fault(
    proof: bytes, *, supplier_address: str, header: SessionHeader, target: bytes
) -> ProofFault | None:
    """Return why the transaction that brings a proof must be refused, in the network's order.

    Asked are: that the proof and the relay in it can be read, that request and response have what
    they must, that the request is to this supplier, that both are of the chain's session in all five
    fields, and that the relay counts under the session's target.
    """
    opened = _open_proof(proof)
    if isinstance(opened, ProofFault):
        return opened
    relay_bytes, relay = opened.relay_bytes, opened.relay
    try:
        check_request_fields(relay.request)
        if relay.request.supplier_address != supplier_address:
            told = f"the relay is for supplier {relay.request.supplier_address}"
            return ProofFault(_SUPPLIER_MISMATCH, told)
        check_response_fields(relay.response)
    except (BadRelay, Malformed, BadSupplierSignature) as error:
        return ProofFault(_INVALID_RELAY, str(error))
    if relay.request.header != header:
        return ProofFault(_INVALID_RELAY, f"the relay request is not of session {header.session_id}")
    if relay.response.header != header:
        return ProofFault(_INVALID_RELAY, f"the relay response is not of session {header.session_id}")
    if not is_counted(compute_relay_hash(relay_bytes), target):
        return ProofFault(_INVALID_DIFFICULTY, "the relay does not count under the session's difficulty")
    return None


def find_validity_fault(
    proof: bytes,
    *,
    claim: Claim,
    seed_block_hash: bytes,
    ring: Collection[bytes],
    supplier_public_key: bytes,
) -> str | None:
    """Return why a well-formed proof does not hold, or `None`, in the network's order.

    Asked are: that members of the ring signed the request, that the supplier signed the response,
    that the path is the one the seed block decides, and that leaf and side nodes fold to the claim's
    root.
    """
    opened = _open_proof(proof)
    if isinstance(opened, ProofFault):
        return opened.text
    try:
        check_request_signature(opened.relay.request, ring=ring)
    except (BadRelay, BadRing) as error:
        return str(error)
    if not is_response_signed(opened.relay.response, supplier_public_key):
        return "the relay response is not signed by the supplier"
    if opened.proof.path != compute_proof_path(seed_block_hash, claim.header.session_id):
        return "the path of the proof is not the one that the seed block decides"
    if not is_closest_valid(opened.proof, claim.root):
        return "the proof does not lead to the root of the claim"
    return None


class _OpenedProof(NamedTuple):
    proof: ClosestProof
    relay_bytes: bytes
    relay: Relay


def _open_proof(encoded: bytes) -> _OpenedProof | ProofFault:
    """Read a proof and the relay in it. A leaf without a value crashes the reference."""
    if not encoded:
        return ProofFault(_INVALID_PROOF, "the proof is empty")
    try:
        proof = decode_proof(encoded)
        relay_bytes = proof.value
    except ValueError as error:
        return ProofFault(_INVALID_PROOF, f"the proof cannot be read: {error}")
    try:
        relay = decode_relay(relay_bytes or b"")
    except ValueError as error:
        return ProofFault(_INVALID_RELAY, f"the relay in the proof cannot be read: {error}")
    return _OpenedProof(proof, relay_bytes or b"", relay)
