"""Our events as the network's typed events. See `joey.core.protocol.network_events`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from joey.core.crypto.bech32 import decode_bech32, encode_bech32
from joey.core.protocol.events import (
    ApplicationOverserviced,
    ChainEvent,
    ClaimCreated,
    ClaimDiscarded,
    ClaimExpired,
    ClaimSettled,
    DifficultyUpdated,
    ParamsUpdated,
    ProofChecked,
    ProofSubmitted,
    RevenueShareFellBack,
    Reward,
    SettlementBatch,
    SupplierSlashed,
    SupplyChanged,
    ValidatorsRewarded,
)
from joey.core.protocol.movements import REIMBURSEMENT
from joey.core.protocol.network_event_fields import (
    NetworkEvent,
    make_event,
    write_coin,
    write_flag,
    write_integer_32,
    write_integer_64,
    write_text,
)
from joey.core.wire.messages import CreateClaim, Message, SubmitProof, UpdateParam, UpdateParams
from joey.core.wire.session import SessionHeader

__all__ = ["MESSAGE_INDEX", "encode_block_events", "encode_event", "encode_transaction_events"]

MESSAGE_INDEX = "msg_index"
"""The attribute that names the message of a transaction which an event is of."""

_OPERATOR_PREFIX = "poktvaloper"
_NO_COMMISSION = "0.000000000000000000"
"""A cosmos-sdk LegacyDec of zero: 18 decimals."""


def encode_event(event: ChainEvent) -> list[NetworkEvent]:
    """Return what the network would emit: one typed event, a second one, or none.

    None for `SupplyChanged` and `ParamsUpdated`, of which the network says nothing; they follow from
    its settlement batches and from the messages of its transactions.
    """
    match event:
        case ClaimCreated():
            return [_encode_claim_created(event)]
        case ProofSubmitted():
            return [_encode_proof_submitted(event)]
        case ProofChecked():
            return [_encode_proof_checked(event)]
        case ClaimSettled():
            settled = _encode_claim_settled(event)
            return [_encode_reimbursement(event), settled] if event.reimbursed else [settled]
        case ClaimExpired():
            return [_encode_claim_expired(event)]
        case ClaimDiscarded():
            fields = _write_claim(event.header, event.supplier_address, int(event.proof_status))
            return [
                make_event(
                    "pocket.tokenomics.EventClaimDiscarded", fields | {"error": write_text(event.error)}
                )
            ]
        case ApplicationOverserviced():
            return [_encode_overserviced(event)]
        case SupplierSlashed():
            return [_encode_slashed(event)]
        case RevenueShareFellBack():
            return [_encode_fallback(event)]
        case SettlementBatch():
            return [_encode_batch(event)]
        case ValidatorsRewarded():
            return [_encode_validator(event)]
        case DifficultyUpdated():
            return [_encode_difficulty(event)]
        case ParamsUpdated() | SupplyChanged():
            return []


def encode_block_events(events: Sequence[ChainEvent]) -> list[NetworkEvent]:
    """Return what the end of a block emits."""
    return [one.extend("mode", "EndBlock") for event in events for one in encode_event(event)]


def encode_transaction_events(
    messages: Sequence[Message], events: Sequence[ChainEvent]
) -> list[NetworkEvent]:
    """Return what a transaction emits, each event with the index of the message that it is of.

    Raises `ValueError` for an event that none of the messages can have made.
    """
    encoded: list[NetworkEvent] = []
    index = 0
    for event in events:
        while index < len(messages) and not _is_of(event, messages[index]):
            index += 1
        if index == len(messages):
            raise ValueError(f"no message of the transaction makes a {type(event).__name__}")
        encoded += [one.extend(MESSAGE_INDEX, str(index)) for one in encode_event(event)]
        index += 1
    return encoded


def _is_of(event: ChainEvent, message: Message) -> bool:
    if isinstance(event, ClaimCreated):
        return isinstance(message, CreateClaim) and _name_claim(event) == _name_claim(message)
    if isinstance(event, ProofSubmitted):
        return isinstance(message, SubmitProof) and _name_claim(event) == _name_claim(message)
    if isinstance(event, ParamsUpdated):
        return isinstance(message, UpdateParams | UpdateParam) and event.module == message.module
    return False


def _name_claim(one: ClaimCreated | ProofSubmitted | CreateClaim | SubmitProof) -> tuple[SessionHeader, str]:
    return one.header, one.supplier_address


def _write_claim(header: SessionHeader, supplier_address: str, status: int) -> dict[str, str]:
    """Return the fields by which most events name a claim: there is no session id among them."""
    return {
        "service_id": write_text(header.service_id),
        "application_address": write_text(header.application_address),
        "session_end_block_height": write_integer_64(header.height_end),
        "claim_proof_status_int": write_integer_32(status),
        "supplier_operator_address": write_text(supplier_address),
    }


def _encode_claim_created(event: ClaimCreated) -> NetworkEvent:
    fields = _write_claim(event.header, event.supplier_address, 0) | {
        "num_relays": write_integer_64(event.num_relays),
        "num_claimed_compute_units": write_integer_64(event.claimed_compute_units),
        # Not scaled by the difficulty in this event, unlike in all the others.
        "num_estimated_compute_units": write_integer_64(event.claimed_compute_units),
        "claimed_upokt": write_coin(event.claimed),
        "num_estimated_relays": write_integer_64(event.num_estimated_relays),
    }
    return make_event(f"pocket.proof.EventClaim{'Updated' if event.updated else 'Created'}", fields)


def _write_work(event: ProofSubmitted | ClaimSettled | ClaimExpired) -> dict[str, str]:
    return {
        "num_relays": write_integer_64(event.num_relays),
        "num_claimed_compute_units": write_integer_64(event.claimed_compute_units),
        "num_estimated_compute_units": write_integer_64(event.estimated_compute_units),
        "claimed_upokt": write_coin(event.claimed),
        "num_estimated_relays": write_integer_64(event.num_estimated_relays),
    }


def _encode_proof_submitted(event: ProofSubmitted) -> NetworkEvent:
    fields = _write_claim(event.header, event.supplier_address, int(event.status)) | _write_work(event)
    return make_event(f"pocket.proof.EventProof{'Updated' if event.updated else 'Submitted'}", fields)


def _encode_proof_checked(event: ProofChecked) -> NetworkEvent:
    fields = _write_claim(event.header, event.supplier_address, int(event.status)) | {
        "block_height": write_integer_64(event.height),
        "failure_reason": write_text(event.failure),
    }
    return make_event("pocket.proof.EventProofValidityChecked", fields)


def _encode_claim_settled(event: ClaimSettled) -> NetworkEvent:
    rewards = _list_transfers(event)
    sums: defaultdict[str, int] = defaultdict(int)
    for reward in rewards:
        sums[reward.recipient] += reward.amount
    distribution = ",".join(f"{write_text(address)}:{write_coin(sums[address])}" for address in sorted(sums))
    detailed = ",".join(
        f'{{"recipient_address":{write_text(reward.recipient)},"op_reason":{write_text(reward.reason)},'
        f'"amount":{write_coin(reward.amount)}}}'
        for reward in rewards
    )
    fields = _write_claim(event.header, event.supplier_address, int(event.proof_status)) | _write_work(event)
    fields |= {
        "proof_requirement_int": write_integer_32(event.proof_requirement),
        "reward_distribution": f"{{{distribution}}}",
        "reward_distribution_detailed": f"[{detailed}]",
        "settled_upokt": write_coin(event.settled),
        "mint_ratio": write_text(event.mint_ratio),
        "session_id": write_text(event.header.session_id),
        "supplier_owner_address": write_text(event.supplier_owner_address),
        "minted_upokt": write_coin(event.minted),
        "overservicing_loss_upokt": write_coin(event.overservicing_loss),
        "deflation_loss_upokt": write_coin(event.deflation_loss),
    }
    return make_event("pocket.tokenomics.EventClaimSettled", fields)


def _list_transfers(event: ClaimSettled) -> tuple[Reward, ...]:
    """Return all that a claim sent to accounts, in the order in which the network queues it."""
    if not event.reimbursed:
        return event.rewards
    return (*event.rewards, Reward(event.reimbursed_to, REIMBURSEMENT, event.reimbursed))


def _encode_reimbursement(event: ClaimSettled) -> NetworkEvent:
    return make_event(
        "pocket.tokenomics.EventApplicationReimbursementRequest",
        {
            "application_addr": write_text(event.header.application_address),
            "supplier_operator_addr": write_text(event.supplier_address),
            "supplier_owner_addr": write_text(event.supplier_owner_address),
            "service_id": write_text(event.header.service_id),
            "session_id": write_text(event.header.session_id),
            "amount": write_coin(event.reimbursed),
        },
    )


def _encode_claim_expired(event: ClaimExpired) -> NetworkEvent:
    fields = _write_claim(event.header, event.supplier_address, int(event.proof_status)) | _write_work(event)
    fields["expiration_reason"] = write_text(event.reason)
    return make_event("pocket.tokenomics.EventClaimExpired", fields)


def _encode_overserviced(event: ApplicationOverserviced) -> NetworkEvent:
    return make_event(
        "pocket.tokenomics.EventApplicationOverserviced",
        {
            "application_addr": write_text(event.header.application_address),
            "supplier_operator_addr": write_text(event.supplier_address),
            "expected_burn": write_coin(event.expected),
            "effective_burn": write_coin(event.effective),
            "service_id": write_text(event.header.service_id),
            "session_end_block_height": write_integer_64(event.header.height_end),
            "spend_limit_exceeded": write_flag(event.spend_limit_exceeded),
        },
    )


def _encode_slashed(event: SupplierSlashed) -> NetworkEvent:
    fields = _write_claim(event.header, event.supplier_address, int(event.proof_status)) | {
        "proof_missing_penalty": write_coin(event.penalty),
        "supplier_stake_after_slash": write_coin(event.stake),
    }
    return make_event("pocket.tokenomics.EventSupplierSlashed", fields)


def _encode_fallback(event: RevenueShareFellBack) -> NetworkEvent:
    return make_event(
        "pocket.tokenomics.EventSupplierRevShareFallbackDistribution",
        {
            "supplier_operator_address": write_text(event.supplier_address),
            "supplier_owner_address": write_text(event.supplier_owner_address),
            "service_id": write_text(event.header.service_id),
            "session_end_block_height": write_integer_64(event.header.height_end),
            "amount": write_coin(event.amount),
            "op_reason": write_text(event.reason),
            "observed_sum_percentage": write_integer_64(event.observed_sum),
            "reason": write_text(event.problem),
        },
    )


def _encode_batch(event: SettlementBatch) -> NetworkEvent:
    return make_event(
        "pocket.tokenomics.EventSettlementBatch",
        {
            "session_end_block_height": write_integer_64(event.height_session_end),
            "sender_module": write_text(event.sender),
            "recipient": write_text(event.recipient),
            "op_reason": write_text(event.reason),
            "total_amount": write_coin(event.amount),
            "num_claims": write_integer_32(event.num_claims),
            "op_type": write_text(event.operation),
        },
    )


def _encode_validator(event: ValidatorsRewarded) -> NetworkEvent:
    """The amounts of this event are bare numbers in quotes, without a denomination."""
    return make_event(
        "pocket.tokenomics.EventValidatorRewardDistribution",
        {
            "session_end_block_height": write_integer_64(event.height_session_end),
            "op_reason": write_text(event.reason),
            "validator_operator_address": write_text(
                encode_bech32(_OPERATOR_PREFIX, decode_bech32(event.validator_address)[1])
            ),
            "validator_account_address": write_text(event.validator_address),
            "commission_rate": write_text(_NO_COMMISSION),
            "pool_share_upokt": write_text(str(event.amount)),
            "commission_upokt": write_text("0"),
            "self_delegation_reward_upokt": write_text(str(event.amount)),
            "delegators_reward_upokt": write_text("0"),
            "total_delegated_stake_upokt": write_text(str(event.stake)),
            "num_delegators": write_integer_32(0),
        },
    )


def _encode_difficulty(event: DifficultyUpdated) -> NetworkEvent:
    return make_event(
        "pocket.service.EventRelayMiningDifficultyUpdated",
        {
            "service_id": write_text(event.service_id),
            "prev_target_hash_hex_encoded": write_text(event.previous_target.hex()),
            "new_target_hash_hex_encoded": write_text(event.target.hex()),
            "prev_num_relays_ema": write_integer_64(event.previous_num_relays_ema),
            "new_num_relays_ema": write_integer_64(event.num_relays_ema),
        },
    )
