"""pocket.proof.Query: claims and proofs that are not settled.

Source: x/proof/keeper/{query_claim,query_proof}.go, x/proof/types/query_validation.go.
"""

from __future__ import annotations

from joey.adapters.chains.served.pages import cut_page
from joey.adapters.chains.served.snapshot import Snapshot, not_found, refuse_argument
from joey.core.crypto.keys import is_address
from joey.core.protocol.claims import claim_to_proto
from joey.core.protocol.state import claim_key
from joey.core.wire.codec import header_to_proto
from joey.core.wire.proto import proof_pb2
from joey.core.wire.proto import proof_query_pb2 as wire
from joey.core.wire.session import SessionHeader

__all__ = ["answer_all_claims", "answer_all_proofs", "answer_claim", "answer_proof"]


def answer_claim(snapshot: Snapshot, request: wire.QueryGetClaimRequest) -> wire.QueryGetClaimResponse:
    """Return one claim."""
    claim = snapshot.state.claims.get(_read_key(request))
    if claim is None:
        raise not_found(f"{_describe(request)}: claim not found")
    return wire.QueryGetClaimResponse(claim=claim_to_proto(claim))


def answer_all_claims(snapshot: Snapshot, request: wire.QueryAllClaimsRequest) -> wire.QueryAllClaimsResponse:
    """Return a page of the claims that pass the filter, if any."""
    _check_filter(request)
    rows = (
        (key, claim)
        for key, claim in snapshot.state.claims.items()
        if _passes(claim.header, claim.supplier_address, request)
    )
    page, pagination = cut_page(rows, request.pagination)
    return wire.QueryAllClaimsResponse(claims=map(claim_to_proto, page), pagination=pagination)


def answer_proof(snapshot: Snapshot, request: wire.QueryGetProofRequest) -> wire.QueryGetProofResponse:
    """Return one proof."""
    proof = snapshot.state.proofs.get(_read_key(request))
    if proof is None:
        raise not_found(f"{_describe(request)}: proof not found")
    return wire.QueryGetProofResponse(proof=_write_proof(proof.supplier_address, proof.header, proof.proof))


def answer_all_proofs(snapshot: Snapshot, request: wire.QueryAllProofsRequest) -> wire.QueryAllProofsResponse:
    """Return a page of the proofs that pass the filter, if any."""
    _check_filter(request)
    rows = (
        (key, proof)
        for key, proof in snapshot.state.proofs.items()
        if _passes(proof.header, proof.supplier_address, request)
    )
    page, pagination = cut_page(rows, request.pagination)
    return wire.QueryAllProofsResponse(
        proofs=(_write_proof(one.supplier_address, one.header, one.proof) for one in page),
        pagination=pagination,
    )


def _read_key(request: wire.QueryGetClaimRequest | wire.QueryGetProofRequest) -> str:
    if not is_address(request.supplier_operator_address):
        raise refuse_argument(f"invalid supplier address for claim being retrieved {_describe(request)}")
    if not request.session_id:
        raise refuse_argument("invalid empty session ID for claim being retrieved")
    return claim_key(request.session_id, request.supplier_operator_address)


def _describe(request: wire.QueryGetClaimRequest | wire.QueryGetProofRequest) -> str:
    return f'session ID "{request.session_id}" and supplier "{request.supplier_operator_address}"'


def _check_filter(request: wire.QueryAllClaimsRequest | wire.QueryAllProofsRequest) -> None:
    match request.WhichOneof("filter"):
        case "supplier_operator_address" if not is_address(request.supplier_operator_address):
            raise refuse_argument(f"invalid supplier address {request.supplier_operator_address!r}")
        case "session_id" if not request.session_id:
            raise refuse_argument("invalid empty session ID")


def _passes(
    header: SessionHeader, supplier: str, request: wire.QueryAllClaimsRequest | wire.QueryAllProofsRequest
) -> bool:
    match request.WhichOneof("filter"):
        case "supplier_operator_address":
            return supplier == request.supplier_operator_address
        case "session_id":
            return header.session_id == request.session_id
        case "session_end_height":
            return header.height_end == request.session_end_height
        case _:
            return True


def _write_proof(supplier: str, header: SessionHeader, proof: bytes) -> proof_pb2.Proof:
    return proof_pb2.Proof(
        supplier_operator_address=supplier, session_header=header_to_proto(header), closest_merkle_proof=proof
    )
