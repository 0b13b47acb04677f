"""The network's typed events of a transaction as ours. See `joey.core.protocol.network_events`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from joey.core.protocol.claims import ProofStatus
from joey.core.protocol.events import ChainEvent, ClaimCreated, ParamsUpdated, ProofSubmitted
from joey.core.protocol.network_event_fields import EventFields, NetworkEvent
from joey.core.protocol.network_event_writing import MESSAGE_INDEX
from joey.core.units import ComputeUnits, Height
from joey.core.wire.messages import CreateClaim, Message, SubmitProof, UpdateParam, UpdateParams

__all__ = ["decode_transaction_events"]


def decode_transaction_events(
    messages: Sequence[Message],
    events: Sequence[NetworkEvent],
    *,
    find_params_height: Callable[[str], Height],
) -> tuple[ChainEvent, ...]:
    """Return what a transaction that took effect did, from its messages and its events.

    `find_params_height` tells from which height on a change of a module's parameters, made in this
    transaction, holds. Events and attributes that we do not know are skipped. Raises `ValueError`
    for an event that is malformed, or that its message cannot have made.
    """
    by_message: list[list[NetworkEvent]] = [[] for _ in messages]
    for event in events:
        if event.type in _TRANSACTION_READERS:
            by_message[_read_message_index(event, len(messages))].append(event)
    decoded: list[ChainEvent] = []
    for message, own in zip(messages, by_message, strict=True):
        decoded += [_TRANSACTION_READERS[event.type](event, message) for event in own]
        if isinstance(message, UpdateParams | UpdateParam):
            decoded.append(ParamsUpdated(message.module, find_params_height(message.module)))
    return tuple(decoded)


def _read_message_index(event: NetworkEvent, count: int) -> int:
    """Return the message that an event is of. Without an attribute that says so it is the first."""
    index = EventFields(event).small(MESSAGE_INDEX) if MESSAGE_INDEX in dict(event.attributes) else 0
    if index >= count:
        raise ValueError(f"{event.type}: there is no message {index}")
    return index


def _read_claim_created(event: NetworkEvent, message: Message) -> ChainEvent:
    fields = EventFields(event)
    if not isinstance(message, CreateClaim):
        raise ValueError(f"{event.type} is of a message that creates no claim")
    return ClaimCreated(
        header=message.header,
        supplier_address=message.supplier_address,
        root=message.root,
        num_relays=fields.unsigned("num_relays"),
        claimed_compute_units=ComputeUnits(fields.unsigned("num_claimed_compute_units")),
        claimed=fields.coin("claimed_upokt"),
        updated=event.type.endswith("Updated"),
        num_estimated_relays=fields.unsigned("num_estimated_relays"),
    )


def _read_proof_submitted(event: NetworkEvent, message: Message) -> ChainEvent:
    fields = EventFields(event)
    if not isinstance(message, SubmitProof):
        raise ValueError(f"{event.type} is of a message that submits no proof")
    return ProofSubmitted(
        header=message.header,
        supplier_address=message.supplier_address,
        num_relays=fields.unsigned("num_relays"),
        num_estimated_relays=fields.unsigned("num_estimated_relays"),
        claimed_compute_units=ComputeUnits(fields.unsigned("num_claimed_compute_units")),
        estimated_compute_units=ComputeUnits(fields.unsigned("num_estimated_compute_units")),
        claimed=fields.coin("claimed_upokt"),
        status=ProofStatus(fields.small("claim_proof_status_int")),
        updated=event.type.endswith("Updated"),
    )


_TRANSACTION_READERS: Mapping[str, Callable[[NetworkEvent, Message], ChainEvent]] = {
    "pocket.proof.EventClaimCreated": _read_claim_created,
    "pocket.proof.EventClaimUpdated": _read_claim_created,
    "pocket.proof.EventProofSubmitted": _read_proof_submitted,
    "pocket.proof.EventProofUpdated": _read_proof_submitted,
}
