"""The network's typed events of a block's end as ours. See `joey.core.protocol.network_events`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from joey.core.protocol.claims import ProofRequirement, ProofStatus
from joey.core.protocol.events import (
    ApplicationOverserviced,
    ChainEvent,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
    DifficultyUpdated,
    ProofChecked,
    RevenueShareFellBack,
    Reward,
    SettlementBatch,
    SupplierSlashed,
    SupplyChanged,
    ValidatorsRewarded,
)
from joey.core.protocol.movements import REIMBURSEMENT
from joey.core.protocol.network_event_fields import EventFields, NetworkEvent
from joey.core.units import ComputeUnits, Height, Upokt
from joey.core.wire.session import SessionHeader

__all__ = [
    "EventSources",
    "SessionKey",
    "decode_block_events",
    "list_discarded_claims",
    "list_sessions",
]

_TOKENOMICS = "pocket.tokenomics."
_SLASH = "SLASH"
"""Part of the names of the two reasons that are for slashing: `SupplierSlashed` says the same."""


@dataclass(frozen=True, slots=True)
class SessionKey:
    """What most events say of their session."""

    application_address: str
    service_id: str
    height_end: Height


@dataclass(frozen=True, slots=True)
class EventSources:
    """Where to find what the events of a block's end leave out.

    `height` is the block's. `find_header` gives the session that a key names; `find_claimed` what
    the claim of a session and a supplier was worth, asked for claims that were discarded only.
    `supply` is all upokt there is after the block. The functions may raise `ValueError`.
    """

    height: Height
    find_header: Callable[[SessionKey], SessionHeader]
    find_claimed: Callable[[SessionHeader, str], Upokt]
    supply: Upokt


def decode_block_events(events: Sequence[NetworkEvent], sources: EventSources) -> tuple[ChainEvent, ...]:
    """Return what the end of a block did.

    What the block minted and burned in all is put after the last event of the settlement. Raises
    `ValueError` for an event that is malformed; those that we do not know are skipped.
    """
    block = _Block(events, sources)
    decoded: list[ChainEvent] = []
    settled = 0
    for position, event in enumerate(events):
        reader = _BLOCK_READERS.get(event.type)
        if reader is not None:
            block.position = position
            decoded.append(reader(EventFields(event), block))
        if event.type.startswith(_TOKENOMICS):
            settled = len(decoded)
    change = _sum_supply(decoded, sources)
    if change is not None:
        decoded.insert(settled, change)
    return tuple(decoded)


def list_sessions(events: Sequence[NetworkEvent]) -> tuple[SessionKey, ...]:
    """Return the sessions whose headers `decode_block_events` will ask for, each once."""
    keys = [_read_key(EventFields(event)) for event in events if event.type in _KEYED]
    return tuple(dict.fromkeys(keys))


def list_discarded_claims(events: Sequence[NetworkEvent]) -> tuple[tuple[SessionKey, str], ...]:
    """Return session and supplier of the claims whose worth `decode_block_events` will ask for."""
    fields = [EventFields(event) for event in events if event.type == f"{_TOKENOMICS}EventClaimDiscarded"]
    return tuple((_read_key(one), one.text("supplier_operator_address")) for one in fields)


class _Block:
    """The events of a block's end with what some of them say about others."""

    def __init__(self, events: Sequence[NetworkEvent], sources: EventSources) -> None:
        self.sources = sources
        self.position = 0
        self.slashed: dict[tuple[SessionKey, str], Upokt] = {}
        self.reimbursed: dict[tuple[str, str], Upokt] = {}
        for event in events:
            fields = EventFields(event)
            if event.type == f"{_TOKENOMICS}EventSupplierSlashed":
                key = _read_key(fields), fields.text("supplier_operator_address")
                self.slashed[key] = fields.coin("proof_missing_penalty")
            elif event.type == f"{_TOKENOMICS}EventApplicationReimbursementRequest":
                claim = fields.text("session_id"), fields.text("supplier_operator_addr")
                self.reimbursed[claim] = fields.coin("amount")
        self._events = events

    def find_settled(self, service_id: str, height_end: Height, supplier: str) -> SessionHeader:
        """Return the session of the claim that is being paid at this position.

        That is the next one settled of this service, session end and supplier: an event that is part
        of paying a claim comes before the claim's own.
        """
        for event in self._events[self.position :]:
            if event.type == f"{_TOKENOMICS}EventClaimSettled":
                fields = EventFields(event)
                key = _read_key(fields)
                found = key.service_id, key.height_end, fields.text("supplier_operator_address")
                if found == (service_id, height_end, supplier):
                    return self.sources.find_header(key)
        raise ValueError(
            f"no claim of {supplier} for {service_id} at {height_end} is settled after its payment"
        )


def _read_key(fields: EventFields) -> SessionKey:
    name = "application_address" if fields.has("application_address") else "application_addr"
    return SessionKey(
        fields.text(name), fields.text("service_id"), Height(fields.signed("session_end_block_height"))
    )


def _read_status(fields: EventFields) -> ProofStatus:
    return ProofStatus(fields.small("claim_proof_status_int"))


def _read_proof_checked(fields: EventFields, block: _Block) -> ChainEvent:
    return ProofChecked(
        header=block.sources.find_header(_read_key(fields)),
        supplier_address=fields.text("supplier_operator_address"),
        height=Height(fields.unsigned("block_height")),
        status=_read_status(fields),
        failure=fields.text("failure_reason"),
    )


def _read_claim_settled(fields: EventFields, block: _Block) -> ChainEvent:
    """The inflation is what the application is asked to have reimbursed; the validators got the rest.

    The reimbursement itself is listed as the last reward: it was not minted, and is taken out again.
    """
    header = block.sources.find_header(_read_key(fields))
    supplier = fields.text("supplier_operator_address")
    if header.session_id != fields.text("session_id"):
        raise ValueError(
            f"session {fields.text('session_id')} settled, where {header.session_id} was looked up"
        )
    listed = [Reward(*reward) for reward in fields.rewards("reward_distribution_detailed")]
    rewards = tuple(reward for reward in listed if reward.reason != REIMBURSEMENT)
    transfers = [reward for reward in listed if reward.reason == REIMBURSEMENT]
    minted = fields.coin("minted_upokt")
    inflation = block.reimbursed.get((header.session_id, supplier), Upokt(0))
    validators = minted + inflation - sum(reward.amount for reward in rewards)
    if validators < 0:
        raise ValueError(f"{supplier}'s claim of session {header.session_id} pays more than it minted")
    return ClaimSettled(
        header=header,
        supplier_address=supplier,
        supplier_owner_address=fields.text("supplier_owner_address"),
        num_relays=fields.unsigned("num_relays"),
        num_estimated_relays=fields.unsigned("num_estimated_relays"),
        claimed_compute_units=ComputeUnits(fields.unsigned("num_claimed_compute_units")),
        estimated_compute_units=ComputeUnits(fields.unsigned("num_estimated_compute_units")),
        claimed=fields.coin("claimed_upokt"),
        settled=fields.coin("settled_upokt"),
        minted=minted,
        inflation=inflation,
        reimbursed=inflation,
        reimbursed_to=transfers[0].recipient if transfers else "",
        overservicing_loss=fields.coin("overservicing_loss_upokt"),
        deflation_loss=fields.coin("deflation_loss_upokt"),
        mint_ratio=fields.text("mint_ratio"),
        rewards=rewards,
        validators=Upokt(validators),
        proof_requirement=ProofRequirement(fields.small("proof_requirement_int")),
        proof_status=_read_status(fields),
    )


def _read_claim_expired(fields: EventFields, block: _Block) -> ChainEvent:
    key, supplier = _read_key(fields), fields.text("supplier_operator_address")
    return ClaimExpired(
        header=block.sources.find_header(key),
        supplier_address=supplier,
        claimed=fields.coin("claimed_upokt"),
        reason=fields.text("expiration_reason"),
        slashed=block.slashed.get((key, supplier), Upokt(0)),
        num_relays=fields.unsigned("num_relays"),
        num_estimated_relays=fields.unsigned("num_estimated_relays"),
        claimed_compute_units=ComputeUnits(fields.unsigned("num_claimed_compute_units")),
        estimated_compute_units=ComputeUnits(fields.unsigned("num_estimated_compute_units")),
        proof_status=_read_status(fields),
    )


def _read_claim_discarded(fields: EventFields, block: _Block) -> ChainEvent:
    header = block.sources.find_header(_read_key(fields))
    supplier = fields.text("supplier_operator_address")
    return ClaimDiscarded(
        header=header,
        supplier_address=supplier,
        claimed=block.sources.find_claimed(header, supplier),
        error=fields.text("error"),
        proof_status=_read_status(fields),
    )


def _read_overserviced(fields: EventFields, block: _Block) -> ChainEvent:
    return ApplicationOverserviced(
        header=block.sources.find_header(_read_key(fields)),
        supplier_address=fields.text("supplier_operator_addr"),
        expected=fields.coin("expected_burn"),
        effective=fields.coin("effective_burn"),
        spend_limit_exceeded=fields.flag("spend_limit_exceeded"),
    )


def _read_slashed(fields: EventFields, block: _Block) -> ChainEvent:
    return SupplierSlashed(
        header=block.sources.find_header(_read_key(fields)),
        supplier_address=fields.text("supplier_operator_address"),
        penalty=fields.coin("proof_missing_penalty"),
        stake=fields.coin("supplier_stake_after_slash"),
        proof_status=_read_status(fields),
    )


def _read_fallback(fields: EventFields, block: _Block) -> ChainEvent:
    supplier, service_id = fields.text("supplier_operator_address"), fields.text("service_id")
    height_end = Height(fields.signed("session_end_block_height"))
    return RevenueShareFellBack(
        header=block.find_settled(service_id, height_end, supplier),
        supplier_address=supplier,
        supplier_owner_address=fields.text("supplier_owner_address"),
        amount=fields.coin("amount"),
        reason=fields.text("op_reason"),
        observed_sum=fields.unsigned("observed_sum_percentage"),
        problem=fields.text("reason"),
    )


def _read_batch(fields: EventFields, _block: _Block) -> ChainEvent:
    return SettlementBatch(
        height_session_end=Height(fields.signed("session_end_block_height")),
        sender=fields.text("sender_module"),
        recipient=fields.text("recipient"),
        reason=fields.text("op_reason"),
        amount=fields.coin("total_amount"),
        num_claims=fields.small("num_claims"),
        operation=fields.text("op_type"),
    )


def _read_validator(fields: EventFields, _block: _Block) -> ChainEvent:
    return ValidatorsRewarded(
        height_session_end=Height(fields.signed("session_end_block_height")),
        reason=fields.text("op_reason"),
        validator_address=fields.text("validator_account_address"),
        amount=fields.amount("pool_share_upokt"),
        stake=fields.amount("total_delegated_stake_upokt"),
    )


def _read_difficulty(fields: EventFields, _block: _Block) -> ChainEvent:
    return DifficultyUpdated(
        service_id=fields.text("service_id"),
        previous_target=fields.digest("prev_target_hash_hex_encoded"),
        target=fields.digest("new_target_hash_hex_encoded"),
        previous_num_relays_ema=fields.unsigned("prev_num_relays_ema"),
        num_relays_ema=fields.unsigned("new_num_relays_ema"),
    )


def _sum_supply(decoded: Sequence[ChainEvent], sources: EventSources) -> SupplyChanged | None:
    """Add up what a block minted and burned; slashes are burned outside of the batches."""
    batches = [one for one in decoded if isinstance(one, SettlementBatch) and _SLASH not in one.reason]
    minted = sum(batch.amount for batch in batches if batch.operation == "mint")
    slashed = sum(one.penalty for one in decoded if isinstance(one, SupplierSlashed))
    burned = slashed + sum(batch.amount for batch in batches if batch.operation == "burn")
    if not minted and not burned:
        return None
    return SupplyChanged(sources.height, Upokt(minted), Upokt(burned), sources.supply)


_BLOCK_READERS: Mapping[str, Callable[[EventFields, _Block], ChainEvent]] = {
    "pocket.proof.EventProofValidityChecked": _read_proof_checked,
    "pocket.tokenomics.EventClaimSettled": _read_claim_settled,
    "pocket.tokenomics.EventClaimExpired": _read_claim_expired,
    "pocket.tokenomics.EventClaimDiscarded": _read_claim_discarded,
    "pocket.tokenomics.EventApplicationOverserviced": _read_overserviced,
    "pocket.tokenomics.EventSupplierSlashed": _read_slashed,
    "pocket.tokenomics.EventSupplierRevShareFallbackDistribution": _read_fallback,
    "pocket.tokenomics.EventSettlementBatch": _read_batch,
    "pocket.tokenomics.EventValidatorRewardDistribution": _read_validator,
    "pocket.service.EventRelayMiningDifficultyUpdated": _read_difficulty,
}

_KEYED = frozenset(
    {
        "pocket.proof.EventProofValidityChecked",
        "pocket.tokenomics.EventClaimSettled",
        "pocket.tokenomics.EventClaimExpired",
        "pocket.tokenomics.EventClaimDiscarded",
        "pocket.tokenomics.EventApplicationOverserviced",
        "pocket.tokenomics.EventSupplierSlashed",
    }
)
"""Events that name their session by application, service and end."""
