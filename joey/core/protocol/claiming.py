"""A claim comes in: is it one of this chain's sessions, in its window, and of the right weight.

Source: x/proof/keeper/msg_server_create_claim.go. One departure: the network keeps the message's
header as it is and lets the later proof fail where a field is wrong; here every field must equal the
chain's at once.
"""

from __future__ import annotations

from joey.core.errors import TransactionRejected
from joey.core.protocol.block import BlockContext
from joey.core.protocol.claims import Claim, compute_claimed
from joey.core.protocol.events import ClaimCreated
from joey.core.protocol.queries import compute_units_at, difficulty_target_at, params_at, session_at
from joey.core.protocol.state import State, claim_key
from joey.core.protocol.windows import compute_claim_window
from joey.core.wire.messages import CreateClaim
from joey.core.wire.session import Session

__all__ = ["create_claim"]

_ROOT_BYTES = 48


def create_claim(state: State, message: CreateClaim, block: BlockContext) -> tuple[ClaimCreated, ...]:
    """Keep a claim, in place of an earlier one of the same supplier and session.

    Raises `TransactionRejected` with the codes of the network's proof module.
    """
    if len(message.root) != _ROOT_BYTES:
        raise _refuse(1104, f"a root has {_ROOT_BYTES} bytes, this has {len(message.root)}")
    claim = Claim(message.supplier_address, message.header, message.root)
    if claim.relays == 0 or claim.compute_units == 0:
        raise _refuse(1104, "a root without a leaf cannot be claimed")
    header = message.header
    session = _find_session(state, message, block)
    if session is None:
        raise _refuse(
            1115,
            f"application {header.application_address} has no session for service {header.service_id}"
            f" at height {header.height_start}",
        )
    if session.header != header:
        raise _refuse(1116, f"the session at height {header.height_start} is {session.header.session_id}")
    if all(supplier.operator_address != message.supplier_address for supplier in session.suppliers):
        raise _refuse(1123, f"supplier {message.supplier_address} is not in session {header.session_id}")
    window = compute_claim_window(header.height_end, params_at(state, header.height_end).shared)
    if block.height not in window:
        raise _refuse(
            1121,
            f"height {block.height} is outside of the claim window {window.open} to {window.close}"
            f" of session {header.session_id}",
        )
    per_relay = compute_units_at(state, header.service_id, header.height_start)
    assert per_relay is not None, "a service that was staked for is never removed"
    if claim.compute_units != claim.relays * per_relay:
        raise _refuse(
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
        ),
    )


def _find_session(state: State, message: CreateClaim, block: BlockContext) -> Session | None:
    """Return the chain's session. Ended sessions cannot change within a block, so each is made once."""
    header = message.header
    key = (header.application_address, header.service_id, header.height_start)
    if key not in block.sessions:
        head = (block.height_previous, block.previous_hash)
        block.sessions[key] = session_at(state, *key, head=head)
    return block.sessions[key]


def _refuse(code: int, text: str) -> TransactionRejected:
    return TransactionRejected(text, codespace="proof", tx_code=code)
