"""A claim comes in: is it one of this chain's sessions, in its window, and of the right weight.

A header is the chain's own in every field, or the claim is refused: its start and end decide on the
claim's windows and on when it is settled, so that with others a session could be settled twice.
Source: poktroll x/proof/keeper/{msg_server_create_claim,session}.go, x/proof/types/message_create_claim.go.
"""

from __future__ import annotations

from joey.core.crypto.keys import is_address
from joey.core.errors import TransactionRejected
from joey.core.protocol.block import BlockContext
from joey.core.protocol.claims import Claim, compute_claimed, compute_estimated_relays
from joey.core.protocol.events import ClaimCreated
from joey.core.protocol.queries import (
    compute_units_at,
    difficulty_target_at,
    list_session_sources,
    params_at,
    session_at,
)
from joey.core.protocol.relays import find_header_fault
from joey.core.protocol.state import State, claim_key
from joey.core.protocol.windows import compute_claim_window
from joey.core.wire.messages import CreateClaim
from joey.core.wire.session import Session, SessionHeader

__all__ = ["check_claimant", "create_claim", "refuse_proof", "resolve_session"]

_ROOT_BYTES = 48


def create_claim(state: State, message: CreateClaim, block: BlockContext) -> tuple[ClaimCreated, ...]:
    """Keep a claim, in place of an earlier one of the same supplier and session.

    Raises `TransactionRejected` with the codes of the network's proof module.
    """
    check_claimant(message.supplier_address, message.header)
    if len(message.root) != _ROOT_BYTES:
        raise refuse_proof(1104, f"a root has {_ROOT_BYTES} bytes, this has {len(message.root)}")
    claim = Claim(message.supplier_address, message.header, message.root)
    if claim.relays == 0 or claim.compute_units == 0:
        raise refuse_proof(1104, "a root without a leaf cannot be claimed")
    header = resolve_session(state, message.header, message.supplier_address, block).header
    window = compute_claim_window(header.height_end, params_at(state, header.height_end).shared)
    if block.height not in window:
        raise refuse_proof(
            1121,
            f"height {block.height} is outside of the claim window {window.open} to {window.close}"
            f" of session {header.session_id}",
        )
    per_relay = compute_units_at(state, header.service_id, header.height_start)
    assert per_relay is not None, "a service that was staked for is never removed"
    if claim.compute_units != claim.relays * per_relay:
        raise refuse_proof(
            1126,
            f"{claim.relays} relays of {per_relay} compute units are not {claim.compute_units} compute units",
        )
    key = claim_key(header.session_id, message.supplier_address)
    updated = state.claims.get(key) is not None
    state.claims.put(key, claim)
    target = difficulty_target_at(state, header.service_id, header.height_start)
    claimed = compute_claimed(claim.root, target, params_at(state, header.height_start).shared)
    return (
        ClaimCreated(
            header,
            message.supplier_address,
            claim.root,
            claim.relays,
            claim.compute_units,
            claimed,
            updated,
            compute_estimated_relays(claim.root, target),
        ),
    )


def check_claimant(supplier_address: str, header: SessionHeader) -> None:
    """Raise `TransactionRejected` unless a claim's or proof's supplier and header can be ones."""
    if not is_address(supplier_address):
        raise refuse_proof(1101, f"{supplier_address!r} is not an address")
    fault = find_header_fault(header)
    if fault is not None:
        raise refuse_proof(1115, f"session header: {fault}")


def resolve_session(
    state: State, header: SessionHeader, supplier_address: str, block: BlockContext
) -> Session:
    """Return the chain's session that a header names in all fields, in which the supplier must be.

    Raises `TransactionRejected`.
    """
    session = _find_session(state, header, block)
    if session is None:
        raise refuse_proof(
            1115,
            f"application {header.application_address} has no session for service {header.service_id}"
            f" at height {header.height_start}",
        )
    if session.header.session_id != header.session_id:
        raise refuse_proof(
            1116, f"the session at height {header.height_start} is {session.header.session_id}"
        )
    for code, name, named, known in (
        (1118, "start", header.height_start, session.header.height_start),
        (1117, "end", header.height_end, session.header.height_end),
    ):
        if named != known:
            raise refuse_proof(code, f"session {name} block height does not match: {named}, not {known}")
    if all(supplier.operator_address != supplier_address for supplier in session.suppliers):
        raise refuse_proof(1102, f"supplier {supplier_address} is not in session {header.session_id}")
    return session


def _find_session(state: State, header: SessionHeader, block: BlockContext) -> Session | None:
    """Return the session that a header's start is in.

    Thousands of claims are of few sessions: each is made once, as long as nothing that it is made of
    has changed. What is written and then dropped again, with a message that fails, counts as a change.
    """
    key = (header.application_address, header.service_id, header.height_start)
    sources = tuple(table.stamp for table in list_session_sources(state))
    known = block.sessions.get(key)
    if known is not None and known[0] == sources:
        return known[1]
    session = session_at(state, *key, head=(block.height_previous, block.previous_hash))
    if session is not None:
        block.sessions[key] = (sources, session)
    return session


def refuse_proof(code: int, text: str) -> TransactionRejected:
    """Return what to raise, with a code of the network's proof module."""
    return TransactionRejected(text, codespace="proof", tx_code=code)
